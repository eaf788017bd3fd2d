using Validator.Core.Primitives;
using Validator.Host.Api;

namespace Validator.Host.Node;

/// <summary>
/// Where recent transactions stand, by id. Fixed size, four places to a bucket, the oldest gives way. One thread writes;
/// any thread reads, each place guarded by a version that is odd while it is written.
/// </summary>
internal sealed class RecentTransactions
{
    private const int Ways = 4;

    private readonly Entry[] _entries;
    private readonly int _mask;
    private uint _clock;

    private struct Entry
    {
        public int Version;
        public uint Age;
        public Hash256 Id;
        public TransactionState State;
    }

    /// <param name="capacity">A power of two.</param>
    public RecentTransactions(int capacity = 1 << 17)
    {
        Require.That(capacity >= Ways && (capacity & (capacity - 1)) == 0);
        _entries = new Entry[capacity];
        _mask = (capacity / Ways) - 1;
    }

    public void Set(in Hash256 id, in TransactionState state)
    {
        int bucket = Ways * (id.GetHashCode() & _mask);
        int place = bucket;
        for (int i = bucket; i < bucket + Ways; i++)
        {
            ref Entry candidate = ref _entries[i];
            if (candidate.Version != 0 && candidate.Id == id)
            {
                if (state.Stage == TransactionStage.Durable)
                {
                    return;
                }

                place = i;
                break;
            }

            if (Older(candidate, _entries[place]))
            {
                place = i;
            }
        }

        ref Entry entry = ref _entries[place];
        int version = entry.Version;
        Volatile.Write(ref entry.Version, version + 1);
        Interlocked.MemoryBarrier();
        entry.Id = id;
        entry.State = state;
        entry.Age = ++_clock;
        Volatile.Write(ref entry.Version, version + 2);
    }

    public bool TryFind(in Hash256 id, out TransactionState state)
    {
        int bucket = Ways * (id.GetHashCode() & _mask);
        for (int i = bucket; i < bucket + Ways; i++)
        {
            ref Entry entry = ref _entries[i];
            while (true)
            {
                int version = Volatile.Read(ref entry.Version);
                if (version == 0)
                {
                    break;
                }

                bool found = entry.Id == id;
                state = entry.State;
                Interlocked.MemoryBarrier();
                if ((version & 1) == 0 && Volatile.Read(ref entry.Version) == version)
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

    private bool Older(in Entry candidate, in Entry than) =>
        than.Version != 0 && (candidate.Version == 0 || _clock - candidate.Age > _clock - than.Age);
}
