using Validator.Core.Primitives;
using Validator.Host.Primitives;
using Validator.Net.Rings;

namespace Validator.Host.Pipeline;

/// <summary>
/// A piece of work over its rings. Which thread does it, alone or with other stages in turn, is the topology's business: whatever
/// two stages share goes through a ring or is safe between threads, and a stage that may share its thread with the next says
/// whether there is room (<see cref="HasRoom"/>) and never waits for it.
/// </summary>
internal abstract class PipelineStage
{
    private readonly IFaultSink _faults;
    private readonly Stage _stage;

    protected PipelineStage(Stage stage, IFaultSink faults)
    {
        _faults = faults;
        _stage = stage;
        stage.Loop.Add(this);
    }

    /// <summary>What producers call after they have put something in one of this stage's rings.</summary>
    public IWaker Waker => _stage.Loop.Parker;

    public string Name => _stage.Name;

    public StageLoop Loop => _stage.Loop;

    protected IFaultSink Faults => _faults;

    /// <summary>Asked to end once the rings are empty.</summary>
    protected bool Stopping => Loop.Stopping;

    /// <summary>A bounded piece of work, called where there is room for what comes of it; false when there was none.</summary>
    public abstract bool Work();

    /// <summary>The last look at the rings before sleeping.</summary>
    public abstract bool HasWork { get; }

    /// <summary>
    /// Whether what comes of a piece of work can be handed on. Who waits for room is not woken by it: the loop looks.
    /// </summary>
    public virtual bool HasRoom => true;

    /// <summary>Longest sleep in milliseconds; -1: until woken.</summary>
    public virtual int IdleMilliseconds => -1;

    /// <summary>Whether that many items fit now. Producer only.</summary>
    protected static bool Fits<T>(StageLink<T> link, int items = 1) => link.Ring.FreeSlots() >= items;

    /// <summary>
    /// Puts an item in a ring of the next stage, waiting while it is full: backpressure. Gives up, false, when the node has
    /// failed or this stage is asked to stop.
    /// </summary>
    protected bool Hand<T>(StageLink<T> link, in T item)
    {
        Require.That(ReferenceEquals(link.From, _stage));
        while (!link.Ring.TryEnqueue(in item))
        {
            // Who waits for a stage of its own thread waits for ever.
            Require.That(link.To.Loop != Loop);
            if (_faults.Faulted || Stopping)
            {
                return false;
            }

            link.Consumer.Wake();
            Thread.Sleep(StageLoop.RetryMilliseconds);

            // It is the consumer that does not advance.
            Loop.Advance();
        }

        link.Consumer.Wake();
        return true;
    }
}
