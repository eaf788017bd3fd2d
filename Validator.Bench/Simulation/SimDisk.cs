using Validator.Core.Consensus;
using Validator.Core.Execution;
using Validator.Core.Primitives;
using Validator.Core.Shell;
using Validator.Core.Wire;

namespace Validator.Bench.Simulation;

/// <summary>One record of the vote store, under its key.</summary>
public sealed record SimRecord(SignedHeader Key, Signed Message, Block? Block, ViewChange? ViewChange, NewView? NewView);

/// <param name="Certificate">Null where it was dropped.</param>
public sealed record SimFinal(Block Block, Certificate? Certificate, VertexHeader[] Order, Hash256 Root) : IExecutedBlock;

/// <summary>What survives a crash: what was synced.</summary>
public sealed class SimDisk : IFinalBlocks
{
    public List<SimRecord> Signed { get; } = [];
    public Dictionary<Hash256, Block> Blocks { get; } = [];
    public List<Certificate> Prepared { get; } = [];
    public NewView? Entered { get; set; }
    public Dictionary<Hash256, SimVertex> Vertices { get; } = [];

    /// <summary>Executed blocks that are kept; the first may be a snapshot's own, of which the order is not known.</summary>
    public List<SimFinal> Finals { get; } = [];
    public ulong FirstKept { get; set; } = 1;

    /// <summary>The newest block whose certificate stays for good.</summary>
    public ulong Checkpoint { get; set; }

    /// <summary>Newest executed block.</summary>
    public ulong LastExecuted => Finals.Count == 0 ? 0 : Finals[^1].Block.Sequence;

    /// <summary>What the roots are the hashes of.</summary>
    public SortedDictionary<ulong, StateRecord> Records { get; } = [];

    /// <summary>Hashes of the newest executed blocks: part of the state.</summary>
    public SimHistory History { get; } = new();
    public SortedDictionary<ulong, SimSnapshot> Snapshots { get; } = [];
    public SnapshotManifest? StagedManifest { get; set; }
    public Dictionary<Hash256, byte[]> StagedChunks { get; } = [];
    public LaneTip OwnTip { get; set; }

    /// <summary>Records of accounts by place, as execution left them.</summary>
    public SortedDictionary<int, byte[]> Accounts { get; } = [];

    /// <summary>Chunks of the trust state, as execution left it; null before the first block.</summary>
    public byte[][]? Trust { get; set; }

    /// <summary>Own votes below this sequence are forgotten.</summary>
    public ulong ForgottenBelow { get; set; }

    /// <summary>What is not signed, by epoch, after votes were lost here or elsewhere.</summary>
    public SortedDictionary<ulong, VoteLimit> Limits { get; } = [];
    public ulong OwnTipEpoch { get; set; }

    /// <summary>What others stated that this key accepted, where its votes were made anew.</summary>
    public (ulong Epoch, Acceptances Accepted) Stated { get; set; }

    /// <summary>As the vote store knows the own tip: it follows the ledger.</summary>
    public LaneTip VotesTip { get; set; }
    public ulong VotesTipEpoch { get; set; }

    /// <summary>The ledger has been there since the own tip was written: it knows that tip, too.</summary>
    public bool LedgerHasTip { get; set; }

    /// <summary>The executed committee; null before the first block.</summary>
    public CommitteeState? Committee { get; set; }

    /// <summary>How each epoch ended; never pruned.</summary>
    public SortedDictionary<ulong, EpochEnd> Ends { get; } = [];

    /// <summary>The epoch that this validator is in, where the executed state is of an earlier one.</summary>
    public ulong Landing { get; set; }

    /// <summary>The epoch whose votes are kept: those of earlier ones are forgotten.</summary>
    public ulong VotesEpoch { get; set; }

    public ulong Epoch => Math.Max(Landing, Committee?.Epoch ?? 0);

    /// <summary>Own vertices of ended epochs that no block ordered, until a durable one has their transactions again.</summary>
    public Dictionary<Hash256, ulong[]> Unordered { get; } = [];

