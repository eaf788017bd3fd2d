using System.Buffers.Binary;
using System.Numerics;
using Validator.Core.Primitives;
using Validator.Host.Storage.Native;

namespace Validator.Host.Storage;

/// <summary>
/// Where a transaction is found by its id, in the ledger: of an accepted one its global index, of one that execution dropped the
/// block. The newest blocks' entries are in memory; every 65,536 of them go to the database as one segment, in the write of the
/// block that follows, and sixteen segments are put together in the background. So a transaction costs 24 bytes and no key of its
/// own, which would cost more than everything else that is stored of it. The index is derived from the ledger, and made anew
/// where that was written without it: for the newest blocks at the start, for older ones in the background. Keys of the family
/// "default": T level first: a segment's last block and count; X level first bucket: its entries of these leading bits of the id:
/// 16 bytes of the id, u64 little-endian place. One thread adds, one does the background work, any may search.
/// </summary>
internal sealed class TransactionIndex
{
    public const int EntryBytes = IdBytes + sizeof(ulong);

    /// <summary>To make two ids with the same 16 bytes takes 2^64 tries, and 2^128 for a given id.</summary>
    private const int IdBytes = 16;

    /// <summary>
    /// Bit of a place: execution dropped the transaction, and the other bits are the block. Without it they are the global index.
    /// </summary>
    public const ulong Dropped = 1UL << 63;

    /// <summary>Entries, and bytes of payload to be read again at a start, after which a segment is closed.</summary>
    public const int SegmentEntries = 1 << 16;
    public const long SegmentPayloadBytes = 256L * 1024 * 1024;

    private const int Merged = 16;

    /// <summary>A merge writes so much of a full segment at once, at least: 256 KiB.</summary>
    private const int PartsOfASegment = 6;

    /// <summary>The family.</summary>
    internal const int State = 0;
    private const byte SegmentKey = (byte)'T';
    private const byte EntriesKey = (byte)'X';

    private readonly RocksDb _database;
    private readonly int _segmentEntries;
    private readonly Lock _lock = new();
    private readonly List<(IndexSegment Segment, IndexTail Tail)> _closing = [];
    private volatile View _view;

    // A closed tail, to be used again: a reader that still has it sees that the view has changed.
    private IndexTail? _spare;
    private int _resets;

    // The background thread's.
    private IndexMerge? _merge;

    /// <summary>What a search uses.</summary>
    /// <param name="Tails">Newest last; those before it are not committed as segments yet.</param>
    /// <param name="Segments">Ordered by first block, without overlap.</param>
    private sealed record View(IndexTail[] Tails, IndexSegment[] Segments);

    /// <param name="segmentEntries">Smaller in tests.</param>
    public TransactionIndex(RocksDb database, ulong next, int segmentEntries)
    {
        _database = database;
        _segmentEntries = segmentEntries;
        _view = new View([NewTail(0).Begin(next)], ReadSegments());
        DropOrphans();
    }

    /// <summary>Entries after which a segment is closed.</summary>
    public int MostEntries => _segmentEntries;

    public IndexSegment[] Segments => _view.Segments;

    /// <summary>Before a block's entries are added: closes the tail if it is full.</summary>
    public IndexTail BeginBlock(RocksDbBatch batch, ulong sequence, int entries, long payloadBytes)
    {
        IndexTail tail = _view.Tails[^1];
        if (tail.Count + entries > tail.Capacity || tail.PayloadBytes + payloadBytes > SegmentPayloadBytes)
        {
            IndexTail fresh = entries <= _segmentEntries && Interlocked.Exchange(ref _spare, null) is { } spare ? spare : NewTail(entries);
            // Blocks without a transaction need no segment of their own.
            fresh.Begin(tail.Count > 0 ? sequence : tail.First);
            lock (_lock)
            {
                View view = _view;
                if (tail.Count > 0)
                {
                    IndexSegment segment = new(0, tail.First, sequence - 1, (ulong)tail.Count);
                    Write(batch, segment, tail);
                    _closing.Add((segment, tail));
                    _view = view with { Tails = [.. view.Tails, fresh] };
                }
                else
                {
                    _view = view with { Tails = [.. view.Tails[..^1], fresh] };
                }
            }

            tail = fresh;
        }

        tail.PayloadBytes += payloadBytes;
        return tail;
    }

