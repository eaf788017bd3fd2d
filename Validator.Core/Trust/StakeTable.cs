using System.Buffers.Binary;
using Validator.Core.Primitives;
using Validator.Core.Wire;

namespace Validator.Core.Trust;

/// <summary>What a record of <see cref="StakeTable"/> is of.</summary>
public enum StakeRecordKind : byte
{
    /// <summary>What an account has to spend. First: units.</summary>
    Balance = 1,

    /// <summary>
    /// An account's part of a member's pool. First: shares; second: rewards that are its own; wide: the pool's rewards a share
    /// up to which that is reckoned.
    /// </summary>
    Deposit,

    /// <summary>An account's part of what leaves a member's pool and is paid from an epoch on. First: shares.</summary>
    Unbonding,

    /// <summary>
    /// What is deposited to a member (epoch 0), or leaves it. First: units; second: shares; wide: rewards a share since the
    /// beginning, in units of 2^-64.
    /// </summary>
    Pool,

    /// <summary>Rewards that depositors of a member have not claimed. First: units.</summary>
    Owed,

    /// <summary>What slashes took. First: units.</summary>
    Treasury,

    /// <summary>What rewards are still paid from. First: units.</summary>
    Rewards,
}

/// <param name="Member">Its number in the order in which members became known; 0 where the record is of none.</param>
/// <param name="Epoch">From which on it is paid; 0 where the record is of none.</param>
/// <param name="Account">Zero where the record is of none.</param>
public readonly record struct StakeKey(StakeRecordKind Kind, ushort Member, ulong Epoch, Hash256 Account);

/// <summary>What it says by kind: see <see cref="StakeRecordKind"/>.</summary>
public readonly record struct StakeValue(ulong First, ulong Second = 0, UInt128 Wide = default);

/// <summary>
/// The records that stake consists of, all of 80 bytes, in segments of 128: the digest costs one hash for each segment that
/// changed and one over the segments' hashes, and a segment is what a peer can be sent and check. A record that is removed gives
/// its place to the last one, so that all who apply the same operations have the same places. Not thread-safe.
/// </summary>
public sealed class StakeTable
{
    public const int SegmentRecords = 128;

    /// <summary>What a snapshot's list of segments holds, with room for what else it lists.</summary>
    public const int MostRecords = (SnapshotChunkCodec.MaxData / Hash256.Size - 8) * SegmentRecords;

    /// <summary>kind u8 | 0 | member u16 | 0 u32 | epoch u64 | account 32 | first u64 | second u64 | wide u128.</summary>
    public const int RecordBytes = 80;

    private const int ValueOffset = 48;

    private readonly Dictionary<StakeKey, int> _places = new(new SeededComparer());
    private readonly List<byte[]> _segments = [];
    private readonly SortedSet<int> _dirty = [];
    private readonly SortedSet<int> _changed = [];
    private byte[] _hashes = [];

    public int Count => _places.Count;

    public int Segments => (Count + SegmentRecords - 1) / SegmentRecords;

    /// <summary>Places written since <see cref="BeginBlock"/>; those at <see cref="Count"/> and above are empty now.</summary>
    public IReadOnlyCollection<int> Changed => _changed;

    public void BeginBlock() => _changed.Clear();

    /// <summary>The record at a place.</summary>
    public ReadOnlySpan<byte> Record(int place)
    {
        Require.That((uint)place < (uint)Count);
        return At(place);
    }

    /// <summary>All zero where there is none.</summary>
    public StakeValue this[in StakeKey key]
    {
        get => _places.TryGetValue(key, out int place) ? ReadValue(At(place)) : default;
        set
        {
            bool known = _places.TryGetValue(key, out int place);
            if (value == default)
            {
                if (known)
                {
                    Remove(key, place);
                }

                return;
            }

            if (!known)
            {
                place = Count;
                _places.Add(key, place);
                if (place / SegmentRecords == _segments.Count)
                {
                    _segments.Add(new byte[SegmentRecords * RecordBytes]);
                }

                WriteKey(At(place), key);
            }

            Span<byte> record = At(place);
            BinaryPrimitives.WriteUInt64LittleEndian(record[ValueOffset..], value.First);
            BinaryPrimitives.WriteUInt64LittleEndian(record[(ValueOffset + 8)..], value.Second);
            BinaryPrimitives.WriteUInt128LittleEndian(record[(ValueOffset + 16)..], value.Wide);
            Touch(place);
        }
    }