    /// <summary>The first epoch in which this validator, which lost its votes, may sign again.</summary>
    public ulong? SignFrom { get; set; }
    public List<Evidence> Evidence { get; } = [];

    /// <summary>What operators decided on a fork (rule R4).</summary>
    public ForkRecovery? Recovery { get; set; }

    /// <summary>A backup: what is written to either does not reach the other.</summary>
    public SimDisk Copy()
    {
        SimDisk copy = new() { Entered = Entered, OwnTip = OwnTip, ForgottenBelow = ForgottenBelow, OwnTipEpoch = OwnTipEpoch, VotesTip = VotesTip, VotesTipEpoch = VotesTipEpoch, SignFrom = SignFrom, Landing = Landing, VotesEpoch = VotesEpoch, LedgerHasTip = LedgerHasTip };
        copy.Stated = Stated;
        copy.Trust = Trust;
        if (Committee is { } committee)
        {
            copy.Committee = new CommitteeState(committee.Epoch, committee.Members, committee.Pending);
        }

        CopyAll(Unordered, copy.Unordered);
        foreach ((int place, byte[] record) in Accounts)
        {
            copy.Accounts.Add(place, record);
        }

        copy.FirstKept = FirstKept;
        copy.Checkpoint = Checkpoint;
        copy.StagedManifest = StagedManifest;
        CopyAll(Ends, copy.Ends);
        CopyAll(Limits, copy.Limits);
        CopyAll(Records, copy.Records);
        History.CopyTo(copy.History);
        CopyAll(Snapshots, copy.Snapshots);
        CopyAll(StagedChunks, copy.StagedChunks);
        copy.Signed.AddRange(Signed);
        copy.Prepared.AddRange(Prepared);
        copy.Finals.AddRange(Finals);
        copy.Evidence.AddRange(Evidence);
        foreach (Block block in Blocks.Values)
        {
            copy.Blocks.Add(block.Hash, block);
        }

        foreach (SimVertex vertex in Vertices.Values)
        {
            copy.Vertices.Add(vertex.Header.Hash, vertex);
        }

        return copy;
    }

    private static void CopyAll<TKey, TValue>(IDictionary<TKey, TValue> from, IDictionary<TKey, TValue> to)
    {
        foreach ((TKey key, TValue value) in from)
        {
            to[key] = value;
        }
    }

    public SimFinal? Final(ulong sequence) =>
        Finals.Count == 0 || sequence < Finals[0].Block.Sequence || sequence > LastExecuted ? null
            : Finals[(int)(sequence - Finals[0].Block.Sequence)];

    public (Block Block, Certificate? Certificate)? FindFinal(ulong sequence) =>
        sequence >= FirstKept && Final(sequence) is { } final ? (final.Block, final.Certificate) : null;

    /// <summary>Between two checkpoints.</summary>
    public void DropCertificates(ulong last, ulong next)
    {
        for (int i = 0; i < Finals.Count; i++)
        {
            ulong sequence = Finals[i].Block.Sequence;
            Finals[i] = sequence > last && sequence < next ? Finals[i] with { Certificate = null } : Finals[i];
        }

        Checkpoint = next;
    }

    public void DropStaged()
    {
        StagedManifest = null;
        StagedChunks.Clear();
    }

    /// <summary>The vote store is gone. Where the own lane ended in the ledger is still known there.</summary>
    public void LoseVotes()
    {
        Signed.Clear();
        Prepared.Clear();
        Blocks.Clear();
        Limits.Clear();
        Entered = null;
        Stated = default;
        ForgottenBelow = 0;
        VotesTip = default;
        VotesEpoch = 0;
        SignFrom = null;
    }

    /// <summary>An empty vote store with what rule E9 lets it begin with.</summary>
    public void BeginAnew(RevivalPlan plan)
    {
        LoseVotes();
        VotesEpoch = plan.Limit.Epoch;
        if (LedgerHasTip && OwnTipEpoch == VotesEpoch)
        {
            (VotesTip, VotesTipEpoch) = (OwnTip, OwnTipEpoch);
        }

        Limits[plan.Limit.Epoch] = plan.Limit;
        if (plan.Next is { } next)
        {
            Limits[next.Epoch] = next;
        }

        if (plan.Certificate is { } certificate)
        {
            Prepared.Add(certificate);
        }

        Stated = (plan.Limit.Epoch, plan.Accepted);
    }

