using Validator.Core.Consensus;
using Validator.Core.Effects;
using Validator.Core.Execution;
using Validator.Core.Primitives;
using Validator.Core.Wire;

namespace Validator.Bench.Simulation;

/// <summary>
/// A validator with a real key and a core that it does not obey. What leaves this half of it is well formed and truly signed,
/// so that only consensus itself stands against it: forked proposals shown to two sides, votes for both, twins in its lane
/// and cuts that jump between them, vertices never served, ViewChanges that leave out or dig up certificates, two NewViews.
/// The other half, ByzantineNode.Lies, sends what never should be sent at all.
/// </summary>
public sealed partial class ByzantineNode : SimNode
{
    private readonly SimRandom _random;
    private readonly Coalition _all;
    private readonly double _forks;
    private readonly double _crosses;
    private readonly double _stale;
    private readonly double _twinCuts;
    private readonly double _phantoms;
    private readonly double _twinVertices;
    private readonly double _withholds;
    private readonly double _doubleVotes;
    private readonly double _lies;
    private readonly double _twoNewViews;
    private readonly double _serves;
    private readonly double _badContent;
    private readonly double _mischief;
    private ulong _staleView = ulong.MaxValue;
    private (ulong Epoch, ulong View)? _forsaken;

    public ByzantineNode(SimCluster cluster, int index, CoreSettings settings, SimRandom random, Coalition coalition)
        : base(cluster, index, settings)
    {
        _random = random;
        _all = coalition;
        _forks = Drawn(0.3);
        _crosses = Drawn(0.3);
        _stale = Drawn(0.2);
        _twinCuts = Drawn(0.2);
        _phantoms = Drawn(0.1);
        _twinVertices = Drawn(0.2);
        _withholds = Drawn(0.4);
        _doubleVotes = Drawn(0.2);
        _lies = Drawn(0.8);
        _twoNewViews = Drawn(0.7);
        _serves = 1 - Drawn(0.8);
        ReportsExecution = !_random.Chance(0.15);
        _badContent = Drawn(0.4);
        _mischief = Drawn(0.5);
    }

    /// <summary>What the coalition knows of the epoch that this core is in.</summary>
    private Coalition _coalition => _all.In(Core.Epoch);

    /// <summary>Pairs of messages in one slot that went out.</summary>
    public int Equivocations { get; private set; }

    private double Drawn(double most) => _random.Chance(0.5) ? most * (1 + _random.Below(4)) / 4 : 0;

    protected override void ObserveInput(in Input input)
    {
        switch (input.Message)
        {
            case PrePrepare proposal:
                _coalition.Blocks.TryAdd(proposal.Block.Hash, proposal.Block);
                _coalition.SawVote(proposal);
                break;
            case Signed { Header.Kind: MessageKind.Prepare or MessageKind.Commit } vote:
                _coalition.SawVote(vote);
                break;
            case ViewChange change:
                _coalition.SawChange(change);
                break;
            case Block block:
                _coalition.Blocks.TryAdd(block.Hash, block);
                break;
            case null when input.IsUp == true && Core.Self >= 0 && Core.FinalSequence > Core.Configuration.Start.Sequence && Cluster.World.Forsakes():
                Cluster.After(this, 0, Forsake);
                break;
            default:
                break;
        }
    }

    protected override void ObserveSend(IMessage message)
    {
        if (message is Status && _random.Chance(_mischief))
        {
            Cluster.After(this, 0, Mischief);
        }

        if ((message as Block ?? (message as PrePrepare)?.Block) is { } block)
        {
            ObserveBlock(block);
        }
    }

    protected override void ObserveBlock(Block block) => _coalition.Blocks.TryAdd(block.Hash, block);

    protected override void ObserveCertificate(Certificate certificate) => _coalition.SawCertificate(certificate);

    protected override void Transmit(Signed signed, Block? block, ViewChange? change, NewView? newView, SimVertex? vertex)
    {
        switch (signed.Header.Kind)
        {
            case MessageKind.Vertex when _random.Chance(_twinVertices):
                SplitVertex(vertex!);
                break;
            case MessageKind.PrePrepare:
                Propose(signed, block!);
                break;
            case MessageKind.Prepare or MessageKind.Commit when _forsaken == (Core.Epoch, signed.Header.View):
                Cluster.World.Met(Fault.SelectiveSend);
                break;
            case MessageKind.Prepare or MessageKind.Commit:
                Vote(signed);
                break;
            case MessageKind.ViewChange when _forsaken == (Core.Epoch, signed.Header.View - 1):
                Forget(signed.Header.View);
                break;
            case MessageKind.ViewChange when _random.Chance(_lies):
                Lie(change!);
                break;
            case MessageKind.NewView when _random.Chance(_twoNewViews) || Cluster.World.PressesNewViews():
                SplitNewView(newView!);
                break;
            default:
                double shown = Shown(0.5);
                SendWhere(_ => _random.Chance(shown), signed, block, change, newView, vertex);
                break;
        }
    }

