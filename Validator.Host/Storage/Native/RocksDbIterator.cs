using System.Runtime.InteropServices;
using System.Text;
using Validator.Core.Primitives;
using static Validator.Host.Storage.Native.RocksDbNative;

namespace Validator.Host.Storage.Native;

/// <summary>A value in RocksDB's memory, valid until disposed.</summary>
internal readonly unsafe ref struct PinnedValue(nint slice)
{
    public bool Found => slice != 0;

    public ReadOnlySpan<byte> Span
    {
        get
        {
            if (slice == 0)
            {
                return default;
            }

            nuint length;
            byte* value = rocksdb_pinnableslice_value(slice, &length);
            return new ReadOnlySpan<byte>(value, checked((int)length));
        }
    }

    public void Dispose()
    {
        if (slice != 0)
        {
            rocksdb_pinnableslice_destroy(slice);
        }
    }
}

/// <summary>A snapshot of one column family, walked in key order. One thread; dispose it before the database.</summary>
internal sealed unsafe class RocksDbIterator(nint handle) : IDisposable
{
    private nint _handle = handle;

    /// <summary>False at the end; throws when it ended because of damage.</summary>
    public bool Valid
    {
        get
        {
            if (rocksdb_iter_valid(_handle) != 0)
            {
                return true;
            }

            byte* text = null;
            rocksdb_iter_get_error(_handle, &text);
            RocksDb.ThrowIfError(text);
            return false;
        }
    }

    /// <summary>Valid until the iterator moves.</summary>
    public ReadOnlySpan<byte> Key
    {
        get
        {
            nuint length;
            byte* key = rocksdb_iter_key(_handle, &length);
            return new ReadOnlySpan<byte>(key, checked((int)length));
        }
    }

    /// <summary>Valid until the iterator moves.</summary>
    public ReadOnlySpan<byte> Value
    {
        get
        {
            nuint length;
            byte* value = rocksdb_iter_value(_handle, &length);
            return new ReadOnlySpan<byte>(value, checked((int)length));
        }
    }

    /// <summary>To the first key at or after this one.</summary>
    public void Seek(ReadOnlySpan<byte> key)
    {
        fixed (byte* bytes = key)
        {
            rocksdb_iter_seek(_handle, bytes, (nuint)key.Length);
        }
    }

    /// <summary>To the last key at or before this one.</summary>
    public void SeekForPrevious(ReadOnlySpan<byte> key)
    {
        fixed (byte* bytes = key)
        {
            rocksdb_iter_seek_for_prev(_handle, bytes, (nuint)key.Length);
        }
    }

    public void Next() => rocksdb_iter_next(_handle);

    public void Dispose()
    {
        nint handle = Interlocked.Exchange(ref _handle, 0);
        if (handle != 0)
        {
            rocksdb_iter_destroy(handle);
        }
    }
}
