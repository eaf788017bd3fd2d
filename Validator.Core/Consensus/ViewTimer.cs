using Validator.Core.Wire;

namespace Validator.Core.Consensus;

/// <summary>
/// How long the oldest outstanding work has waited (rule V1). Work is a vertex that the leader was shown and that is not
/// ordered, or a block accepted and not final; progress elsewhere does not reset it.
/// </summary>
internal sealed class ViewTimer
{
    /// <summary>Vertices shown within this time share one entry, microseconds.</summary>
    private const long MergeMicros = 25_000;

    /// <summary>
    /// The timeout doubles this often, then grows by the base per view: without bound, so that some view is long enough for
    /// whatever the network needs, and yet a row of faulty leaders costs seconds, not minutes.
    /// </summary>
    private const int Doublings = 3;

    private readonly Queue<(ulong Height, long Since)>[] _shown;
    private readonly ulong[] _shownHeight;
    private readonly long[] _shownAt;
    private readonly long _base;

    public ViewTimer(int lanes, long baseMicros)
    {
        _base = baseMicros;
        _shown = new Queue<(ulong, long)>[lanes];
        _shownHeight = new ulong[lanes];
        _shownAt = new long[lanes];
        for (int i = 0; i < lanes; i++)
        {
            _shown[i] = new Queue<(ulong, long)>();
        }
    }

    /// <param name="fruitlessViews">Views between the one that finalized last and the current one.</param>
    public long TimeoutMicros(ulong fruitlessViews)
    {
        long views = (long)Math.Min(fruitlessViews, 1_000_000);
        return views <= Doublings ? _base << (int)views : _base * ((1 << Doublings) + views - Doublings);
    }

    /// <summary>The leader knows of this vertex from <paramref name="now"/> on.</summary>
    public void Shown(int lane, ulong height, long now)
    {
        if (height <= _shownHeight[lane])
        {
            return;
        }

        // The merged vertex is timed by the next entry, a little late; never early.
        if (_shown[lane].Count == 0 || now - _shownAt[lane] >= MergeMicros)
        {
            _shown[lane].Enqueue((height, now));
            _shownHeight[lane] = height;
            _shownAt[lane] = now;
        }
    }

    public void Ordered(int lane, ulong height)
    {
        // What is ordered before the leader counts as shown must not start the timer afterwards.
        _shownHeight[lane] = Math.Max(_shownHeight[lane], height);
        while (_shown[lane].TryPeek(out (ulong Height, long Since) first) && first.Height <= height)
        {
            _shown[lane].Dequeue();
        }
    }

    /// <summary>Forgets a lane's work: its slot was decided by evidence.</summary>
    public void Drop(int lane) => _shown[lane].Clear();

    /// <summary>A new leader must be shown everything again.</summary>
    public void NewLeader(LaneTip[] finalCut)
    {
        for (int i = 0; i < _shown.Length; i++)
        {
            _shown[i].Clear();
            _shownHeight[i] = finalCut[i].Height;
        }
    }

    /// <summary>Since when the oldest shown vertex waits; long.MaxValue when none does.</summary>
    public long OldestMicros()
    {
        long oldest = long.MaxValue;
        foreach (Queue<(ulong Height, long Since)> lane in _shown)
        {
            if (lane.TryPeek(out (ulong Height, long Since) first))
            {
                oldest = Math.Min(oldest, first.Since);
            }
        }

        return oldest;
    }
}
