using System.Buffers.Binary;
using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics.X86;
using Validator.Core.Primitives;
using Validator.Crypto.Simd;

namespace Validator.Core.Execution;

/// <summary>
/// The ids of the last W ordered transactions, by global index (PROTOCOL.md, section 7): finds repeats, and digests itself.
/// Ids lie in segments of 1,024, kept whole from the first that overlaps the window, so that the digest costs one hash of the
/// newest segment and one over the segments' hashes. An open-addressing table finds ids. Memory grows with use up to
/// 32 bytes an id for segments and 16 for the table, rounded up to a power of two, then stays. Not thread-safe.
/// </summary>
public sealed class DedupWindow
{
    public const int SegmentIds = Limits.DedupSegmentIds;

    private const int SegmentBytes = SegmentIds * Hash256.Size;
    private const int FirstTableSlots = 4096;

    // What moving half as many entries costs (about 3 ms) is not felt; every executor grows at the same transaction.
    private const int LastStepSlots = 1 << 18;

    // Ids from one that is prefetched to the one that is added: what memory takes, less what adding does.
    internal const int PrefetchAhead = 8;

    // Odd constants of wyhash (Wang Yi); any with mixed bits will do.
    private const ulong MixA = 0xa0761d6478bd642f;
    private const ulong MixB = 0xe7037ed1a0b428db;

    private readonly uint _window;
    private readonly ulong _seedA;
    private readonly ulong _seedB;
    private readonly byte[]?[] _segments;
    private readonly byte[] _segmentHashes;
    private readonly ulong _capacity;
    private readonly int _mostSlots;
    private readonly Blake3Hasher _hasher = new();
    private readonly byte[] _scratch = new byte[Hash256.Size];

    // An entry is the upper half of the id's mix, then its place among the kept ids plus one; 0 is free. The home slot is
    // the mix's leading bits, so that entries move without their ids being read.
    private ulong[] _table = new ulong[FirstTableSlots];
    private int _homeShift = 32 - BitOperations.Log2(FirstTableSlots);
    private int _entries;
    private Hash256 _digest;
    private bool _digestKnown;

    // Ids below it are kept for the segments' hashes alone.
    private ulong _start;

    /// <param name="window">W, at least 1.</param>
    /// <param name="tableSeed">Random per process, where the host has randomness: results do not depend on it, but ids aimed
    /// at one slot of the table then cannot be made. Without it every aimed id costs its maker about 2W hashes.</param>
    public DedupWindow(uint window, ulong tableSeed = 0)
    {
        Require.That(window > 0);
        _window = window;
        _seedA = tableSeed ^ MixA;
        _seedB = BitOperations.RotateLeft(tableSeed, 32) ^ MixB;
        int segments = (int)((window + SegmentIds - 1L) / SegmentIds) + 1;
        _segments = new byte[]?[segments];
        _segmentHashes = new byte[segments * Hash256.Size];
        _capacity = (ulong)segments * SegmentIds;
        _mostSlots = checked((int)Math.Max(FirstTableSlots, BitOperations.RoundUpToPowerOf2(2UL * window)));
    }

    /// <summary>The index that the next new id gets.</summary>
    public ulong Next { get; private set; }

    /// <summary>The first index whose id must be loaded to go on at <paramref name="next"/>: a segment's first.</summary>
    public static ulong FirstNeeded(ulong next, uint window)
    {
        ulong start = next > window ? next - window : 0;
        return start - (start % SegmentIds);
    }

    /// <summary>Gives a new id the next index, or finds the index of the same id in the window.</summary>
    /// <returns>False for a repeat.</returns>
    public bool TryAdd(ReadOnlySpan<byte> id, out ulong index)
    {
        ulong mix = Mix(id);
        if (Find(id, mix, out index))
        {
            return false;
        }

        // First, so that the table never holds one more than the window.
        if (Next - _start == _window)
        {
            Evict();
        }

        index = Next;
        Append(id);
        Insert(mix, index);
        return true;
    }

    /// <summary>Asks for the memory that adding an id will look at, <see cref="PrefetchAhead"/> ids from now.</summary>
    public void Prefetch(ReadOnlySpan<byte> id)
    {
        Touch(Mix(id));
        if (Next - _start == _window && _window > PrefetchAhead)
        {
            Touch(Mix(At((_start + PrefetchAhead) % _capacity)));
        }
    }

    public bool TryFind(ReadOnlySpan<byte> id, out ulong index) => Find(id, Mix(id), out index);

    /// <summary>
    /// BLAKE3 over the hashes of the segments from the first that overlaps the window on; the newest is hashed as far as it is.
    /// </summary>
    public Hash256 Digest()
    {
        if (_digestKnown)
        {
            return _digest;
        }

        ulong segment = _start / SegmentIds;
        ulong end = (Next + SegmentIds - 1) / SegmentIds;
        int partial = (int)(Next % SegmentIds);
        if (partial != 0)
        {
            HashSegment(end - 1, partial);
        }

        int slots = _segments.Length;
        _hasher.Reset();
        while (segment < end)
        {
            int slot = (int)(segment % (ulong)slots);
            int count = (int)Math.Min(end - segment, (ulong)(slots - slot));
            _hasher.Update(_segmentHashes.AsSpan(slot * Hash256.Size, count * Hash256.Size));
            segment += (ulong)count;
        }

        _hasher.Finalize(_scratch);
        _digest = new Hash256(_scratch);
        _digestKnown = true;
        return _digest;
    }

