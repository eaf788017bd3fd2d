using System.Diagnostics;
using Validator.Core.Primitives;
using Validator.Host.Primitives;
using Validator.Host.Storage;
using Validator.Net;
using Validator.Net.Native;
using Validator.Net.Rings;

namespace Validator.Host.Pipeline;

/// <summary>
/// One named thread that runs one stage, or several in turn, each a bounded piece at a time, and sleeps when none has work. An
/// exception that leaves a stage is a broken invariant of our own: it ends the process, not just the thread.
/// </summary>
internal sealed class StageLoop(string name, ThreadPriority priority = ThreadPriority.Normal) : IDisposable
{
    /// <summary>Longest sleep, milliseconds: a thread that does not wake in several of these hangs.</summary>
    private const int HeartbeatMilliseconds = 1000;

    /// <summary>How soon somebody who waits for room in a ring looks again: nobody tells that there is some.</summary>
    internal const int RetryMilliseconds = 1;

    private readonly List<Stage> _table = [];
    private readonly ManualResetEventSlim _drained = new();
    private PipelineStage[] _stages = [];
    private Thread? _thread;
    private IFaultSink? _faults;
    private ITransportRounds? _rounds;
    private PipelineStage? _at;
    private volatile bool _stopping;
    private long _advanced = Stopwatch.GetTimestamp();

    /// <summary>As top shows it.</summary>
    public string Name => name;

    /// <summary>In the order in which they run: what one hands on, the next takes in the same turn.</summary>
    public IReadOnlyList<Stage> Stages => _table;

    /// <summary>Where the thread sleeps. It exists before the thread, so that whoever fills a ring can be made first.</summary>
    public Parker Parker { get; } = new();

    public bool Stopping => _stopping;

    /// <summary>Time since its last turn began. A sleeping thread begins one a second.</summary>
    public TimeSpan SinceAdvance => Stopwatch.GetElapsedTime(Volatile.Read(ref _advanced));

    /// <summary>The stage that it is at, or the thread itself.</summary>
    public string At => Volatile.Read(ref _at)?.Name ?? name;

    public void Advance() => Volatile.Write(ref _advanced, Stopwatch.GetTimestamp());

    /// <summary>The table's side: of <see cref="Stage"/>'s constructor.</summary>
    internal void Add(Stage stage) => _table.Add(stage);

    /// <summary>The work's side: a stage that nobody adds is the transport's, or not run.</summary>
    internal void Add(PipelineStage stage)
    {
        Require.That(_thread is null);
        _stages = [.. _stages.Append(stage).OrderBy(s => _table.FindIndex(t => t.Name == s.Name))];
    }

    /// <param name="rounds">The transport's, where its stage is one of this loop's.</param>
    public void Start(IFaultSink faults, ITransportRounds? rounds = null)
    {
        Require.That(_thread is null);
        _faults = faults;
        _rounds = rounds;
        _thread = new Thread(Run, maxStackSize: 1 << 20) { Name = name, IsBackground = true, Priority = priority };
        _thread.Start();
    }

    /// <summary>
    /// Asks the stages to end once their rings are empty; false when they have not within the time. The transport's rounds go on
    /// until it is stopped.
    /// </summary>
    public bool Stop(int timeoutMilliseconds)
    {
        _stopping = true;
        Parker.Wake();
        return _thread is not { } thread || (_rounds is null ? thread.Join(timeoutMilliseconds) : _drained.Wait(timeoutMilliseconds));
    }

    public void Dispose()
    {
        Parker.Dispose();
        _drained.Dispose();
    }

    private void Run()
    {
        Kernel.NameThread(name);
        try
        {
            RunStages();
        }
        catch (StoreException e)
        {
            _faults!.Fail(ExitCodes.Store, $"{At} thread: {e.Message}");
        }
        catch (Exception e)
        {
            _faults!.Fail(ExitCodes.Internal, $"{At} thread: {e.Message}", e);
        }

        // What other threads send at the end still leaves, and peers are answered.
        _drained.Set();
        _rounds?.Finish();
    }

    private void RunStages()
    {
        _rounds?.Begin();
        while (!_faults!.Faulted && _rounds is not { IsOver: true })
        {
            Advance();
            bool any = _rounds?.Turn() == true;
            foreach (PipelineStage stage in _stages)
            {
                Volatile.Write(ref _at, stage);
                any |= stage.HasRoom && stage.Work();
            }

            Volatile.Write(ref _at, null);
            if (any)
            {
                continue;
            }

            if (_stopping)
            {
                return;
            }

            int idle = HeartbeatMilliseconds;
            foreach (PipelineStage stage in _stages)
            {
                int own = stage is { HasRoom: false, HasWork: true } ? RetryMilliseconds : stage.IdleMilliseconds;
                idle = own >= 0 ? Math.Min(idle, own) : idle;
            }

            if (idle > 0)
            {
                Sleep(idle);
            }
        }
    }

    private void Sleep(int milliseconds)
    {
        Parker.Prepare();
        bool stays = _stopping || _faults!.Faulted || _rounds?.HasWork == true;
        foreach (PipelineStage stage in _stages)
        {
            stays |= stage.HasRoom && stage.HasWork;
        }

        if (stays)
        {
            Parker.Cancel();
        }
        else if (_rounds is { } rounds)
        {
            rounds.Sleep(milliseconds);
        }
        else
        {
            Parker.Park(milliseconds);
        }
    }
}
