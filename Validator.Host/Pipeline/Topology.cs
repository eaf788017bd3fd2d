using Validator.Core.Effects;
using Validator.Core.Shell;
using Validator.Core.Wire;
using Validator.Net;
using Validator.Net.Buffers;
using Validator.Net.Rings;

namespace Validator.Host.Pipeline;

/// <summary>A stage of the pipeline: its name, what it alone changes, and the thread that does its work.</summary>
internal sealed class Stage
{
    public Stage(string name, string owns, StageLoop loop)
    {
        (Name, Owns, Loop) = (name, owns, loop);
        loop.Add(this);
    }

    public string Name { get; }

    public string Owns { get; }

    public StageLoop Loop { get; }
}

/// <summary>A bounded ring from one stage to another.</summary>
/// <param name="capacity">Items; a power of two.</param>
/// <param name="reason">Why it holds so many.</param>
/// <param name="full">What happens when it is full.</param>
internal abstract class StageLink(Stage from, Stage to, int capacity, string reason, string full)
{
    public Stage From => from;

    public Stage To => to;

    public int Capacity => capacity;

    public string Reason => reason;

    public string Full => full;

    public abstract Type Item { get; }

    /// <summary>Wakes the stage that empties it. Not for links to the network, which is woken by its outboxes.</summary>
    public IWaker Consumer => to.Loop.Parker;
}

/// <summary>A ring with one writer and one reader.</summary>
internal sealed class StageLink<T>(Stage from, Stage to, int capacity, string reason, string full)
    : StageLink(from, to, capacity, reason, full)
{
    public SpscRing<T> Ring { get; } = new(capacity);

    public bool IsEmpty => Ring.IsEmpty;

    public override Type Item => typeof(T);

    public bool TryTake([System.Diagnostics.CodeAnalysis.MaybeNullWhen(false)] out T item) => Ring.TryDequeue(out item);
}

/// <summary>A link whose ring its owner makes, of this capacity: the transport's, and one that several fill.</summary>
internal sealed class OtherLink<T>(Stage from, Stage to, int capacity, string reason, string full)
    : StageLink(from, to, capacity, reason, full)
{
    public override Type Item => typeof(T);
}

/// <summary>
/// The pipeline as one table: each stage with what it owns, each link with who fills it, who empties it, how much it holds, why,
/// and what happens when it is full. Stages are made from it, and docs/ARCHITECTURE.md and docs/pipeline.svg are compared with
/// it.
/// </summary>
internal sealed class Topology
{
    private const string Keeps = "Core keeps the item and takes nothing from outside";
    private const string Same = "the same";

    /// <summary>
    /// Up to so many cores one thread runs all that does not wait for a disk: wake-ups cost more than what runs side by side
    /// would save.
    /// </summary>
    private const int FewCores = 2;

    /// <summary>Cores that the threads without payload keep busy; each beyond has a worker of validation.</summary>
    private const int CoresWithoutWorkers = 4;

    /// <param name="cores">Those that this process may use: its affinity and its share.</param>
    public Topology(int cores)
    {
        StageLoop? one = cores <= FewCores ? new StageLoop("pipeline") : null;
        Stage Alone(string name, string owns, ThreadPriority priority = ThreadPriority.Normal) =>
            new(name, owns, new StageLoop(name, priority));
        Stage Together(string name, string owns, StageLoop? loop) => loop is null ? Alone(name, owns) : new(name, owns, loop);

        Network = Together("network", "sockets, QUIC, send queues", one);
        Validation = Together("validation", "decoding, verification", one);
        Batcher = Together("batcher", "clients' transactions", one);
        Core = Together("core", "all protocol state", one);
        Signer = Together("signer", "the consensus key", one);
        Votes = Alone("vote-store", "the small database; new signatures leave here");

        // Execution reads from the ledger what is no longer in memory, and what it hands over is written next.
        StageLoop? writes = one is null ? null : new StageLoop("ledger");
        Execution = Together("execution", "dedup window, nonces, root", writes);
        Ledger = Together("ledger", "the large database", writes);
        Fetch = Alone("fetch", "answers to peers", ThreadPriority.BelowNormal);
        Prune = Alone("prune", "what the ledger forgets, and its index", ThreadPriority.BelowNormal);

        // Core hands out at most a window's votes and two own vertices at a time, so answers always fit.
        const int work = 1024, outside = 2048, answers = 4096, frames = 4096;
        NetworkToValidation = new(Network, Validation, 8192,
            "two seconds of a peer's control frames at its limit", "network stops reading: QUIC's windows close");
        Workers = [.. Enumerable.Range(1, Math.Max(0, cores - CoresWithoutWorkers)).Select(n => new WorkerStage(n, this, outside))];
        ValidationToCore = new(Validation, Core, outside,
            "a round of validation, and all messages that waited for an epoch", "validation takes no more");
        ValidationToFetch = new(Validation, Fetch, work,
            "the requests that may wait of 16 peers", "the request is dropped and counted; the peer asks again");
        BatcherToCore = new(Batcher, Core, work,
            "more than the batches that Core gives credit for", "batcher takes no more; clients get 429");
        CoreToSigner = new(Core, Signer, work, "what Core hands out of a window at a time, with room to spare", Keeps);
        CoreToLedger = new(Core, Ledger, work, Same, Same);
        CoreToExecution = new(Core, Execution, work, Same, Same);
        CoreToFetch = new(Core, Fetch, work, Same, Same);
        SignerToVotes = new(Signer, Votes, work, "as many as come to the signer", "signer takes no more");
        SignerToLedger = new(Signer, Ledger, work, Same, Same);
        LedgerToVotes = new(Ledger, Votes, work, Same, "ledger waits");
        ExecutionToLedger = new(Execution, Ledger, work, "as many as come to execution", "execution takes no more");
        VotesToCore = new(Votes, Core, answers,
            "all that Core has handed out, which its windows bound", "never in practice");
        LedgerToCore = new(Ledger, Core, answers, Same, Same);
        CoreToNetwork = new(Core, Network, frames,
            "eight slots sent again to each of 128 members", "the frame is dropped and counted; who needs it asks again");
        VotesToNetwork = new(Votes, Network, frames, Same, Same);
        FetchToNetwork = new(Fetch, Network, frames, Same, Same);
    }

