using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics.X86;
using Validator.Core.Primitives;
using Validator.Host.Storage;

namespace Validator.Host.Pipeline;

/// <summary>
/// Where recent transactions stand, by id. Fixed size, four places to a bucket, the oldest gives way. One thread writes;
/// any thread reads, each place guarded by a version that is odd while it is written. The writer chooses among marks of its own,
/// a cache line a bucket, and writes one line: it is told of every transaction, and few are ever asked for.
/// </summary>
internal sealed unsafe class RecentTransactions
{
    private const int Ways = 4;
    private const int LineBytes = 64;

    private readonly Entry* _entries;
    private readonly Mark* _marks;
    private readonly int _mask;
    private uint _clock;

    // The pointers lie in these, at the start of a line.
    private readonly byte[] _entryBytes;
    private readonly byte[] _markBytes;

    /// <summary>A line.</summary>
    private struct Entry
    {
        public ulong Version;
        public Hash256 Id;
        public ulong Index;
        public ulong BlockSequence;

        /// <summary>Stage, and rejection above it.</summary>
        public ulong Outcome;
    }

    /// <summary>What the writer knows of an entry; version 0: it is free.</summary>
    private struct Mark
    {
        public uint Version;
        public uint Age;
        public ulong Print;
    }

    /// <param name="capacity">A power of two.</param>
    public RecentTransactions(int capacity = 1 << 17)
    {
        Require.That(capacity >= Ways && (capacity & (capacity - 1)) == 0);
        Require.That(sizeof(Entry) == LineBytes && Ways * sizeof(Mark) == LineBytes);
        _entries = (Entry*)Lines(capacity, out _entryBytes);
        _marks = (Mark*)Lines(capacity / Ways, out _markBytes);
        _mask = (capacity / Ways) - 1;

        static nint Lines(int count, out byte[] bytes)
        {
            bytes = GC.AllocateArray<byte>((count + 1) * LineBytes, pinned: true);
            nint start = (nint)Unsafe.AsPointer(ref MemoryMarshal.GetArrayDataReference(bytes));
            return (start + LineBytes - 1) & -LineBytes;
        }
    }

    /// <summary>Prefetches the bucket that a later <see cref="Set"/> will search.</summary>
    public void Prefetch(in Hash256 id)
    {
        if (Sse.IsSupported)
        {
            Sse.Prefetch0(_marks + Bucket(id));
        }
    }

    /// <summary>
    /// Prefetches the entry itself, once the marks are loaded: a write that misses the cache holds up those behind it.
    /// </summary>
    public void PrefetchPlace(in Hash256 id)
    {
        if (Sse.IsSupported)
        {
            Sse.Prefetch0(_entries + PlaceOf(Bucket(id), PrintOf(id)));
        }
    }

    public void Set(in Hash256 id, in TransactionState state)
    {
        ulong print = PrintOf(id);
        int place = PlaceOf(Bucket(id), print);
        Mark mark = _marks[place];
        if (state.Stage == TransactionStage.Durable && mark.Version != 0 && mark.Print == print && _entries[place].Id == id)
        {
            return;
        }

        mark.Version = Next(mark.Version);
        mark.Age = ++_clock;
        mark.Print = print;
        _marks[place] = mark;
        Write(_entries + place, mark.Version, id, state);
    }

    private static uint Next(uint version) => version == uint.MaxValue - 1 ? 2 : version + 2;

    /// <summary>It is no longer only durable.</summary>
    public void ForgetDurable(in Hash256 id)
    {
        ulong print = PrintOf(id);
        int place = PlaceOf(Bucket(id), print);
        Mark mark = _marks[place];
        Entry* entry = _entries + place;
        if (mark.Version != 0 && mark.Print == print && entry->Id == id && (TransactionStage)(byte)entry->Outcome == TransactionStage.Durable)
        {
            // The place stays unused until it is the oldest of its bucket.
            mark.Version = Next(mark.Version);
            mark.Print = 0;
            _marks[place] = mark;
            Write(entry, mark.Version, Hash256.Zero, default);
        }
    }

    public bool TryFind(in Hash256 id, out TransactionState state)
    {
        int bucket = Bucket(id);
        for (int i = bucket; i < bucket + Ways; i++)
        {
            Entry* entry = _entries + i;
            while (true)
            {
                ulong version = Volatile.Read(ref entry->Version);
                if (version == 0)
                {
                    break;
                }

                bool found = entry->Id == id;
                ulong outcome = entry->Outcome;
                state = new TransactionState((TransactionStage)(byte)outcome, entry->Index, entry->BlockSequence, (TransactionRejection)(outcome >> 8));
                Interlocked.MemoryBarrier();
                if ((version & 1) == 0 && Volatile.Read(ref entry->Version) == version)
                {
                    if (found)
                    {
                        return true;
                    }

                    break;
                }
            }
        }

        state = default;
        return false;
    }

    // No write passes the one before it, and no fence waits for a line that is still on its way.
    private static void Write(Entry* entry, uint version, in Hash256 id, in TransactionState state)
    {
        Volatile.Write(ref entry->Version, version - 1UL);
        ReadOnlySpan<ulong> words = MemoryMarshal.Cast<Hash256, ulong>(new ReadOnlySpan<Hash256>(in id));
        ulong* to = (ulong*)&entry->Id;
        for (int i = 0; i < words.Length; i++)
        {
            Volatile.Write(ref to[i], words[i]);
        }

        Volatile.Write(ref entry->Index, state.Index);
        Volatile.Write(ref entry->BlockSequence, state.BlockSequence);
        Volatile.Write(ref entry->Outcome, (ulong)state.Stage | ((ulong)state.Rejection << 8));
        Volatile.Write(ref entry->Version, version);
    }

    /// <summary>Where it is, or else the oldest of its bucket.</summary>
    private int PlaceOf(int bucket, ulong print)
    {
        int place = bucket;
        for (int i = bucket; i < bucket + Ways; i++)
        {
            if (_marks[i].Version != 0 && _marks[i].Print == print)
            {
                return i;
            }

            place = Older(_marks[i], _marks[place]) ? i : place;
        }

        return place;
    }

    private int Bucket(in Hash256 id) => Ways * (id.GetHashCode() & _mask);

    private static ulong PrintOf(in Hash256 id) => MemoryMarshal.Cast<Hash256, ulong>(new ReadOnlySpan<Hash256>(in id))[1];

    private bool Older(in Mark candidate, in Mark than) =>
        than.Version != 0 && (candidate.Version == 0 || _clock - candidate.Age > _clock - than.Age);
}
