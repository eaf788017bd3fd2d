using Validator.Core.Consensus;
using Validator.Core.Effects;
using Validator.Core.Execution;
using Validator.Core.Primitives;
using Validator.Core.Shell;
using Validator.Core.Wire;

namespace Validator.Bench.Simulation;

/// <summary>A snapshot as it is kept and served: everything by its hash.</summary>
public sealed record SimSnapshot(ulong Sequence, PendingCommittee? Pending, Dictionary<Hash256, byte[]> Chunks);

/// <summary>
/// What a snapshot holds beside the proof, and how it comes back in (Host/Storage/RocksLedger, Host/Serving/SnapshotServer).
/// </summary>
public partial class SimNode
{
    private static Dictionary<Hash256, byte[]> ByHash(IEnumerable<byte[]> pieces)
    {
        Dictionary<Hash256, byte[]> found = [];
        foreach (byte[] piece in pieces)
        {
            found[Hash256.Of(piece)] = piece;
        }

        return found;
    }

    private static byte[] ListOf(IReadOnlyList<byte[]> pieces)
    {
        byte[] hashes = new byte[pieces.Count * Hash256.Size];
        for (int i = 0; i < pieces.Count; i++)
        {
            Hash256.Of(pieces[i]).CopyTo(hashes.AsSpan(i * Hash256.Size));
        }

        return hashes;
    }

    private IEnumerable<byte[]> AccountSegments() => Enumerable.Range(0, _nonces.Segments).Select(i => _nonces.Segment(i).ToArray());

    /// <summary>All that enters the root after a block, as the real executor's record.</summary>
    private StateRecord RecordOf(Block block, VertexHeader[] order, in Hash256 previous, in Hash256 committee, List<NonceVerdict> verdicts)
    {
        Disk.History.Add(block.Sequence, block.Hash);
        byte[] content = new byte[(order.Length * Hash256.Size) + verdicts.Count];
        for (int i = 0; i < order.Length; i++)
        {
            order[i].Hash.CopyTo(content.AsSpan(i * Hash256.Size));
        }

        for (int i = 0; i < verdicts.Count; i++)
        {
            content[(order.Length * Hash256.Size) + i] = (byte)verdicts[i];
        }

        return new StateRecord(
            block.Sequence, 1, 0, previous, block.Hash, Hash256.Of(content), Hash256.Of(ListOf(Disk.History.Segments())),
                _nonces.Digest(), committee,
            _trust?.Digest() ?? default);
    }

    private void TakeSnapshot(Block block)
    {
        SimWorld world = Cluster.World;
        Disk.History.ForgetBehind(block.Sequence);
        // At each epoch's end too, so that whoever comes to an epoch finds a snapshot that its own committee certifies.
        if (world.SnapshotEvery == 0 || (block.Sequence % world.SnapshotEvery != 0 && !block.EndsEpoch))
        {
            return;
        }

        List<byte[]> history = Disk.History.Segments();
        byte[][] accounts = [.. AccountSegments()];
        Disk.Snapshots[block.Sequence] = new SimSnapshot(
            block.Sequence, Disk.Committee!.Pending,
            ByHash([.. history, ListOf(history), .. accounts, ListOf(accounts), .. Disk.Trust ?? [], ListOf(Disk.Trust ?? [])]));
        // One that can be proven always stays, and all after it.
        while (Disk.Snapshots.Count > 3 && Disk.Snapshots.Keys.Skip(1).Any(s => Stating(s) is not null))
        {
            Disk.Snapshots.Remove(Disk.Snapshots.Keys.First());
        }

        ulong floor = Disk.Snapshots.Count >= 3 && Disk.Snapshots.Keys.Any(s => Stating(s) is not null) ? Disk.Snapshots.Keys.First() : 0;
        while (Disk.Finals[0].Block.Sequence < floor && Disk.Finals[0].Block.Sequence + world.Retain <= block.Sequence)
        {
            // Held ones behind the cut go with the block, ordered or not.
            SimFinal gone = Disk.Finals[0];
            Disk.Finals.RemoveAt(0);
            Disk.FirstKept = gone.Block.Sequence + 1;
            world.Met(Fault.Pruned);
            foreach (VertexHeader vertex in gone.Order)
            {
                Disk.Vertices.Remove(vertex.Hash);
            }
        }
    }

    /// <summary>As the ledger does behind the newest blocks (Host/Storage/RocksLedger.Certificates), sooner.</summary>
    private void DropCertificates()
    {
        SimWorld world = Cluster.World;
        ulong last = Math.Max(Disk.Checkpoint, Disk.FirstKept - 1);
        ulong end = Disk.LastExecuted - Math.Min(Disk.LastExecuted, world.NewestCertified);
        if (Checkpoints.After(Disk, last, end, world.CheckpointSpan, [.. Disk.Snapshots.Keys]) is not { } next)
        {
            return;
        }

        bool[] proven = [.. Disk.Finals.Select(IsProven)];
        world.Met(Fault.CertificatesDropped);
        Disk.DropCertificates(last, next);
        if (!Disk.Finals.Select(IsProven).SequenceEqual(proven))
        {
            throw Cluster.Check.Fail(this, "certificates", $"nothing proves some block from {last} to {next} any more");
        }

        bool IsProven(SimFinal final) =>
            Checkpoints.Prove(Disk, final.Block.Sequence, final.Block.Sequence, Checkpoints.Span) is { } proof
            && proof.Blocks[^1].Epoch == final.Block.Epoch;
    }