    public Stage Network { get; }

    /// <summary>Also deals out frames with payload, where there are workers.</summary>
    public Stage Validation { get; }

    public Stage Batcher { get; }

    public Stage Core { get; }

    public Stage Signer { get; }

    public Stage Execution { get; }

    public Stage Votes { get; }

    public Stage Ledger { get; }

    public Stage Fetch { get; }

    public Stage Prune { get; }

    public OtherLink<TransportEvent> NetworkToValidation { get; }

    public WorkerStage[] Workers { get; }

    public StageLink<Input> ValidationToCore { get; }

    /// <summary>Its ring is filled by the workers too.</summary>
    public OtherLink<(int Peer, FetchRequest Request)> ValidationToFetch { get; }

    public StageLink<Input> BatcherToCore { get; }

    public StageLink<OwnRecord> CoreToSigner { get; }

    public StageLink<LedgerItem> CoreToLedger { get; }

    public StageLink<ExecuteItem> CoreToExecution { get; }

    public StageLink<IMessage> CoreToFetch { get; }

    public StageLink<OwnRecord> SignerToVotes { get; }

    public StageLink<LedgerItem> SignerToLedger { get; }

    public StageLink<OwnRecord> LedgerToVotes { get; }

    public StageLink<LedgerItem> ExecutionToLedger { get; }

    public StageLink<Input> VotesToCore { get; }

    public StageLink<Input> LedgerToCore { get; }

    public OtherLink<PooledBuffer> CoreToNetwork { get; }

    public OtherLink<PooledBuffer> VotesToNetwork { get; }

    public OtherLink<PooledBuffer> FetchToNetwork { get; }

    /// <summary>Own threads' answers, which Core takes before anything else.</summary>
    public StageLink<Input>[] Answers => [VotesToCore, LedgerToCore];

    public StageLink<Input>[] Outside => [ValidationToCore, .. Workers.Select(w => w.ToCore), BatcherToCore];

    /// <summary>As ARCHITECTURE.md lists them.</summary>
    public IEnumerable<Stage> Stages => [Network, Validation, .. Workers.Select(w => w.Stage), Core, Signer, Votes, Ledger, Execution, Fetch, Batcher, Prune];

    /// <summary>
    /// The threads, in the order of the pipeline: each finds its successor still running while it empties its rings.
    /// </summary>
    public IEnumerable<StageLoop> Loops =>
        new[] { Network, Batcher, Validation }.Concat(Workers.Select(w => w.Stage)).Concat([Core, Signer, Execution, Ledger, Votes, Fetch, Prune])
            .Select(s => s.Loop).Distinct();

    public IEnumerable<StageLink> Links =>
    [
        NetworkToValidation, .. Workers.SelectMany(w => (StageLink[])[w.Frames, w.ToCore]), ValidationToCore, ValidationToFetch, BatcherToCore, CoreToSigner,
        CoreToLedger, CoreToExecution, CoreToFetch, SignerToVotes, SignerToLedger, LedgerToVotes, ExecutionToLedger, VotesToCore, LedgerToCore, CoreToNetwork,
        VotesToNetwork, FetchToNetwork,
    ];

    /// <summary>A worker of validation, on a core of its own.</summary>
    internal sealed class WorkerStage
    {
        public WorkerStage(int number, Topology topology, int outside)
        {
            Stage = new Stage($"validation-{number}", topology.Validation.Owns, new StageLoop($"validation-{number}"));
            Frames = new(
                topology.Validation, Stage, 256, "as many as validation keeps itself", "validation waits for its worker");
            ToCore = new(Stage, topology.Core, outside, "as validation's own", "the worker waits");
        }

        public Stage Stage { get; }

        public StageLink<ReceivedFrame> Frames { get; }

        public StageLink<Input> ToCore { get; }
    }
}
