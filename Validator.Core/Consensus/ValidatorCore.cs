using Validator.Core.Dag;
using Validator.Core.Effects;
using Validator.Core.Primitives;
using Validator.Core.Wire;

namespace Validator.Core.Consensus;

/// <summary>
/// The whole protocol as one deterministic state machine: inputs in, effects out, the same bytes for the same inputs. Not
/// thread-safe; one thread owns it. Each set of rules has an object with its state and its invariants (VoteCounter, Voter,
/// Finalizer, NewViews, OwnLane and so on), which knows nothing of this class; here is who takes an input, and in which order
/// what became due is looked at.
/// </summary>
public sealed class ValidatorCore : IInputHandler
{
    private readonly LaneSet _lanes;
    private readonly OwnLane _own;
    private readonly EpochClose _close;
    private readonly Slots _slots;
    private readonly FinalChain _chain;
    private readonly BlockTree _blocks;
    private readonly ViewState _view;
    private readonly Stops _stops;
    private readonly CertificateBook _prepared = new();
    private readonly CertificateBook _committed = new();
    private readonly Fetcher _fetcher;
    private readonly OwnPast _past;
    private readonly PeerTable _peers;
    private readonly CatchUpDriver _catchUp;
    private readonly ForkDetector _forks;
    private readonly Convictions _convictions;
    private readonly VertexIntake _vertices;
    private readonly VoteCounter _counter;
    private readonly Certificates _certificates;
    private readonly ViewChanger _changer;
    private readonly NewViews _newViews;
    private readonly BaseChooser _baseChooser;
    private readonly Voter _voter;
    private readonly BlockBuilder _builder;
    private readonly Proposer _proposer;
    private readonly Finalizer _finalizer;
    private readonly StrongFinality _strong;
    private readonly FetchAnswers _answers;
    private readonly StatusExchange _status;
    private readonly LeaderWatch _watch;
    private readonly Step _step;
    private bool _resumed;

