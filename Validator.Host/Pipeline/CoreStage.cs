using Microsoft.Extensions.Logging;
using Validator.Core.Consensus;
using Validator.Core.Effects;
using Validator.Core.Primitives;
using Validator.Core.Shell;
using Validator.Core.Trust;
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
/// <param name="epoch">That of the shell's core.</param>
internal sealed partial class CoreStage(
    CoreShell<OwnPayload> shell, EpochContext epoch, LinkTable links, PeerReports reports, FrameSender sender,
    NodeMetrics metrics, ILogger log, Topology topology, IFaultSink faults)
    : PipelineStage(topology.Core, faults), IShellPorts<OwnPayload>
{
    private const int MostPerRing = 64;

    // By link: peers stay when the committee changes.
    private readonly bool[] _peerUp = new bool[NodeMetrics.MaxLinks];
    private EpochContext _epoch = epoch;
    private ulong _view;
    private ulong _final;
    private ulong _laneHeight;
    private long _pendingVertices;
    private bool _signs = shell.Core.Signs;
    private bool _authors = shell.Core.Authors;

    // Something was put there, since the last flush, for which it has to be woken.
    private bool _ledgerIsNeeded;
    private bool _fetchIsNeeded;

    private readonly StageLink<Input>[] _answers = topology.Answers;
    private readonly StageLink<Input>[] _outside = topology.Outside;

    private ValidatorCore Core => shell.Core;

    public Outlet<OwnRecord> ToSigner { get; } = new(topology.CoreToSigner);

    public Outlet<LedgerItem> ToLedger { get; } = new(topology.CoreToLedger);

    public Outlet<ExecuteItem> ToExecution { get; } = new(topology.CoreToExecution);

    public Outlet<IMessage> ToFetch { get; } = new(topology.CoreToFetch);

    public required TokenTable<PendingVertex> Vertices { get; init; }

    public required TokenTable<ClientBatch> Batches { get; init; }

    public required ClientBatcher Batcher { get; init; }

    public required SignerStage Signer { get; init; }

    public required EvidenceStore Evidence { get; init; }

    public required FinalityBoard Finality { get; init; }

    public required StrongClock Strong { get; init; }

    public required ThreatWatch Threat { get; init; }
    public ForkBoard Forks { get; } = new(metrics, log);

    /// <summary>Where the mark of a contradiction goes.</summary>
    public required StorageSection Storage { get; init; }

    public ulong View => Volatile.Read(ref _view);

    public ulong FinalSequence => Volatile.Read(ref _final);

    public bool Signs => Volatile.Read(ref _signs);

    /// <summary>False also in the epoch in which a lost vote store was replaced.</summary>
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

    public bool PeerUp(int peer) => peer >= 0 && Volatile.Read(ref _peerUp[peer]);

    public override bool HasWork => AnyIn(_answers) || (!IsBlocked && !Halted() && AnyIn(_outside));

    public override int IdleMilliseconds
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

            long micros = Core.NextDeadline - Clock.MonotonicMicros();
            return micros <= 0 ? 0 : (int)Math.Min(1_000, (micros + 999) / 1_000);
        }
    }

    private bool IsBlocked => ToSigner.IsBlocked || ToLedger.IsBlocked || ToExecution.IsBlocked || ToFetch.IsBlocked;

    public override bool Work()
    {
        int done = 0;
        _roundMicros = Clock.MonotonicMicros();
        foreach (StageLink<Input> link in _answers)
        {
            done += Drain(link, int.MaxValue);
        }

        bool halted = Halted();
        foreach (StageLink<Input> link in _outside)
        {
            done += halted || IsBlocked ? 0 : Drain(link, MostPerRing);
        }

        if (!halted && Clock.MonotonicMicros() >= Core.NextDeadline)
        {
            Step(Input.Tick);
            done++;
        }

        long now = Clock.MonotonicMicros();
        if (now >= links.NextDueMicros)
        {
            links.CloseDue(now);
        }

        PublishProgress(now);

        ToSigner.Flush();
        FlushToLedger();
        ToExecution.Flush();
        FlushToFetch();
        if (done > 0)
        {
            sender.Flush();
            Volatile.Write(ref _view, Core.View);
            Volatile.Write(ref _final, Core.FinalSequence);
            Ledger.NeededMicros = Core.ProposesMicros;
        }

        return done > 0;
    }

    private void FlushToLedger()
    {
        if (_ledgerIsNeeded || !Ledger.Doze.Holds)
        {
            ToLedger.Flush();
        }
        else
        {
            ToLedger.FlushQuietly();
        }

        _ledgerIsNeeded = false;
    }

    /// <summary>Of accepted blocks it needs to know only before its next answer, and it looks then.</summary>
    private void FlushToFetch()
    {
        if (_fetchIsNeeded)
        {
            ToFetch.Flush();
        }
        else
        {
            ToFetch.FlushQuietly();
        }

        _fetchIsNeeded = false;
    }

    /// <summary>
    /// True while the disk is below the hard mark: nothing from outside is taken and no timer runs, so that nothing more has to
    /// be written. To the others it looks slow; backpressure holds what they send.
    /// </summary>
    public Func<bool> Halted { get; init; } = static () => false;

    private static bool AnyIn(StageLink<Input>[] links)
    {
        foreach (StageLink<Input> link in links)
        {
            if (!link.IsEmpty)
            {
                return true;
            }
        }

        return false;
    }

    private int Drain(StageLink<Input> link, int most)
    {
        int done = 0;
        while (done < most && link.TryTake(out Input input))
        {
            done++;
            if (!shell.LetGoIfLate(input, this) && Note(ref input))
            {
                Step(input);
            }
        }

        return done;
    }

    /// <summary>Records what the API shows and maps the transport's links to members. False: the input is not for Core.</summary>
    private bool Note(ref Input input)
    {
        NoteSigner(input);
        if (input.IsUp is { } up)
        {
            Volatile.Write(ref _peerUp[input.From], up);
            input = input.Of(_epoch.MemberOf(input.From));
            return input.From >= 0;
        }

        if (input.Message is Status status)
        {
            reports.Note(_epoch.LinkOf(input.From), status, _roundMicros);
        }
        else if (input.Change is not null)
        {
            // Whom the change names may connect from now on.
            links.Update(Ledger.Epoch);
        }

        return true;
    }

    private void Step(Input input)
    {
        input.Stamp(Clock.MonotonicMicros(), Clock.WallMicros());
        shell.Step(in input, this);
        Volatile.Write(ref _signsFrom, shell.Standing.SignsFrom);
    }
}
