using System.Diagnostics;
using Validator.Core.Primitives;
using Validator.Host.Primitives;
using Validator.Host.Storage;
using Validator.Net.Native;
using Validator.Net.Rings;

namespace Validator.Host.Pipeline;

/// <summary>
/// One named thread that works through its rings and sleeps when they are empty. An exception that leaves
/// <see cref="Work"/> is a broken invariant of our own: it ends the process, not just the thread.
/// </summary>
internal abstract class PipelineThread : IDisposable
{
    private readonly Thread _thread;
    private readonly IFaultSink _faults;
    private readonly Stage _stage;
    private volatile bool _stopping;
    private long _advanced = Stopwatch.GetTimestamp();

    protected PipelineThread(Stage stage, IFaultSink faults, ThreadPriority priority = ThreadPriority.Normal)
    {
        _faults = faults;
        _stage = stage;
        _thread = new Thread(Run, maxStackSize: 1 << 20) { Name = stage.Name, IsBackground = true, Priority = priority };
    }

    /// <summary>What producers call after they have put something in one of this thread's rings.</summary>
    public IWaker Waker => _stage.Parker;

    /// <summary>Time since its last round began. A sleeping thread begins one a second.</summary>
    public TimeSpan SinceAdvance => Stopwatch.GetElapsedTime(Volatile.Read(ref _advanced));

    public string Name => _thread.Name!;

    /// <summary>Longest sleep, milliseconds: a thread that does not wake in several of these hangs.</summary>
    private const int HeartbeatMilliseconds = 1000;

    protected IFaultSink Faults => _faults;

    protected bool Stopping => _stopping;

    /// <summary>Does a bounded piece of work; false when there was none.</summary>
    protected abstract bool Work();

    /// <summary>The last look at the rings before sleeping.</summary>
    protected abstract bool HasWork { get; }

    /// <summary>Longest sleep in milliseconds; -1: until woken.</summary>
    protected virtual int IdleMilliseconds => -1;

    public void Start() => _thread.Start();

    /// <summary>Asks the thread to end once its rings are empty; false when it has not within the time.</summary>
    public bool Stop(int timeoutMilliseconds)
    {
        _stopping = true;
        _stage.Parker.Wake();
        return (_thread.ThreadState & System.Threading.ThreadState.Unstarted) != 0 || _thread.Join(timeoutMilliseconds);
    }

    public virtual void Dispose() => _stage.Parker.Dispose();

    /// <summary>
    /// Puts an item in a ring of the next thread, waiting while it is full: backpressure. Gives up, false, when the
    /// node has failed or this thread is asked to stop.
    /// </summary>
    protected bool Hand<T>(StageLink<T> link, in T item)
    {
        Require.That(ReferenceEquals(link.From, _stage));
        while (!link.Ring.TryEnqueue(in item))
        {
            if (_faults.Faulted || _stopping)
            {
                return false;
            }

            link.Consumer.Wake();
            Thread.Sleep(1);

            // It is the consumer that does not advance.
            Volatile.Write(ref _advanced, Stopwatch.GetTimestamp());
        }

        link.Consumer.Wake();
        return true;
    }

    private void Run()
    {
        Kernel.NameThread(_thread.Name!);
        try
        {
            while (!_faults.Faulted)
            {
                Volatile.Write(ref _advanced, Stopwatch.GetTimestamp());
                if (Work())
                {
                    continue;
                }

                if (_stopping)
                {
                    return;
                }

                int idle = IdleMilliseconds;
                if (idle == 0)
                {
                    continue;
                }

                _stage.Parker.Prepare();
                if (_stopping || _faults.Faulted || HasWork)
                {
                    _stage.Parker.Cancel();
                }
                else
                {
                    _stage.Parker.Park(idle < 0 ? HeartbeatMilliseconds : Math.Min(idle, HeartbeatMilliseconds));
                }
            }
        }
        catch (StoreException e)
        {
            _faults.Fail(ExitCodes.Store, $"{_thread.Name} thread: {e.Message}");
        }
        catch (Exception e)
        {
            _faults.Fail(ExitCodes.Internal, $"{_thread.Name} thread: {e.Message}", e);
        }
    }
}