    /// <param name="epoch">The epoch that this core lives in; the shell makes another one for the next.</param>
    /// <param name="self">Own index in the epoch's committee, or -1: an observer, which signs nothing.</param>
    /// <param name="recovered">What the stores hold of this epoch; null for nothing.</param>
    public ValidatorCore(Genesis genesis, EpochConfiguration epoch, int self, CoreSettings settings, RecoveredState? recovered = null)
    {
        Genesis = genesis;
        Configuration = epoch;
        Self = self;
        Settings = settings;
        Require.That(self >= -1 && self < Committee.Count);
        uint window = genesis.Parameters.WindowBlocks;

        // How far above the final block messages are taken. After a restart that is the executed one, which blocks may have left
        // behind by window + 16 (rule P3), with a window of proposals on top.
        ulong reach = (2UL * window) + BlockJudge.ExecutionSlack;
        _chain = new FinalChain(epoch.Start, reach);
        _blocks = new BlockTree(_chain);
        _slots = new Slots(Committee, reach);
        _close = new EpochClose(epoch, self, genesis.Parameters.BlocksToEnd);
        _step = new Step(self, Epoch, settings.Signs);
        _past = new OwnPast(self, recovered?.Limit ?? default, recovered?.ForgottenBelow ?? 0);
        _lanes = new LaneSet(Committee.Count, Epoch, new LaneLimits(settings.MaxPendingVertices, settings.MaxPendingBytes, settings.MaxOwnPendingVertices));
        _peers = new PeerTable(Committee, self);
        _fetcher = new Fetcher(_lanes, _peers, _step);
        _catchUp = new CatchUpDriver(epoch, _chain, _peers);
        _view = new ViewState(new Claim(0, epoch.Start.Sequence, epoch.Start.Hash));
        _forks = new ForkDetector(epoch, _lanes, _slots, _view, _chain, reach, _step);
        _stops = new Stops(Committee, self, settings.ViewTimeoutMicros / 2);
        ViewChangeBook changes = new(Committee, self, Epoch);
        ViewTimer timer = new(Committee.Count, settings.ViewTimeoutMicros);
        Pace pace = new(settings, timer);
        BlockJudge judge = new(genesis.Parameters, epoch, reach, _chain, _blocks, _close, _lanes);
        TwinGuard guard = new(_peers, _step);
        OwnAcceptances acceptances = new(_chain, _blocks);
        _own = new OwnLane(self, _lanes, settings, genesis.Parameters, pace, timer);
        _convictions = new Convictions(epoch, self, _lanes, timer, guard, _forks, _step);
        _vertices = new VertexIntake(self, _lanes, _own, _past, _blocks, _fetcher, _convictions, guard, _step);
        _changer = new ViewChanger(
            epoch, window, _view, _stops, changes, _prepared, _committed, _slots, _blocks, _chain, acceptances, timer, _past,
            guard, _step);
        _certificates = new Certificates(
            epoch, _prepared, _committed, _slots, _view, _chain, _past, _changer, _convictions, guard, _forks, _step);
        _strong = new StrongFinality(Committee, _chain);
        _counter = new VoteCounter(
            epoch, self, settings, _slots, _view, _chain, _blocks, _past, pace, _certificates, _strong, _convictions, guard, _step);
        _voter = new Voter(
            epoch, settings, pace, _slots, judge, _blocks, _view, _chain, _past, acceptances, _own, _fetcher, _step);
        _builder = new BlockBuilder(genesis.Parameters, settings, _chain, _blocks, _close, _lanes, pace);
        _proposer = new Proposer(self, Epoch, _view, _blocks, _chain, _builder, judge, _counter, _voter, _past, _fetcher, _peers, _step);
        _newViews = new NewViews(epoch, self, _view, _stops, changes, _changer, _certificates, _builder, _past, _convictions, guard, _step);
        _baseChooser = new BaseChooser(epoch, self, _view, _blocks, _chain, _fetcher, _peers);
        _finalizer = new Finalizer(
            _chain, _blocks, _slots, _view, _lanes, _own, _past, timer, _close, _catchUp, _certificates, _strong, _fetcher, guard,
            _forks, _step);
        _answers = new FetchAnswers(_fetcher, _blocks, _chain, _certificates, _catchUp, _step);
        _watch = new LeaderWatch(epoch, self, settings, _view, _stops, timer, _slots, _blocks, _chain, _lanes, _own, _past, _catchUp, _peers, _step);
        _status = new StatusExchange(
            epoch, self, settings, window, _lanes, _chain, _slots, _view, _stops, changes, timer, _fetcher, _catchUp, _watch,
            _peers, _step);
        if (recovered is not null)
        {
            new Restart(
                self, _chain, _blocks, _slots, _view, _stops, changes, _prepared, _committed, acceptances, _lanes, _own, _past,
                _convictions, _catchUp, _step)
                .Recover(recovered);
        }
    }

    public Genesis Genesis { get; }
    public EpochConfiguration Configuration { get; }
    public int Self { get; }
    public CoreSettings Settings { get; }

    /// <summary>Monotonic microseconds at which a Tick is due, at the latest.</summary>
    public long NextDeadline { get; private set; }

    public Committee Committee => Configuration.Committee;

    public ulong Epoch => Configuration.Number;

    public ulong View => _view.Number;

    /// <summary>True once this view's NewView is in (always in view 0): proposals of this view may be judged.</summary>
    public bool ViewActive => _view.Active;

    /// <summary>Newest block handed out for execution.</summary>
    public ulong FinalSequence => _chain.Sequence;

    public int Leader => Configuration.Leader(View);

    /// <summary>
    /// Monotonic microseconds at which the next proposal of ours may be due, which waits for vertices to be durable here;
    /// long.MaxValue where another leads.
    /// </summary>
    public long ProposesMicros => Leader == Self ? _builder.EarliestMicros : long.MaxValue;

    /// <summary>Entries of each bounded table, for checks of the limits.</summary>
    internal CoreSizes Sizes => new(
        _slots.Count, _blocks.Count, _lanes.Vertices, _lanes.Bytes, _fetcher.Count, _chain.Remembered,
        _prepared.Count + _committed.Count);