    public void LoseLedger()
    {
        LedgerHasTip = false;
        DropStaged();
        Finals.Clear();
        Records.Clear();
        History.Clear();
        Snapshots.Clear();
        Vertices.Clear();
        Accounts.Clear();
        Ends.Clear();
        Unordered.Clear();
        Landing = 0;
        Checkpoint = 0;
        Committee = null;
        Trust = null;
        FirstKept = 1;
    }

    /// <summary>What was fetched in place of what was here, all at once.</summary>
    public void Install(SnapshotManifest manifest, Member[] members)
    {
        StateRecord state = manifest.State;
        byte[][] Listed(Hash256 list) => list == Hash256.Of([]) ? []
            : [.. StagedChunks[list].Chunk(Hash256.Size).Select(h => StagedChunks[new Hash256(h)])];
        byte[][] history = Listed(state.DedupDigest);
        byte[][] accounts = Listed(state.NoncesDigest);
        Trust = state.TrustDigest.IsZero ? null : Listed(state.TrustDigest);
        LoseHistoryBelow(manifest);
        foreach (byte[] entry in history.SelectMany(s => s.Chunk(SimHistory.EntryBytes)))
        {
            History.Add(BitConverter.ToUInt64(entry), new Hash256(entry.AsSpan(8)));
        }

        foreach (byte[] record in accounts.SelectMany(s => s.Chunk(NonceTable.RecordBytes)))
        {
            Accounts[Accounts.Count] = record;
        }

        for (int i = 0; manifest.FirstRecord + (ulong)i <= manifest.Sequence; i++)
        {
            Records[manifest.FirstRecord + (ulong)i] = manifest.Records[i];
        }

        Require.That(history.All(s => s.Length <= SimHistory.Segment * SimHistory.EntryBytes));
        Block anchor = manifest.Anchor;
        Finals.Add(new SimFinal(anchor, anchor.Epoch == manifest.Epoch ? manifest.Certificate : Ends[anchor.Epoch].Certificate, [], state.Root));
        Committee = new CommitteeState(manifest.Epoch, members, manifest.Pending);
        Snapshots[manifest.Sequence] = new SimSnapshot(manifest.Sequence, manifest.Pending, new Dictionary<Hash256, byte[]>(StagedChunks));
        FirstKept = manifest.Sequence + 1;
        DropStaged();
    }

    private void LoseHistoryBelow(SnapshotManifest manifest)
    {
        Finals.Clear();
        Records.Clear();
        History.Clear();
        Snapshots.Clear();
        Accounts.Clear();
        foreach (SimVertex vertex in Vertices.Values)
        {
            bool behind = vertex.Header.Epoch < manifest.Epoch
                || (vertex.Header.Epoch == manifest.Anchor.Epoch && vertex.Header.Height <= manifest.Anchor.Cut[vertex.Header.Author].Height);
            if (behind)
            {
                Vertices.Remove(vertex.Header.Hash);
            }
        }
    }

    /// <summary>Execution's view of accounts, read back.</summary>
    public NonceTable Nonces()
    {
        NonceTable nonces = new(SimEnvelopes.AccountsKept);
        Require.That(nonces.Load((byte[])[.. Accounts.Values.SelectMany(r => r)]));
        return nonces;
    }

    /// <summary>
    /// What this validator made durable in the epoch that ends, and no block ordered. What others bring back of it to one that
    /// lost its votes is not its own any more: it may have been authored again long ago.
    /// </summary>
    public List<Hash256> KeepUnordered(Block last, int author)
    {
        List<Hash256> kept = [];
        foreach (SimVertex vertex in Vertices.Values)
        {
            if (author >= 0 && OwnTipEpoch == last.Epoch && vertex.Header.Epoch == last.Epoch && vertex.Header.Author == author
                && vertex.Header.Height > last.Cut[author].Height && vertex.Header.Height <= OwnTip.Height)
            {
                // A change of the ended epoch is valid in no other.
                if (vertex.Transactions.Any(t => !SimVertex.IsSystem(t)))
                {
                    Unordered[vertex.Header.Hash] = vertex.Transactions;
                    kept.Add(vertex.Header.Hash);
                }
            }
        }

        return kept;
    }

