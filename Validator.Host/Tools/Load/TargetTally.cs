namespace Validator.Host.Tools.Load;

/// <summary>
/// What one target's answers and stream have shown so far. Sender and follower share its lock, taken once per batch.
/// </summary>
public sealed class TargetTally
{
    private static readonly NumberSet s_none = new();

    private readonly Lock _lock = new();
    private readonly NumberSet _accepted = new();
    private readonly NumberSet _seen = new();
    private readonly NumberSet _rejectedLate = new();
    private readonly LatencyHistogram _all = new();
    private readonly LatencyHistogram _recent = new();
    private readonly LatencyHistogram _strong = new();
    private readonly List<string> _notes = [];

    private long _submitted;
    private long _rejected;
    private long _timedOut;
    private long _finalized;
    private long _finalizedInTime;
    private long _streamed;
    private long _duplicated;
    private long _corrupt;

    public long Submitted => Interlocked.Read(ref _submitted);

    public long Rejected => Interlocked.Read(ref _rejected);

    public long TimedOut => Interlocked.Read(ref _timedOut);

    /// <summary>Own transactions final.</summary>
    public long Finalized => Interlocked.Read(ref _finalized);

    /// <summary>Of those, how many no later than the limit given to <see cref="AddFinal"/>'s caller.</summary>
    public long FinalizedInTime => Interlocked.Read(ref _finalizedInTime);

    /// <summary>Transactions of all validators that this target's stream has given.</summary>
    public long Streamed => Interlocked.Read(ref _streamed);

    public long Duplicated => Interlocked.Read(ref _duplicated);

    /// <summary>Wrong payloads, ids or indices in the stream.</summary>
    public long Corrupt => Interlocked.Read(ref _corrupt);

    public NumberSet Seen => _seen;

    public void AddSubmitted(int count) => Interlocked.Add(ref _submitted, count);

    public void AddRejected(int count, string note)
    {
        Interlocked.Add(ref _rejected, count);
        AddNote(note);
    }

    public void AddTimedOut(int count, string note)
    {
        Interlocked.Add(ref _timedOut, count);
        AddNote(note);
    }

    /// <summary>Numbers <paramref name="first"/>, first + stride, ...: <paramref name="count"/> of them.</summary>
    public void AddAccepted(ulong first, ulong stride, int count)
    {
        lock (_lock)
        {
            for (int i = 0; i < count; i++)
            {
                _accepted.Add(first + (stride * (ulong)i));
            }
        }
    }

    /// <summary>They are strong, so long after each was due.</summary>
    /// <param name="dueMicros">When the transaction with that number was due, microseconds after the start.</param>
    public void AddStrong(ulong first, ulong stride, int count, long nowMicros, Func<long, long> dueMicros)
    {
        lock (_lock)
        {
            for (int i = 0; i < count; i++)
            {
                _strong.Record(Math.Max(0, nowMicros - dueMicros((long)(first + (stride * (ulong)i)))));
            }
        }
    }

    public long Strong
    {
        get
        {
            lock (_lock)
            {
                return _strong.Count;
            }
        }
    }

    /// <summary>Adds the whole run's latencies of strong finality to <paramref name="sum"/>.</summary>
    public void AddStrongTo(LatencyHistogram sum)
    {
        lock (_lock)
        {
            sum.Add(_strong);
        }
    }

    public void AddCorrupt(string note)
    {
        Interlocked.Increment(ref _corrupt);
        AddNote(note);
    }

    /// <summary>A batch of the stream: its numbers in order, and for own ones the finality in microseconds (else -1).</summary>
    public void AddFinal(ReadOnlySpan<ulong> numbers, ReadOnlySpan<long> finalityMicros, bool inTime)
    {
        int own = 0;
        lock (_lock)
        {
            for (int i = 0; i < numbers.Length; i++)
            {
                if (!_seen.Add(numbers[i]))
                {
                    _duplicated++;
                }
                else if (finalityMicros[i] >= 0)
                {
                    _all.Record(finalityMicros[i]);
                    _recent.Record(finalityMicros[i]);
                    own++;
                }
            }
        }

        Interlocked.Add(ref _streamed, numbers.Length);
        Interlocked.Add(ref _finalized, own);
        if (inTime)
        {
            Interlocked.Add(ref _finalizedInTime, own);
        }
    }

    public void AddNote(string note)
    {
        lock (_lock)
        {
            if (_notes.Count < 5 && !_notes.Contains(note))
            {
                _notes.Add(note);
            }
        }
    }

    public string[] Notes()
    {
        lock (_lock)
        {
            return [.. _notes];
        }
    }

    public long Accepted
    {
        get
        {
            lock (_lock)
            {
                return _accepted.Count;
            }
        }
    }

    /// <summary>Adds the whole run's latencies to <paramref name="sum"/>.</summary>
    public void AddFinalityTo(LatencyHistogram sum)
    {
        lock (_lock)
        {
            sum.Add(_all);
        }
    }

    /// <summary>Adds the latencies since the last call to <paramref name="sum"/> and forgets them.</summary>
    public void TakeRecentFinality(LatencyHistogram sum)
    {
        lock (_lock)
        {
            sum.Add(_recent);
            _recent.Clear();
        }
    }

    /// <summary>
    /// Numbers <paramref name="first"/>, first + stride, ...: accepted here, ordered, and rejected by execution, so that no
    /// stream has them.
    /// </summary>
    public void AddRejectedLate(ulong first, ulong stride, int count, string note)
    {
        lock (_lock)
        {
            for (int i = 0; i < count; i++)
            {
                _rejectedLate.Add(first + (stride * (ulong)i));
            }
        }

        AddNote(note);
    }

    /// <summary>The same, without numbers that every stream has: ordered twice, they count once.</summary>
    public long CountRejectedLate(TargetTally[] all) => Locked(all, seen => _rejectedLate.CountMissingFromAny(seen, s_none));

    /// <summary>Accepted here, not rejected afterwards, and missing from at least one of the targets' streams.</summary>
    public long CountLost(TargetTally[] all) => Locked(all, seen => _accepted.CountMissingFromAny(seen, _rejectedLate));

    /// <summary>Which those are.</summary>
    public List<ulong> Lost(TargetTally[] all) => Locked(all, seen => _accepted.MissingFromAny(seen, _rejectedLate));

    private static T Locked<T>(TargetTally[] all, Func<NumberSet[], T> read)
    {
        // In the order of the array, which is the same for every caller.
        foreach (TargetTally tally in all)
        {
            tally._lock.Enter();
        }

        try
        {
            return read(Array.ConvertAll(all, t => t._seen));
        }
        finally
        {
            foreach (TargetTally tally in all)
            {
                tally._lock.Exit();
            }
        }
    }
}