    /// <summary>In the order of places.</summary>
    public IEnumerable<(StakeKey Key, StakeValue Value)> Records()
    {
        for (int place = 0; place < Count; place++)
        {
            yield return (ReadKey(At(place)), ReadValue(At(place)));
        }
    }

    /// <summary>The records of a segment as far as it is filled.</summary>
    public ReadOnlySpan<byte> Segment(int segment) =>
        _segments[segment].AsSpan(0, Math.Min(SegmentRecords, Count - (segment * SegmentRecords)) * RecordBytes);

    /// <summary>BLAKE3 over the hashes of the segments.</summary>
    public Hash256 Digest() => Hash256.Of(SegmentHashes());

    /// <summary>Of each segment, 32 bytes each.</summary>
    public ReadOnlySpan<byte> SegmentHashes()
    {
        Array.Resize(ref _hashes, Segments * Hash256.Size);
        foreach (int segment in _dirty)
        {
            if (segment < Segments)
            {
                Hash256.Of(Segment(segment)).CopyTo(_hashes.AsSpan(segment * Hash256.Size));
            }
        }

        _dirty.Clear();
        return _hashes;
    }

    /// <summary>Fills the table anew with the records of all segments.</summary>
    /// <returns>False where they are no table's: a length, a kind or a key twice.</returns>
    public bool Load(ReadOnlySpan<byte> records)
    {
        _places.Clear();
        _segments.Clear();
        _dirty.Clear();
        if (records.Length % RecordBytes != 0)
        {
            return false;
        }

        for (; records.Length > 0; records = records[RecordBytes..])
        {
            StakeKey key = ReadKey(records);
            StakeValue value = ReadValue(records);
            if (key.Kind is < StakeRecordKind.Balance or > StakeRecordKind.Rewards || value == default
                || _places.ContainsKey(key))
            {
                return false;
            }

            this[key] = value;
            if (!At(Count - 1).SequenceEqual(records[..RecordBytes]))
            {
                return false;
            }
        }

        return true;
    }

    private Span<byte> At(int place) =>
        _segments[place / SegmentRecords].AsSpan(place % SegmentRecords * RecordBytes, RecordBytes);

    private void Remove(in StakeKey key, int place)
    {
        int last = Count - 1;
        if (place != last)
        {
            At(last).CopyTo(At(place));
            _places[ReadKey(At(place))] = place;
            Touch(place);
        }

        At(last).Clear();
        _places.Remove(key);
        Touch(last);
    }

    private void Touch(int place)
    {
        _dirty.Add(place / SegmentRecords);
        _changed.Add(place);
    }

    /// <summary>
    /// Who may transfer may choose accounts, all with one hash if it were known: the runtime's is different in each process.
    /// </summary>
    private sealed class SeededComparer : IEqualityComparer<StakeKey>
    {
        public bool Equals(StakeKey x, StakeKey y) => x == y;

        public int GetHashCode(StakeKey key)
        {
            Span<byte> account = stackalloc byte[Hash256.Size];
            key.Account.CopyTo(account);
            HashCode code = default;
            code.Add(((int)key.Kind << 16) | key.Member);
            code.Add(key.Epoch);
            code.AddBytes(account);
            return code.ToHashCode();
        }
    }

    private static void WriteKey(Span<byte> record, in StakeKey key)
    {
        record[0] = (byte)key.Kind;
        BinaryPrimitives.WriteUInt16LittleEndian(record[2..], key.Member);
        BinaryPrimitives.WriteUInt64LittleEndian(record[8..], key.Epoch);
        key.Account.CopyTo(record[16..]);
    }

    private static StakeKey ReadKey(ReadOnlySpan<byte> record) => new(
        (StakeRecordKind)record[0], BinaryPrimitives.ReadUInt16LittleEndian(record[2..]),
        BinaryPrimitives.ReadUInt64LittleEndian(record[8..]), new Hash256(record[16..]));

    private static StakeValue ReadValue(ReadOnlySpan<byte> record) => new(
        BinaryPrimitives.ReadUInt64LittleEndian(record[ValueOffset..]),
        BinaryPrimitives.ReadUInt64LittleEndian(record[(ValueOffset + 8)..]),
        BinaryPrimitives.ReadUInt128LittleEndian(record[(ValueOffset + 16)..]));
}
