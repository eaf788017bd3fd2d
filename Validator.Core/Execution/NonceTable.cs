using System.Buffers.Binary;
using System.Numerics;
using Validator.Core.Primitives;
using Validator.Crypto.Simd;

namespace Validator.Core.Execution;

/// <summary>What a nonce was found to be.</summary>
public enum NonceVerdict : byte
{
    Fresh,

    /// <summary>An envelope of this account with this nonce was accepted before.</summary>
    Used,

    /// <summary>More than 63 below the account's highest: whether it was used is no longer known.</summary>
    TooOld,

    /// <summary>The account is new, and there is no room for one more.</summary>
    AccountsFull,
}

/// <summary>
/// Per account the highest nonce accepted and a bitmap of the 64 that end with it: RFC 4303, section 3.4.3 and appendix A2,
/// because lanes run beside one another and an account's envelopes may be ordered a little out of turn. Accounts get places in
/// the order of their first envelope and keep them. They lie in segments of 128 records, 48 bytes each (account, highest,
/// bitmap), so that the digest costs one hash for each segment that changed and one over the segments' hashes; a segment is
/// also what a peer can be sent and check. Not thread-safe.
/// </summary>
public sealed class NonceTable
{
    public const int WindowBits = 64;
    public const int SegmentAccounts = 128;

    /// <summary>account (32) | highest nonce (u64) | bitmap (u64), bit i: highest - i was accepted.</summary>
    public const int RecordBytes = Hash256.Size + 16;

    private const int SegmentBytes = SegmentAccounts * RecordBytes;
    private const int FirstTableSlots = 1024;
    private const int HighestOffset = Hash256.Size;
    private const int BitmapOffset = HighestOffset + 8;

    // Odd constants of wyhash (Wang Yi), as in DedupWindow.
    private const ulong MixA = 0xa0761d6478bd642f;
    private const ulong MixB = 0xe7037ed1a0b428db;

    private readonly int _capacity;
    private readonly ulong _seedA;
    private readonly ulong _seedB;
    private readonly Blake3Hasher _hasher = new();
    private readonly byte[] _scratch = new byte[Hash256.Size];
    private readonly List<byte[]> _segments = [];
    private readonly List<int> _dirty = [];
    private readonly List<int> _changed = [];
    private byte[] _segmentHashes = [];
    private bool[] _segmentDirty = [];
    private bool[] _recordChanged = [];

    // Place plus one; 0 is free.
    private int[] _table = new int[FirstTableSlots];
    private Hash256 _digest;
    private bool _digestKnown;

    /// <param name="capacity">Most accounts.</param>
    /// <param name="tableSeed">Random per process; results do not depend on it, see <see cref="DedupWindow"/>.</param>
    public NonceTable(int capacity = Limits.MaxAccounts, ulong tableSeed = 0)
    {
        _capacity = capacity;
        _seedA = tableSeed ^ MixA;
        _seedB = BitOperations.RotateLeft(tableSeed, 32) ^ MixB;
    }

    /// <summary>Accounts known.</summary>
    public int Count { get; private set; }

    public int Segments => (Count + SegmentAccounts - 1) / SegmentAccounts;

    /// <summary>Places of the accounts that changed since <see cref="BeginBlock"/>, each once.</summary>
    public IReadOnlyList<int> Changed => _changed;

    public void BeginBlock()
    {
        foreach (int place in _changed)
        {
            _recordChanged[place] = false;
        }

        _changed.Clear();
    }

    /// <summary>Accepts a nonce, once.</summary>
    /// <param name="account">32 bytes.</param>
    public NonceVerdict Take(ReadOnlySpan<byte> account, ulong nonce)
    {
        int place = Find(account);
        if (place < 0)
        {
            if (Count == _capacity)
            {
                return NonceVerdict.AccountsFull;
            }

            Span<byte> added = Append(account);
            Write(added, nonce, 1);
            Change(Count - 1);
            return NonceVerdict.Fresh;
        }

        Span<byte> record = At(place);
        ulong highest = BinaryPrimitives.ReadUInt64LittleEndian(record[HighestOffset..]);
        ulong bitmap = BinaryPrimitives.ReadUInt64LittleEndian(record[BitmapOffset..]);
        if (nonce > highest)
        {
            ulong step = nonce - highest;
            Write(record, nonce, (step < WindowBits ? bitmap << (int)step : 0) | 1);
            Change(place);
            return NonceVerdict.Fresh;
        }

        ulong below = highest - nonce;
        if (below >= WindowBits)
        {
            return NonceVerdict.TooOld;
        }

        ulong bit = 1UL << (int)below;
        if ((bitmap & bit) != 0)
        {
            return NonceVerdict.Used;
        }

        Write(record, highest, bitmap | bit);
        Change(place);
        return NonceVerdict.Fresh;
    }

    /// <summary>The record at a place below <see cref="Count"/>.</summary>
    public ReadOnlySpan<byte> Record(int place) => At(place);

    /// <summary>The records of a segment as far as it is filled, 48 bytes each.</summary>
    public ReadOnlySpan<byte> Segment(int segment) =>
        _segments[segment].AsSpan(0, Math.Min(SegmentAccounts, Count - (segment * SegmentAccounts)) * RecordBytes);