    /// <summary>The closed tail is on disk.</summary>
    public void Committed()
    {
        if (_closing.Count == 0)
        {
            return;
        }

        lock (_lock)
        {
            View view = _view;
            _view = new View(
                [.. view.Tails.Where(t => !_closing.Exists(c => ReferenceEquals(c.Tail, t)))], Sorted(view.Segments.Concat(_closing.Select(c => c.Segment))));
            _spare = _closing[^1].Tail is { } done && done.Capacity == _segmentEntries ? done : null;
            _closing.Clear();
        }
    }

    /// <summary>When a snapshot's state is installed: nothing before it is known.</summary>
    /// <param name="next">The first block after it.</param>
    public void Reset(RocksDbBatch batch, ulong next)
    {
        batch.DeleteRange(State, [SegmentKey], [SegmentKey + 1]);
        batch.DeleteRange(State, [EntriesKey], [EntriesKey + 1]);
        lock (_lock)
        {
            _resets++;
            _closing.Clear();
            _view = new View([NewTail(0).Begin(next)], []);
        }
    }

    /// <summary>At the start: begins with the newest blocks' entries, from this block on.</summary>
    public void SetTail(IndexTail tail) => _view = _view with { Tails = [tail] };

    /// <summary>Makes room for at least that many entries.</summary>
    public IndexTail NewTail(int entries) => new(Math.Max(entries, _segmentEntries));

    /// <summary>The place of an id: the newest global index that it has there, else the newest block that dropped it.</summary>
    /// <param name="first">Entries before these do not count.</param>
    /// <param name="end">Nor do entries from these on: they are not on disk yet.</param>
    public bool TryFind(in Hash256 id, ChainPosition first, ChainPosition end, out ulong place)
    {
        UInt128 key = IndexTail.KeyOf(id);
        while (true)
        {
            View view = _view;
            Best best = new(first, end);
            foreach (IndexTail tail in view.Tails)
            {
                tail.Find(key, ref best);
            }

            foreach (IndexSegment segment in view.Segments)
            {
                if (segment.Last >= first.Sequence)
                {
                    Find(segment, key, ref best);
                }
            }

            // Segments merged or closed meanwhile may have been missed, and a tail may be in use again. Nothing of them is read
            // after this.
            Interlocked.MemoryBarrier();
            if (ReferenceEquals(view, _view))
            {
                place = best.Place;
                return best.Found;
            }
        }
    }

    /// <summary>
    /// The first run of blocks, from the given one on, that no segment and no tail has; null when there is none.
    /// </summary>
    public (ulong First, ulong Last)? Gap(ulong from)
    {
        View view = _view;
        ulong next = from;
        foreach (IndexSegment segment in view.Segments)
        {
            if (segment.First > next)
            {
                return (next, segment.First - 1);
            }

            next = Math.Max(next, segment.Last + 1);
        }

        ulong tail = view.Tails[0].First;
        return next < tail ? (next, tail - 1) : null;
    }

    /// <summary>Adds a segment for the blocks of a gap. The background thread.</summary>
    /// <param name="resets">The count of resets from before the blocks were read.</param>
    public string? Fill(IndexTail entries, ulong last, int resets)
    {
        IndexSegment segment = new(0, entries.First, last, (ulong)entries.Count);
        using RocksDbBatch batch = new(_database);
        Write(batch, segment, entries);
        return Publish(batch, [], segment, resets);
    }

    /// <summary>How often the whole index was dropped.</summary>
    public int Resets => Volatile.Read(ref _resets);

    /// <summary>Drops what lies before a block, or else writes a part of a merge of segments. The background thread.</summary>
    /// <param name="most">The most entries of a merged segment.</param>
    /// <returns>Whether there was something to do.</returns>
    public bool Tend(ulong keptFrom, ulong most, out string? error)
    {
        error = null;
        if (_merge is { } merge)
        {
            error = Advance(merge);
            return true;
        }

        int resets = Resets;
        IndexSegment[] segments = _view.Segments;
        IndexSegment[] gone = Array.FindAll(segments, s => s.Last < keptFrom);
        if (gone.Length > 0)
        {
            using RocksDbBatch batch = new(_database);
            error = Publish(batch, gone, null, resets);
            return true;
        }

        for (int at = 0; at + Merged <= segments.Length; at++)
        {
            IndexSegment[] run = segments[at..(at + Merged)];
            if (run[0].Level < IndexSegment.MostLevel && Array.TrueForAll(run, s => s.Level == run[0].Level)
                && run.Aggregate(0UL, (sum, s) => sum + s.Count) <= most && Follow(run))
            {
                _merge = new IndexMerge(run, resets, _segmentEntries * EntryBytes / PartsOfASegment);
                return true;
            }
        }

        return false;
    }

