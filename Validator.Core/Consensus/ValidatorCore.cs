using Validator.Core.Dag;
using Validator.Core.Effects;
using Validator.Core.Primitives;
using Validator.Core.Wire;

namespace Validator.Core.Consensus;

/// <summary>
/// The whole protocol as one deterministic state machine: inputs in, effects out, the same bytes for the same inputs. Not
/// thread-safe; one thread owns it. Each set of rules has an object with its state and its invariants (FinalChain, BlockJudge,
/// Slots, ViewState, OwnLane and so on), which knows nothing of this class; here, and in its parts by message, is what one tells
/// the others.
/// </summary>
public sealed partial class ValidatorCore
{
    private readonly LaneSet _lanes;
    private readonly OwnLane _own;
    private readonly Pace _pace;
    private readonly EpochClose _close;
    private readonly Slots _slots;
    private readonly BlockJudge _judge;
    private readonly FinalChain _chain;
    private readonly BlockTree _blocks;
    private readonly ViewState _view;
    private readonly Stops _stops;
    private readonly ViewChangeBook _viewChanges;
    private readonly CertificateBook _prepared = new();
    private readonly CertificateBook _committed = new();
    private readonly Fetcher _fetcher;
    private readonly OwnPast _past;
    private readonly Proposer _proposer;
    private readonly ViewTimer _timer;
    private readonly PeerTable _peers;
    private readonly CatchUpDriver _catchUp;
    private readonly Convictions _convictions;
    private readonly uint _window;

