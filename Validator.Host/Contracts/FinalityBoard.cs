using Validator.Core.Trust;

namespace Validator.Host.Contracts;

/// <summary>
/// The newest block of each level of strong finality. Core's stage raises it, any thread reads and waits; where nobody waits a
/// rise costs one store and a look.
/// </summary>
public sealed class FinalityBoard
{
    private readonly ulong[] _reached = new ulong[FinalityLevels.Count];
    private readonly Lock _lock = new();
    private readonly List<(FinalityLevel Level, ulong Sequence, TaskCompletionSource Done)> _waits = [];
    private volatile int _waiting;

    /// <summary>A level has risen; on Core's thread, so it must return soon.</summary>
    public event Action? Rose;

    /// <summary>0 for none.</summary>
    public ulong Reached(FinalityLevel level) => Volatile.Read(ref _reached[(int)level]);

    /// <summary>The highest level of a final block, by its sequence.</summary>
    public FinalityLevel LevelOf(ulong sequence)
    {
        FinalityLevel level = FinalityLevel.Final;
        for (int i = 1; i < _reached.Length; i++)
        {
            level = Volatile.Read(ref _reached[i]) >= sequence ? (FinalityLevel)i : level;
        }

        return level;
    }

    /// <summary>In a new epoch a level may begin lower: that of before holds.</summary>
    public void Raise(FinalityLevel level, ulong sequence)
    {
        if (sequence <= _reached[(int)level])
        {
            return;
        }

        // Fenced: who has begun to wait before it sees the sequence, or is seen here.
        Interlocked.Exchange(ref _reached[(int)level], sequence);
        if (_waiting > 0)
        {
            Wake();
        }

        Rose?.Invoke();
    }

    /// <summary>Completes when the block of that sequence has the level.</summary>
    public async Task Until(FinalityLevel level, ulong sequence, CancellationToken cancellation)
    {
        TaskCompletionSource done = new(TaskCreationOptions.RunContinuationsAsynchronously);
        lock (_lock)
        {
            _waits.Add((level, sequence, done));
            _waiting = _waits.Count;
        }

        Interlocked.MemoryBarrier();
        if (Reached(level) >= sequence)
        {
            done.TrySetResult();
        }

        try
        {
            await done.Task.WaitAsync(cancellation).ConfigureAwait(false);
        }
        finally
        {
            lock (_lock)
            {
                _waits.RemoveAll(wait => wait.Done == done);
                _waiting = _waits.Count;
            }
        }
    }

    private void Wake()
    {
        lock (_lock)
        {
            foreach ((FinalityLevel level, ulong sequence, TaskCompletionSource done) in _waits)
            {
                if (Reached(level) >= sequence)
                {
                    done.TrySetResult();
                }
            }
        }
    }
}
