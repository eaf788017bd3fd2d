using Validator.Core.Dag;
using Validator.Core.Effects;
using Validator.Core.Primitives;
using Validator.Core.Wire;

namespace Validator.Core.Consensus;

/// <summary>
/// The whole protocol as one deterministic state machine: inputs in, effects out, the same bytes for the same inputs.
/// Not thread-safe; one thread owns it. The parts: Lanes (section 3), Ordering (4), ViewChanges (5), Finality, Sync.
/// </summary>
public sealed partial class ValidatorCore
{
    private readonly Lane[] _lanes;
    private readonly EpochClose _close;
    private readonly Slots _slots;
    private readonly BlockJudge _judge;
    private readonly FinalChain _chain;
    private readonly BlockTree _blocks;
    private readonly CertificateBook _prepared = new();
    private readonly CertificateBook _committed = new();
    private readonly FetchTable _fetches = new();
    private readonly ViewTimer _timer;
    private readonly bool[] _connected;
    private readonly long[] _disconnectedMicros;
    private readonly bool[] _convicted;
    private readonly uint _window;

    // How far above the final block messages are taken. After a restart that is the executed one, which blocks may have left
    // behind by window + 16 (rule P3), with a window of proposals on top.
    private readonly ulong _reach;

    private EffectBuffer _out = null!;
    private long _now;
    private ulong _wall;
    private ulong _signNumber;
    private bool _signs;
    private bool _halted;
    private bool _resumed;

    // Set whenever something may unblock a proposal, a vote or finality; cleared by Recheck.
    private bool _recheck = true;

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
        _signs = settings.Signs && self >= 0;
        _returnKnown = settings.ReturnKnown;
        _limit = recovered?.Limit ?? default;
        _lanes = new Lane[Committee.Count];
        for (int i = 0; i < _lanes.Length; i++)
        {
            _lanes[i] = new Lane(i);
        }

        _judge = new BlockJudge(genesis.Parameters, epoch, _reach, _chain, _blocks, _close, _lanes);
        _timer = new ViewTimer(Committee.Count, settings.ViewTimeoutMicros);
        _connected = new bool[Committee.Count];
        _disconnectedMicros = new long[Committee.Count];
        _convicted = new bool[Committee.Count];
        _stopViews = new ulong[Committee.Count];
        _viewChanges = new ViewChange?[Committee.Count];
        _peers = new PeerProgress[Committee.Count];
        _catchUp = new CatchUp(Committee.Count);
        _base = StartClaim;
        _baseFinal = true;
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

    public ulong View { get; private set; }

    /// <summary>True once this view's NewView is in (always in view 0): proposals of this view may be judged.</summary>
    public bool ViewActive { get; private set; } = true;

    /// <summary>Newest block handed out for execution.</summary>
    public ulong FinalSequence => _chain.Sequence;

    public int Leader => Committee.Leader(Epoch, View);

    /// <summary>Entries of each bounded table, for checks of the limits.</summary>
    internal CoreSizes Sizes => new(
        _slots.Count, _blocks.Count, PendingVertices, PendingBytes, _fetches.Count, _chain.Remembered,
        _prepared.Count + _committed.Count);

    /// <summary>False for a follower: it lost its votes, or met one of its own that it does not know.</summary>
    public bool Signs => _signs;

    /// <summary>False also for one whose votes and ledger were lost in this epoch, and the votes made anew: where its lane ended is not known.</summary>
    public bool Authors => _signs && !_limit.LaneIsLost;

    /// <summary>One step: the effects are appended to <paramref name="effects"/>.</summary>
    public void Handle(in Input input, EffectBuffer effects)
    {
        if (Over)
        {
            return;
        }

        _out = effects;
        _now = Math.Max(_now, input.MonotonicMicros);
        _wall = input.WallMicros;
        if (!_resumed)
        {
            _resumed = true;
            Resume();
        }

        if (!Over)
        {
            Dispatch(in input);
        }

        Advance();
        _chain.AssertInvariants();
        _slots.AssertInvariants();
    }

