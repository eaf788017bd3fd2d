using Validator.Core.Primitives;
using Validator.Core.Wire;
using Validator.Host.Storage;

namespace Validator.Host.Pipeline;

/// <summary>Vertices by hash, from memory or else from the ledger. One instance per thread.</summary>
internal sealed class VertexSource(VertexCache cache, ILedger ledger)
{
    private readonly TransactionScratch _scratch = new();

    /// <summary>The caller releases the returned reference. Null: not held.</summary>
    public HeldVertex? Find(in Hash256 hash)
    {
        if (cache.Find(hash) is { } known)
        {
            return known;
        }

        if (!ledger.TryGetVertex(hash, out VertexHeader? header, out byte[]? signature, out byte[]? payload))
        {
            return null;
        }

        if (!_scratch.TryCompute(payload, (int)header.TransactionCount, out Hash256 root, out _) || root != header.TransactionRoot)
        {
            throw new StoreException(StoreFault.Corrupt, $"the ledger's payload of vertex {hash} is damaged: {StoreErrors.LedgerAdvice}");
        }

        return new HeldVertex(header, signature, payload, _scratch.Ids.ToArray());
    }
}