    /// <summary>Votes and evidence of ended epochs serve nothing any more.</summary>
    public void ForgetEpochsBelow(ulong epoch, bool keepBlocks)
    {
        VotesEpoch = Math.Max(VotesEpoch, epoch);
        Signed.RemoveAll(r => r.Key.Epoch < epoch);
        Prepared.RemoveAll(c => c.Epoch < epoch);
        Evidence.RemoveAll(e => e.First.Header.Epoch < epoch);
        foreach (ulong ended in Limits.Keys.Where(e => e < epoch).ToArray())
        {
            Limits.Remove(ended);
        }

        Entered = Entered?.Signed.Header.Epoch < epoch ? null : Entered;
        OwnTip = OwnTipEpoch < epoch ? default : OwnTip;
        VotesTip = VotesTipEpoch < epoch ? default : VotesTip;
        foreach ((Hash256 hash, Block block) in Blocks)
        {
            if (block.Epoch < epoch && !keepBlocks)
            {
                Blocks.Remove(hash);
            }
        }
    }

    /// <summary>A write that a power failure cut short: the last record does not match its checksum.</summary>
    public void TearLast(SimRecord record) => Signed.Add(record with { Message = record.Message with { Signature = new byte[record.Message.Signature.Length] } });

    public bool FlipBit(int record)
    {
        if (record >= Signed.Count - 1)
        {
            return false;
        }

        SimRecord found = Signed[record];
        byte[] flipped = [.. found.Message.Signature];
        flipped[record % 32] ^= 4;
        Signed[record] = found with { Message = found.Message with { Signature = flipped } };
        return true;
    }

    /// <summary>One record was written where another belongs.</summary>
    public bool Misdirect(int record)
    {
        if (record >= Signed.Count - 1 || Signed[record].Key == Signed[^1].Key)
        {
            return false;
        }

        Signed[record] = Signed[^1] with { Key = Signed[record].Key };
        return true;
    }

    /// <summary>
    /// As a store does that keeps a key and a checksum with each record: drops a torn end, which nobody was told of, and
    /// refuses damage anywhere else. The signature serves as the checksum.
    /// </summary>
    /// <returns>False when the store may not be used any more.</returns>
    public bool Open(SimKeys keys, int place, in Hash256 chainId, out bool torn)
    {
        torn = Signed.Count > 0 && !Intact(Signed[^1], keys, place, chainId);
        if (torn)
        {
            Signed.RemoveAt(Signed.Count - 1);
        }

        foreach (SimRecord record in Signed)
        {
            if (!Intact(record, keys, place, chainId))
            {
                return false;
            }
        }

        return true;
    }

    private static bool Intact(SimRecord record, SimKeys keys, int place, in Hash256 chainId) =>
        record.Key == record.Message.Header && keys.Verify(place, record.Key, record.Message.Signature, chainId);
}

/// <summary>One machine's clock: it runs a little fast or slow, and its wall clock may be set.</summary>
public sealed class SimClock
{
    private const long Million = 1_000_000;
    private long _real;
    private long _local;
    private long _driftPpm;

    /// <summary>Of the wall clock against the cluster's, without what drift adds.</summary>
    public long SkewMicros { get; set; }

    public long Monotonic(long now) => _local + now - _real + ((now - _real) * _driftPpm / Million);

    public long Wall(long now) => Monotonic(now) + SkewMicros;

    /// <summary>The cluster's time when this clock shows at least that much.</summary>
    public long ToCluster(long monotonic) =>
        monotonic >= long.MaxValue / 2 / Million ? monotonic : _real + ((monotonic - _local) * Million / (Million + _driftPpm)) + (_driftPpm == 0 ? 0 : 1);

    public void SetDrift(long now, long ppm)
    {
        _local = Monotonic(now);
        _real = now;
        _driftPpm = ppm;
    }
}
