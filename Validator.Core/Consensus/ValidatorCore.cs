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
    /// <summary>Roots and hashes of final blocks remembered, at least; never fewer than any block in reach is judged by.</summary>
    private const ulong LeastHistory = 512;

    /// <summary>Messages of this many views ahead are kept; a validator further behind enters by NewView.</summary>
    private const ulong MaxViewsAhead = 8;

    private readonly Lane[] _lanes;
    private readonly Dictionary<(ulong View, ulong Sequence), Slot> _slots = [];
    private readonly Dictionary<Hash256, BlockEntry> _blocks = [];
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
    private readonly ulong _history;

    private EffectBuffer _out = null!;
    private long _now;
    private ulong _wall;
    private ulong _signNumber;
    private bool _signs;
    private bool _halted;
    private bool _resumed;

    // Set whenever something may unblock a proposal, a vote or finality; cleared by Recheck.
    private bool _recheck = true;

    private sealed class BlockEntry(Block block)
    {
        public Block Block { get; } = block;

        /// <summary>Voted for here: kept until final, whatever the view does (rule P5).</summary>
        public bool Accepted { get; set; }
    }

    /// <param name="self">Own index in the committee.</param>
    /// <param name="recovered">What the stores hold; null for an empty one.</param>
    public ValidatorCore(Genesis genesis, Hash256 chainId, int self, CoreSettings settings, RecoveredState? recovered = null)
    {
        Genesis = genesis;
        ChainId = chainId;
        Self = self;
        Settings = settings;
        Committee = genesis.ToCommittee();
        Require.That(self >= 0 && self < Committee.Count);
        _window = genesis.Parameters.WindowBlocks;
        _reach = (2UL * _window) + 16;
        _history = Math.Max(LeastHistory, _reach);
        _signs = settings.Signs;
        _lanes = new Lane[Committee.Count];
        for (int i = 0; i < _lanes.Length; i++)
        {
            _lanes[i] = new Lane(i);
        }

        _timer = new ViewTimer(Committee.Count, settings.ViewTimeoutMicros);
        _connected = new bool[Committee.Count];
        _disconnectedMicros = new long[Committee.Count];
        _convicted = new bool[Committee.Count];
        _stopViews = new ulong[Committee.Count];
        _viewChanges = new ViewChange?[Committee.Count];
        _peers = new PeerProgress[Committee.Count];
        _final = StartBlock(genesis, chainId);
        _roots[0] = _final.ExecutedRoot;
        _finalHashes[0] = _final.Hash;
        _base = new Claim(0, 0, _final.Hash);
        _baseFinal = true;
        if (recovered is not null)
        {
            Recover(recovered);
        }
    }

    public Genesis Genesis { get; }
    public Hash256 ChainId { get; }
    public int Self { get; }
    public CoreSettings Settings { get; }
    public Committee Committee { get; }

    /// <summary>Monotonic microseconds at which a Tick is due, at the latest.</summary>
    public long NextDeadline { get; private set; }

    /// <summary>The only epoch so far.</summary>
    public ulong Epoch => 0;

    public ulong View { get; private set; }

    /// <summary>True once this view's NewView is in (always in view 0): proposals of this view may be judged.</summary>
    public bool ViewActive { get; private set; } = true;

    /// <summary>Newest block handed out for execution.</summary>
    public ulong FinalSequence => _final.Sequence;

    public int Leader => Committee.Leader(Epoch, View);

    /// <summary>Entries of each bounded table, for checks of the limits.</summary>
    internal CoreSizes Sizes => new(
        _slots.Count, _blocks.Count, PendingVertices, _fetches.Count, Math.Max(_roots.Count, _finalHashes.Count), _prepared.Count + _committed.Count);

    /// <summary>False for a follower: it lost its votes, or met one of its own that it does not know.</summary>
    public bool Signs => _signs;

    /// <summary>The block that every chain starts from, at sequence 0 of epoch 0.</summary>
    public static Block StartBlock(Genesis genesis, Hash256 chainId) => BlockCodec.Seal(
        0, 0, chainId, genesis.TimestampMicros, 0, Hash256.Zero, new LaneTip[genesis.Members.Length]);

    /// <summary>One step: the effects are appended to <paramref name="effects"/>.</summary>
    public void Handle(in Input input, EffectBuffer effects)
    {
        if (_halted)
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

        if (!_halted)
        {
            Dispatch(in input);
        }

        Advance();
    }

    private void Dispatch(in Input input)
    {
        switch (input.Kind)
        {
            case InputKind.Tick:
                // A proposal's pace or a timestamp may have come due.
                _recheck = true;
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
                OnNotFound(input.Request, input.From);
                break;
            case InputKind.ClientBatch:
                OnClientBatch(in input);
                break;
            case InputKind.Signed:
                OnSigned(input.Message!);
                break;
            case InputKind.Executed:
                OnExecuted(input.Sequence, input.Digest);
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
        while (_recheck && !_halted)
        {
            _recheck = false;
            TryFinalize();
            TryAcceptAll();
            TryCommitAll();
            TryPropose();
        }

        if (_halted)
        {
            return;
        }

        AdvanceViewTimer();
        AdvanceStatus();
        AuthorWhenIdle();
        GrantCredit();
        _fetches.Advance(_now, NextConnected, SendFetch);
        NextDeadline = ComputeDeadline();
    }

    private long ComputeDeadline()
    {
        long next = Math.Min(_nextStatusMicros, _fetches.NextDeadline());
        next = Math.Min(next, ViewDeadline());
        next = Math.Min(next, _proposeAtMicros > _now ? _proposeAtMicros : long.MaxValue);
        next = Math.Min(next, _timestampWaitMicros > _now ? _timestampWaitMicros : long.MaxValue);
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
            Emit(EffectKind.Rejected).Reason = Reason.VoteStoreContradicted;
        }
    }
}

/// <summary>Entries in the tables of one <see cref="ValidatorCore"/>.</summary>
internal readonly record struct CoreSizes(int Slots, int Blocks, int Vertices, int Fetches, int Roots, int Certificates);
