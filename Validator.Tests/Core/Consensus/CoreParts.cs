using Validator.Core.Consensus;
using Validator.Core.Effects;
using Validator.Core.Primitives;
using Validator.Core.Wire;

namespace Validator.Tests.Core.Consensus;

/// <summary>
/// The objects of one core that count, vote, change views and make final, around a chain; member 1 of four unless said otherwise.
/// </summary>
internal sealed class CoreParts
{
    private readonly EffectBuffer _effects = new();

    public CoreParts(int self = 1)
    {
        Self = self;
        EpochConfiguration epoch = Samples.Epoch;
        Step = new Step(self, 0, signs: true);
        Past = new OwnPast(self, default, 0);
        View = new ViewState(new Claim(0, epoch.Start.Sequence, epoch.Start.Hash));
        Slots = new Slots(epoch.Committee, ChainSamples.Reach);
        Timer = new ViewTimer(4, 1_000);
        Stops = new Stops(epoch.Committee, self, 500);
        Changes = new ViewChangeBook(epoch.Committee, self, 0);
        Peers = new PeerTable(epoch.Committee, self);
        CoreSettings settings = new() { ViewTimeoutMicros = 1_000 };
        Pace pace = new(settings, Timer);
        OwnLane own = new(self, Samples.Lanes, settings, Samples.Genesis.Parameters, pace, Timer);
        CatchUpDriver catchUp = new(epoch, Samples.Chain, Peers);
        BlockBuilder builder = new(
            Samples.Genesis.Parameters, settings, Samples.Chain, Samples.Blocks, Samples.Close, Samples.Lanes, pace);
        TwinGuard guard = new(Peers, Step);
        Forks = new ForkDetector(epoch, Samples.Lanes, Slots, View, Samples.Chain, ChainSamples.Reach, Step);
        Convictions = new Convictions(epoch, self, Samples.Lanes, Timer, guard, Forks, Step);
        Fetcher = new Fetcher(Samples.Lanes, Peers, Step);
        Acceptances = new OwnAcceptances(Samples.Chain, Samples.Blocks);
        Changer = new ViewChanger(
            epoch, 32, View, Stops, Changes, Prepared, Committed, Slots, Samples.Blocks, Samples.Chain, Acceptances, Timer, Past,
            guard, Step);
        Certificates = new Certificates(
            epoch, Prepared, Committed, Slots, View, Samples.Chain, Past, Changer, Convictions, guard, Forks, Step);
        Strong = new StrongFinality(epoch.Committee, Samples.Chain);
        Counter = new VoteCounter(
            epoch, self, settings, Slots, View, Samples.Chain, Samples.Blocks, Past, pace, Certificates, Strong, Convictions, guard,
            Step);
        Voter = new Voter(
            epoch, settings, pace, Slots, Samples.Judge, Samples.Blocks, View, Samples.Chain, Past, Acceptances, own, Fetcher,
            Step);
        Finalizer = new Finalizer(
            Samples.Chain, Samples.Blocks, Slots, View, Samples.Lanes, own, Past, Timer, Samples.Close, catchUp, Certificates,
            Strong, Fetcher, guard, Forks, Step);
        BaseChooser = new BaseChooser(epoch, self, View, Samples.Blocks, Samples.Chain, Fetcher, Peers);
        Watch = new LeaderWatch(
            epoch, self, settings, View, Stops, Timer, Slots, Samples.Blocks, Samples.Chain, Samples.Lanes, own, Past, catchUp, Peers, Step);
        Proposer = new Proposer(
            self, 0, View, Samples.Blocks, Samples.Chain, builder, Samples.Judge, Counter, Voter, Past, Fetcher, Peers, Step);
        NewViews = new NewViews(
            epoch, self, View, Stops, Changes, Changer, Certificates, builder, Past, Convictions, guard, Step);
        Vertices = new VertexIntake(self, Samples.Lanes, own, Past, Samples.Blocks, Fetcher, Convictions, guard, Step);
        Answers = new FetchAnswers(Fetcher, Samples.Blocks, Samples.Chain, Certificates, catchUp, Step);
        Status = new StatusExchange(
            epoch, self, settings, 32, Samples.Lanes, Samples.Chain, Slots, View, Stops, Changes, Timer, Fetcher, catchUp, Watch,
            Peers, Step);
        At(0);
        foreach (int peer in Enumerable.Range(0, 4).Where(peer => peer != self))
        {
            Peers.Up(peer, 0);
        }
    }

    public int Self { get; }
    public ChainSamples Samples { get; } = new();
    public Step Step { get; }
    public OwnPast Past { get; }
    public ViewState View { get; }
    public Slots Slots { get; }
    public ViewTimer Timer { get; }
    public Stops Stops { get; }
    public ViewChangeBook Changes { get; }
    public PeerTable Peers { get; }
    public CertificateBook Prepared { get; } = new();
    public CertificateBook Committed { get; } = new();
    public OwnAcceptances Acceptances { get; }
    public ViewChanger Changer { get; }
    public Certificates Certificates { get; }
    public Convictions Convictions { get; }
    public ForkDetector Forks { get; }
    public VoteCounter Counter { get; }
    public StrongFinality Strong { get; }
    public Voter Voter { get; }
    public Finalizer Finalizer { get; }
    public LeaderWatch Watch { get; }
    public Fetcher Fetcher { get; }
    public Proposer Proposer { get; }
    public NewViews NewViews { get; }
    public BaseChooser BaseChooser { get; }
    public VertexIntake Vertices { get; }
    public FetchAnswers Answers { get; }
    public StatusExchange Status { get; }

    /// <summary>Begins a step, and forgets what earlier ones asked for.</summary>
    public void At(long micros)
    {
        _effects.Clear();
        Step.Begin(Inputs.At(micros, Samples.Start.TimestampMicros + 10), _effects);
    }

    /// <summary>What this step asked for so far.</summary>
    public EffectLog Done => EffectLog.Of(_effects);

    /// <summary>View 0's leader proposes a child of the final block.</summary>
    public Block Propose(LaneTip[]? cut = null)
    {
        Block block = ChainSamples.Child(Samples.Chain.Tip, cut);
        Propose(block);
        return block;
    }

    public void Propose(Block block)
    {
        Signed header = ChainSamples.Signed(MessageKind.PrePrepare, 0, 0, block.Sequence, block.Hash);
        Counter.OnPrePrepare(new PrePrepare(header.Header, header.Signature, block), 0);
    }

    public void Vote(MessageKind kind, int sender, Block block, ulong view = 0) =>
        Counter.OnVote(ChainSamples.Signed(kind, sender, view, block.Sequence, block.Hash), sender);
}
