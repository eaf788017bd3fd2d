using Validator.Core.Consensus;
using Validator.Core.Effects;
using Validator.Core.Primitives;
using Validator.Core.Shell;
using Validator.Core.Trust;
using Validator.Core.Wire;

namespace Validator.Bench.Simulation;

/// <summary>
/// The shell around one real core: checks, signs, syncs, sends, executes and serves, all in virtual time. A crash drops what
/// was not synced; the core is rebuilt from the disk.
/// </summary>
public partial class SimNode(SimCluster cluster, int index, CoreSettings settings) : ISimShellPorts, ISimOwnRecordPorts, ISimOwnRecordWriter, ILedgerReader
{
    private TokenTable<SimVertex> _waiting = SimPlaces.TableOf<SimVertex>(MostWaiting);
    private TokenTable<SimBatch> _batches = SimPlaces.TableOf<SimBatch>(MostBatches);
    private const int MostWaiting = 256;
    private const int MostBatches = 4;
    private CoreShell<SimPayload> _shell = null!;
    private long _execFreeAt;
    private BatchCredits _credits;
    private bool _creditOut;
    private int _underWay;
    private int _executing;
    private int _forgotten;
    private BatchQueue<SimBatch, ulong> _queue = NewQueue();
    private bool _wasMember;
    private readonly ulong[] _levels = new ulong[FinalityLevels.Count];

    public int Index { get; } = index;
    public SimDisk Disk { get; protected set; } = new();
    public SimClock Clock { get; } = new();
    public ValidatorCore Core => _shell.Core;
    public bool Running { get; private set; }

    /// <summary>Counts lives: events of an earlier one are void.</summary>
    public int Incarnation { get; private set; }

    /// <summary>When the next Tick is due; for the cluster.</summary>
    public long WakeAt { get; set; } = long.MaxValue;
    public Reason? Halted { get; private set; }

    /// <summary>The highest sequence of that level of strong finality, in this life.</summary>
    public ulong Level(FinalityLevel level) => _levels[(int)level];

    public HashSet<ulong> AcceptedTransactions { get; } = [];
    public ulong ViewChanges { get; private set; }
    public Dictionary<Reason, int> Rejections { get; } = [];
    public List<Evidence> Convictions { get; } = [];

    protected SimCluster Cluster { get; } = cluster;

    public void Start()
    {
        if (!Disk.Open(Cluster.Keys, Index, Cluster.ChainId, out bool torn))
        {
            // The store is damaged: its validator must not vote any more (section 6).
            Wipe();
        }

        if (torn)
        {
            Cluster.World.Met(Fault.TornRecord);
        }

        Running = true;
        Incarnation++;
        _waiting = SimPlaces.TableOf<SimVertex>(MostWaiting);
        _batches = SimPlaces.TableOf<SimBatch>(MostBatches);
        _underWay = _executing = 0;
        Array.Clear(_levels);
        _early = new EarlyMessages<SimEarly>();
        _execFreeAt = Cluster.Now;
        _queue = NewQueue();
        _wasMember = false;
        _nonces = Disk.Nonces();
        _trust = ReadTrust();
        EpochConfiguration epoch = CurrentEpoch();
        VoteStanding standing = new(HasVotes, Disk.VotesEpoch, Disk.SignFrom ?? 0);
        EpochEntry entry = standing.Enter(epoch.Number);
        Disk.ForgetEpochsBelow(epoch.Number, Cluster.Check.IsByzantine(Index));
        OpenLedger(epoch);
        OpenVotes();
        Cluster.Enter(this, epoch);
        int self = Cluster.MemberOf(epoch.Number, Index);
        RecoveredState state = Recovered();
        bool votesAreLater = entry == EpochEntry.Follows && HasVotes;
        if (self >= 0 && LedgerRecovery.IsOlderCopy(state, votesAreLater, Disk.LedgerHasTip && Disk.OwnTipEpoch == epoch.Number ? Disk.OwnTip : null))
        {
            Disk.LedgerHasTip = false;
        }

        OwnLaneFinding lane = entry == EpochEntry.Follows ? default : LedgerRecovery.RaiseOwnTip(state, self);
        if (lane.Standing == OwnLaneStanding.Doubled)
        {
            standing.Contradict();
        }
        else if (lane.Unrecorded is { } tip)
        {
            WriteVertex(tip.Header);
        }

        _shell = new CoreShell<SimPayload>(Cluster.Genesis, epoch, self, settings, standing, state);
        // Marked at once, where what is final holds more of this validator than its stores do.
        HasVotes &= !standing.Contradicted;
        Begin(entry);
        foreach ((Hash256 vertex, ulong[] transactions) in Disk.Unordered)
        {
            TakeBack(SimBatch.Of(vertex, transactions));
        }

        Feed(Input.Tick);
        Cluster.Connect(this);
    }

    private static BatchQueue<SimBatch, ulong> NewQueue() => new(static () => new SimBatch());

