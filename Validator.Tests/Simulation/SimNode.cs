using Validator.Core.Consensus;
using Validator.Core.Effects;
using Validator.Core.Primitives;
using Validator.Core.Wire;

namespace Validator.Tests.Simulation;

/// <summary>What survives a crash: what was synced.</summary>
public sealed class SimDisk
{
    public List<(Signed Message, Block? Block, ViewChange? ViewChange, NewView? NewView)> Signed { get; } = [];
    public Dictionary<Hash256, Block> Blocks { get; } = [];
    public List<Certificate> Prepared { get; } = [];
    public NewView? Entered { get; set; }
    public Dictionary<Hash256, SimVertex> Vertices { get; } = [];
    public List<SimFinal> Finals { get; } = [];
    public LaneTip OwnTip { get; set; }
    public List<Evidence> Evidence { get; } = [];

    /// <summary>A backup: what is written to either does not reach the other.</summary>
    public SimDisk Copy()
    {
        SimDisk copy = new() { Entered = Entered, OwnTip = OwnTip };
        copy.Signed.AddRange(Signed);
        copy.Prepared.AddRange(Prepared);
        copy.Finals.AddRange(Finals);
        copy.Evidence.AddRange(Evidence);
        foreach (Block block in Blocks.Values)
        {
            copy.Blocks.Add(block.Hash, block);
        }

        foreach (SimVertex vertex in Vertices.Values)
        {
            copy.Vertices.Add(vertex.Header.Hash, vertex);
        }

        return copy;
    }
}

/// <summary>A vertex with its transactions, each known by a number.</summary>
public sealed record SimVertex(VertexHeader Header, byte[] Signature, ulong[] Transactions);

public sealed record SimFinal(Block Block, Certificate Certificate, VertexHeader[] Order, Hash256 Root);

/// <summary>
/// The shell around one real core: signs, syncs, sends, executes and serves, all in virtual time. A crash drops what was
/// not synced; the core is rebuilt from the disk.
/// </summary>
public class SimNode(SimCluster cluster, int index, CoreSettings settings)
{
    private readonly EffectBuffer _effects = new();
    private readonly Dictionary<ulong, SimVertex> _waiting = [];
    private readonly Dictionary<ulong, ulong[]> _batches = [];
    private readonly List<Action> _unsynced = [];
    private ulong _token;
    private long _diskFreeAt;
    private long _execFreeAt;
    private int _credit;
    private int _forgotten;
    private List<ulong> _queued = [];

    public int Index { get; } = index;
    public SimDisk Disk { get; private set; } = new();
    public ValidatorCore Core { get; private set; } = null!;
    public bool Running { get; private set; }

    /// <summary>Counts lives: events of an earlier one are void.</summary>
    public int Incarnation { get; private set; }
    public long ClockSkewMicros { get; init; }
    public Reason? Halted { get; private set; }
    public HashSet<ulong> AcceptedTransactions { get; } = [];
    public ulong ViewChanges { get; private set; }
    public SortedDictionary<Reason, int> Rejections { get; } = [];
    public List<Evidence> Convictions { get; } = [];

    protected SimCluster Cluster { get; } = cluster;

    public void Start()
    {
        Running = true;
        Incarnation++;
        _waiting.Clear();
        _batches.Clear();
        _unsynced.Clear();
        _queued = [];
        _credit = 0;
        _diskFreeAt = _execFreeAt = Cluster.Now;
        Core = new ValidatorCore(Cluster.Genesis, Cluster.ChainId, Index, settings with { Signs = settings.Signs && HasVotes }, Recovered());
        Feed(new Input { Kind = InputKind.Tick });
        Cluster.Connect(Index);
    }

    public void Crash()
    {
        Running = false;
        Incarnation++;
        Cluster.Disconnect(Index);
    }

    /// <summary>The disk is new: what it had signed is forgotten, so it only follows from its next start on (section 6).</summary>
    public void Wipe()
    {
        Disk = new SimDisk();
        AcceptedTransactions.Clear();
        _forgotten = 0;
        HasVotes = false;
    }

    /// <summary>The disk is an older copy of itself.</summary>
    public void RollBack(SimDisk backup) => Disk = backup;

    /// <summary>False from the next start on: the store of votes is gone, and the shell knows it.</summary>
    public bool HasVotes { get; set; } = true;

    public void Feed(Input input)
    {
        if (!Running || Halted is not null)
        {
            return;
        }

        input.MonotonicMicros = Cluster.Now;
        input.WallMicros = (ulong)((long)Cluster.Genesis.TimestampMicros + Cluster.Now + ClockSkewMicros);
        ObserveInput(in input);
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
            CarryOut(in _effects[i]);
        }

