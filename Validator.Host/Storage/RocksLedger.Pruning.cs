using System.Buffers.Binary;
using Validator.Core.Primitives;
using Validator.Core.Wire;
using Validator.Host.Storage.Native;

namespace Validator.Host.Storage;

/// <summary>How much of the history stays.</summary>
/// <param name="Blocks">Executed blocks behind the newest, at least.</param>
/// <param name="Transactions">Final transactions; whichever of the two is reached first counts.</param>
internal sealed record Retention(ulong Blocks, ulong Transactions);

/// <summary>A place in the history: a block, and a global index of a transaction.</summary>
internal sealed record ChainPosition(ulong Sequence, ulong Index);

/// <summary>
/// Forgetting what lies behind the executed point. Readers are told first what is gone (<see cref="FirstKept"/>), then it is
/// deleted, a group of blocks at a time. Vertices lie in blob files in the order in which they came, so whole files go once <see
/// cref="Compact"/> has dropped their keys, and no payload is written again. On a thread of its own, never the ledger's.
/// </summary>
internal sealed partial class RocksLedger
{
    private const int BlocksPerStep = 64;

    private LaneTip[]? _prunedCut;
    private volatile ChainPosition _kept = new(1, 0);
    private volatile ChainPosition _newest = new(0, 0);
    private ulong _deleted;
    private ulong _prunedEpoch;

    /// <summary>What is still readable. Any thread.</summary>
    public ChainPosition FirstKept => _kept;

    /// <summary>The newest executed block, and the index that the next transaction gets. Any thread.</summary>
    public ChainPosition Newest => _newest;

    /// <summary>Deletes up to a group of blocks that the retention does not cover.</summary>
    /// <returns>Blocks deleted; 0 when nothing is due.</returns>
    /// <param name="error">What RocksDB said of a failed write.</param>
    public int Prune(Retention retention, out string? error)
    {
        error = null;
        ChainPosition newest = _newest;
        ulong floor = OldestSnapshot();
        List<FinalRecord> gone = [];
        using (RocksDbIterator finals = _database.Iterate(Finalized))
        {
            for (finals.Seek(Sequence(_deleted + 1)); finals.Valid && gone.Count < BlocksPerStep; finals.Next())
            {
                FinalRecord final = Decode(finals.Value);
                ulong sequence = final.Block.Sequence;
                ulong next = final.Result.FirstIndex + final.Result.Accepted;
                bool surplus = newest.Sequence - Math.Min(newest.Sequence, sequence) >= retention.Blocks
                    || newest.Index - Math.Min(newest.Index, next) >= retention.Transactions;
                bool due = sequence < newest.Sequence && (sequence < _kept.Sequence || (sequence < floor && surplus));
                if (!due)
                {
                    break;
                }

                gone.Add(final);
            }
        }

        if (gone.Count > 0)
        {
            error = Delete(gone);
        }

        return error is null ? gone.Count : 0;
    }

    /// <summary>Gives back the room of what was deleted.</summary>
    public void Compact()
    {
        for (int family = 0; family < Families.Length; family++)
        {
            _database.Compact(family);
        }
    }

    private string? Delete(List<FinalRecord> gone)
    {
        FinalRecord last = gone[^1];
        ulong sequence = last.Block.Sequence;
        ulong next = last.Result.FirstIndex + last.Result.Accepted;
        if (sequence >= _kept.Sequence)
        {
            _kept = new ChainPosition(sequence + 1, next);
        }

        using RocksDbBatch batch = new(_database);
        foreach (FinalRecord final in gone)
        {
            if (final == last || final.Block.EndsEpoch)
            {
                DeleteVertices(batch, final.Block.Epoch, final.Block.Cut);
            }

            batch.Delete(Metadata, Key('H', final.Block.Hash));
        }

        batch.DeleteRange(Finalized, Sequence(_deleted + 1), Sequence(sequence + 1));
        batch.DeleteRange(Metadata, Key('G', gone[0].Result.FirstIndex), Key('G', next));
        DeleteState(batch);
        _deleted = sequence;
        batch.Put(State, [PrunedKey], EncodeKept());
        return _database.Write(batch, sync: false);
    }

    /// <summary>Deletes vertices up to a cut, ordered or not: nobody may order them any more.</summary>
    private void DeleteVertices(RocksDbBatch batch, ulong epoch, LaneTip[] cut)
    {
        bool follows = _prunedCut is { } known && known.Length == cut.Length && _prunedEpoch == epoch;
        using RocksDbIterator heights = _database.Iterate(IndexHeight);
        for (int author = 0; author < cut.Length; author++)
        {
            byte[] from = HeightKey(epoch, author, follows ? _prunedCut![author].Height + 1 : 0, Hash256.Zero);
            byte[] end = HeightKey(epoch, author, cut[author].Height + 1, Hash256.Zero);
            for (heights.Seek(from); heights.Valid && heights.Key.SequenceCompareTo(end) < 0; heights.Next())
            {
                batch.Delete(Vertices, heights.Key[18..]);
                batch.Delete(IndexHeight, heights.Key);
            }
        }

        _prunedCut = cut;
        _prunedEpoch = epoch;
    }

    private void ReadKept()
    {
        using PinnedValue record = _database.Get(State, [PrunedKey]);
        if (record.Found)
        {
            if (record.Span.Length != 24)
            {
                throw Damaged("what was deleted");
            }

            _kept = new ChainPosition(BinaryPrimitives.ReadUInt64LittleEndian(record.Span), BinaryPrimitives.ReadUInt64LittleEndian(record.Span[8..]));
            _deleted = BinaryPrimitives.ReadUInt64LittleEndian(record.Span[16..]);
        }

        if (LastFinal() is { } last)
        {
            _newest = new ChainPosition(last.Block.Sequence, last.Result.FirstIndex + last.Result.Accepted);
        }
    }

    private byte[] EncodeKept()
    {
        byte[] value = new byte[24];
        BinaryPrimitives.WriteUInt64LittleEndian(value, _kept.Sequence);
        BinaryPrimitives.WriteUInt64LittleEndian(value.AsSpan(8), _kept.Index);
        BinaryPrimitives.WriteUInt64LittleEndian(value.AsSpan(16), _deleted);
        return value;
    }

    private static byte[] Sequence(ulong sequence)
    {
        byte[] key = new byte[sizeof(ulong)];
        BinaryPrimitives.WriteUInt64BigEndian(key, sequence);
        return key;
    }
}