    public override void Serve(int peer, FetchRequest request)
    {
        if (!_random.Chance(_serves))
        {
            Cluster.World.Met(Fault.WithheldPayload);
        }
        else if (request.Kind == FetchKind.Vertices && _random.Chance(_lies * 0.3) && Disk.Vertices.TryGetValue(request.Hash, out SimVertex? vertex))
        {
            Cluster.World.Met(Fault.WrongPayload);
            SimVertex other = new(vertex.Header, vertex.Signature, [.. vertex.Transactions.Select(t => t ^ 1)]);
            Cluster.Send(this, peer, new SimMessage(other));
        }
        else if (request.Kind == FetchKind.Chunk && _random.Chance(_lies))
        {
            Cluster.World.Met(Fault.WrongChunk);
            Send(peer, new SnapshotChunk(request.Epoch, request.Sequence, request.Hash, [1, 2, 3]));
        }
        else if (request.Kind == FetchKind.Snapshot && Cluster.World.ReadsBytes && request.Epoch < Core.Epoch && _random.Chance(0.7))
        {
            PressForgedEnds(peer, request.Epoch);
        }
        else if (request.Kind == FetchKind.Snapshot && Cluster.World.ReadsBytes && _random.Chance(0.7) && ForgedManifest() is { } forged)
        {
            Cluster.Send(this, peer, new SimMessage(forged));
        }
        else if (request.Kind == FetchKind.Snapshot && _random.Chance(_lies))
        {
            LureOn(peer, request);
        }
        else
        {
            base.Serve(peer, request);
        }
    }

    /// <summary>A record that the certified root does not bear out.</summary>
    private byte[]? ForgedManifest()
    {
        if (Disk.Snapshots.Count == 0 || Prove(Disk.Snapshots.Keys.First()) is not { } manifest)
        {
            return null;
        }

        Cluster.World.Met(Fault.ForgedManifest);
        StateRecord[] records = [.. manifest.Records];
        records[0] = records[0] with { NoncesDigest = Hash256.Of([9]) };
        return new SimMessage(manifest with { Records = records }).Bytes;
    }

    /// <summary>A true end of an epoch with another committee after it, another block, or too few votes.</summary>
    private byte[]? ForgedEnd(ulong epoch)
    {
        if (!Disk.Ends.TryGetValue(epoch, out EpochEnd? end))
        {
            return null;
        }

        Cluster.World.Met(Fault.ForgedEpochEnd);
        Member[] ours = [.. end.Next.Reverse()];
        Block other = BlockCodec.Seal(
            end.Epoch, end.Last.Sequence, end.Last.Parent, end.Last.TimestampMicros, end.Last.ExecutedSequence, end.Last.ExecutedRoot,
            GenesisCodec.CommitteeDigest(epoch + 1, ours), end.Last.Cut);
        Certificate few = Forger.With(end.Certificate, end.Last.Sequence, end.Last.Hash, end.Certificate.Votes[..1]);
        return new SimMessage(_random.Below(6) switch
        {
            0 => end with { Next = ours },
            1 => end with { Last = other, Next = ours },
            2 => end with { Certificate = few },
            _ => new EpochEnd(other, Forger.With(end.Certificate, other.Sequence, other.Hash, end.Certificate.Votes), ours),
        }).Bytes;
    }

    /// <summary>
    /// The truth about an epoch's end, and a lie about where snapshots are: an epoch too far would be a dead end.
    /// </summary>
    private void LureOn(int peer, in FetchRequest request)
    {
        Cluster.World.Met(Fault.LyingProof);
        if (Disk.Ends.TryGetValue(request.Epoch, out EpochEnd? end))
        {
            Send(peer, end);
        }

        Send(peer, new NotFound(request, _random.Chance(0.5) ? ulong.MaxValue : request.Sequence + (ulong)_random.Below(100)));
    }

    protected override bool Repeats() => _forsaken != (Core.Epoch, Core.View) && _random.Chance(_serves);

    /// <summary>
    /// Who comes back has to find what it lost elsewhere: not a vote of this view is given again, and the next view is wanted.
    /// </summary>
    private void Forsake()
    {
        if (Core.Self >= 0)
        {
            Cluster.World.Met(Fault.ForsakenView);
            _forsaken = (Core.Epoch, Core.View);
            SendWhere(_ => true, Make(MessageKind.Stop, Core.View + 1, 0, Hash256.Zero));
        }
    }

    /// <summary>Nothing was ever prepared.</summary>
    private void Forget(ulong view)
    {
        Cluster.World.Met(Fault.LyingViewChange);
        ViewChange none = _coalition.MakeChange(Index, view, null, null);
        _coalition.SawChange(none);
        SendWhere(_ => true, none.Signed, change: none);
    }

    private double Shown(double share)
    {
        if (!_random.Chance(_withholds))
        {
            return 1;
        }

        Cluster.World.Met(Fault.SelectiveSend);
        return share;
    }

    private bool FirstSide(ulong view, int peer) => _coalition.OnFirstSide(view, peer) || Cluster.Check.IsByzantine(peer);

