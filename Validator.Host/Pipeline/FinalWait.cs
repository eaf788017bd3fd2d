using System.Threading.Tasks.Sources;

namespace Validator.Host.Pipeline;

/// <summary>
/// One subscriber's wait for <see cref="FinalSignal"/>, used again for each. It stays on the signal's list when it is called off,
/// so it is put there only if it is not: <c>_listed</c>. Who ends a wait has taken <c>_armed</c> from 1 to 0: the signal, the
/// cancellation, or the subscriber itself.
/// </summary>
internal sealed class FinalWait(FinalSignal signal) : IValueTaskSource<bool>
{
    private ManualResetValueTaskSourceCore<bool> _source = new() { RunContinuationsAsynchronously = true };
    private CancellationTokenRegistration _cancellation;
    private CancellationToken _token;
    private ulong _index;
    private int _armed;
    private int _listed;

    /// <summary>The signal's.</summary>
    internal FinalWait? Next { get; set; }

    /// <summary>Completes when the index is final, true, or when nothing more will come, false. One wait at a time.</summary>
    public ValueTask<bool> Until(ulong index, CancellationToken cancellation)
    {
        if (TryAnswer(index, out bool more))
        {
            return ValueTask.FromResult(more);
        }

        cancellation.ThrowIfCancellationRequested();
        _source.Reset();
        _token = cancellation;
        Volatile.Write(ref _index, index);
        Interlocked.Exchange(ref _armed, 1);
        if (Interlocked.Exchange(ref _listed, 1) == 0)
        {
            signal.Add(this);
        }

        // The wait can be seen; an advance or a close from before it has to be seen here.
        if (TryAnswer(index, out more) && TryDisarm())
        {
            return ValueTask.FromResult(more);
        }

        _cancellation = cancellation.UnsafeRegister(static wait => ((FinalWait)wait!).Cancel(), this);
        return new ValueTask<bool>(this, _source.Version);
    }

    /// <summary>By the signal, which has taken it off its list.</summary>
    /// <returns>False: it waits for more, and goes on the list again.</returns>
    internal bool TryWake(ulong nextIndex, bool closed)
    {
        if (nextIndex <= Volatile.Read(ref _index) && !closed && Volatile.Read(ref _armed) != 0)
        {
            return false;
        }

        Volatile.Write(ref _listed, 0);

        // A wait that was armed meanwhile, for another index, is answered early: the subscriber finds nothing and waits again.
        if (TryDisarm())
        {
            _source.SetResult(!closed || nextIndex > Volatile.Read(ref _index));
        }

        return true;
    }

    bool IValueTaskSource<bool>.GetResult(short token)
    {
        // Waits for a cancellation that is under way: after this nothing of this wait is left.
        _cancellation.Dispose();
        _cancellation = default;
        return _source.GetResult(token);
    }

    ValueTaskSourceStatus IValueTaskSource<bool>.GetStatus(short token) => _source.GetStatus(token);

    void IValueTaskSource<bool>.OnCompleted(
        Action<object?> continuation, object? state, short token, ValueTaskSourceOnCompletedFlags flags) =>
        _source.OnCompleted(continuation, state, token, flags);

    private bool TryAnswer(ulong index, out bool more)
    {
        more = signal.NextIndex > index;
        return more || signal.IsClosed;
    }

    private bool TryDisarm() => Interlocked.Exchange(ref _armed, 0) != 0;

    private void Cancel()
    {
        if (TryDisarm())
        {
            _source.SetException(new OperationCanceledException(_token));
        }
    }
}