    private void Begin(EpochEntry entry)
    {
        _credits = _credits.Enter(Core.Epoch);
        _creditOut = false;
        _queue.Enter(Core.Authors, leaves: _wasMember && Core.Self < 0);
        if (entry != EpochEntry.Follows && Core.Epoch > 0 && Index >= Cluster.Genesis.Members.Length)
        {
            Cluster.World.Met(Fault.NewcomerSigns);
        }

        if (entry == EpochEntry.Renews)
        {
            Cluster.World.Met(Fault.SignsAgain);
            Cluster.Trace(Index, $"signs again from epoch {Core.Epoch} on");
            HasVotes = true;
            Disk.SignFrom = null;
            Cluster.Check.OnRenewed(this);
        }

        Cluster.Check.OnStart(this);
    }

    EpochConfiguration ISimShellPorts.NextEpoch => _standing.Epoch;

    ulong ISimShellPorts.Executed => _standing.Executed;

    int ISimShellPorts.Enter(EpochConfiguration epoch)
    {
        Cluster.Trace(Index, $"epoch {Core.Epoch} ends with block {Core.FinalSequence}");
        ObserveBlock(epoch.Start);
        Cluster.World.Met(Fault.EpochEnd);
        _wasMember = Core.Self >= 0;
        Cluster.Enter(this, epoch);
        return Cluster.MemberOf(epoch.Number, Index);
    }

    void ISimShellPorts.Entered(EpochEntry entry, LaneTip ownTip)
    {
        Begin(entry);
        Cluster.World.AfterEpoch(this);
    }

    void ISimShellPorts.FeedConnected()
    {
        foreach (int peer in Cluster.LinkedTo(this))
        {
            PeerChanged(peer, up: true);
        }
    }

    void ISimShellPorts.Replay()
    {
        foreach (SimEarly message in _early.TakeAll())
        {
            Cluster.After(this, 0, () => Receive(message.From, message.Message));
        }
    }

    /// <summary>Messages of the next epoch that came before it began here.</summary>
    private sealed record SimEarly(int From, SimMessage Message);

    private const int EarlyBytes = 1024;
    private EarlyMessages<SimEarly> _early = new();

    public void PeerChanged(int place, bool up)
    {
        if (Running && Cluster.MemberOf(Core.Epoch, place) is >= 0 and var member)
        {
            Feed(up ? Input.PeerUp(member) : Input.PeerDown(member));
        }
    }

    public void Crash()
    {
        Running = false;
        Incarnation++;
        LoseLedgerGroup();
        LoseUnsynced();
        Cluster.Disconnect(this);
    }

    /// <summary>
    /// The disk is new: what it had signed is forgotten, so it only follows from its next start on (section 6).
    /// </summary>
    public void Wipe()
    {
        Disk = new SimDisk();
        AcceptedTransactions.Clear();
        _forgotten = 0;
        HasVotes = false;
    }

    /// <summary>The ledger is gone and the votes are whole: what only it had is lost, and it signs on.</summary>
    public void LoseLedger()
    {
        Disk.LoseLedger();
        AcceptedTransactions.Clear();
    }

    /// <summary>The disk is an older copy of itself.</summary>
    public void RollBack(SimDisk backup)
    {
        Disk = backup;
        _forgotten = 0;
    }

    /// <summary>False from the next start on: the store of votes is gone, and the shell knows it.</summary>
    public bool HasVotes { get; set; } = true;

    public void Feed(Input input)
    {
        if (!Running || Halted is not null)
        {
            return;
        }

        input.Stamp(Clock.Monotonic(Cluster.Now), (ulong)((long)Cluster.Genesis.TimestampMicros + Clock.Wall(Cluster.Now)));
        ObserveInput(in input);
        Cluster.Check.OnInput(this, in input);
        ulong epoch = Core.Epoch;
        try
        {
            _shell.Step(in input, this);
        }
        catch (InvariantViolationException) when (Cluster.Check.IsByzantine(Index))
        {
            // A core that is lied to by its own shell may well give up.
            Cluster.CrashAndRestart(this);
            return;
        }

        if (epoch != Core.Epoch)
        {
            // The next core has looked at its own first inputs.
            return;
        }

        Cluster.Check.AfterInput(this, in input);
        Cluster.Wake(this, Core.NextDeadline);
    }

