using System.Buffers.Binary;
using System.Diagnostics.CodeAnalysis;
using Validator.Core.Consensus;
using Validator.Core.Execution;
using Validator.Core.Primitives;
using Validator.Core.Wire;
using Validator.Host.Storage.Native;

namespace Validator.Host.Storage;

/// <summary>
/// A snapshot on its way in. Keys of the family "default": M: its manifest; C hash: a chunk. They survive a crash, and go when
/// the state is in place, in the same write.
/// </summary>
internal sealed partial class RocksLedger
{
    private const byte ManifestKey = (byte)'M';

    public void AddManifest(SnapshotManifest manifest)
    {
        byte[] value = new byte[SnapshotManifestCodec.EncodedSize(manifest)];
        SnapshotManifestCodec.Write(manifest, value);
        _batch.Put(State, [ManifestKey], value);
    }

    public void AddChunk(SnapshotChunk chunk) => _batch.Put(State, Key('C', chunk.Hash), chunk.Data);

    public void DropSnapshot() => DropStaged(_batch);

    /// <summary>
    /// What was fetched before a restart; null when nothing. Chunks whose hash is not their key's are left out.
    /// </summary>
    public StagedSnapshot? Staged()
    {
        using PinnedValue value = _database.Get(State, [ManifestKey]);
        if (!value.Found || !SnapshotManifestCodec.TryRead(value.Span, ReadEpoch()?.Members.Length ?? _committeeSize, out SnapshotManifest? manifest, out _))
        {
            return null;
        }

        Hash256[] parts = manifest.State.Parts;
        Dictionary<Hash256, byte[]> lists = [];
        HashSet<Hash256> held = [];
        using RocksDbIterator chunks = _database.Iterate(State);
        for (chunks.Seek("C"u8); chunks.Valid && chunks.Key[0] == (byte)'C' && chunks.Key.Length == 1 + Hash256.Size; chunks.Next())
        {
            Hash256 hash = new(chunks.Key[1..]);
            if (Hash256.Of(chunks.Value) != hash)
            {
                continue;
            }

            held.Add(hash);
            if (Array.IndexOf(parts, hash) >= 0)
            {
                lists[hash] = chunks.Value.ToArray();
            }
        }

        return new StagedSnapshot(manifest, lists, held);
    }

    /// <summary>
    /// Replaces our state by a snapshot's, whose chunks are all committed: its block, the ids of the dedup window, the roots
    /// before it. What was kept before counts as gone. One synced write.
    /// </summary>
    /// <param name="epoch">The manifest's epoch, with the change that is pending in it.</param>
    /// <param name="executor">Goes on after the snapshot; it must be idle.</param>
    public bool Install(SnapshotManifest manifest, EpochConfiguration epoch, Executor executor, [NotNullWhen(false)] out string? error)
    {
        StateRecord state = manifest.State;
        ulong next = state.NextIndex;
        Hash256[] segments = Listed(state.DedupDigest);
        using RocksDbBatch batch = new(_database);
        batch.DeleteRange(State, Key('D', 0), Key('D', ulong.MaxValue));
        batch.DeleteRange(State, Key('S', 0), Key('S', ulong.MaxValue));
        ulong from = executor.BeginRestore(manifest.Sequence, state.Root, next, new CommitteeState(epoch.Number, epoch.Members, epoch.Pending));
        foreach (Hash256 segment in segments)
        {
            using PinnedValue ids = Chunk(segment);
            if (ids.Span.Length % Hash256.Size != 0 || !executor.LoadIds(ids.Span))
            {
                throw Damaged("a snapshot's ids");
            }

            batch.Put(State, Key('D', from), ids.Span);
            from += (ulong)(ids.Span.Length / Hash256.Size);
        }

        InstallAccounts(batch, state, executor);
        InstallTrust(batch, state.TrustDigest, manifest.Sequence, executor);
        SnapshotState captured = executor.IsRestored ? executor.Capture() : throw Damaged("a snapshot's ids");
        if (from != next || !captured.Segments.AsSpan().SequenceEqual(segments) || executor.Nonces.Digest() != state.NoncesDigest
            || executor.Committee.Digest != state.CommitteeDigest)
        {
            throw Damaged("a snapshot's ids");
        }

        AddInstalled(batch, manifest, captured);
        batch.Put(State, EpochKey, EpochCodec.Encode(epoch));
        _index.Reset(batch, manifest.Sequence + 1);
        DropStaged(batch);
        error = _database.Write(batch, sync: true);
        return error is null;
    }

