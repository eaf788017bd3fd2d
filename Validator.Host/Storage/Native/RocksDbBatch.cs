using System.Runtime.InteropServices;
using System.Text;
using Validator.Core.Primitives;
using static Validator.Host.Storage.Native.RocksDbNative;

namespace Validator.Host.Storage.Native;

/// <summary>Writes that become visible and durable together. One thread.</summary>
/// <param name="data">What <see cref="Data"/> was of one that was written before; empty: a new one.</param>
internal sealed unsafe class RocksDbBatch(RocksDb database, ReadOnlySpan<byte> data = default) : IDisposable
{
    private byte[] _room = [];

    internal nint Handle { get; private set; } = Create(data);

    /// <summary>Scratch memory for a value, until the next one is made.</summary>
    public Span<byte> Room(int bytes)
    {
        _room = _room.Length < bytes ? new byte[Math.Max(bytes, 2 * _room.Length)] : _room;
        return _room.AsSpan(0, bytes);
    }

    public int Count => rocksdb_writebatch_count(Handle);

    /// <summary>What it adds to the log; until the next change.</summary>
    public ReadOnlySpan<byte> Data
    {
        get
        {
            nuint size;
            byte* bytes = rocksdb_writebatch_data(Handle, &size);
            return new ReadOnlySpan<byte>(bytes, checked((int)size));
        }
    }

    public void Put(int family, ReadOnlySpan<byte> key, ReadOnlySpan<byte> value)
    {
        fixed (byte* keyBytes = key)
        fixed (byte* valueBytes = value)
        {
            rocksdb_writebatch_put_cf(Handle, database.Family(family), keyBytes, (nuint)key.Length, valueBytes, (nuint)value.Length);
        }
    }

    /// <summary>Puts a value of two parts without joining them first.</summary>
    public void Put(int family, ReadOnlySpan<byte> key, ReadOnlySpan<byte> first, ReadOnlySpan<byte> second)
    {
        fixed (byte* keyBytes = key)
        fixed (byte* firstBytes = first)
        fixed (byte* secondBytes = second)
        {
            byte* keyPart = keyBytes;
            nuint keyLength = (nuint)key.Length;
            byte** parts = stackalloc byte*[2] { firstBytes, secondBytes };
            nuint* lengths = stackalloc nuint[2] { (nuint)first.Length, (nuint)second.Length };
            rocksdb_writebatch_putv_cf(Handle, database.Family(family), 1, &keyPart, &keyLength, 2, parts, lengths);
        }
    }

    public void Delete(int family, ReadOnlySpan<byte> key)
    {
        fixed (byte* keyBytes = key)
        {
            rocksdb_writebatch_delete_cf(Handle, database.Family(family), keyBytes, (nuint)key.Length);
        }
    }

    /// <summary>Deletes every key from <paramref name="start"/> up to <paramref name="end"/>, which stays.</summary>
    public void DeleteRange(int family, ReadOnlySpan<byte> start, ReadOnlySpan<byte> end)
    {
        fixed (byte* startBytes = start)
        fixed (byte* endBytes = end)
        {
            rocksdb_writebatch_delete_range_cf(
                Handle, database.Family(family), startBytes, (nuint)start.Length, endBytes, (nuint)end.Length);
        }
    }

    public void Clear() => rocksdb_writebatch_clear(Handle);

    public void Dispose()
    {
        if (Handle != 0)
        {
            rocksdb_writebatch_destroy(Handle);
            Handle = 0;
        }
    }

    private static nint Create(ReadOnlySpan<byte> data)
    {
        fixed (byte* bytes = data)
        {
            return data.IsEmpty ? rocksdb_writebatch_create() : rocksdb_writebatch_create_from(bytes, (nuint)data.Length);
        }
    }
}