    private bool ServeSnapshot(int peer, in FetchRequest request)
    {
        if (request.Kind == FetchKind.Snapshot)
        {
            ulong provenFrom = 1;
            foreach (ulong sequence in Disk.Snapshots.Keys.Reverse())
            {
                if (sequence < request.Sequence || Stating(sequence) is not { } stating || stating.Block.Epoch < request.Epoch
                    || Prove(sequence) is not { } manifest)
                {
                    continue;
                }

                if (manifest.Epoch == request.Epoch)
                {
                    Send(peer, manifest);
                    return true;
                }

                provenFrom = Disk.Ends[manifest.Epoch - 1].Last.Sequence + 1;
            }

            if (provenFrom > 1 && Disk.Ends.TryGetValue(request.Epoch, out EpochEnd? end))
            {
                Send(peer, end);
            }

            Send(peer, new NotFound(request, provenFrom));
            return true;
        }

        if (request.Kind == FetchKind.Chunk && Disk.Snapshots.TryGetValue(request.Sequence, out SimSnapshot? snapshot)
            && snapshot.Chunks.TryGetValue(request.Hash, out byte[]? chunk))
        {
            Send(peer, new SnapshotChunk(request.Epoch, request.Sequence, request.Hash, chunk));
            return true;
        }

        return false;
    }

    /// <summary>
    /// The first final block that states a snapshot's execution, of the epoch that its state is in; null when there is none.
    /// </summary>
    private SimFinal? Stating(ulong sequence)
    {
        if (Disk.Final(sequence) is not { } anchor)
        {
            return null;
        }

        ulong epoch = anchor.Block.Epoch + (anchor.Block.EndsEpoch ? 1u : 0u);
        for (ulong next = sequence + 1; Disk.Final(next) is { } stating; next++)
        {
            if (stating.Block.ExecutedSequence >= sequence)
            {
                return stating.Block.Epoch == epoch ? stating : null;
            }
        }

        return null;
    }

    protected SnapshotManifest? Prove(ulong sequence)
    {
        SimFinal? anchor = Disk.Final(sequence);
        SimFinal? stating = Stating(sequence);
        if (anchor is null || stating is null || !Disk.Snapshots.TryGetValue(sequence, out SimSnapshot? snapshot))
        {
            return null;
        }

        ulong states = stating.Block.Sequence;
        if (Checkpoints.Prove(Disk, states, states, SnapshotManifestCodec.MaxCertified) is not { } proof)
        {
            return null;
        }

        ulong first = Disk.Records.Keys.First(s => s + Cluster.Genesis.Parameters.WindowBlocks + 16 > sequence);
        StateRecord[] records = [.. Disk.Records.Where(r => r.Key >= first && r.Key <= stating.Block.ExecutedSequence).Select(r => r.Value)];
        return new SnapshotManifest(first, records, anchor.Block, proof.Blocks, proof.Certificate, snapshot.Pending);
    }

    void ISimShellPorts.StoreManifest(SnapshotManifest manifest) => ToLedger(_fromCore, SimLedgerItem.Manifest(manifest));

    void ISimShellPorts.StoreChunk(SnapshotChunk chunk) => ToLedger(_fromCore, SimLedgerItem.Chunk(chunk));

    void ISimShellPorts.DropSnapshot() => ToLedger(_fromCore, SimLedgerItem.DropSnapshot());

    void ISimShellPorts.Install(SnapshotManifest manifest)
    {
        if (_executing > 0 && ReportsExecution)
        {
            throw Cluster.Check.Fail(this, "snapshot", $"the state at {manifest.Sequence} is to go in place while {_executing} blocks are executed");
        }

        ToLedger(_fromCore, SimLedgerItem.Install(manifest));
    }

    void ISimShellPorts.StoreEpochEnd(EpochEnd end) => ToLedger(_fromCore, SimLedgerItem.EpochEnd(end));

    /// <summary>On to the next epoch, whose state a snapshot will bring.</summary>
    private void WriteSkipped(EpochEnd end)
    {
        Cluster.World.Met(Fault.EpochSkipped);
        Cluster.Trace(Index, $"skips the rest of epoch {end.Epoch}");
        _unordered = Disk.KeepUnordered(end.Last, Cluster.MemberOf(end.Epoch, Index));
        Disk.Ends[end.Epoch] = end;
        Disk.Landing = end.Epoch + 1;
    }

    void ISimLedgerAudience.Install(SnapshotManifest manifest)
    {
        if (Disk.Landing > 0)
        {
            Cluster.World.Met(Fault.Landed);
        }

        if (!manifest.State.Parts.All(part => part == Hash256.Of([]) || Disk.StagedChunks.ContainsKey(part)))
        {
            throw Cluster.Check.Fail(this, "snapshot", "a part of it is not there when it goes in place");
        }

        Disk.Install(manifest, _standing.With(manifest).Members);
        Cluster.Check.OnDurable(this, Disk.LastExecuted);
        Disk.Landing = 0;
        _nonces = Disk.Nonces();
        _trust = ReadTrust();
        if (_nonces.Digest() != manifest.State.NoncesDigest || (_trust?.Digest() ?? default) != manifest.State.TrustDigest
            || Hash256.Of(ListOf(Disk.History.Segments())) != manifest.State.DedupDigest)
        {
            throw Cluster.Check.Fail(this, "snapshot", $"the state at {manifest.Sequence} is not what was certified");
        }

        Cluster.World.Met(Fault.CaughtUp);
        Cluster.Trace(Index, $"has the snapshot at {manifest.Sequence}");
        Answer(_standing.Install(manifest));
    }

    private StagedSnapshot? Staged() => Disk.StagedManifest is not { } manifest ? null : new StagedSnapshot(
        manifest,
        Disk.StagedChunks.Where(c => manifest.State.Parts.Contains(c.Key)).ToDictionary(c => c.Key, c => c.Value),
        [.. Disk.StagedChunks.Keys]);
}