    private void InstallAccounts(RocksDbBatch batch, in StateRecord state, Executor executor)
    {
        batch.DeleteRange(State, "N"u8, "O"u8);
        batch.DeleteRange(State, "A"u8, "B"u8);
        byte[] changed = new byte[ExecutionResult.AccountBytes];
        int place = 0;
        foreach (Hash256 segment in Listed(state.NoncesDigest))
        {
            using PinnedValue chunk = Chunk(segment);
            ReadOnlySpan<byte> records = chunk.Span;
            if (records.Length % NonceTable.RecordBytes != 0 || !executor.Nonces.Load(records))
            {
                throw Damaged("a snapshot's accounts");
            }

            batch.Put(State, Key('N', segment), records);
            for (; !records.IsEmpty; records = records[NonceTable.RecordBytes..])
            {
                BinaryPrimitives.WriteInt32LittleEndian(changed, place++);
                records[..NonceTable.RecordBytes].CopyTo(changed.AsSpan(sizeof(uint)));
                AddAccounts(batch, changed);
            }
        }
    }

    private void AddInstalled(RocksDbBatch batch, SnapshotManifest manifest, SnapshotState snapshot)
    {
        ExecutionResult result = ExecutionResult.Nothing(manifest.Sequence, snapshot.NextIndex, manifest.State.Root);
        // The last block of the epoch before has a certificate of its own committee.
        Certificate certificate = manifest.Anchor.Epoch == manifest.Epoch ? manifest.Certificate
            : FindEpochEnd(manifest.Anchor.Epoch)?.Certificate ?? throw Damaged($"the end of epoch {manifest.Anchor.Epoch}");
        byte[] sequence = Sequence(manifest.Sequence);
        batch.Put(Finalized, sequence, Encode(new ExecutedBlock(manifest.Anchor, certificate, [], result)));
        batch.Put(Metadata, Key('H', manifest.Anchor.Hash), sequence);
        Span<byte> record = stackalloc byte[StateRecord.MostSize];
        for (int i = 0; i < manifest.Records.Length && manifest.FirstRecord + (ulong)i <= manifest.Sequence; i++)
        {
            batch.Put(State, Key('R', manifest.FirstRecord + (ulong)i), record[..manifest.Records[i].Write(record)]);
        }

        batch.Put(State, Key('S', snapshot.Sequence), Encode(snapshot));
        lock (_snapshots)
        {
            _snapshots.Clear();
            _snapshots.Add(snapshot.Sequence);
        }

        _kept = new ChainPosition(manifest.Sequence + 1, snapshot.NextIndex);
        _newest = new ChainPosition(manifest.Sequence, snapshot.NextIndex);
        batch.Put(State, [PrunedKey], EncodeKept());
    }

    private Hash256[] Listed(in Hash256 list)
    {
        if (list == Hash256.Of([]))
        {
            return [];
        }

        using PinnedValue value = Chunk(list);
        Hash256[] hashes = new Hash256[value.Span.Length / Hash256.Size];
        for (int i = 0; i < hashes.Length; i++)
        {
            hashes[i] = new Hash256(value.Span[(i * Hash256.Size)..]);
        }

        return hashes;
    }

    private PinnedValue Chunk(in Hash256 hash)
    {
        PinnedValue value = _database.Get(State, Key('C', hash));
        return value.Found && Hash256.Of(value.Span) == hash ? value : throw Damaged($"chunk {hash} of a snapshot");
    }

    private void DropStaged(RocksDbBatch batch)
    {
        batch.Delete(State, [ManifestKey]);
        batch.DeleteRange(State, "C"u8, "D"u8);
    }
}
