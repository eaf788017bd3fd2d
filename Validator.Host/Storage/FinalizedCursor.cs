using Validator.Core.Primitives;
using Validator.Core.Wire;

namespace Validator.Host.Storage;

/// <summary>Where an accepted transaction is.</summary>
/// <param name="Index">Global index.</param>
/// <param name="Sequence">The block that ordered it.</param>
/// <param name="Payload">Its vertex's.</param>
/// <param name="Offset">Of the kind byte in the payload.</param>
/// <param name="Length">With the kind byte.</param>
internal readonly record struct FinalTransaction(ulong Index, ulong Sequence, Hash256 Id, byte[] Payload, int Offset, int Length);

/// <summary>
/// A reader's place in the final transactions. Between two pages it keeps the block and the vertex that it is in, so that a large
/// block is read once and not once per page; a reader that has caught up keeps none.
/// </summary>
internal sealed class FinalizedCursor(ulong from) : IDisposable
{
    /// <summary>Returned in place of a count: the transaction at the cursor is no longer kept.</summary>
    public const int Gone = -1;

    private readonly TransactionScratch _scratch = new();
    private IEnumerator<FinalTransaction>? _rest;

    /// <summary>The global index of the next transaction.</summary>
    public ulong Next { get; private set; } = from;

    /// <param name="open">The transactions from an index on; nothing else uses the same scratch memory.</param>
    /// <returns>False when there is none yet.</returns>
    public bool TryTake(Func<ulong, TransactionScratch, IEnumerable<FinalTransaction>> open, out FinalTransaction transaction)
    {
        _rest ??= open(Next, _scratch).GetEnumerator();
        if (!_rest.MoveNext())
        {
            Release();
            transaction = default;
            return false;
        }

        transaction = _rest.Current;
        Next++;
        return true;
    }

    /// <summary>Releases what is kept between pages; the place stays.</summary>
    public void Release()
    {
        _rest?.Dispose();
        _rest = null;
    }

    public void Dispose() => Release();
}
