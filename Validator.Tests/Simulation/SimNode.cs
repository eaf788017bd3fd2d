using Validator.Core.Consensus;
using Validator.Core.Effects;
using Validator.Core.Primitives;
using Validator.Core.Wire;

namespace Validator.Tests.Simulation;

/// <summary>
/// The shell around one real core: checks, signs, syncs, sends, executes and serves, all in virtual time. A crash drops what
/// was not synced; the core is rebuilt from the disk.
/// </summary>
public partial class SimNode(SimCluster cluster, int index, CoreSettings settings)
{
    private readonly EffectBuffer _effects = new();
    private readonly Dictionary<ulong, SimVertex> _waiting = [];
    private readonly Dictionary<ulong, ulong[]> _batches = [];
    private readonly List<Action> _unsynced = [];
    private readonly Queue<SyncGroup> _syncing = [];
    private const int MostPerBatch = 100;
    private ulong _token;
    private long _diskFreeAt;
    private long _execFreeAt;
    private int _credit;
    private int _forgotten;
    private List<ulong> _queued = [];

    /// <summary>What one sync makes durable: the record last, everything persisted before it first.</summary>
    private sealed record SyncGroup(Action[] Writes, SimRecord Record, SimVertex? Vertex);

    public int Index { get; } = index;
    public SimDisk Disk { get; private set; } = new();
    public SimClock Clock { get; } = new();
    public ValidatorCore Core { get; private set; } = null!;
    public bool Running { get; private set; }

    /// <summary>Counts lives: events of an earlier one are void.</summary>
    public int Incarnation { get; private set; }

    /// <summary>When the next Tick is due; for the cluster.</summary>
    public long WakeAt { get; set; } = long.MaxValue;
    public Reason? Halted { get; private set; }
    public HashSet<ulong> AcceptedTransactions { get; } = [];
    public ulong ViewChanges { get; private set; }
    public SortedDictionary<Reason, int> Rejections { get; } = [];
    public List<Evidence> Convictions { get; } = [];