    private void SendWhere(
        Func<int, bool> whom, Signed signed, Block? block = null, ViewChange? change = null, NewView? newView = null, SimVertex? vertex = null)
    {
        SimMessage message = vertex is not null ? new SimMessage(vertex) : new SimMessage(Whole(signed, block, change, newView));
        for (int peer = 0; peer < Cluster.Nodes.Length; peer++)
        {
            if (peer == Index || !whom(peer))
            {
                continue;
            }

            Cluster.Send(this, peer, message);
        }
    }

    private Signed Make(MessageKind kind, ulong view, ulong sequence, in Hash256 digest) => Make(Index, kind, view, sequence, digest);

    private Signed Make(int place, MessageKind kind, ulong view, ulong sequence, in Hash256 digest) =>
        Cluster.Sign(place, kind, Core.Epoch, view, sequence, digest);

    /// <summary>The coalition's places in this epoch's committee.</summary>
    private IEnumerable<int> Members => Cluster.World.Byzantine.Where(place => Cluster.MemberOf(Core.Epoch, place) >= 0);

    private void Vote(Signed signed)
    {
        SignedHeader header = signed.Header;
        _coalition.SawVote(signed);
        if (_coalition.SplitViews.Contains(header.View) || _coalition.Forks.ContainsKey(header.Digest))
        {
            SendWhere(peer => FirstSide(header.View, peer), signed);
            return;
        }

        if (_random.Chance(_doubleVotes))
        {
            Equivocations++;
            Cluster.World.Met(Fault.DoubleVote);
            int victim = _random.Below(Cluster.Nodes.Length);
            Signed other = Make(header.Kind, header.View, header.Sequence, Hash256.Of(header.Digest.ToArray()));
            SendWhere(peer => peer == victim, other);
        }

        if (_random.Chance(_withholds))
        {
            Cluster.World.Met(Fault.SelectiveSend);
            // Often one alone sees the quorum.
            int lucky = _random.Below(Cluster.Nodes.Length);
            bool alone = _random.Chance(0.5);
            SendWhere(peer => alone ? peer == lucky : _random.Chance(0.5), signed);
            return;
        }

        SendWhere(_ => true, signed);
    }

    private void Lie(ViewChange change)
    {
        ulong view = change.Signed.Header.View;
        ViewChange Variant() => _random.Below(4) switch
        {
            0 => change,
            1 => _coalition.MakeChange(Index, view, null, null, LyingList(change.Claims.Accepted, view)),
            _ => _coalition.MakeChange(
                Index, view, _coalition.Pick(Phase.Prepared, view), _coalition.Pick(Phase.Committed, view),
                LyingList(change.Claims.Accepted, view)),
        };
        Cluster.World.Met(Fault.LyingViewChange);
        ViewChange first = Variant();
        ViewChange second = _random.Chance(0.3) ? Variant() : first;
        _coalition.SawChange(first);
        _coalition.SawChange(second);
        SendWhere(peer => _coalition.OnFirstSide(view, peer), first.Signed, change: first);
        SendWhere(peer => !_coalition.OnFirstSide(view, peer), second.Signed, change: second);
    }

    /// <summary>One side gets the core's NewView, the other one with the lowest base, and a chain of its own.</summary>
    private void SplitNewView(NewView own)
    {
        ulong view = own.Signed.Header.View;
        _coalition.SplitViews.Add(view);
        SendWhere(peer => FirstSide(view, peer), own.Signed, newView: own);
        bool toAll = _random.Chance(0.7);
        Func<int, bool> whom = peer => toAll || !FirstSide(view, peer);
        Cluster.After(this, _random.Between(1, 60_000), () =>
        {
            Acceptances borrowed = _random.Chance(0.5) ? _coalition.BorrowedList(view) : default;
            if (_coalition.LowestNewView(Index, view, borrowed) is not { } low)
            {
                return;
            }

            Equivocations++;
            Cluster.World.Met(Fault.TwoNewViews);
            SendWhere(whom, low.Signed, newView: low);
            SimBase.Result begins = Cluster.Check.BaseOf(low);
            if (_coalition.FindBlock(begins.Block.BlockHash) is not { } block)
            {
                return;
            }

            if (!begins.IsFinal)
            {
                Push(view, block, whom);
            }

            if (!borrowed.Entries.IsEmpty && borrowed.Entries[^1].BlockHash != block.Hash
                && _coalition.FindBlock(borrowed.Entries[^1].BlockHash) is { } listed)
            {
                // Where the list would count for more than it does.
                Push(view, listed, whom);
            }

            for (int i = 0; i < 3; i++)
            {
                block = Coalition.Child(block, null, 5);
                Push(view, block, whom);
            }
        });
    }

    private void SplitVertex(SimVertex vertex)
    {
        Equivocations++;
        Cluster.World.Met(Fault.TwinVertex);
        SimVertex twin = MakeVertex(vertex.Header, vertex.Header.Height, vertex.Header.Predecessor);
        for (int peer = 0; peer < Cluster.Nodes.Length; peer++)
        {
            if (peer != Index)
            {
                Cluster.Send(this, peer, new SimMessage(_random.Chance(0.5) ? twin : vertex));
            }
        }
    }
}