    /// <summary>False for a follower: it lost its votes, or met one of its own that it does not know.</summary>
    public bool Signs => _step.Signs;

    /// <summary>
    /// False also for one whose votes and ledger were lost in this epoch, and the votes made anew: where its lane ended is not
    /// known.
    /// </summary>
    public bool Authors => _step.Signs && !_past.LaneIsLost;

    // A member that leaves authors nothing more (rule E8), nor one that has no state of this epoch yet (rule E6).
    private bool MayAuthor => Authors && !_close.LeavesUs && !_catchUp.Landing;

    // Votes and proposals of this view.
    private bool MayVote => _step.Signs && !_catchUp.Landing && ViewActive && !_past.IsSilent(View);

    /// <summary>True while a snapshot is being fetched or installed.</summary>
    public bool CatchesUp => _catchUp.Active;

    /// <summary>For the next epoch's core: what its blocks may state (rule P3). Oldest first.</summary>
    public IEnumerable<(ulong Sequence, Hash256 Root)> RecentRoots => _chain.RecentRoots;

    /// <summary>One step: the effects are appended to <paramref name="effects"/>.</summary>
    public void Handle(in Input input, EffectBuffer effects)
    {
        if (_step.Over)
        {
            return;
        }

        _step.Begin(in input, effects);
        if (!_resumed)
        {
            _resumed = true;
            Resume();
        }

        if (!_step.Over)
        {
            input.Dispatch(this);
        }

        Advance();
        NextDeadline = _step.Over ? long.MaxValue : ComputeDeadline();
        _chain.AssertInvariants();
        _slots.AssertInvariants();
        _own.AssertInvariants();
        _view.AssertInvariants();
        _catchUp.AssertInvariants();
        _close.AssertInvariants();
        _forks.AssertInvariants();
        Require.That(_stops.Sent >= View);
    }

    /// <summary>Whether the order goes on, and if not, what is known of why.</summary>
    public CoreProgress Progress() => _watch.Progress(_voter.AwaitedMicros);

    void IInputHandler.OnTick()
    {
    }

    void IInputHandler.OnVertex(SignedVertex vertex, ulong token, int from) => _vertices.OnVertex(vertex, token);

    void IInputHandler.OnClientBatch(in SealedBatch batch) => _own.TakeBatch(in batch, _step);

    void IInputHandler.OnVertexDurable(in Hash256 vertex) => _step.Recheck |= _lanes.MarkDurable(vertex, _step.Now);

    void IInputHandler.OnExecuted(ulong sequence, in Hash256 root, PendingCommittee? change) => _finalizer.OnExecuted(sequence, root, change);

    void IInputHandler.OnEpochEndStored()
    {
        Block last = _catchUp.OnEpochEndStored();
        _forks.EndEpoch();
        _step.EndEpoch(last, _catchUp.ProvenFrom);
    }

    void IInputHandler.OnSnapshotInstalled() => _finalizer.OnSnapshotInstalled();

    void IInputHandler.OnPeerUp(int peer) => _status.OnPeerUp(peer);

    void IInputHandler.OnPeerDown(int peer) => _status.OnPeerDown(peer);

    void IInputHandler.OnMessage(IMessage message, int from)
    {
        switch (message)
        {
            case PrePrepare proposal:
                _counter.OnPrePrepare(proposal, from);
                break;
            case Signed { Header.Kind: MessageKind.Stop } stop:
                _changer.OnStop(stop, from);
                break;
            case Signed vote:
                _counter.OnVote(vote, from);
                break;
            case ViewChange change:
                _newViews.OnViewChange(change, from);
                break;
            case NewView newView:
                _newViews.OnNewView(newView, from);
                break;
            case Certificate certificate:
                _certificates.Take(certificate, from);
                break;
            case Block block:
                _answers.OnBlock(block, from);
                break;
            case FinalBlocks blocks:
                _answers.OnFinalBlocks(blocks, from);
                break;
            case Evidence evidence:
                _convictions.OnEvidence(evidence);
                break;
            case Status status:
                _status.OnStatus(status, from);
                break;
            case NotFound answer:
                _answers.OnNotFound(answer, from);
                break;
            case SnapshotManifest manifest:
                _catchUp.OnManifest(manifest, from, _step);
                break;
            case SnapshotChunk chunk:
                _catchUp.OnChunk(chunk, from, _step);
                break;
            case EpochEnd end:
                _answers.OnEpochEnd(end, from);
                break;
            default:
                Require.Fail("every type of message is handled");
                break;
        }
    }