    /// <summary>The segments' hashes, 32 bytes each, of which <see cref="Digest"/> is the hash.</summary>
    public ReadOnlySpan<byte> SegmentHashes()
    {
        foreach (int segment in _dirty)
        {
            _segmentDirty[segment] = false;
            Blake3.Hash(Segment(segment), _segmentHashes.AsSpan(segment * Hash256.Size, Hash256.Size));
        }

        _dirty.Clear();
        return _segmentHashes.AsSpan(0, Segments * Hash256.Size);
    }

    /// <summary>BLAKE3 over the segments' hashes in order; of nothing when there are no accounts.</summary>
    public Hash256 Digest()
    {
        if (!_digestKnown)
        {
            _hasher.Reset();
            _hasher.Update(SegmentHashes());
            _hasher.Finalize(_scratch);
            _digest = new Hash256(_scratch);
            _digestKnown = true;
        }

        return _digest;
    }

    /// <summary>Forgets everything and expects stored records in order of place, by <see cref="Load"/>.</summary>
    public void BeginLoad()
    {
        BeginBlock();
        _segments.Clear();
        _dirty.Clear();
        Array.Clear(_segmentDirty);
        Array.Clear(_table);
        Count = 0;
        _digestKnown = false;
    }

    /// <summary>Appends stored records, 48 bytes each.</summary>
    /// <returns>
    /// False when they cannot be what was executed: too many, an account twice, or a highest nonce not accepted.
    /// </returns>
    public bool Load(ReadOnlySpan<byte> records)
    {
        Require.That(records.Length % RecordBytes == 0);
        for (; !records.IsEmpty; records = records[RecordBytes..])
        {
            ReadOnlySpan<byte> record = records[..RecordBytes];
            if (Count == _capacity || (record[BitmapOffset] & 1) == 0 || Find(record[..Hash256.Size]) >= 0)
            {
                return false;
            }

            record.CopyTo(Append(record[..Hash256.Size]));
            Dirty((Count - 1) / SegmentAccounts);
        }

        return true;
    }

    private static void Write(Span<byte> record, ulong highest, ulong bitmap)
    {
        BinaryPrimitives.WriteUInt64LittleEndian(record[HighestOffset..], highest);
        BinaryPrimitives.WriteUInt64LittleEndian(record[BitmapOffset..], bitmap);
    }

    private Span<byte> At(int place) =>
        _segments[place / SegmentAccounts].AsSpan(place % SegmentAccounts * RecordBytes, RecordBytes);

    private Span<byte> Append(ReadOnlySpan<byte> account)
    {
        int place = Count++;
        if (place / SegmentAccounts == _segments.Count)
        {
            AddSegment();
        }

        // At most half full, so that chains stay short.
        if (2 * Count > _table.Length)
        {
            Grow();
        }

        Span<byte> record = At(place);
        account.CopyTo(record);
        Insert(account, place);
        return record;
    }

    private void AddSegment()
    {
        _segments.Add(new byte[SegmentBytes]);
        if (_segmentDirty.Length < _segments.Count)
        {
            int segments = Math.Max(8, 2 * _segmentDirty.Length);
            Array.Resize(ref _segmentDirty, segments);
            Array.Resize(ref _segmentHashes, segments * Hash256.Size);
            Array.Resize(ref _recordChanged, segments * SegmentAccounts);
        }
    }

    private void Change(int place)
    {
        if (!_recordChanged[place])
        {
            _recordChanged[place] = true;
            _changed.Add(place);
        }

        Dirty(place / SegmentAccounts);
    }

    private void Dirty(int segment)
    {
        _digestKnown = false;
        if (!_segmentDirty[segment])
        {
            _segmentDirty[segment] = true;
            _dirty.Add(segment);
        }
    }

    private int Home(ReadOnlySpan<byte> account)
    {
        ulong a = BinaryPrimitives.ReadUInt64LittleEndian(account) ^ _seedA;
        ulong b = BinaryPrimitives.ReadUInt64LittleEndian(account[8..]) ^ _seedB;
        ulong high = Math.BigMul(a, b, out ulong low);
        return (int)((high ^ low) & (ulong)(_table.Length - 1));
    }

    private int Find(ReadOnlySpan<byte> account)
    {
        int mask = _table.Length - 1;
        for (int slot = Home(account); _table[slot] != 0; slot = (slot + 1) & mask)
        {
            int place = _table[slot] - 1;
            if (At(place)[..Hash256.Size].SequenceEqual(account))
            {
                return place;
            }
        }

        return -1;
    }

    private void Insert(ReadOnlySpan<byte> account, int place)
    {
        int mask = _table.Length - 1;
        int slot = Home(account);
        while (_table[slot] != 0)
        {
            slot = (slot + 1) & mask;
        }

        _table[slot] = place + 1;
    }

    private void Grow()
    {
        _table = new int[2 * _table.Length];
        for (int place = 0; place < Count - 1; place++)
        {
            Insert(At(place)[..Hash256.Size], place);
        }
    }
}
