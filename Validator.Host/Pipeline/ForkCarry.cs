using Validator.Core.Primitives;
using Validator.Core.Wire;
using Validator.Host.Contracts;
using Validator.Host.Storage;

namespace Validator.Host.Pipeline;

/// <summary>What was carried over from an abandoned branch.</summary>
/// <param name="Blocks">Blocks that were taken back.</param>
/// <param name="Transactions">In what is authored again.</param>
/// <param name="Unkept">Of the blocks, those that this ledger no longer kept, with what was in them.</param>
/// <param name="Changes">Committee changes and proofs of offences, which are not authored again.</param>
/// <param name="Kept">Where the old ledger is now.</param>
public sealed record ForkCarried(ulong Blocks, ulong Transactions, ulong Unkept, int Changes, string Kept);

/// <summary>
/// What a ledger of an abandoned branch holds that was promised: into a new one, to be authored again (rule R3).
/// </summary>
internal static class ForkCarry
{
    /// <summary>Payload bytes in one write.</summary>
    private const long CarryBytes = 16L << 20;

    /// <summary>
    /// A new ledger that holds what of the old one is to be authored again. The same again where it was cut short.
    /// </summary>
    public static ForkCarried Over(NodeContext context, string aside, ForkProposal proposal)
    {
        using RocksLedger old = StoppedNode.OpenLedger(context, aside);
        using RocksLedger ledger = StoppedNode.OpenLedger(context, context.Config.Storage.LedgerPath, creates: true);
        EpochConfiguration epoch = old.ReadEpoch(context.Genesis, context.ChainId);
        FinalRecord? newest = old.LastFinal();
        Require.That(newest is not null, "a branch has a block");
        Block last = newest.Block;
        int self = epoch.IndexOf(context.Keys.ConsensusPublicKey);
        ulong blocks = last.Sequence - proposal.AgreedSequence;
        if (self < 0)
        {
            // It authors nothing; those who do hold the same.
            return new ForkCarried(blocks, 0, 0, 0, aside);
        }

        Carrier carrier = new(old, ledger, proposal.Last.Epoch, self);
        ulong unkept = 0;
        for (ulong sequence = proposal.AgreedSequence + 1; sequence <= last.Sequence; sequence++)
        {
            if (old.Final(sequence) is not { } block)
            {
                unkept++;
                continue;
            }

            foreach (Hash256 vertex in block.Order)
            {
                carrier.Take(vertex);
            }
        }

        old.Unordered().ForEach(carrier.Take);
        ulong ordered = last.Epoch == epoch.Number ? last.Cut[self].Height : 0;
        foreach (Hash256 vertex in old.VerticesAbove(epoch.Number, self, ordered))
        {
            carrier.Take(vertex);
        }

        carrier.Commit();
        return new ForkCarried(blocks, carrier.Transactions, unkept, carrier.Changes, aside);
    }

    /// <summary>Takes what vertices hold from one ledger to the other, some at a time.</summary>
    private sealed class Carrier(RocksLedger from, RocksLedger to, ulong epoch, int self)
    {
        private readonly HashSet<Hash256> _taken = [];
        private long _bytes;

        public ulong Transactions { get; private set; }

        public int Changes { get; private set; }

        public void Take(Hash256 vertex)
        {
            if (!_taken.Add(vertex) || !from.TryGetVertex(vertex, out VertexHeader? header, out _, out byte[]? payload)
                || header.TransactionCount == 0)
            {
                return;
            }

            if ((TransactionKind)payload[sizeof(uint)] == TransactionKind.System)
            {
                Changes++;
                return;
            }

            to.AddCarried(header, payload, epoch, Math.Min(self, header.Parents.Length - 1), (ulong)_taken.Count);
            Transactions += header.TransactionCount;
            _bytes += payload.Length;
            if (_bytes >= CarryBytes)
            {
                Commit();
            }
        }

        public void Commit()
        {
            _bytes = 0;
            if (!to.Commit(out string? error))
            {
                throw new StoreException(StoreErrors.Classify(error), $"ledger: {error}");
            }
        }
    }
}
