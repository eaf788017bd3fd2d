using System.Buffers.Binary;
using System.Numerics;
using Validator.Core.Primitives;

namespace Validator.Host.Storage;

/// <summary>Entries of the newest blocks, in memory. One thread adds, any finds.</summary>
internal sealed class IndexTail(int capacity)
{
    private readonly UInt128[] _ids = new UInt128[capacity];
    private readonly ulong[] _places = new ulong[capacity];

    // By leading bits: the newest entry's number plus one; each entry names the one before.
    private readonly int[] _heads = new int[BitOperations.RoundUpToPowerOf2((uint)Math.Max(1, capacity / 4))];
    private readonly int[] _before = new int[capacity];
    private int _count;

    /// <summary>The first block.</summary>
    public ulong First { get; private set; }

    public int Capacity => _ids.Length;

    public int Count => _count;

    /// <summary>Bytes of its blocks' payloads.</summary>
    public long PayloadBytes { get; set; }

    /// <summary>Empty, from this block on.</summary>
    public IndexTail Begin(ulong first)
    {
        First = first;
        PayloadBytes = 0;
        _count = 0;
        Array.Clear(_heads);
        return this;
    }

    public static UInt128 KeyOf(in Hash256 id)
    {
        Span<byte> bytes = stackalloc byte[Hash256.Size];
        id.CopyTo(bytes);
        return BinaryPrimitives.ReadUInt128BigEndian(bytes);
    }

    public void Add(ReadOnlySpan<byte> id, ulong place) => Add(BinaryPrimitives.ReadUInt128BigEndian(id), place);

    public void Add(UInt128 key, ulong place)
    {
        int at = _count++;
        _ids[at] = key;
        _places[at] = place;
        ref int head = ref HeadOf(key);
        _before[at] = head;
        Volatile.Write(ref head, at + 1);
    }

    public void Find(UInt128 key, ref TransactionIndex.Best best)
    {
        for (int at = Volatile.Read(ref HeadOf(key)) - 1; at >= 0; at = _before[at] - 1)
        {
            if (_ids[at] == key)
            {
                best.Take(_places[at]);
            }
        }
    }

    /// <summary>All entries as they are stored, those with the same leading bits side by side.</summary>
    /// <param name="shift">Shift that leaves an id's leading bits.</param>
    /// <param name="ends">Where each group ends in <paramref name="values"/>.</param>
    public void Split(int shift, Span<int> ends, Span<byte> values)
    {
        ends.Clear();
        for (int i = 0; i < _count; i++)
        {
            ends[(int)(_ids[i] >> shift)] += TransactionIndex.EntryBytes;
        }

        int start = 0;
        foreach (ref int end in ends)
        {
            (end, start) = (start, start + end);
        }

        for (int i = 0; i < _count; i++)
        {
            ref int at = ref ends[(int)(_ids[i] >> shift)];
            TransactionIndex.Write(values[at..], _ids[i], _places[i]);
            at += TransactionIndex.EntryBytes;
        }
    }

    private ref int HeadOf(UInt128 key) => ref _heads[(int)((uint)(ulong)key & (uint)(_heads.Length - 1))];
}
