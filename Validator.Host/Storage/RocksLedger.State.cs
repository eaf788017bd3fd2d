using System.Buffers.Binary;
using Validator.Core.Execution;
using Validator.Core.Primitives;
using Validator.Core.Wire;
using Validator.Host.Storage.Native;

namespace Validator.Host.Storage;

/// <summary>
/// The executed state beside the history, so that a restart and a snapshot need no block that is gone. Keys of the family
/// "default": A account: place, nonces; D first index: ids of a block's accepted transactions; R sequence: what the executed root
/// is the hash of; S sequence: a snapshot's digests; N hash: an account segment or trust chunk of a snapshot; P: what is kept; T,
/// X: the index of transactions. All written with the block that they belong to.
/// </summary>
internal sealed partial class RocksLedger
{
    private const int State = 0;
    private const byte PrunedKey = (byte)'P';

    /// <summary>No final block may state the newest one yet.</summary>
    private const int SnapshotsKept = 3;

    /// <summary>
    /// Roots kept behind the oldest snapshot, since a block above it may state them (rule P3): window + 16, and some more.
    /// </summary>
    private const ulong RootsKept = 2048;

    private readonly SortedSet<ulong> _snapshots = [];
    private readonly uint _dedupWindow;

    public uint DedupWindow => _dedupWindow;

    // From the last block added, for when the commit has made it readable.
    private ChainPosition? _added;

    /// <summary>Sequences of the snapshots kept, oldest first. Any thread.</summary>
    public ulong[] Snapshots()
    {
        lock (_snapshots)
        {
            return [.. _snapshots];
        }
    }

    public StateRecord? FindState(ulong sequence)
    {
        using PinnedValue value = _database.Get(State, Key('R', sequence));
        return !value.Found ? null
            : StateRecord.TryRead(value.Span, out StateRecord record, out _) ? record
            : throw Damaged($"the state after block {sequence}");
    }

    /// <summary>The digests of a kept snapshot.</summary>
    public SnapshotState? FindSnapshot(ulong sequence)
    {
        using PinnedValue value = _database.Get(State, Key('S', sequence));
        return value.Found ? DecodeSnapshot(sequence, value.Span) : null;
    }

    /// <summary>
    /// Ids of accepted transactions by global index, from the given one on; false where not all of them are here.
    /// </summary>
    /// <param name="ids">32 bytes each; filled whole.</param>
    public bool TryReadIds(ulong from, Span<byte> ids)
    {
        using RocksDbIterator records = _database.Iterate(State);
        records.SeekForPrevious(Key('D', from));
        ulong next = from;
        for (; records.Valid && records.Key[0] == (byte)'D' && records.Key.Length == 9 && !ids.IsEmpty; records.Next())
        {
            ulong first = BinaryPrimitives.ReadUInt64BigEndian(records.Key[1..]);
            ReadOnlySpan<byte> found = records.Value;
            ulong count = (ulong)(found.Length / Hash256.Size);
            if (found.Length % Hash256.Size != 0 || next < first || next - first >= count)
            {
                break;
            }

            found = found[(int)((next - first) * Hash256.Size)..];
            found = found[..Math.Min(found.Length, ids.Length)];
            found.CopyTo(ids);
            ids = ids[found.Length..];
            next += (ulong)(found.Length / Hash256.Size);
        }

        return ids.IsEmpty;
    }

    private void AddState(ExecutedBlock executed)
    {
        ExecutionResult result = executed.Result;
        if (result.Accepted > 0)
        {
            _batch.Put(State, Key('D', result.FirstIndex), AcceptedIds(executed));
        }

        Span<byte> record = stackalloc byte[StateRecord.MostSize];
        _batch.Put(State, Key('R', result.Sequence), record[..result.State.Write(record)]);
        if (executed.Snapshot is { } snapshot)
        {
            AddSnapshot(snapshot);
        }

        _added = new ChainPosition(result.Sequence, result.FirstIndex + result.Accepted);
    }

    private static byte[] Encode(SnapshotState snapshot)
    {
        Hash256[] hashes = [.. snapshot.Segments, .. snapshot.Accounts, .. snapshot.Trust];
        int head = snapshot.Trust.Length == 0 ? 12 : 16;
        byte[] value = new byte[head + (hashes.Length * Hash256.Size)];
        BinaryPrimitives.WriteUInt64LittleEndian(value, snapshot.NextIndex);
        BinaryPrimitives.WriteInt32LittleEndian(value.AsSpan(8), snapshot.Segments.Length);
        if (snapshot.Trust.Length > 0)
        {
            // Told apart by its length, which no whole number of hashes gives.
            BinaryPrimitives.WriteInt32LittleEndian(value.AsSpan(12), snapshot.Accounts.Length);
        }

        Span<byte> rest = value.AsSpan(head);
        foreach (Hash256 hash in hashes)
        {
            hash.CopyTo(rest);
            rest = rest[Hash256.Size..];
        }

        return value;
    }

    private void AddSnapshot(SnapshotState snapshot)
    {
        _batch.Put(State, Key('S', snapshot.Sequence), Encode(snapshot));
        foreach (byte[] chunk in snapshot.NewChunks)
        {
            _batch.Put(State, Key('N', Hash256.Of(chunk)), chunk);
        }

        lock (_snapshots)
        {
            _snapshots.Add(snapshot.Sequence);
            // The newest that can be proven always stays, and all after it.
            while (_snapshots.Count > SnapshotsKept && _snapshots.Skip(1).Any(IsStated))
            {
                ulong oldest = _snapshots.Min;
                _snapshots.Remove(oldest);
                Forget(oldest, snapshot);
            }
        }
    }