    private void Dispatch(in Input input)
    {
        switch (input.Kind)
        {
            case InputKind.Tick:
                break;
            case InputKind.PrePrepare:
                OnPrePrepare(input.Message!, input.Block!, input.From);
                break;
            case InputKind.Vote:
                OnVote(input.Message!, input.From);
                break;
            case InputKind.Stop:
                OnStop(input.Message!, input.From);
                break;
            case InputKind.ViewChange:
                OnViewChange(input.ViewChange!, input.From);
                break;
            case InputKind.NewView:
                OnNewView(input.NewView!, input.From);
                break;
            case InputKind.Certificate:
                OnCertificate(input.Certificate!, input.From);
                break;
            case InputKind.Vertex:
                OnVertex(input.Message!, input.Vertex!, input.Token, input.From);
                break;
            case InputKind.VertexDurable:
                OnVertexDurable(input.Digest);
                break;
            case InputKind.Block:
                OnBlock(input.Block!, input.From);
                break;
            case InputKind.FinalBlocks:
                OnFinalBlocks(input.FinalBlocks!, input.From);
                break;
            case InputKind.Evidence:
                OnEvidence(input.Evidence!);
                break;
            case InputKind.Status:
                OnStatus(input.Status!, input.From);
                break;
            case InputKind.NotFound:
                OnNotFound(input.Request, input.Sequence, input.From);
                break;
            case InputKind.Manifest:
                OnManifest(input.Manifest!, input.From);
                break;
            case InputKind.Chunk:
                OnChunk(input.Chunk!, input.From);
                break;
            case InputKind.EpochEnd:
                OnEpochEnd(input.EpochEnd!, input.From);
                break;
            case InputKind.EpochEndStored:
                OnEpochEndStored();
                break;
            case InputKind.SnapshotInstalled:
                OnSnapshotInstalled();
                break;
            case InputKind.ClientBatch:
                OnClientBatch(in input);
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

    /// <summary>What time and changed state make due, after every input.</summary>
    private void Advance()
    {
        // Whatever input comes first once it is due, for another may be there before the tick. With each status all is looked at
        // again: what was asked for in vain is asked for anew.
        _recheck |= _now >= Math.Min(_nextStatusMicros, Math.Min(_proposeAtMicros, _timestampWaitMicros));
        while (_recheck && !Over)
        {
            _recheck = false;
            (_proposeAtMicros, _timestampWaitMicros) = (long.MaxValue, long.MaxValue);
            TryFinalize();
            TryAcceptAll();
            TryCommitAll();
            TryPropose();
        }

        if (Over)
        {
            return;
        }

        AdvanceViewTimer();
        AdvanceStatus();
        AdvanceCatchUp();
        AuthorWhenIdle();
        GrantCredit();
        _fetches.Advance(_now, NextConnected, SendFetch);
        NextDeadline = ComputeDeadline();
    }

    private long ComputeDeadline()
    {
        long next = Math.Min(_nextStatusMicros, _fetches.NextDeadline());
        next = Math.Min(next, ViewDeadline());
        next = Math.Min(next, _catchUp.NextDeadline());
        next = Math.Min(next, Math.Min(_proposeAtMicros, _timestampWaitMicros));
        next = Math.Min(next, _creditAtMicros > _now ? _creditAtMicros : long.MaxValue);
        return Math.Min(next, IdleVertexDue());
    }

    private ref Effect Emit(EffectKind kind) => ref _out.Add(kind);

    private void Reject(Reason reason, int from)
    {
        ref Effect effect = ref Emit(EffectKind.Rejected);
        effect.Reason = reason;
        effect.To = from;
    }

    /// <summary>Sign, persist, send: one item. The caller fills in the body.</summary>
    private ref Effect Sign(MessageKind kind, ulong view, ulong sequence, in Hash256 digest)
    {
        Require.That(_signs);
        ref Effect effect = ref Emit(EffectKind.Sign);
        effect.Number = ++_signNumber;
        effect.Header = new SignedHeader(kind, Self, Epoch, view, sequence, digest);
        return ref effect;
    }

    private void Halt(Reason reason, Certificate? certificate, Certificate? conflicting)
    {
        _halted = true;
        _signs = false;
        NextDeadline = long.MaxValue;
        ref Effect effect = ref Emit(EffectKind.Halt);
        effect.Reason = reason;
        effect.Certificate = certificate;
        effect.Conflicting = conflicting;
    }

    /// <summary>
    /// Something valid bears our signature and our store does not know it: a twin, or a disk rolled back. Signing again
    /// could contradict it (section 6).
    /// </summary>
    private void StopSigning()
    {
        if (_signs)
        {
            _signs = false;
            // What peers reported before may be older than what the twin signed.
            Array.Clear(_peers);
            Emit(EffectKind.Rejected).Reason = Reason.VoteStoreContradicted;
        }
    }
}

/// <summary>Entries in the tables of one <see cref="ValidatorCore"/>.</summary>
internal readonly record struct CoreSizes(int Slots, int Blocks, int Vertices, long PendingBytes, int Fetches, int Roots, int Certificates);
