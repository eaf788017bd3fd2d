using Validator.Core.Execution;
using Validator.Core.Primitives;
using Validator.Core.Shell;
using Validator.Core.Wire;
using Validator.Host.Storage;

namespace Validator.Host.Serving;

/// <summary>
/// Answers for kept snapshots: the proof is put together from final blocks and state records, and a chunk from the ids that it is
/// the digest of, so that nothing is stored twice. Only chunks with the hash that was asked for are sent. One thread.
/// </summary>
/// <param name="genesis">The members of epoch 0.</param>
internal sealed class SnapshotServer(ILedger ledger, ulong windowBlocks, Member[] genesis)
{
    private SnapshotManifest? _manifest;
    private SnapshotState? _state;

    /// <summary>
    /// The newest snapshot of an epoch at a sequence or later that a final block states; null when there is none.
    /// </summary>
    /// <param name="later">The first block of the oldest later epoch that has one; 1 when there is none.</param>
    public SnapshotManifest? Manifest(ulong epoch, ulong least, out ulong later)
    {
        later = 1;
        ulong[] kept = ledger.Snapshots();
        for (int i = kept.Length - 1; i >= 0 && kept[i] >= least; i--)
        {
            SnapshotManifest? manifest = _manifest?.Sequence == kept[i] ? _manifest : Prove(kept[i]);
            if (manifest?.Epoch == epoch)
            {
                return _manifest = manifest;
            }

            if (manifest?.Epoch > epoch && ledger.FindEpochEnd(manifest.Epoch - 1) is { } end)
            {
                later = end.Last.Sequence + 1;
            }
        }

        return null;
    }

    /// <summary>The bytes with this hash in the snapshot at a sequence; null when they are not here, or damaged.</summary>
    public byte[]? Chunk(ulong sequence, in Hash256 hash)
    {
        if (_state?.Sequence != sequence)
        {
            _state = ledger.FindSnapshot(sequence);
        }

        if (_state is not { } state || ledger.FindState(sequence) is not { } record)
        {
            return null;
        }

        byte[] chunk = hash == record.DedupDigest ? List(state.Segments)
            : hash == record.NoncesDigest ? List(state.Accounts)
            : hash == record.TrustDigest ? List(state.Trust)
            : state.Stored.Contains(hash) ? ledger.FindChunk(hash) ?? []
            : Segment(state, Array.IndexOf(state.Segments, hash));
        return Hash256.Of(chunk) == hash ? chunk : null;
    }

    /// <summary>A kept snapshot's manifest; null where no final block states it yet, or not all that it takes is here.</summary>
    internal SnapshotManifest? Prove(ulong sequence)
    {
        if (ledger.FindFinal(sequence) is not { } anchor)
        {
            return null;
        }

        ulong epoch = anchor.Block.Epoch + (anchor.Block.EndsEpoch ? 1u : 0u);
        for (ulong next = sequence + 1; ledger.FindFinal(next) is { } final; next++)
        {
            Block block = final.Block;
            if (block.Epoch != epoch)
            {
                return null;
            }

            if (block.ExecutedSequence >= sequence)
            {
                return Prove(anchor.Block, block);
            }
        }

        return null;
    }

    private SnapshotManifest? Prove(Block anchor, Block stating)
    {
        ulong reach = windowBlocks + 16;
        ulong first = anchor.Sequence > reach ? anchor.Sequence - reach + 1 : 1;
        List<StateRecord> records = [];
        for (ulong sequence = first; sequence <= stating.ExecutedSequence; sequence++)
        {
            if (ledger.FindState(sequence) is { } record)
            {
                records.Add(record);
            }
            else
            {
                // A snapshot that was itself installed has only the roots that came with it.
                records.Clear();
                first = sequence + 1;
            }
        }

        if (first > anchor.Sequence || records.Count > SnapshotManifestCodec.MaxRecords
            || Checkpoints.Prove(ledger, stating.Sequence, stating.Sequence, SnapshotManifestCodec.MaxCertified) is not { } proof)
        {
            return null;
        }

        Hash256 committee = records[(int)(anchor.Sequence - first)].CommitteeDigest;
        return !TryFindPending(stating.Epoch, first, anchor.Sequence, committee, out PendingCommittee? pending) ? null
            : new SnapshotManifest(first, [.. records], anchor, proof.Blocks, proof.Certificate, pending);
    }

    /// <summary>The change pending in a state of an epoch, if any; false where that is not known any more.</summary>
    /// <param name="first">The change was made by a block from here on.</param>
    private bool TryFindPending(ulong epoch, ulong first, ulong anchor, in Hash256 digest, out PendingCommittee? pending)
    {
        pending = null;
        EpochConfiguration? current = ledger.ReadEpoch();
        bool goesOn = (current?.Number ?? 0) == epoch;
        if (ledger.MembersOf(genesis, epoch) is not { } members)
        {
            return false;
        }

        if (new CommitteeState(epoch, members).Digest == digest)
        {
            return true;
        }

        if (goesOn)
        {
            pending = current?.Pending;
            return pending is not null && new CommitteeState(epoch, members, pending).Digest == digest;
        }

        // The epoch is over, and what came of it was pending since one of these blocks.
        Member[]? next = ledger.FindEpochEnd(epoch)?.Next;
        for (ulong made = anchor; next is not null && made >= first; made--)
        {
            pending = new PendingCommittee(made, next);
            if (new CommitteeState(epoch, members, pending).Digest == digest)
            {
                return true;
            }
        }

        pending = null;
        return false;
    }

    private static byte[] List(Hash256[] hashes)
    {
        byte[] list = new byte[hashes.Length * Hash256.Size];
        for (int i = 0; i < hashes.Length; i++)
        {
            hashes[i].CopyTo(list.AsSpan(i * Hash256.Size));
        }

        return list;
    }

    private byte[] Segment(SnapshotState state, int index)
    {
        if (index < 0)
        {
            return [];
        }

        ulong from = DedupWindow.FirstNeeded(state.NextIndex, ledger.DedupWindow) + ((ulong)index * DedupWindow.SegmentIds);
        byte[] ids = new byte[Math.Min(state.NextIndex - from, DedupWindow.SegmentIds) * Hash256.Size];
        return ledger.TryReadIds(from, ids) ? ids : [];
    }
}