    /// <summary>Deletes a snapshot, and the account segments and trust chunks that no later one has.</summary>
    private void Forget(ulong sequence, SnapshotState newest)
    {
        HashSet<Hash256> used = [.. newest.Stored];
        foreach (ulong kept in _snapshots)
        {
            used.UnionWith(FindSnapshot(kept)?.Stored ?? []);
        }

        foreach (Hash256 segment in FindSnapshot(sequence)?.Stored ?? [])
        {
            if (!used.Contains(segment))
            {
                _batch.Delete(State, Key('N', segment));
            }
        }

        _batch.Delete(State, Key('S', sequence));
    }

    /// <summary>A kept snapshot's account segment or trust chunk by its hash.</summary>
    public byte[]? FindChunk(in Hash256 segment)
    {
        using PinnedValue value = _database.Get(State, Key('N', segment));
        return value.Found ? value.Span.ToArray() : null;
    }

    /// <summary>
    /// Nothing at or above this block may be deleted: whoever takes the snapshot needs the blocks that follow. 0 while there are
    /// too few.
    /// </summary>
    private ulong OldestSnapshot()
    {
        lock (_snapshots)
        {
            return _snapshots.Count < SnapshotsKept || !_snapshots.Any(IsStated) ? 0 : _snapshots.Min;
        }
    }

    /// <summary>A final block of the snapshot's own epoch states its root.</summary>
    private bool IsStated(ulong snapshot)
    {
        if (FindFinal(snapshot) is not { } anchor)
        {
            return false;
        }

        ulong epoch = anchor.Block.Epoch + (anchor.Block.EndsEpoch ? 1u : 0u);
        for (ulong next = snapshot + 1; FindFinal(next) is { } final && final.Block.Epoch == epoch; next++)
        {
            if (final.Block.ExecutedSequence >= snapshot)
            {
                return true;
            }
        }

        return false;
    }

    /// <summary>Deletes ids and roots that neither the newest state nor a kept snapshot needs.</summary>
    private void DeleteState(RocksDbBatch batch)
    {
        ulong oldest = OldestSnapshot();
        if (oldest == 0 || FindSnapshot(oldest) is not { } snapshot)
        {
            return;
        }

        ulong first = Validator.Core.Execution.DedupWindow.FirstNeeded(snapshot.NextIndex, _dedupWindow);
        using RocksDbIterator records = _database.Iterate(State);
        records.SeekForPrevious(Key('D', first));
        if (records.Valid && records.Key[0] == (byte)'D')
        {
            // The record that holds the first needed id stays whole.
            batch.DeleteRange(State, Key('D', 0), records.Key);
        }

        if (oldest > RootsKept)
        {
            batch.DeleteRange(State, Key('R', 0), Key('R', oldest - RootsKept));
        }
    }

    private void ReadSnapshots()
    {
        using RocksDbIterator records = _database.Iterate(State);
        for (records.Seek([(byte)'S']); records.Valid && records.Key[0] == (byte)'S'; records.Next())
        {
            if (records.Key.Length != 9)
            {
                throw Damaged("a snapshot");
            }

            _snapshots.Add(BinaryPrimitives.ReadUInt64BigEndian(records.Key[1..]));
        }
    }

    private static SnapshotState DecodeSnapshot(ulong sequence, ReadOnlySpan<byte> value)
    {
        bool hasTrust = value.Length >= 16 && (value.Length - 16) % Hash256.Size == 0;
        int head = hasTrust ? 16 : 12;
        if (value.Length < head || (value.Length - head) % Hash256.Size != 0)
        {
            throw Damaged($"the snapshot at block {sequence}");
        }

        Hash256[] hashes = new Hash256[(value.Length - head) / Hash256.Size];
        for (int i = 0; i < hashes.Length; i++)
        {
            hashes[i] = new Hash256(value[(head + (i * Hash256.Size))..]);
        }

        uint segments = BinaryPrimitives.ReadUInt32LittleEndian(value[8..]);
        ulong others = hasTrust ? segments + (ulong)BinaryPrimitives.ReadUInt32LittleEndian(value[12..]) : (ulong)hashes.Length;
        if (segments > others || others > (ulong)hashes.Length)
        {
            throw Damaged($"the snapshot at block {sequence}");
        }

        ulong next = BinaryPrimitives.ReadUInt64LittleEndian(value);
        return new SnapshotState(
            sequence, next, hashes[..(int)segments], hashes[(int)segments..(int)others])
        { Trust = hashes[(int)others..] };
    }

    private ReadOnlySpan<byte> AcceptedIds(ExecutedBlock executed)
    {
        Span<byte> ids = _batch.Room((int)executed.Result.Accepted * Hash256.Size);
        int at = 0;
        int transaction = 0;
        foreach (HeldVertex vertex in executed.Vertices)
        {
            for (int i = 0; i < vertex.Header.TransactionCount; i++)
            {
                if (executed.Result.IsAccepted(transaction++))
                {
                    vertex.Ids.Slice(i * Hash256.Size, Hash256.Size).CopyTo(ids[at..]);
                    at += Hash256.Size;
                }
            }
        }

        return ids;
    }
}
