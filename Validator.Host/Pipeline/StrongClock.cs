using System.Diagnostics;
using Validator.Host.Contracts;

namespace Validator.Host.Pipeline;

/// <summary>
/// Own client transactions that are final and not strong yet, to measure when they are: the ledger's thread puts them in, Core's
/// takes them out, in the order of blocks. Where it is full some are not measured.
/// </summary>
/// <param name="reached">The newest sequence of the level that clients wait for.</param>
internal sealed class StrongClock(Histogram seconds, Func<ulong> reached)
{
    private const int Places = 4096;

    private readonly (ulong Sequence, long Accepted, int Count)[] _items = new (ulong, long, int)[Places];
    private ulong _added;
    private ulong _taken;

    /// <param name="accepted">As <see cref="Stopwatch.GetTimestamp"/>.</param>
    public void Add(ulong sequence, long accepted, int count)
    {
        ulong added = _added;
        if (sequence <= reached())
        {
            // Others had executed it before us.
            seconds.ObserveSince(accepted, count);
        }
        else if (added - Volatile.Read(ref _taken) < Places)
        {
            _items[added % Places] = (sequence, accepted, count);
            Volatile.Write(ref _added, added + 1);
        }
    }

    /// <summary>Measures those that have become strong.</summary>
    public void Look()
    {
        ulong sequence = reached();
        ulong taken = _taken;
        ulong added = Volatile.Read(ref _added);
        while (taken < added && _items[taken % Places] is var item && item.Sequence <= sequence)
        {
            seconds.ObserveSince(item.Accepted, item.Count);
            taken++;
        }

        Volatile.Write(ref _taken, taken);
    }
}