    /// <summary>Vertices that came and that the core has not judged.</summary>
    public int WaitingPayloads => _waiting.Count;

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
        _waiting.Clear();
        _early.Clear();
        _execFreeAt = Cluster.Now;
        _queued = [];
        _nonces = Disk.Nonces();
        StartCore(0);
        Feed(new Input { Kind = InputKind.Tick, From = -1 });
        Cluster.Connect(this);
    }

    /// <summary>A core for the epoch that the disk is in. Where the ledger was lost, votes may be of a later one: it signs from there on.</summary>
    private void StartCore(ulong provenFrom)
    {
        EpochConfiguration epoch = CurrentEpoch();
        Cluster.Enter(this, epoch);
        Disk.ForgetEpochsBelow(epoch.Number, Cluster.Check.IsByzantine(Index));
        _batches.Clear();
        _unsynced.Clear();
        _syncing.Clear();
        _queued = [.. Disk.Unordered, .. _queued.Where(t => !Disk.Unordered.Contains(t))];
        _credit = 0;
        _diskFreeAt = Cluster.Now;
        bool later = HasVotes && epoch.Number < Disk.VotesEpoch;
        bool signs = settings.Signs && !later && (HasVotes || Disk.SignFrom <= epoch.Number);
        Core = new ValidatorCore(
            Cluster.Genesis, epoch, Cluster.MemberOf(epoch.Number, Index),
            settings with { Signs = signs, ReturnKnown = later || Disk.SignFrom > epoch.Number }, Recovered(provenFrom));
        if (signs && epoch.Number > 0 && Index >= Cluster.Genesis.Members.Length)
        {
            Cluster.World.Met(Fault.NewcomerSigns);
        }

        if (signs && !HasVotes)
        {
            Cluster.World.Met(Fault.SignsAgain);
            Cluster.Trace(Index, $"signs again from epoch {epoch.Number} on");
            HasVotes = true;
        }

        Cluster.Check.OnStart(this);
    }

    /// <summary>
    /// The last block of an epoch is executed, durably. What was not synced is not signed any more; batches wait for the next core.
    /// </summary>
    private void NextEpoch(ulong provenFrom)
    {
        Cluster.Trace(Index, $"epoch {Core.Epoch} ends with block {Core.FinalSequence}");
        Cluster.World.Met(Fault.EpochEnd);
        // A change of the ended epoch is valid in no other.
        List<ulong> waiting = [.. _batches.OrderBy(b => b.Key).SelectMany(b => b.Value), .. _syncing.SelectMany(g => g.Vertex?.Transactions ?? []), .. _queued];
        waiting.RemoveAll(SimVertex.IsSystem);
        _queued = waiting;
        StartCore(provenFrom);
        Cluster.World.AfterEpoch(this);
        Feed(new Input { Kind = InputKind.Tick, From = -1 });
        foreach (int peer in Cluster.LinkedTo(this))
        {
            PeerChanged(peer, InputKind.PeerUp);
        }

        SimEarly[] early = [.. _early];
        _early.Clear();
        foreach (SimEarly message in early)
        {
            Cluster.After(this, 0, () => Receive(message.From, message.Message));
        }
    }

    /// <summary>Messages of the next epoch that came before it began here.</summary>
    private sealed record SimEarly(int From, SimMessage Message);

    private const int MostEarly = 1024;
    private readonly Queue<SimEarly> _early = [];

    public void PeerChanged(int place, InputKind kind)
    {
        if (Running && Cluster.MemberOf(Core.Epoch, place) is >= 0 and var member)
        {
            Feed(new Input { Kind = kind, From = member });
        }
    }

    /// <summary>Of what is being synced, some may reach the disk although nobody will ever be told; the next may be torn.</summary>
    public void Crash()
    {
        Running = false;
        Incarnation++;
        int written = Cluster.World.SurvivesCrash(_syncing.Count, out bool torn);
        for (int i = 0; i < written; i++)
        {
            Write(_syncing.Dequeue());
        }

        if (torn && _syncing.TryPeek(out SyncGroup? next) && next.Vertex is null)
        {
            Disk.TearLast(next.Record);
        }

        _syncing.Clear();
        Cluster.Disconnect(this);
    }

    /// <summary>The disk is new: what it had signed is forgotten, so it only follows from its next start on (section 6).</summary>
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

        input.MonotonicMicros = Clock.Monotonic(Cluster.Now);
        input.WallMicros = (ulong)((long)Cluster.Genesis.TimestampMicros + Clock.Wall(Cluster.Now));
        ObserveInput(in input);
        Cluster.Check.OnInput(this, in input);
        try
        {
            Core.Handle(in input, _effects);
        }
        catch (InvariantViolationException) when (Cluster.Check.IsByzantine(Index))
        {
            // A core that is lied to by its own shell may well give up.
            _effects.Clear();
            Cluster.CrashAndRestart(this);
            return;
        }

        int incarnation = Incarnation;
        for (int i = 0; i < _effects.Count && Running && incarnation == Incarnation; i++)
        {
            ObserveEffect(in _effects[i]);
            if (_effects[i].Kind == EffectKind.EpochEnded)
            {
                // The last effect of its core.
                ulong provenFrom = _effects[i].ProvenFrom;
                _effects.Clear();
                NextEpoch(provenFrom);
                return;
            }

            CarryOut(in _effects[i]);
        }

        _effects.Clear();
        Cluster.Check.AfterInput(this, in input);
        Cluster.Wake(this, Core.NextDeadline);
    }

    /// <summary>A message from the network: what does not pass the shell's checks never reaches the core.</summary>
    public virtual void Receive(int from, SimMessage message)
    {
        ulong epoch = message.Epoch;
        bool anyEpoch = message.Frame.Type is FrameType.Status or FrameType.FetchRequest;
        if (!anyEpoch && epoch == Core.Epoch + 1 && _early.Count < MostEarly && Cluster.FindEpoch(epoch) is not null)
        {
            _early.Enqueue(new SimEarly(from, message));
            return;
        }

        int member = Cluster.MemberOf(Core.Epoch, from);
        if (!anyEpoch && (epoch != Core.Epoch || member < 0))
        {
            Count(Reason.WrongEpoch);
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

        if (!anyEpoch && !message.Fits(Core.Committee.Count))
        {
            // Decoding refuses it; where nothing is decoded, this does.
            Cluster.Check.OnRefused(this, from, message, DecodeError.LaneCountDiffers);
            return;
        }

        switch (message.Frame.Type)
        {
            case FrameType.FetchRequest:
                Serve(from, message.Frame.Request);
                break;
            case FrameType.Vertex:
                ReceiveVertex(member, message.Vertex!);
                break;
            default:
                if (member >= 0)
                {
                    Feed(message.ToInput(member));
                }

                break;
        }
    }

    private void ReceiveVertex(int from, SimVertex vertex)
    {
        if (vertex.PayloadFault(Cluster) is not DecodeError.None and var fault)
        {
            Cluster.Check.Refused(fault);
            return;
        }

        ulong token = ++_token;
        _waiting[token] = vertex;
        Feed(new Input
        {
            Kind = InputKind.Vertex,
            From = from,
            Token = token,
            Vertex = vertex.Header,
            Message = new Signed(VertexCodec.HeaderToSign(vertex.Header), vertex.Signature),
        });
    }

    /// <summary>False: this stored message is not sent again, whoever lacks it.</summary>
    protected virtual bool Repeats() => true;

    protected virtual void ObserveInput(in Input input)
    {
    }

    protected virtual void ObserveEffect(in Effect effect)
    {
    }

    /// <summary>A client's transaction: waits for batch credit.</summary>
    public void Submit(ulong transaction)
    {
        _queued.Add(transaction);
        SealBatch();
    }

    private void SealBatch()
    {
        if (_credit == 0 || _queued.Count == 0)
        {
            return;
        }

        _credit--;
        // As many as a vertex holds, were all of them envelopes; a change is alone in its vertex (rule E4).
        int system = _queued.FindIndex(SimVertex.IsSystem);
        int taken = Math.Min(system < 0 ? _queued.Count : Math.Max(system, 1), MostPerBatch);
        ulong[] batch = [.. _queued[..taken]];
        _queued.RemoveRange(0, taken);
        ulong token = ++_token;
        _batches[token] = batch;
        byte[] payload = SimVertex.PayloadOf(batch);
        Feed(new Input
        {
            Kind = InputKind.ClientBatch,
            From = -1,
            Token = token,
            TransactionRoot = SimVertex.RootOf(payload, batch.Length),
            PayloadBytes = (uint)payload.Length,
            TransactionCount = (uint)batch.Length,
        });
    }

    /// <param name="to">A place, or -1 for all others.</param>
    protected void Send(int to, in Frame frame) => Cluster.Send(this, to, new SimMessage(frame));

    /// <param name="member">Of the core's epoch, or -1 for all others.</param>
    private void SendTo(int member, in Frame frame) => Send(member < 0 ? -1 : Cluster.PlaceOf(Core.Epoch, member), frame);

    private void CarryOut(in Effect effect)
    {
        switch (effect.Kind)
        {
            case EffectKind.Sign:
                SignPersistSend(effect);
                break;
            case EffectKind.PersistBlock:
                Block block = effect.Block!;
                Cluster.Check.OnBlock(block);
                _unsynced.Add(() => Disk.Blocks[block.Hash] = block);
                break;
            case EffectKind.PersistCertificate:
                Certificate certificate = effect.Certificate!;
                Cluster.Check.OnPrepared(this, certificate);
                _unsynced.Add(() => Disk.Prepared.Add(certificate));
                break;
            case EffectKind.PersistNewView:
                NewView newView = effect.NewView!;
                Cluster.Check.OnEntered(this, newView);
                _unsynced.Add(() => Disk.Entered = newView);
                break;
            case EffectKind.StoreVertex:
                StoreVertex(_waiting[effect.Token]);
                _waiting.Remove(effect.Token);
                break;
            case EffectKind.DropVertex:
                _waiting.Remove(effect.Token);
                _batches.Remove(effect.Token);
                Count(effect.Reason);
                break;
            case EffectKind.Send when !Repeats():
                break;
            case EffectKind.Send:
                SendTo(effect.To, FrameOf(effect.Message!, effect.Block, effect.ViewChange, effect.NewView));
                break;
            case EffectKind.SendStatus:
                SendTo(effect.To, Frame.Of(effect.Status!));
                break;
            case EffectKind.SendFetch:
                SendTo(effect.To, Frame.Fetch(effect.Request));
                break;
            case EffectKind.SendEvidence:
                SendTo(effect.To, Frame.Of(effect.Evidence!));
                break;
            case EffectKind.BatchCredit:
                _credit++;
                Cluster.After(this, 0, SealBatch);
                break;
            case EffectKind.StoreEpochEnd:
                Skip(effect.EpochEnd!);
                break;
            case EffectKind.StoreManifest or EffectKind.StoreChunk or EffectKind.DropSnapshot or EffectKind.InstallSnapshot:
                Stage(effect);
                break;
            case EffectKind.Execute:
                Execute(effect.Block!, effect.Order!, effect.Certificate!);
                break;
            default:
                Note(effect);
                break;
        }
    }

    private void Note(in Effect effect)
    {
        switch (effect.Kind)
        {
            case EffectKind.Evidence:
                Convictions.Add(effect.Evidence!);
                Disk.Evidence.Add(effect.Evidence!);
                Cluster.Check.OnEvidence(this, effect.Evidence!);
                break;
            case EffectKind.ViewChanged:
                ViewChanges += effect.Reason == Reason.Entered ? 1u : 0u;
                Cluster.Trace(Index, $"view {effect.View} {effect.Reason}");
                break;
            case EffectKind.Rejected:
                Count(effect.Reason);
                break;
            case EffectKind.SignFrom:
                Disk.SignFrom ??= effect.Epoch;
                break;
            case EffectKind.Halt:
                Halted = effect.Reason;
                Cluster.Check.OnHalt(this, effect.Reason);
                break;
            default:
                throw new InvalidOperationException($"effect {effect.Kind} is not carried out");
        }
    }

    private void Count(Reason reason)
    {
        Rejections[reason] = Rejections.GetValueOrDefault(reason) + 1;
        // The mark is durable: a restart does not forget it.
        HasVotes &= reason != Reason.VoteStoreContradicted;
    }

    /// <summary>Sign, sync, send, answer: in this order, with a crash possible between sync and send.</summary>
    private void SignPersistSend(Effect effect)
    {
        Cluster.Check.OnSign(this, effect.Header);
        Signed signed = new(effect.Header, Cluster.Keys.Sign(Index, effect.Header, Cluster.ChainId));
        ViewChange? change = effect.ViewChange is { } c
            ? new ViewChange { Signed = signed, Claims = c.Claims, Prepared = c.Prepared, Committed = c.Committed }
            : null;
        NewView? newView = effect.NewView is { } n
            ? new NewView { Signed = signed, ViewChanges = n.ViewChanges, Prepared = n.Prepared, Committed = n.Committed }
            : null;
        if (newView is not null)
        {
            // Entered by it after a crash, too.
            Cluster.Check.OnEntered(this, newView);
        }

        if (change is not null)
        {
            Cluster.Check.OnViewChange(this, change);
        }

        SimRecord record = new(signed.Header, signed, effect.Block, change, newView);
        SimVertex? vertex = null;
        if (effect.Vertex is { } v)
        {
            _batches.Remove(effect.Token, out ulong[]? batch);
            vertex = new SimVertex(v, signed.Signature, batch ?? []);
        }

        _syncing.Enqueue(new SyncGroup([.. _unsynced], record, vertex));
        _unsynced.Clear();
        _diskFreeAt = Math.Max(_diskFreeAt, Cluster.Now) + Cluster.World.SyncMicros();
        ulong epoch = Core.Epoch;
        Cluster.At(this, _diskFreeAt, () => Synced(epoch));
    }

    private void Synced(ulong epoch)
    {
        if (epoch != Core.Epoch)
        {
            // Its epoch ended before it was on disk.
            return;
        }

        SyncGroup group = _syncing.Peek();
        if (Cluster.World.SyncFails(this))
        {
            // A failed sync tells nothing of what is on the disk. The process stops; nothing is sent.
            Cluster.CrashAndRestart(this);
            return;
        }

        _syncing.Dequeue();
        Write(group);
        Signed signed = group.Record.Message;
        if (Cluster.World.CrashesAfterSync())
        {
            Cluster.CrashAndRestart(this);
            return;
        }

        Transmit(signed, group.Record.Block, group.Record.ViewChange, group.Record.NewView, group.Vertex);
        Cluster.World.AfterSend(this, signed.Header);
        Feed(new Input { Kind = InputKind.Signed, From = -1, Message = signed });
    }

    private void Write(SyncGroup group)
    {
        foreach (Action write in group.Writes)
        {
            write();
        }

        Store(group.Record, group.Vertex);
        Cluster.Check.OnBinding(this, group.Record.Key);
    }

    private void Store(SimRecord record, SimVertex? vertex)
    {
        if (vertex is not null)
        {
            Disk.Vertices[vertex.Header.Hash] = vertex;
            Disk.OwnTip = new LaneTip(vertex.Header.Height, vertex.Header.Hash);
            Disk.OwnTipEpoch = vertex.Header.Epoch;
            Disk.LedgerHasTip = true;
            // A change is valid in the epoch that signed it, and no promise.
            AcceptedTransactions.UnionWith(vertex.Transactions.Where(t => !SimVertex.IsSystem(t)));
            Disk.Unordered.ExceptWith(vertex.Transactions);
            return;
        }

        Disk.Signed.Add(record);
        if (record.Block is { } block)
        {
            Disk.Blocks[block.Hash] = block;
        }
    }

    protected virtual void Transmit(Signed signed, Block? block, ViewChange? change, NewView? newView, SimVertex? vertex) =>
        Cluster.Send(this, -1, vertex is not null ? new SimMessage(vertex) : new SimMessage(FrameOf(signed, block, change, newView)));

    public static Frame FrameOf(Signed signed, Block? block = null, ViewChange? change = null, NewView? newView = null) =>
        signed.Header.Kind switch
        {
            MessageKind.ViewChange => Frame.Of(change!),
            MessageKind.NewView => Frame.Of(newView!),
            _ => Frame.Of(signed, block),
        };

    private void StoreVertex(SimVertex vertex) => Cluster.After(this, Cluster.World.SyncMicros(), () =>
    {
        Disk.Vertices[vertex.Header.Hash] = vertex;
        Feed(new Input { Kind = InputKind.VertexDurable, From = -1, Digest = vertex.Header.Hash });
    });
}