    /// <summary>What the shell has signed, stored and sent comes back, and counts from then on.</summary>
    void IInputHandler.OnSigned(IMessage message)
    {
        switch (message)
        {
            case ViewChange change:
                _newViews.OnSigned(change);
                break;
            case NewView newView:
                _newViews.OnSigned(newView);
                break;
            case Signed { Header.Kind: MessageKind.Vertex } vertex:
                _step.Recheck |= _own.OnSigned(vertex, _step.Now);
                break;
            case Signed { Header.Kind: MessageKind.Stop } stop:
                _changer.OnSigned(stop);
                break;
            case Signed { Header.Kind: MessageKind.PrePrepare or MessageKind.Prepare or MessageKind.Commit } vote:
                _counter.OnSigned(vote);
                break;
            default:
                Require.Fail("every signed message comes back");
                break;
        }
    }

    /// <summary>
    /// At the first input: what recovered messages of our own already decide is drawn from them. Nobody else may be there to
    /// bring it up again.
    /// </summary>
    private void Resume()
    {
        _peers.NoteQuorum(_step.Now);
        _counter.Resume();
        _changer.EvaluateStops();
        _newViews.TrySign();
    }

    /// <summary>After every input: does what has become due.</summary>
    private void Advance()
    {
        // With every input, since another may come before the tick. With each Status everything is judged again, so requests
        // without an answer are repeated.
        _step.Recheck |= _step.Now >= Math.Min(_status.DueMicros, JudgedAgainMicros);
        while (_step.Recheck && !_step.Over)
        {
            _step.Recheck = false;
            _builder.ForgetDue();
            _voter.ForgetDue();
            _finalizer.TryFinalize();
            Vote();
        }

        if (_step.Over)
        {
            return;
        }

        _strong.Tell(_step);
        _forks.Advance();
        _watch.Advance();
        _status.Advance();
        _catchUp.Advance(_step);
        _own.AuthorWhenIdle(MayAuthor, _peers.QuorumSinceMicros, _step);
        _own.GrantCredit(MayAuthor, _step);
        _fetcher.Advance();
    }

    private void Vote()
    {
        if (MayVote)
        {
            _baseChooser.TryChoose();
        }

        if (MayVote && Leader != Self)
        {
            _voter.TryPrepareAll();
        }

        if (MayVote)
        {
            _voter.TryCommitAll();
        }

        if (MayVote && Leader == Self)
        {
            _proposer.TryPropose();
        }
    }

    /// <summary>When what waits for its time is judged again.</summary>
    private long JudgedAgainMicros => Math.Min(_builder.DueMicros, Math.Min(_voter.DueMicros, _voter.CommitDueMicros));

    private long ComputeDeadline()
    {
        long next = Math.Min(_status.DueMicros, _fetcher.NextDeadline());
        next = Math.Min(next, _watch.DueMicros);
        next = Math.Min(next, _catchUp.NextDeadline());
        next = Math.Min(next, JudgedAgainMicros);
        return Math.Min(next, _own.NextDeadline(MayAuthor, _peers.QuorumSinceMicros, _step.Now));
    }
}

/// <summary>Entries in the tables of one <see cref="ValidatorCore"/>.</summary>
internal readonly record struct CoreSizes(int Slots, int Blocks, int Vertices, long PendingBytes, int Fetches, int Roots, int Certificates);
