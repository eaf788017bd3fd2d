using System.Buffers;
using Validator.Core.Primitives;

namespace Validator.Host.Storage;

/// <summary>One final transaction inside a page.</summary>
/// <param name="Offset">Where its bytes begin in <see cref="FinalizedPage.Bytes"/>.</param>
public readonly record struct FinalizedEntry(ulong Index, ulong BlockSequence, Hash256 Id, byte Kind, int Offset, int Length);

/// <summary>A bounded, reused page of final transactions with their bytes. Owned by one subscriber.</summary>
public sealed class FinalizedPage : IDisposable
{
    public const int TargetBytes = 128 * 1024;
    public const int MaxEntries = 1024;

    private readonly FinalizedEntry[] _entries = new FinalizedEntry[MaxEntries];
    private byte[] _bytes = ArrayPool<byte>.Shared.Rent(TargetBytes + Limits.MaxTransactionBytes);
    private int _used;

    public int Count { get; private set; }

    /// <summary>True: no further <see cref="Add"/> before <see cref="Clear"/>.</summary>
    public bool IsFull => Count == MaxEntries || _used >= TargetBytes;

    public ReadOnlySpan<FinalizedEntry> Entries => _entries.AsSpan(0, Count);

    public ReadOnlySpan<byte> Bytes => _bytes.AsSpan(0, _used);

    /// <summary>Copies one transaction in. The page must not be full.</summary>
    /// <param name="bytes">Without the kind; at most <see cref="Limits.MaxTransactionBytes"/>.</param>
    public void Add(ulong index, ulong blockSequence, in Hash256 id, byte kind, ReadOnlySpan<byte> bytes)
    {
        Require.That(!IsFull && bytes.Length <= Limits.MaxTransactionBytes);
        bytes.CopyTo(_bytes.AsSpan(_used));
        _entries[Count++] = new FinalizedEntry(index, blockSequence, id, kind, _used, bytes.Length);
        _used += bytes.Length;
    }

    public void Clear()
    {
        Count = 0;
        _used = 0;
    }

    public void Dispose()
    {
        byte[] bytes = Interlocked.Exchange(ref _bytes, []);
        if (bytes.Length > 0)
        {
            ArrayPool<byte>.Shared.Return(bytes);
        }
    }
}
