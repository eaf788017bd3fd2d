using System.Buffers.Binary;
using Validator.Core.Execution;
using Validator.Core.Primitives;
using Validator.Core.Wire;
using Validator.Host.Storage.Native;

namespace Validator.Host.Node;

/// <summary>
/// The executed state beside the history, so that a restart and a snapshot need no block that is gone. Keys of the family
/// "default": A account: place, nonces; D first index: ids of a block's accepted transactions; R sequence: what the executed root is the hash of; S
/// sequence: a snapshot's digests; P: what is kept. All written with the block that they belong to.
/// </summary>
internal sealed partial class RocksLedger
{
    private const int State = 0;
    private const byte PrunedKey = (byte)'P';

    /// <summary>The newest may not be stated by a final block yet, so two are always good.</summary>
    private const int SnapshotsKept = 3;

    /// <summary>Roots behind the oldest snapshot that a block above it may state (rule P3): window + 16, with room.</summary>
    private const ulong RootsKept = 2048;

    private readonly SortedSet<ulong> _snapshots = [];
    private readonly uint _dedupWindow;

    // Of the last block added, for when the commit has made it readable.
    private Kept? _added;

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

    /// <summary>Ids of accepted transactions by global index, from one on; false where they are not all here.</summary>
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

        Span<byte> record = stackalloc byte[StateRecord.EncodedSize];
        result.State.Write(record);
        _batch.Put(State, Key('R', result.Sequence), record);
        if (executed.Snapshot is { } snapshot)
        {
            AddSnapshot(snapshot);
        }

        _added = new Kept(result.Sequence, result.FirstIndex + result.Accepted);
    }

    private void AddSnapshot(SnapshotState snapshot)
    {
        byte[] value = new byte[8 + (snapshot.Segments.Length * Hash256.Size)];
        BinaryPrimitives.WriteUInt64LittleEndian(value, snapshot.NextIndex);
        for (int i = 0; i < snapshot.Segments.Length; i++)
        {
            snapshot.Segments[i].CopyTo(value.AsSpan(8 + (i * Hash256.Size)));
        }

        _batch.Put(State, Key('S', snapshot.Sequence), value);
        lock (_snapshots)
        {
            _snapshots.Add(snapshot.Sequence);
            while (_snapshots.Count > SnapshotsKept)
            {
                _batch.Delete(State, Key('S', _snapshots.Min));
                _snapshots.Remove(_snapshots.Min);
            }
        }
    }

    /// <summary>Nothing at or above it may go: whoever takes the snapshot needs the blocks that follow. 0 while there are too few.</summary>
    private ulong OldestSnapshot()
    {
        lock (_snapshots)
        {
            return _snapshots.Count < SnapshotsKept ? 0 : _snapshots.Min;
        }
    }

    /// <summary>Ids and roots that neither the newest state nor a kept snapshot needs.</summary>
    private void DeleteState(RocksDbBatch batch)
    {
        ulong oldest = OldestSnapshot();
        if (oldest == 0 || FindSnapshot(oldest) is not { } snapshot)
        {
            return;
        }

        ulong first = DedupWindow.FirstNeeded(snapshot.NextIndex, _dedupWindow);
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
        if (value.Length < 8 || (value.Length - 8) % Hash256.Size != 0)
        {
            throw Damaged($"the snapshot at block {sequence}");
        }

        ulong next = BinaryPrimitives.ReadUInt64LittleEndian(value);
        Hash256[] segments = new Hash256[(value.Length - 8) / Hash256.Size];
        for (int i = 0; i < segments.Length; i++)
        {
            segments[i] = new Hash256(value[(8 + (i * Hash256.Size))..]);
        }

        return new SnapshotState(sequence, next, segments);
    }

    private static byte[] AcceptedIds(ExecutedBlock executed)
    {
        byte[] ids = new byte[executed.Result.Accepted * Hash256.Size];
        int at = 0;
        int transaction = 0;
        foreach (HeldVertex vertex in executed.Vertices)
        {
            for (int i = 0; i < vertex.Header.TransactionCount; i++)
            {
                if (executed.Result.IsAccepted(transaction++))
                {
                    vertex.Ids.AsSpan(i * Hash256.Size, Hash256.Size).CopyTo(ids.AsSpan(at));
                    at += Hash256.Size;
                }
            }
        }

        return ids;
    }
}