    /// <summary>Digests of the segments that <see cref="Digest"/> covers, in order.</summary>
    public Hash256[] SegmentDigests()
    {
        _ = Digest();
        ulong first = _start / SegmentIds;
        ulong end = (Next + SegmentIds - 1) / SegmentIds;
        Hash256[] digests = new Hash256[end - first];
        for (ulong segment = first; segment < end; segment++)
        {
            int slot = (int)(segment % (ulong)_segments.Length);
            digests[segment - first] = new Hash256(_segmentHashes.AsSpan(slot * Hash256.Size, Hash256.Size));
        }

        return digests;
    }

    /// <summary>Forgets everything and expects ids from <see cref="FirstNeeded"/> on, by <see cref="Load"/>.</summary>
    public void BeginLoad(ulong next)
    {
        Array.Clear(_table);
        _entries = 0;
        _digestKnown = false;
        Next = FirstNeeded(next, _window);
        _start = next > _window ? next - _window : 0;
    }

    /// <summary>Appends stored ids, 32 bytes each, in order of index.</summary>
    /// <returns>False when one occurs twice in the window: what was stored is damaged.</returns>
    public bool Load(ReadOnlySpan<byte> ids)
    {
        Require.That(ids.Length % Hash256.Size == 0);
        for (; !ids.IsEmpty; ids = ids[Hash256.Size..])
        {
            ReadOnlySpan<byte> id = ids[..Hash256.Size];
            ulong mix = Mix(id);
            bool counts = Next >= _start;
            if (counts && Find(id, mix, out _))
            {
                return false;
            }

            ulong index = Next;
            Append(id);
            if (counts)
            {
                Insert(mix, index);
            }
        }

        return true;
    }

    private ulong Mix(ReadOnlySpan<byte> id)
    {
        ulong a = BinaryPrimitives.ReadUInt64LittleEndian(id) ^ _seedA;
        ulong b = BinaryPrimitives.ReadUInt64LittleEndian(id[8..]) ^ _seedB;
        ulong c = BinaryPrimitives.ReadUInt64LittleEndian(id[16..]) ^ _seedB;
        ulong d = BinaryPrimitives.ReadUInt64LittleEndian(id[24..]) ^ _seedA;
        ulong high = Math.BigMul(a, b, out ulong low) ^ Math.BigMul(c, d, out ulong low2);
        return high ^ low ^ low2;
    }

    private Span<byte> At(ulong place) =>
        _segments[place / SegmentIds].AsSpan((int)(place % SegmentIds) * Hash256.Size, Hash256.Size);

    private void Append(ReadOnlySpan<byte> id)
    {
        ulong place = Next % _capacity;
        _segments[place / SegmentIds] ??= new byte[SegmentBytes];
        id.CopyTo(At(place));
        Next++;
        _digestKnown = false;
        if (Next % SegmentIds == 0)
        {
            HashSegment((Next / SegmentIds) - 1, SegmentIds);
        }
    }

    private void HashSegment(ulong segment, int ids)
    {
        int slot = (int)(segment % (ulong)_segments.Length);
        Blake3.Hash(_segments[slot].AsSpan(0, ids * Hash256.Size), _segmentHashes.AsSpan(slot * Hash256.Size, Hash256.Size));
    }

    private bool Find(ReadOnlySpan<byte> id, ulong mix, out ulong index)
    {
        int mask = _table.Length - 1;
        uint print = (uint)(mix >> 32);
        for (int slot = (int)(print >> _homeShift); _table[slot] != 0; slot = (slot + 1) & mask)
        {
            ulong entry = _table[slot];
            if ((uint)(entry >> 32) == print)
            {
                ulong place = (uint)entry - 1;
                if (At(place).SequenceEqual(id))
                {
                    ulong last = Next - 1;
                    index = last - (((last % _capacity) + _capacity - place) % _capacity);
                    return true;
                }
            }
        }

        index = 0;
        return false;
    }

    private void Insert(ulong mix, ulong index)
    {
        // At most half full, so that chains stay short.
        if (++_entries > _table.Length / 2)
        {
            Grow();
        }

        Place((mix >> 32 << 32) | ((index % _capacity) + 1));
    }

    private void Place(ulong entry)
    {
        int mask = _table.Length - 1;
        int slot = Home(entry);
        while (_table[slot] != 0)
        {
            slot = (slot + 1) & mask;
        }

        _table[slot] = entry;
    }

    private int Home(ulong entry) => (int)((uint)(entry >> 32) >> _homeShift);

    private unsafe void Touch(ulong mix)
    {
        if (Sse.IsSupported)
        {
            // A hint: wherever the collector moves the table meanwhile, nothing is read.
            Sse.Prefetch0(Unsafe.AsPointer(ref _table[Home(mix)]));
        }
    }

    private void Grow()
    {
        ulong[] old = _table;
        Require.That(old.Length < _mostSlots);
        _table = new ulong[old.Length < LastStepSlots ? 2 * old.Length : _mostSlots];
        _homeShift = 32 - BitOperations.Log2((uint)_table.Length);
        foreach (ulong entry in old)
        {
            if (entry != 0)
            {
                Place(entry);
            }
        }
    }

    /// <summary>Takes the oldest id out of the table, closing the gap behind it (Knuth, volume 3, algorithm 6.4R).</summary>
    private void Evict()
    {
        ulong place = _start % _capacity;
        ulong entry = (Mix(At(place)) >> 32 << 32) | (place + 1);
        int mask = _table.Length - 1;
        int gap = Home(entry);
        while (_table[gap] != entry)
        {
            Require.That(_table[gap] != 0);
            gap = (gap + 1) & mask;
        }

        for (int slot = (gap + 1) & mask; _table[slot] != 0; slot = (slot + 1) & mask)
        {
            int fromHome = (slot - Home(_table[slot])) & mask;
            if (fromHome >= ((slot - gap) & mask))
            {
                _table[gap] = _table[slot];
                gap = slot;
            }
        }

        _table[gap] = 0;
        _entries--;
        _start++;
    }
}
