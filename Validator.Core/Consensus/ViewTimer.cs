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
    /// The timeout doubles this often, then grows by the base four times per round of leaders, at most per view: without bound,
    /// so that some view is long enough for whatever the network needs, and yet a row of faulty leaders, which is the longer the
    /// larger the committee, costs little more than it did at the row's start.
    /// </summary>
    private const int Doublings = 3;
    private const int StepsPerRound = 4;

    /// <summary>
    /// How far above its base the timeout follows measured delays: a leader that slows down on purpose gains no more.
    /// </summary>
    private const int MostOfBase = 8;

    /// <summary>Of the base: how long an unreachable leader has to come back.</summary>
    private const int UnreachableShare = 5;

    private readonly Queue<(ulong Height, long Since)>[] _shown;
    private readonly ulong[] _shownHeight;
    private readonly long[] _shownAt;
    private readonly long _base;

    // From shown to ordered.
    private DelayTrack _ordering;

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

    /// <summary>
    /// Grows over fruitless views, and is never below twice the usual delay: a loaded leader is slow, not gone.
    /// </summary>
    /// <param name="fruitlessViews">Views between the one that finalized last and the current one.</param>
    public long TimeoutMicros(ulong fruitlessViews)
    {
        long views = (long)Math.Min(fruitlessViews, 1_000_000);
        long steps = (views - Doublings) * StepsPerRound / Math.Max(_shown.Length, StepsPerRound);
        long grown = views <= Doublings ? _base << (int)views : _base * ((1 << Doublings) + steps);
        return Math.Max(grown, Math.Min((2 * _ordering.SmoothedMicros) + (4 * _ordering.DeviationMicros), MostOfBase * _base));
    }

    /// <summary>
    /// When the leader is given up, monotonic microseconds; long.MaxValue while nothing waits, or while no quorum is connected:
    /// no leader could have done better then.
    /// </summary>
    /// <param name="oldest">Since when the oldest outstanding work waits; long.MaxValue for none.</param>
    /// <param name="entered">When this view was entered.</param>
    /// <param name="quorumSince">Since when a quorum is connected; long.MaxValue while none is.</param>
    /// <param name="leaderGone">
    /// When the leader was lost, where it cannot be reached: waiting longer brings nothing. Else null.
    /// </param>
    public long DeadlineMicros(long oldest, long entered, long quorumSince, ulong fruitlessViews, long? leaderGone)
    {
        if (oldest == long.MaxValue || quorumSince == long.MaxValue)
        {
            return long.MaxValue;
        }

        long since = Math.Max(oldest, Math.Max(entered, quorumSince));
        long due = since + TimeoutMicros(fruitlessViews);
        return leaderGone is { } gone ? Math.Min(due, Math.Max(since, gone) + (_base / UnreachableShare)) : due;
    }

    /// <summary>From shown to ordered.</summary>
    public ref readonly DelayTrack Ordering => ref _ordering;

    /// <summary>
    /// An own vertex that waits longer than this waits in a queue, not for the network: three times the shortest recent delay,
    /// at least half the base.
    /// </summary>
    public long PatienceMicros => Math.Max(_base / 2, 3 * _ordering.ShortestMicros);

    /// <summary>Since when the lane's oldest shown vertex waits; long.MaxValue when none does.</summary>
    public long OldestMicros(int lane) =>
        _shown[lane].TryPeek(out (ulong Height, long Since) first) ? first.Since : long.MaxValue;

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

    /// <summary>A block with that cut is final.</summary>
    public void Ordered(LaneTip[] cut, long now)
    {
        for (int lane = 0; lane < cut.Length; lane++)
        {
            Ordered(lane, cut[lane].Height, now);
        }
    }

    public void Ordered(int lane, ulong height, long now)
    {
        // What is ordered before the leader counts as shown must not start the timer afterwards.
        _shownHeight[lane] = Math.Max(_shownHeight[lane], height);
        while (_shown[lane].TryPeek(out (ulong Height, long Since) first) && first.Height <= height)
        {
            _shown[lane].Dequeue();
            _ordering.Measure(now - first.Since, now, MostOfBase * _base);
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
        for (int lane = 0; lane < _shown.Length; lane++)
        {
            oldest = Math.Min(oldest, OldestMicros(lane));
        }

        return oldest;
    }
}