    // How far above the final block messages are taken. After a restart that is the executed one, which blocks may have left
    // behind by window + 16 (rule P3), with a window of proposals on top.
    private readonly ulong _reach;

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
        Committee = epoch.Committee;
        Require.That(self >= -1 && self < Committee.Count);
        _window = genesis.Parameters.WindowBlocks;
        _reach = (2UL * _window) + BlockJudge.ExecutionSlack;
        _chain = new FinalChain(epoch.Start, _reach);
        _blocks = new BlockTree(_chain);
        _slots = new Slots(Committee, _reach);
        _close = new EpochClose(epoch, self, genesis.Parameters.EpochLengthBlocks);
        _step = new Step(self, Epoch, settings.Signs);
        _returnKnown = settings.ReturnKnown;
        _past = new OwnPast(self, recovered?.Limit ?? default, recovered?.ForgottenBelow ?? 0);
        _lanes = new LaneSet(Committee.Count, Epoch, new LaneLimits(settings.MaxPendingVertices, settings.MaxPendingBytes, settings.MaxOwnPendingVertices));
        _judge = new BlockJudge(genesis.Parameters, epoch, _reach, _chain, _blocks, _close, _lanes);
        _timer = new ViewTimer(Committee.Count, settings.ViewTimeoutMicros);
        _pace = new Pace(settings, _timer);
        _own = new OwnLane(self, _lanes, settings, genesis.Parameters, _pace, _timer);
        _peers = new PeerTable(Committee, self);
        _fetcher = new Fetcher(_lanes, _peers, _step);
        _convictions = new Convictions(_lanes, _timer);
        _proposer = new Proposer(genesis.Parameters, settings, _chain, _blocks, _close, _lanes, _pace);
        _catchUp = new CatchUpDriver(epoch, _chain, _peers);
        _view = new ViewState(new Claim(0, epoch.Start.Sequence, epoch.Start.Hash));
        _stops = new Stops(Committee, self, settings.ViewTimeoutMicros / 2);
        _viewChanges = new ViewChangeBook(Committee, self, Epoch);
        if (recovered is not null)
        {
            Recover(recovered);
        }
    }

    public Genesis Genesis { get; }
    public EpochConfiguration Configuration { get; }
    public int Self { get; }
    public CoreSettings Settings { get; }
    public Committee Committee { get; }

    /// <summary>Monotonic microseconds at which a Tick is due, at the latest.</summary>
    public long NextDeadline { get; private set; }

    public ulong Epoch => Configuration.Number;

    public ulong View => _view.Number;

    /// <summary>True once this view's NewView is in (always in view 0): proposals of this view may be judged.</summary>
    public bool ViewActive => _view.Active;

    /// <summary>Newest block handed out for execution.</summary>
    public ulong FinalSequence => _chain.Sequence;

    public int Leader => Committee.Leader(Epoch, View);

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
            Dispatch(in input);
        }

        Advance();
        NextDeadline = _step.Over ? long.MaxValue : ComputeDeadline();
        _chain.AssertInvariants();
        _slots.AssertInvariants();
        _own.AssertInvariants();
        _view.AssertInvariants();
        _catchUp.AssertInvariants();
        Require.That(_stops.Sent >= View);
    }

    private void Dispatch(in Input input)
    {
        switch (input.Kind)
        {
            case InputKind.Tick:
                break;
            case InputKind.Message:
                OnMessage(input.Message!, input.Token, input.From);
                break;
            case InputKind.VertexDurable:
                _step.Recheck |= _lanes.MarkDurable(input.Digest, _step.Now);
                break;
            case InputKind.EpochEndStored:
                _step.EndEpoch(_catchUp.OnEpochEndStored(), _catchUp.ProvenFrom);
                break;
            case InputKind.SnapshotInstalled:
                OnSnapshotInstalled();
                break;
            case InputKind.ClientBatch:
                _own.TakeBatch(in input, _step);
                break;
            case InputKind.Signed:
                OnSigned(input.Message!);
                break;
            case InputKind.Executed:
                OnExecuted(input.Sequence, input.Digest, input.Change);
                break;
            case InputKind.PeerUp:
                OnPeerUp(input.From);
                break;
            case InputKind.PeerDown:
                OnPeerDown(input.From);
                break;
            default:
                Require.Fail("every input kind is handled");
                break;
        }
    }

    private void OnMessage(IMessage message, ulong token, int from)
    {
        switch (message)
        {
            case SignedVertex vertex:
                OnVertex(vertex, token, from);
                break;
            case PrePrepare proposal:
                OnPrePrepare(proposal, from);
                break;
            case Signed { Header.Kind: MessageKind.Stop } stop:
                OnStop(stop, from);
                break;
            case Signed vote:
                OnVote(vote, from);
                break;
            case ViewChange change:
                OnViewChange(change, from);
                break;
            case NewView newView:
                OnNewView(newView, from);
                break;
            case Certificate certificate:
                OnCertificate(certificate, from);
                break;
            case Block block:
                OnBlock(block, from);
                break;
            case FinalBlocks blocks:
                OnFinalBlocks(blocks, from);
                break;
            case Evidence evidence:
                OnEvidence(evidence);
                break;
            case Status status:
                OnStatus(status, from);
                break;
            case NotFound answer:
                OnNotFound(answer.Request, answer.FirstKept, from);
                break;
            case SnapshotManifest manifest:
                _catchUp.OnManifest(manifest, from, _step);
                break;
            case SnapshotChunk chunk:
                _catchUp.OnChunk(chunk, from, _step);
                break;
            case EpochEnd end:
                OnEpochEnd(end, from);
                break;
            default:
                Require.Fail("every type of message is handled");
                break;
        }
    }

    /// <summary>What time and changed state make due, after every input.</summary>
    private void Advance()
    {
        // Whatever input comes first once it is due, for another may be there before the tick. With each status all is looked at
        // again: what was asked for in vain is asked for anew.
        _step.Recheck |= _step.Now >= Math.Min(_nextStatusMicros, Math.Min(_proposer.DueMicros, _timestampWaitMicros));
        while (_step.Recheck && !_step.Over)
        {
            _step.Recheck = false;
            _proposer.ForgetDue();
            _timestampWaitMicros = long.MaxValue;
            TryFinalize();
            TryAcceptAll();
            TryCommitAll();
            TryPropose();
        }

        if (_step.Over)
        {
            return;
        }

        AdvanceViewTimer();
        AdvanceStatus();
        _catchUp.Advance(_step);
        _own.AuthorWhenIdle(MayAuthor, _peers.QuorumSinceMicros, _step);
        _own.GrantCredit(MayAuthor, _step);
        _fetcher.Advance();
    }

    private long ComputeDeadline()
    {
        long next = Math.Min(_nextStatusMicros, _fetcher.NextDeadline());
        next = Math.Min(next, ViewDeadline());
        next = Math.Min(next, _catchUp.NextDeadline());
        next = Math.Min(next, Math.Min(_proposer.DueMicros, _timestampWaitMicros));
        return Math.Min(next, _own.NextDeadline(MayAuthor, _peers.QuorumSinceMicros, _step.Now));
    }

    /// <summary>
    /// Something valid bears our signature and our store does not know it: a twin, or a disk rolled back. Signing again
    /// could contradict it (section 6).
    /// </summary>
    private void StopSigning()
    {
        if (_step.Signs)
        {
            _step.StopSigning();
            // What peers reported before may be older than what the twin signed.
            _peers.ForgetReports();
            _step.Emit(EffectKind.Rejected).Reason = Reason.VoteStoreContradicted;
        }
    }
}

/// <summary>Entries in the tables of one <see cref="ValidatorCore"/>.</summary>
internal readonly record struct CoreSizes(int Slots, int Blocks, int Vertices, long PendingBytes, int Fetches, int Roots, int Certificates);
