using Microsoft.Extensions.Logging;
using Validator.Core.Consensus;
using Validator.Core.Effects;
using Validator.Core.Primitives;
using Validator.Core.Wire;
using Validator.Host.Config;
using Validator.Host.Contracts;
using Validator.Host.Primitives;
using Validator.Host.Storage;
using Validator.Net;
using Validator.Net.Rings;

namespace Validator.Host.Pipeline;

/// <summary>
/// Owns the state machine: takes inputs from every ring, stamps them with both clocks, and carries out the effects in order.
/// Answers of our own threads come before anything from outside, and nothing from outside is taken while one of them is
/// behind (see <see cref="Outlet{T}"/>).
/// </summary>
/// <param name="epoch">That of the first core.</param>
/// <param name="hasVotes">Whether the vote store is whole, member or not.</param>
internal sealed partial class CoreThread(
    ValidatorCore first, EpochContext epoch, bool hasVotes, LinkTable links, FrameSender sender, NodeMetrics metrics, ILogger log, IFaultSink faults)
    : PipelineThread("core", faults)
{
    private const int MostPerRing = 64;

    private readonly EffectBuffer _effects = new();

    // By link: peers stay when the committee changes.
    private readonly ulong[] _peerView = new ulong[NodeMetrics.MaxLinks];
    private readonly ulong[] _peerFinal = new ulong[NodeMetrics.MaxLinks];
    private readonly bool[] _peerUp = new bool[NodeMetrics.MaxLinks];
    private ValidatorCore _core = first;
    private EpochContext _epoch = epoch;
    private ulong _view;
    private ulong _final;
    private ulong _laneHeight;
    private long _pendingVertices;
    private bool _signs = first.Signs;
    private bool _authors = first.Authors;

    /// <summary>Answers of the vote store and the ledger.</summary>
    public required SpscRing<Input>[] Answers { get; init; }

    /// <summary>From validation and from the batcher.</summary>
    public required SpscRing<Input>[] Outside { get; init; }

    public required Outlet<VoteRecord> ToSigner { get; init; }

    public required Outlet<LedgerItem> ToLedger { get; init; }

    public required Outlet<ExecuteItem> ToExecution { get; init; }

    public required Outlet<ServiceItem> ToService { get; init; }

    public required TokenTable<PendingVertex> Vertices { get; init; }

    public required TokenTable<ClientBatch> Batches { get; init; }

    public required ClientBatcher Batcher { get; init; }

    public required SignerThread Signer { get; init; }

    public required EvidenceStore Evidence { get; init; }

    /// <summary>Where the mark of a contradiction goes.</summary>
    public required StorageSection Storage { get; init; }

    public ulong View => Volatile.Read(ref _view);

    public ulong FinalSequence => Volatile.Read(ref _final);

    public bool Signs => Volatile.Read(ref _signs);

    /// <summary>False as well where lost votes were made anew in this epoch.</summary>
    public bool Authors => Volatile.Read(ref _authors);

    /// <summary>Own lane's newest height.</summary>
    public ulong LaneHeight
    {
        get => Volatile.Read(ref _laneHeight);
        init => _laneHeight = value;
    }

    /// <summary>Vertices held or being stored, and not ordered.</summary>
    public long PendingVertices
    {
        get => Volatile.Read(ref _pendingVertices);
        init => _pendingVertices = value;
    }

    /// <summary>What a peer's last status said.</summary>
    public (ulong View, ulong FinalSequence) PeerProgress(int peer) =>
        peer < 0 ? default : (Volatile.Read(ref _peerView[peer]), Volatile.Read(ref _peerFinal[peer]));

    /// <summary>The link has another owner. This thread, or before the start.</summary>
    public void ForgetProgress(int link)
    {
        Volatile.Write(ref _peerView[link], 0);
        Volatile.Write(ref _peerFinal[link], 0);
        Volatile.Write(ref _reportedAt[link], 0);
        Volatile.Write(ref _signedAt[link], 0);
    }

    public bool PeerUp(int peer) => peer >= 0 && Volatile.Read(ref _peerUp[peer]);

    protected override bool HasWork => AnyIn(Answers) || (!IsBlocked && !Halted() && AnyIn(Outside));

    protected override int IdleMilliseconds
    {
        get
        {
            if (IsBlocked)
            {
                return 1;
            }

            if (Halted())
            {
                return 100;
            }

            long micros = _core.NextDeadline - Clock.MonotonicMicros();
            return micros <= 0 ? 0 : (int)Math.Min(1_000, (micros + 999) / 1_000);
        }
    }

    private bool IsBlocked => ToSigner.IsBlocked || ToLedger.IsBlocked || ToExecution.IsBlocked || ToService.IsBlocked;

    protected override bool Work()
    {
        int done = 0;
        _roundMicros = Clock.MonotonicMicros();
        foreach (SpscRing<Input> ring in Answers)
        {
            done += Drain(ring, int.MaxValue);
        }

        bool halted = Halted();
        foreach (SpscRing<Input> ring in Outside)
        {
            done += halted || IsBlocked ? 0 : Drain(ring, MostPerRing);
        }

        if (!halted && Clock.MonotonicMicros() >= _core.NextDeadline)
        {
            Step(new Input { Kind = InputKind.Tick, From = -1 });
            done++;
        }

        long now = Clock.MonotonicMicros();
        if (now >= links.NextDueMicros)
        {
            links.CloseDue(now);
        }

        PublishProgress(now);

        ToSigner.Flush();
        ToLedger.Flush();
        ToExecution.Flush();
        ToService.Flush();
        if (done > 0)
        {
            sender.Flush();
            Volatile.Write(ref _view, _core.View);
            Volatile.Write(ref _final, _core.FinalSequence);
            Ledger.Proposes = _core.Leader == _epoch.Self;
        }

        return done > 0;
    }

    /// <summary>
    /// True while the disk is below the hard mark: nothing from outside is taken and no timer runs, so that nothing more has to be
    /// written. To the others it is a validator that is slow; backpressure keeps what they send. Set once before the start.
    /// </summary>
    public Func<bool> Halted { get; set; } = static () => false;

    private static bool AnyIn(SpscRing<Input>[] rings)
    {
        foreach (SpscRing<Input> ring in rings)
        {
            if (!ring.IsEmpty)
            {
                return true;
            }
        }

        return false;
    }

    private int Drain(SpscRing<Input> ring, int most)
    {
        int done = 0;
        while (done < most && ring.TryDequeue(out Input input))
        {
            done++;
            if (!IsLate(input) && Note(ref input))
            {
                Step(input);
            }
        }

        return done;
    }

    /// <summary>Keeps what the API shows, and turns the transport's links into members; false for what is not Core's.</summary>
    private bool Note(ref Input input)
    {
        NoteSigner(input);
        switch (input.Kind)
        {
            case InputKind.Status:
                int peer = _epoch.LinkOf(input.From);
                Volatile.Write(ref _peerView[peer], input.Status!.View);
                Volatile.Write(ref _peerFinal[peer], input.Status.FinalSequence);
                Volatile.Write(ref _reportedAt[peer], _roundMicros);
                break;
            case InputKind.Executed when input.Change is not null:
                // Whom the change names may connect from now on.
                links.Update(Ledger.Epoch);
                break;
            case InputKind.PeerUp or InputKind.PeerDown:
                Volatile.Write(ref _peerUp[input.From], input.Kind == InputKind.PeerUp);
                input.From = _epoch.MemberOf(input.From);
                return input.From >= 0;
        }

        return true;
    }

    private void Step(Input input)
    {
        input.MonotonicMicros = Clock.MonotonicMicros();
        input.WallMicros = Clock.WallMicros();
        _core.Handle(input, _effects);
        Block? last = null;
        ulong provenFrom = 0;
        foreach (ref readonly Effect effect in _effects.Items)
        {
            if (Faults.Faulted)
            {
                return;
            }

            last = effect.Kind == EffectKind.EpochEnded ? effect.Block : last;
            provenFrom = Math.Max(provenFrom, effect.ProvenFrom);
            Carry(effect);
        }

        _effects.Clear();
        if (last is not null)
        {
            NextEpoch(last, provenFrom);
        }
    }

    private void Carry(in Effect effect)
    {
        switch (effect.Kind)
        {
            case EffectKind.Sign:
                CarrySign(effect);
                break;
            case EffectKind.PersistBlock:
                ToSigner.Put(new VoteRecord { Kind = RecordKind.Block, Block = effect.Block });
                ToService.Put(new ServiceItem { Kind = ServiceItemKind.Block, Block = effect.Block });
                break;
            case EffectKind.PersistCertificate:
                ToSigner.Put(new VoteRecord { Kind = RecordKind.PreparedCertificate, Certificate = effect.Certificate });
                break;
            case EffectKind.PersistNewView:
                ToSigner.Put(new VoteRecord { Kind = RecordKind.NewView, NewView = effect.NewView });
                break;
            case EffectKind.StoreVertex:
                HeldVertex vertex = Vertices.Take(effect.Token)!.Take();
                Volatile.Write(ref _pendingVertices, _pendingVertices + 1);
                ToLedger.Put(new LedgerItem { Kind = LedgerItemKind.Vertex, Vertex = vertex });
                break;
            case EffectKind.DropVertex:
                Drop(effect);
                break;
            case EffectKind.BatchCredit:
                Batcher.Grant();
                break;
            case EffectKind.Execute:
                Volatile.Write(ref _pendingVertices, _pendingVertices - effect.Order!.Length);
                ToExecution.Put(new ExecuteItem(effect.Block!, effect.Certificate!, effect.Order));
                break;
            case EffectKind.StoreEpochEnd:
                log.LogInformation("peers no longer keep a snapshot of epoch {Epoch}, which ended with block {Block}: on to the next", _core.Epoch, effect.EpochEnd!.Last.Sequence);
                ToLedger.Put(new LedgerItem { Kind = LedgerItemKind.EpochEnd, EpochEnd = effect.EpochEnd });
                break;
            case EffectKind.StoreManifest:
                log.LogInformation(
                    "peers no longer keep block {Next}: fetching the snapshot at block {Sequence}", _core.FinalSequence + 1,
                    effect.Manifest!.Sequence);
                ToLedger.Put(new LedgerItem { Kind = LedgerItemKind.Manifest, Manifest = effect.Manifest });
                break;
            case EffectKind.StoreChunk:
                ToLedger.Put(new LedgerItem { Kind = LedgerItemKind.Chunk, Chunk = effect.Chunk });
                break;
            case EffectKind.DropSnapshot:
                ToLedger.Put(new LedgerItem { Kind = LedgerItemKind.DropSnapshot });
                break;
            case EffectKind.InstallSnapshot:
                log.LogInformation("the snapshot at block {Sequence} is here and goes in place", effect.Manifest!.Sequence);
                Volatile.Write(ref _pendingVertices, 0);
                ToLedger.Put(new LedgerItem { Kind = LedgerItemKind.Install, Manifest = effect.Manifest });
                break;
            case EffectKind.Evidence:
                CountEvidence(effect.Evidence!);
                break;
            case EffectKind.ViewChanged:
                NoteView(effect);
                break;
            case EffectKind.Rejected:
                NoteRejected(effect);
                break;
            case EffectKind.Halt:
                Evidence.KeepHalt(effect);
                Faults.Fail(ExitCodes.Halted, $"halted by safety: {effect.Reason}; nothing more is signed, keep the data directory");
                break;
            case EffectKind.SignFrom:
                NoteSignsFrom(effect.Epoch);
                break;
            case EffectKind.EpochEnded:
                // The last effect of its core; the next one follows once this buffer is free.
                break;
            default:
                CarrySend(effect);
                break;
        }
    }

    private void CarrySign(in Effect effect)
    {
        VoteRecord record = new()
        {
            Kind = RecordKind.Sign,
            Number = effect.Number,
            Header = effect.Header,
            Block = effect.Block,
            ViewChange = effect.ViewChange,
            NewView = effect.NewView,
            Vertex = effect.Vertex,
        };
        if (effect.Header.Kind == MessageKind.Vertex)
        {
            record.Batch = effect.Token == 0 ? null : Batches.Take(effect.Token);
            Require.That(effect.Token == 0 || record.Batch is not null);
            Volatile.Write(ref _laneHeight, effect.Header.Sequence);
            Volatile.Write(ref _pendingVertices, _pendingVertices + 1);
        }

        CountSigned(effect.Header.Kind);
        ToSigner.Put(record);
    }

    private void CountSigned(MessageKind kind)
    {
        switch (kind)
        {
            case MessageKind.PrePrepare:
                metrics.BlocksProposed.Add();
                metrics.Votes.Add();
                break;
            case MessageKind.Prepare or MessageKind.Commit:
                metrics.Votes.Add();
                break;
            case MessageKind.Stop:
                metrics.ViewTimeouts.Add();
                break;
        }
    }

    private void Drop(in Effect effect)
    {
        metrics.Rejected[(int)effect.Reason].Add();
        if (effect.Reason == Reason.NotSigning)
        {
            Batches.Take(effect.Token)?.Abandon(SubmissionFailure.Stopping);
            return;
        }

        Vertices.Take(effect.Token)?.Drop();
    }

    private void CarrySend(in Effect effect)
    {
        switch (effect.Kind)
        {
            case EffectKind.Send:
                Frame frame = FrameSender.FrameOf(effect.Message!, effect.Block, effect.ViewChange, effect.NewView);
                sender.Send(_epoch.LinkOf(effect.To), Channel.Control, frame);
                break;
            case EffectKind.SendStatus:
                sender.Send(_epoch.LinkOf(effect.To), Channel.Control, Frame.Of(effect.Status!));
                break;
            case EffectKind.SendFetch:
                metrics.FetchesSent.Add();
                sender.Send(_epoch.LinkOf(effect.To), Channel.Control, Frame.Fetch(effect.Request));
                break;
            case EffectKind.SendEvidence:
                sender.Send(_epoch.LinkOf(effect.To), Channel.Control, Frame.Of(effect.Evidence!));
                break;
            default:
                Require.Fail("every effect kind is carried out");
                break;
        }
    }

    private void CountEvidence(Evidence evidence)
    {
        SignedHeader header = evidence.First.Header;
        Violation violation = header.Kind switch
        {
            MessageKind.Vertex => Violation.EquivocatingVertex,
            MessageKind.PrePrepare or MessageKind.Prepare or MessageKind.Commit => Violation.EquivocatingVote,
            _ => Violation.EquivocatingViewChange,
        };
        if (_epoch.LinkOf(header.Sender) is >= 0 and var link)
        {
            metrics.ByzantineViolations(link, violation).Add();
        }

        log.LogWarning(
            "evidence against {Member}: two {Kind} at view {View}, sequence {Sequence}",
            _epoch.Members[header.Sender].Name, header.Kind, header.View, header.Sequence);
        ToService.Put(new ServiceItem { Kind = ServiceItemKind.Evidence, Evidence = evidence });
    }

    private void NoteView(in Effect effect)
    {
        metrics.ViewChanges.Add(effect.Reason == Reason.Entered ? 1 : 0);
        log.LogInformation("view {View}: {Reason}", effect.View, effect.Reason);
    }

    /// <summary>For good: the mark is durable before anybody is told, for the next start would trust the store again.</summary>
    private void StopSigning()
    {
        Signer.StopSigning();
        _hasVotes = false;
        log.LogCritical(
            "a message signed with our consensus key is not in our vote store: another process uses the key, or the store was rolled"
            + " back; from now on this validator follows and signs nothing, after a restart too ({Marker})", Storage.ContradictedMarker);
        try
        {
            VoteStoreSetup.MarkContradicted(Storage, "a message with our signature is not in the vote store: follow, and sign nothing");
        }
        catch (StoreException e)
        {
            Faults.Fail(
                ExitCodes.Store,
                $"{e.Message}. The next start would sign again with a vote store that is not to be trusted: before it, make room or repair the"
                + " disk and run 'validator votes mark-restored'");
        }

        Volatile.Write(ref _signs, false);
        Volatile.Write(ref _authors, false);
    }

    private void NoteRejected(in Effect effect)
    {
        metrics.Rejected[(int)effect.Reason].Add();
        if (effect.Reason == Reason.VoteStoreContradicted)
        {
            StopSigning();
        }
        else if (effect.Reason is not (Reason.Duplicate or Reason.OldView or Reason.OldSequence))
        {
            log.LogDebug("refused: {Reason}, from {Peer}", effect.Reason, effect.To);
        }
    }
}