        _effects.Clear();
        Cluster.Wake(this, Core.NextDeadline);
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
        ulong[] batch = [.. _queued];
        _queued.Clear();
        ulong token = ++_token;
        _batches[token] = batch;
        Feed(new Input
        {
            Kind = InputKind.ClientBatch,
            From = -1,
            Token = token,
            TransactionRoot = Root(batch),
            PayloadBytes = (uint)(batch.Length * 13),
            TransactionCount = (uint)batch.Length,
        });
    }

    public static Hash256 Root(ulong[] transactions) =>
        Hash256.Of(System.Runtime.InteropServices.MemoryMarshal.AsBytes<ulong>(transactions));

    private void CarryOut(in Effect effect)
    {
        switch (effect.Kind)
        {
            case EffectKind.Sign:
                SignPersistSend(effect);
                break;
            case EffectKind.PersistBlock:
                Block block = effect.Block!;
                _unsynced.Add(() => Disk.Blocks[block.Hash] = block);
                break;
            case EffectKind.PersistCertificate:
                Certificate certificate = effect.Certificate!;
                Cluster.Check.OnPrepared(this, certificate);
                _unsynced.Add(() => Disk.Prepared.Add(certificate));
                break;
            case EffectKind.PersistNewView:
                NewView newView = effect.NewView!;
                _unsynced.Add(() => Disk.Entered = newView);
                break;
            case EffectKind.StoreVertex:
                StoreVertex(_waiting[effect.Token]);
                _waiting.Remove(effect.Token);
                break;
            case EffectKind.DropVertex:
                _waiting.Remove(effect.Token);
                Count(effect.Reason);
                break;
            case EffectKind.Send when !Repeats():
                break;
            case EffectKind.Send:
                Cluster.Send(Index, effect.To, MessageOf(effect.Message!, effect.Block, effect.ViewChange, effect.NewView));
                break;
            case EffectKind.SendStatus:
                Status status = effect.Status!;
                Cluster.Send(Index, effect.To, new SimMessage(InputKind.Status, i => i.Status = status));
                break;
            case EffectKind.SendFetch:
                Cluster.Request(Index, effect.To, effect.Request);
                break;
            case EffectKind.SendEvidence:
                Evidence evidence = effect.Evidence!;
                Cluster.Send(Index, effect.To, new SimMessage(InputKind.Evidence, i => i.Evidence = evidence));
                break;
            case EffectKind.BatchCredit:
                _credit += (int)effect.Count;
                Cluster.After(Index, 0, SealBatch);
                break;
            case EffectKind.Execute:
                Execute(effect.Block!, effect.Order!, effect.Certificate!);
                break;
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
            case EffectKind.Halt:
                Halted = effect.Reason;
                Cluster.Check.OnHalt(this, effect.Reason);
                break;
            default:
                throw new InvalidOperationException($"effect {effect.Kind} is not carried out");
        }
    }

    private void Count(Reason reason) => Rejections[reason] = Rejections.GetValueOrDefault(reason) + 1;

    /// <summary>Sign, sync, send, answer: in this order, with a crash possible between sync and send.</summary>
    private void SignPersistSend(Effect effect)
    {
        Cluster.Check.OnSign(this, effect.Header);
        Signed signed = new(effect.Header, SimKeys.Sign(effect.Header, Cluster.ChainId));
        ViewChange? change = effect.ViewChange is { } c
            ? new ViewChange { Signed = signed, Claims = c.Claims, Prepared = c.Prepared, Committed = c.Committed }
            : null;
        NewView? newView = effect.NewView is { } n
            ? new NewView { Signed = signed, ViewChanges = n.ViewChanges, Prepared = n.Prepared, Committed = n.Committed }
            : null;
        Block? block = effect.Block;
        SimVertex? vertex = effect.Vertex is { } v
            ? new SimVertex(v, signed.Signature, _batches.GetValueOrDefault(effect.Token) ?? [])
            : null;
        Action[] group = [.. _unsynced, () => Store(signed, block, change, newView, vertex)];
        _unsynced.Clear();
        _diskFreeAt = Math.Max(_diskFreeAt, Cluster.Now) + Cluster.World.SyncMicros();
        Cluster.At(Index, _diskFreeAt, () =>
        {
            foreach (Action write in group)
            {
                write();
            }

            Cluster.Check.OnBinding(this, signed.Header);
            if (Cluster.World.CrashesAfterSync(this))
            {
                Cluster.CrashAndRestart(this);
                return;
            }

            Transmit(signed, block, change, newView, vertex);
            Cluster.World.AfterSend(this, signed.Header);
            Feed(new Input { Kind = InputKind.Signed, From = -1, Message = signed });
        });
    }

    private void Store(Signed signed, Block? block, ViewChange? change, NewView? newView, SimVertex? vertex)
    {
        if (vertex is not null)
        {
            Disk.Vertices[vertex.Header.Hash] = vertex;
            Disk.OwnTip = new LaneTip(vertex.Header.Height, vertex.Header.Hash);
            AcceptedTransactions.UnionWith(vertex.Transactions);
            return;
        }

        Disk.Signed.Add((signed, block, change, newView));
        if (block is not null)
        {
            Disk.Blocks[block.Hash] = block;
        }
    }

    protected virtual void Transmit(Signed signed, Block? block, ViewChange? change, NewView? newView, SimVertex? vertex)
    {
        if (vertex is not null)
        {
            Cluster.SendVertex(Index, -1, vertex);
        }
        else
        {
            Cluster.Send(Index, -1, MessageOf(signed, block, change, newView));
        }
    }

    public static SimMessage MessageOf(Signed signed, Block? block = null, ViewChange? change = null, NewView? newView = null) =>
        signed.Header.Kind switch
        {
            MessageKind.PrePrepare => new SimMessage(InputKind.PrePrepare, i => { i.Message = signed; i.Block = block; }),
            MessageKind.Prepare or MessageKind.Commit => new SimMessage(InputKind.Vote, i => i.Message = signed),
            MessageKind.Stop => new SimMessage(InputKind.Stop, i => i.Message = signed),
            MessageKind.ViewChange => new SimMessage(InputKind.ViewChange, i => i.ViewChange = change),
            MessageKind.NewView => new SimMessage(InputKind.NewView, i => i.NewView = newView),
            _ => throw new InvalidOperationException($"{signed.Header.Kind} does not travel this way"),
        };

    public void ReceiveVertex(int from, SimVertex vertex)
    {
        if (!Running)
        {
            return;
        }

        ulong token = ++_token;
        _waiting[token] = vertex;
        VertexHeader header = vertex.Header;
        Feed(new Input
        {
            Kind = InputKind.Vertex,
            From = from,
            Token = token,
            Vertex = header,
            Message = new Signed(new SignedHeader(MessageKind.Vertex, header.Author, header.Epoch, 0, header.Height, header.Hash), vertex.Signature),
        });
    }

    private void StoreVertex(SimVertex vertex) => Cluster.After(Index, Cluster.World.SyncMicros(), () =>
    {
        Disk.Vertices[vertex.Header.Hash] = vertex;
        Feed(new Input { Kind = InputKind.VertexDurable, From = -1, Digest = vertex.Header.Hash });
    });

    private void Execute(Block block, VertexHeader[] order, Certificate certificate)
    {
        Cluster.Check.OnFinal(this, block, certificate);
        _execFreeAt = Math.Max(_execFreeAt, Cluster.Now) + Cluster.World.ExecutionMicros + (20 * order.Length);
        Cluster.At(Index, _execFreeAt, () =>
        {
            Hash256 previous = Disk.Finals.Count == 0 ? Hash256.Zero : Disk.Finals[^1].Root;
            Hash256 root = RootOf(previous, block, order);
            foreach (VertexHeader vertex in order)
            {
                if (!Disk.Vertices.ContainsKey(vertex.Hash))
                {
                    throw new InvariantViolationException("a final vertex is not durable here");
                }
            }

            Disk.Finals.Add(new SimFinal(block, certificate, order, root));
            Cluster.Check.OnExecuted(this, block, order, root);
            ForgetBelow(block.Sequence);
            Feed(new Input { Kind = InputKind.Executed, From = -1, Sequence = block.Sequence, Digest = root });
        });
    }

    /// <summary>What the vote store forgets behind the executed point, a batch at a time (Host/Node/RocksVoteStore).</summary>
    private void ForgetBelow(ulong executed)
    {
        if ((int)executed < _forgotten + Cluster.World.ForgetEvery)
        {
            return;
        }

        _forgotten = (int)executed;
        Dictionary<MessageKind, int> newest = [];
        for (int i = 0; i < Disk.Signed.Count; i++)
        {
            newest[Disk.Signed[i].Message.Header.Kind] = i;
        }

        int number = 0;
        Disk.Signed.RemoveAll(record =>
        {
            SignedHeader h = record.Message.Header;
            bool vote = h.Kind is MessageKind.PrePrepare or MessageKind.Prepare or MessageKind.Commit;
            return number++ != newest[h.Kind] && (!vote || h.Sequence < executed);
        });
        if (Disk.Prepared.Count > 0)
        {
            Certificate highest = Disk.Prepared.MaxBy(c => (c.View, c.Sequence))!;
            Disk.Prepared.RemoveAll(c => c.Sequence < executed && c != highest);
        }

        if (!Cluster.Check.IsByzantine(Index))
        {
            foreach ((Hash256 hash, Block block) in Disk.Blocks)
            {
                if (block.Sequence < executed)
                {
                    Disk.Blocks.Remove(hash);
                }
            }
        }
    }

    private static Hash256 RootOf(in Hash256 previous, Block block, VertexHeader[] order)
    {
        byte[] data = new byte[(2 + order.Length) * Hash256.Size];
        previous.CopyTo(data);
        block.Hash.CopyTo(data.AsSpan(Hash256.Size));
        for (int i = 0; i < order.Length; i++)
        {
            order[i].Hash.CopyTo(data.AsSpan((2 + i) * Hash256.Size));
        }

        return Hash256.Of(data);
    }

    /// <summary>The fetch service: answers from the disk.</summary>
    public virtual void Serve(int peer, FetchRequest request)
    {
        switch (request.Kind)
        {
            case FetchKind.Vertices when Disk.Vertices.TryGetValue(request.Hash, out SimVertex? vertex):
                Stack<SimVertex> chain = new([vertex]);
                while (chain.Count < request.Count && Disk.Vertices.TryGetValue(chain.Peek().Header.Predecessor, out SimVertex? below))
                {
                    chain.Push(below);
                }

                foreach (SimVertex found in chain)
                {
                    Cluster.SendVertex(Index, peer, found);
                }

                break;
            case FetchKind.Block when FindBlock(request.Hash) is { } block:
                Cluster.Send(Index, peer, new SimMessage(InputKind.Block, i => i.Block = block));
                break;
            case FetchKind.FinalBlocks when FinalsFrom(request) is { } finals:
                Cluster.Send(Index, peer, new SimMessage(InputKind.FinalBlocks, i => i.FinalBlocks = finals));
                break;
            default:
                Cluster.Send(Index, peer, new SimMessage(InputKind.NotFound, i => i.Request = request));
                break;
        }
    }

    private Block? FindBlock(Hash256 hash) =>
        Disk.Blocks.GetValueOrDefault(hash) ?? Disk.Finals.Find(f => f.Block.Hash == hash)?.Block;

    private FinalBlocks? FinalsFrom(FetchRequest request)
    {
        int first = (int)request.Sequence - 1;
        int last = Math.Min(first + (int)request.Count, Disk.Finals.Count) - 1;
        // The certificate covers the last block itself: go on to the next block that has its own.
        while (last >= first && last + 1 < Disk.Finals.Count && Disk.Finals[last].Certificate.BlockHash != Disk.Finals[last].Block.Hash)
        {
            last++;
        }

        while (last >= first && Disk.Finals[last].Certificate.BlockHash != Disk.Finals[last].Block.Hash)
        {
            last--;
        }

        return last < first || first < 0
            ? null
            : new FinalBlocks([.. Disk.Finals.GetRange(first, last - first + 1).Select(f => f.Block)], Disk.Finals[last].Certificate);
    }

    private RecoveredState? Recovered()
    {
        RecoveredState state = new() { EnteredNewView = Disk.Entered, OwnTip = Disk.OwnTip };
        state.Signed.AddRange(Disk.Signed);
        state.Blocks.AddRange(Disk.Blocks.Values);
        state.PreparedCertificates.AddRange(Disk.Prepared);
        state.Evidence.AddRange(Disk.Evidence);
        if (Disk.Finals.Count > 0)
        {
            SimFinal last = Disk.Finals[^1];
            state.LastFinal = last.Block;
            state.LastFinalCertificate = last.Certificate;
            state.LastExecutedRoot = last.Root;
            foreach (SimFinal final in Disk.Finals.TakeLast(256))
            {
                state.RecentRoots.Add((final.Block.Sequence, final.Root));
            }
        }

        foreach (SimVertex vertex in Disk.Vertices.Values)
        {
            state.Vertices.Add((vertex.Header, vertex.Signature));
        }

        return state;
    }
}