    /// <summary>The stored entries of a segment: part of the id, and place.</summary>
    public IEnumerable<(UInt128 Id, ulong Place)> Entries(IndexSegment segment)
    {
        using RocksDbIterator values = _database.Iterate(State);
        byte[] prefix = EntriesKeyOf(segment, 0)[..10];
        for (values.Seek(prefix); values.Valid && values.Key.StartsWith(prefix); values.Next())
        {
            byte[] entries = values.Value.ToArray();
            for (int i = 0; i + EntryBytes <= entries.Length; i += EntryBytes)
            {
                yield return Read(entries.AsSpan(i));
            }
        }
    }

    private static bool Follow(IndexSegment[] run) => !run.Where((s, i) => i > 0 && s.First != run[i - 1].Last + 1).Any();

    /// <summary>Writes the next part of the merge, or names it and drops its segments once all are written.</summary>
    private string? Advance(IndexMerge merge)
    {
        if (merge.Resets != Resets)
        {
            _merge = null;
            return null;
        }

        if (!merge.IsWritten)
        {
            return merge.WritePart(_database);
        }

        _merge = null;
        using RocksDbBatch named = new(_database);
        named.Put(State, SegmentKeyOf(merge.Whole), Encode(merge.Whole));
        return Publish(named, merge.Run, merge.Whole, merge.Resets);
    }

    /// <summary>
    /// Writes the batch, deletions included, and publishes the new view: a merged segment before its parts are deleted, anything
    /// else once it is written. Does nothing where the index was dropped meanwhile.
    /// </summary>
    private string? Publish(RocksDbBatch batch, IndexSegment[] gone, IndexSegment? added, int resets)
    {
        foreach (IndexSegment segment in gone)
        {
            batch.Delete(State, SegmentKeyOf(segment));
            batch.DeleteRange(State, EntriesKeyOf(segment, 0), EntriesKeyOf(segment, uint.MaxValue));
        }

        lock (_lock)
        {
            if (_resets != resets)
            {
                return null;
            }

            View after = _view with { Segments = Sorted(_view.Segments.Except(gone).Concat(added is null ? [] : [added])) };
            if (gone.Length > 0)
            {
                // A reader of the old view notices the change afterwards, and searches again.
                _view = after;
            }

            string? error = _database.Write(batch, sync: false);
            _view = error is null ? after : _view;
            return error;
        }
    }

    private static IndexSegment[] Sorted(IEnumerable<IndexSegment> segments) => [.. segments.OrderBy(s => s.First)];

    private void Find(IndexSegment segment, UInt128 id, ref Best best)
    {
        using PinnedValue value = _database.Get(State, EntriesKeyOf(segment, BucketOf(id, segment)));
        ReadOnlySpan<byte> entries = value.Span;
        for (; entries.Length >= EntryBytes; entries = entries[EntryBytes..])
        {
            (UInt128 key, ulong place) = Read(entries);
            if (key == id)
            {
                best.Take(place);
            }
        }
    }

    private static void Write(RocksDbBatch batch, IndexSegment segment, IndexTail tail)
    {
        Span<int> ends = stackalloc int[1 << segment.BucketBits];
        Span<byte> values = batch.Room(tail.Count * EntryBytes);
        tail.Split(128 - segment.BucketBits, ends, values);
        int start = 0;
        for (uint bucket = 0; bucket < ends.Length; bucket++)
        {
            if (ends[(int)bucket] > start)
            {
                batch.Put(State, EntriesKeyOf(segment, bucket), values[start..ends[(int)bucket]]);
                start = ends[(int)bucket];
            }
        }

        batch.Put(State, SegmentKeyOf(segment), Encode(segment));
    }