    /// <summary>A message from the network: what does not pass the shell's checks never reaches the core.</summary>
    public virtual void Receive(int from, SimMessage message)
    {
        ulong epoch = message.Epoch;
        bool anyEpoch = message.Type is FrameType.Status or FrameType.FetchRequest;
        int member = Cluster.MemberOf(Core.Epoch, from);
        EpochVerdict verdict = EarlyMessages<SimEarly>.Judge(anyEpoch, epoch, Core.Epoch, member >= 0);
        if (verdict != EpochVerdict.Now)
        {
            bool kept = verdict == EpochVerdict.Early && Cluster.FindEpoch(epoch) is not null && _early.TryKeep(from, new SimEarly(from, message), EarlyBytes);
            Count(kept ? Reason.None : Reason.WrongEpoch);
            return;
        }

        if (Cluster.World.ReadsBytes)
        {
            DecodeError error = message.Admit(Cluster, out bool signaturesHold);
            if (error != DecodeError.None || !signaturesHold)
            {
                Cluster.Check.OnRefused(this, from, message, error);
                return;
            }
        }
        else if (Cluster.Check.IsByzantine(from) && !message.IsOfItsSender(Cluster))
        {
            // Signed for an epoch in which its number became another's.
            Cluster.Check.OnRefused(this, from, message, DecodeError.None);
            return;
        }

        if (!anyEpoch && !message.Fits(Core.Committee.Count))
        {
            // Decoding refuses it; where nothing is decoded, this does.
            Cluster.Check.OnRefused(this, from, message, DecodeError.LaneCountDiffers);
            return;
        }

        switch (message.Message)
        {
            case FetchRequest request:
                Serve(from, request);
                break;
            case SignedVertex vertex:
                ReceiveVertex(member, vertex, message.Vertex!);
                break;
            default:
                if (member >= 0)
                {
                    Feed(message.ToInput(member));
                }

                break;
        }
    }

    private void ReceiveVertex(int from, SignedVertex message, SimVertex vertex)
    {
        if (vertex.PayloadFault(Cluster) is not DecodeError.None and var fault)
        {
            Cluster.Check.Refused(fault);
            return;
        }

        ulong token = _waiting.TryPut(vertex);
        if (token == 0)
        {
            Count(Reason.BufferFull);
            return;
        }

        ToCore(Input.OfVertex(message, token, from, Core.Epoch));
    }

    /// <summary>
    /// Of another stage, whose payload waits under a token: on its way the epoch may end, and more may come. Core's word on each
    /// comes with it.
    /// </summary>
    private void ToCore(Input input)
    {
        _underWay++;
        if (Cluster.World.StageMicros == 0)
        {
            Arrive(input);
        }
        else
        {
            Cluster.After(this, Cluster.World.StageMicros, () => Arrive(input));
        }
    }

    private void Arrive(Input input)
    {
        _underWay--;
        if (input.Epoch != Core.Epoch)
        {
            Cluster.World.Met(Fault.LateInput);
        }

        Answer(input);
        if (Running && Halted is null && _waiting.Count + _batches.Count != _underWay)
        {
            throw Cluster.Check.Fail(this, "payload", $"{_waiting.Count} vertices and {_batches.Count} batches wait, {_underWay} of them are under way");
        }
    }

    /// <summary>False: this stored message is not sent again, whoever lacks it.</summary>
    protected virtual bool Repeats() => true;

    protected virtual void ObserveInput(in Input input)
    {
    }

    protected virtual void ObserveSend(IMessage message)
    {
    }

    /// <summary>The core accepted, proposed or made final this block, or an epoch ended with it.</summary>
    protected virtual void ObserveBlock(Block block)
    {
    }

    /// <summary>The core rests on it.</summary>
    protected virtual void ObserveCertificate(Certificate certificate)
    {
    }

    /// <summary>A client's transaction: waits for batch credit.</summary>
    public void Submit(ulong transaction)
    {
        _queue.Add(transaction);
        HandBatch();
    }

    private void TakeBack(SimBatch batch)
    {
        _queue.TakeBack(batch);
        Cluster.After(this, 0, HandBatch);
    }

    private void HandBatch()
    {
        if (_queue.IsEmpty || !_credits.TrySpend(out BatchCredits left))
        {
            return;
        }

        Require.That(_queue.TryTake(left.Epoch, out SimBatch? batch, out bool over));
        if (over)
        {
            HandBatch();
            return;
        }

        _credits = left;
        ulong token = _batches.TryPut(batch);
        Require.That(token != 0, "a credit is for one batch");
        ulong[] transactions = [.. batch.Transactions];
        ReadOnlySpan<byte> payload = SimVertex.PayloadOf(transactions);
        if (!_creditOut || left.Epoch != Core.Epoch)
        {
            throw Cluster.Check.Fail(this, "credit", "a batch is handed in that Core gave no credit for");
        }

        _creditOut = false;
        batch.Root = SimVertex.RootOf(payload, transactions.Length);
        SealedBatch given = new(token, batch.Root, (uint)payload.Length, (uint)transactions.Length);
        ToCore(Input.ClientBatch(given, left.Epoch));
    }

    /// <param name="to">A place, or -1 for all others.</param>
    protected void Send(int to, IMessage frame) => Cluster.Send(this, to, new SimMessage(frame));

    /// <param name="member">Of the core's epoch, or -1 for all others.</param>
    private void SendTo(int member, IMessage frame) => Send(member < 0 ? -1 : Cluster.PlaceOf(Core.Epoch, member), frame);
}
