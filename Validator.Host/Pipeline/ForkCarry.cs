using Validator.Core.Primitives;
using Validator.Core.Wire;
using Validator.Host.Contracts;
using Validator.Host.Storage;

namespace Validator.Host.Pipeline;

/// <summary>
/// What a ledger of an abandoned branch holds that was promised: into a new one, to be authored again (rule R3). The same again
/// where it was cut short.
/// </summary>
/// <param name="aside">Where the old ledger is.</param>
internal sealed class ForkCarry(NodeContext context, string aside, ForkProposal proposal)
{
    /// <summary>Payload bytes, after which it is written.</summary>
    public const long BytesOfOneWrite = 16L << 20;

    private readonly HashSet<Hash256> _taken = [];
    private long _bytes;

    public long MostBytes { get; init; } = BytesOfOneWrite;

    /// <summary>Blocks that are taken back.</summary>
    public ulong Blocks { get; private set; }

    /// <summary>In what is authored again.</summary>
    public ulong Transactions { get; private set; }

    /// <summary>Of the blocks, those that the old ledger no longer kept, with what was in them.</summary>
    public ulong Unkept { get; private set; }

    /// <summary>Committee changes and proofs of offences, which are not authored again.</summary>
    public int Changes { get; private set; }

    /// <summary>Each is durable when it is given.</summary>
    public IEnumerable<string> Steps()
    {
        using RocksLedger old = StoppedNode.OpenLedger(context, aside);
        using RocksLedger ledger = StoppedNode.OpenLedger(context, context.Config.Storage.LedgerPath, creates: true);
        yield return $"{context.Config.Storage.LedgerPath}: there is a new ledger";
        EpochConfiguration epoch = old.ReadEpoch(context.Genesis, context.ChainId);
        int self = epoch.IndexOf(context.Keys.ConsensusPublicKey);
        FinalRecord? newest = old.LastFinal();
        Require.That(newest is not null, "a branch has a block");
        Blocks = newest.Block.Sequence - proposal.AgreedSequence;
        if (self < 0)
        {
            // It authors nothing; those who do hold the same.
            yield break;
        }

        foreach (Hash256 vertex in Promised(old, epoch, self, newest.Block))
        {
            Take(vertex, old, ledger, self);
            if (_bytes >= MostBytes)
            {
                Commit(ledger);
                yield return $"carried over up to vertex {_taken.Count}";
            }
        }

        Commit(ledger);
        yield return $"carried over {Transactions} transactions";
    }

    /// <summary>In the order in which it was, or would have been, in blocks; some twice.</summary>
    private IEnumerable<Hash256> Promised(RocksLedger old, EpochConfiguration epoch, int self, Block last)
    {
        for (ulong sequence = proposal.AgreedSequence + 1; sequence <= last.Sequence; sequence++)
        {
            FinalRecord? block = old.Final(sequence);
            Unkept += block is null ? 1u : 0;
            foreach (Hash256 vertex in block?.Order ?? [])
            {
                yield return vertex;
            }
        }

        foreach (Hash256 vertex in old.Unordered())
        {
            yield return vertex;
        }

        ulong ordered = last.Epoch == epoch.Number ? last.Cut[self].Height : 0;
        foreach (Hash256 vertex in old.VerticesAbove(epoch.Number, self, ordered))
        {
            yield return vertex;
        }

        // Of an earlier fork.
        foreach (Hash256 vertex in old.Carried())
        {
            yield return vertex;
        }
    }

    private void Take(in Hash256 vertex, RocksLedger from, RocksLedger to, int self)
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

        to.AddCarried(header, payload, proposal.Last.Epoch, Math.Min(self, header.Parents.Length - 1), (ulong)_taken.Count);
        Transactions += header.TransactionCount;
        _bytes += payload.Length;
    }

    private void Commit(RocksLedger ledger)
    {
        _bytes = 0;
        if (!ledger.Commit(out string? error))
        {
            throw new StoreException(StoreErrors.Classify(error), $"ledger: {error}");
        }
    }
}
