using System.Runtime.InteropServices;
using Validator.Host.Primitives;
using Validator.Net.Native;

namespace Validator.Host.Cli;

/// <summary>
/// The signals of <c>run</c>, from its first line on. What a signal to stop does depends on how far the start is. Before anything
/// is open the process ends at once. While stores open and twins are listened for, the start is called off, and the process ends
/// where a disk or a resolver hangs. Once the node runs it is stopped in order. A second signal ends the process at once.
/// </summary>
internal sealed class RunSignals : IDisposable
{
    /// <summary>How long a start that is called off has to release its stores.</summary>
    private static readonly TimeSpan s_patience = TimeSpan.FromSeconds(1);

    private readonly TaskCompletionSource<string> _stop = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly TaskCompletionSource<Action> _reload = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly CancellationTokenSource _starting = new();
    private readonly Lock _lock = new();
    private readonly bool _tied;
    private readonly PosixSignalRegistration[] _registrations;
    private Phase _phase;
    private Timer? _deadline;

    /// <param name="tied">A parent holds the other end of standard input. It decides what Ctrl-C does, which reaches its whole
    /// group.</param>
    public RunSignals(bool tied)
    {
        _tied = tied;
        _registrations =
        [
            PosixSignalRegistration.Create(PosixSignal.SIGTERM, OnStop),
            PosixSignalRegistration.Create(PosixSignal.SIGINT, OnStop),

            // From the first moment on: unhandled it would end the process.
            PosixSignalRegistration.Create(PosixSignal.SIGHUP, OnHangUp),
        ];
    }

    private enum Phase
    {
        Preparing,
        Starting,
        Running,
    }

    /// <summary>Completes with what asked the node to stop.</summary>
    public Task<string> Stopped => _stop.Task;

    /// <summary>Cancelled when the start is called off.</summary>
    public CancellationToken Starting => _starting.Token;

    /// <summary>What SIGHUP does once the node runs.</summary>
    public Action OnReload
    {
        set => _reload.TrySetResult(value);
    }

    /// <summary>From here on something is open that should be closed.</summary>
    public void BeginStart()
    {
        lock (_lock)
        {
            _phase = Phase.Starting;
        }
    }

    /// <summary>The node runs. A start that was called off too late is stopped in order, as a node that runs.</summary>
    public void Started()
    {
        lock (_lock)
        {
            _phase = Phase.Running;
            _deadline?.Dispose();
        }
    }

    /// <summary>Asks to stop, as the first signal does; any thread.</summary>
    public void Stop(string cause)
    {
        lock (_lock)
        {
            if (_phase == Phase.Preparing || !_stop.TrySetResult(cause))
            {
                Kernel.Exit(ExitCodes.Interrupted);
            }

            if (_phase == Phase.Running)
            {
                return;
            }

            _deadline = new Timer(static _ => Kernel.Exit(ExitCodes.Interrupted), null, s_patience, Timeout.InfiniteTimeSpan);
        }

        _starting.Cancel();
    }

    public void Dispose()
    {
        foreach (PosixSignalRegistration registration in _registrations)
        {
            registration.Dispose();
        }

        _deadline?.Dispose();
    }

    private void OnStop(PosixSignalContext signal)
    {
        signal.Cancel = true;
        if (!_tied || signal.Signal != PosixSignal.SIGINT)
        {
            Stop(signal.Signal.ToString());
        }
    }

    private void OnHangUp(PosixSignalContext signal)
    {
        signal.Cancel = true;
        _reload.Task.ContinueWith(static ready => ready.Result(), CancellationToken.None, TaskContinuationOptions.OnlyOnRanToCompletion, TaskScheduler.Default);
    }
}