    internal static (UInt128 Id, ulong Place) Read(ReadOnlySpan<byte> entry) =>
        (BinaryPrimitives.ReadUInt128BigEndian(entry), BinaryPrimitives.ReadUInt64LittleEndian(entry[IdBytes..]));

    internal static void Write(Span<byte> entry, UInt128 id, ulong place)
    {
        BinaryPrimitives.WriteUInt128BigEndian(entry, id);
        BinaryPrimitives.WriteUInt64LittleEndian(entry[IdBytes..], place);
    }

    internal static uint BucketOf(UInt128 id, IndexSegment segment) => (uint)(id >> (128 - segment.BucketBits));

    private static byte[] SegmentKeyOf(IndexSegment segment)
    {
        byte[] key = new byte[10];
        key[0] = SegmentKey;
        key[1] = (byte)segment.Level;
        BinaryPrimitives.WriteUInt64BigEndian(key.AsSpan(2), segment.First);
        return key;
    }

    internal static byte[] EntriesKeyOf(IndexSegment segment, uint bucket)
    {
        byte[] key = new byte[14];
        SegmentKeyOf(segment).CopyTo(key, 0);
        key[0] = EntriesKey;
        BinaryPrimitives.WriteUInt32BigEndian(key.AsSpan(10), bucket);
        return key;
    }

    private static byte[] Encode(IndexSegment segment)
    {
        byte[] value = new byte[16];
        BinaryPrimitives.WriteUInt64LittleEndian(value, segment.Last);
        BinaryPrimitives.WriteUInt64LittleEndian(value.AsSpan(8), segment.Count);
        return value;
    }

    /// <summary>A record that is not whole names no segment: its blocks are a gap.</summary>
    private IndexSegment[] ReadSegments()
    {
        List<IndexSegment> found = [];
        using RocksDbIterator records = _database.Iterate(State);
        for (records.Seek([SegmentKey]); records.Valid && records.Key[0] == SegmentKey; records.Next())
        {
            if (records.Key.Length == 10 && records.Value.Length == 16 && records.Key[1] <= IndexSegment.MostLevel)
            {
                found.Add(new IndexSegment(
                    records.Key[1], BinaryPrimitives.ReadUInt64BigEndian(records.Key[2..]), BinaryPrimitives.ReadUInt64LittleEndian(records.Value),
                    BinaryPrimitives.ReadUInt64LittleEndian(records.Value[8..])));
            }
        }

        return Sorted(found);
    }

    /// <summary>Entries of no segment: a crash came before it was named.</summary>
    private void DropOrphans()
    {
        using RocksDbBatch batch = new(_database);
        using RocksDbIterator values = _database.Iterate(State);
        values.Seek([EntriesKey]);
        while (values.Valid && values.Key[0] == EntriesKey && values.Key.Length == 14)
        {
            IndexSegment segment = new(values.Key[1], BinaryPrimitives.ReadUInt64BigEndian(values.Key[2..]), 0, 0);
            byte[] end = EntriesKeyOf(segment, uint.MaxValue);
            if (!Array.Exists(_view.Segments, s => s.Level == segment.Level && s.First == segment.First))
            {
                batch.DeleteRange(State, EntriesKeyOf(segment, 0), end);
            }

            values.Seek(end);
        }

        if (batch.Count > 0)
        {
            // If that fails they are found again at the next start; nobody reads them.
            _ = _database.Write(batch, sync: false);
        }
    }

    /// <summary>The newest of what was found; a global index wins over a block that dropped it.</summary>
    internal ref struct Best(ChainPosition first, ChainPosition end)
    {
        public bool Found { get; private set; }

        public ulong Place { get; private set; }

        public readonly bool IsFinal => Found && (Place & Dropped) == 0;

        public void Take(ulong place)
        {
            bool dropped = (place & Dropped) != 0;
            ulong number = place & ~Dropped;
            bool counts = dropped ? number >= first.Sequence && number <= end.Sequence : number >= first.Index && number < end.Index;
            if (counts && (!Found || (dropped ? !IsFinal && place > Place : !IsFinal || place > Place)))
            {
                Found = true;
                Place = place;
            }
        }
    }
}
