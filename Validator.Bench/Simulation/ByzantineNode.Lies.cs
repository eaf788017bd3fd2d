using Validator.Core.Primitives;
using Validator.Core.Wire;

namespace Validator.Bench.Simulation;

/// <summary>
/// Lies apart from the protocol: about how far it is, about what was asked, in another epoch, and bytes that are no message.
/// </summary>
public sealed partial class ByzantineNode
{
    private const int MostSeen = 48;
    private Forger? _forger;

    public override void Receive(int from, SimMessage message)
    {
        base.Receive(from, message);
        if (message.Message is Status status && status.Epoch < Core.Epoch && Cluster.World.ReadsBytes && _lies + _mischief > 0
            && _random.Chance(0.5))
        {
            PressForgedEnds(from, status.Epoch);
        }

        _coalition.Seen.Enqueue(message);
        if (_coalition.Seen.Count > MostSeen)
        {
            _coalition.Seen.Dequeue();
        }
    }

    /// <summary>Before an honest one can tell it, and again after that: the last one that is believed counts.</summary>
    private void PressForgedEnds(int peer, ulong epoch)
    {
        for (int i = 0; i < 6 && ForgedEnd(epoch) is { } end; i++)
        {
            Cluster.After(this, (long)_random.Below(300_000), () => Cluster.Send(this, peer, new SimMessage(end)));
        }
    }

    private void Mischief()
    {
        if (Core.Self < 0)
        {
            return;
        }

        switch (_random.Below(Cluster.World.ReadsBytes ? 14 : 8))
        {
            case 0:
                LieAboutStatus();
                break;
            case 1:
                VoteForUnseen();
                break;
            case 2:
                SignInAnotherEpoch();
                break;
            case 3:
                FloodLane();
                break;
            case 4:
                AnswerUnasked();
                break;
            case 5 when Core.Leader == Core.Self && Core.ViewActive:
                // The leader's PrePrepare is its only Prepare (rule P1).
                SendWhere(_ => true, Make(MessageKind.Prepare, Core.View, Core.FinalSequence + 1, Hash256.Of([1])));
                break;
            case 6:
                Replay();
                break;
            case 7 when Core.Leader == Core.Self && Core.ViewActive && Disk.Finals.Count > 1:
                // Where everything is final already.
                Push(Core.View, Coalition.Child(Disk.Finals[^2].Block, null, 4), _ => true);
                break;
            default:
                if (Cluster.World.ReadsBytes)
                {
                    Forge();
                }

                break;
        }
    }

    private void LieAboutStatus()
    {
        Cluster.World.Met(Fault.LyingStatus);
        LaneTip[] tips = new LaneTip[Core.Committee.Count];
        for (int i = 0; i < tips.Length; i++)
        {
            ulong height = _random.Chance(0.3) ? ulong.MaxValue : 1 + (ulong)_random.Below(500);
            tips[i] = _random.Chance(0.3) ? default : new LaneTip(height, Hash256.Of([(byte)i, (byte)_random.Below(256)]));
        }

        ulong far = _random.Chance(0.3) ? ulong.MaxValue : (ulong)_random.Below(100_000);
        Status status = new(Core.Epoch, _random.Chance(0.5) ? Core.View : far, _random.Chance(0.5) ? Core.FinalSequence + 5 : far, tips);
        Send(-1, status);
    }

    /// <summary>What it accepted is left out, cut short, of too high a view, or of another chain.</summary>
    private Acceptances LyingList(in Acceptances own, ulong view)
    {
        Cluster.World.Met(Fault.LyingList);
        ulong claimed = _random.Chance(0.5) ? view - 1 : (ulong)_random.Below((int)Math.Min(view, 1_000));
        switch (_random.Below(7))
        {
            case 0:
                return default;
            case 5 or 6:
                return _coalition.BorrowedList(view);
            case 1 when own.Entries.Length > 1:
                return new Acceptances(own.First, own.Entries[..^1].ToArray());
            case 2 when !own.Entries.IsEmpty:
                return new Acceptances(own.First, [.. own.Entries.ToArray().Select(entry => entry with { View = claimed })]);
            default:
                Block[] known = [.. _coalition.Blocks.Values.Where(b => b.Sequence > Core.FinalSequence).TakeLast(24)];
                Block? top = known.Length == 0 ? null : known[_random.Below(known.Length)];
                Stack<Acceptance> chain = [];
                Block? block = top;
                while (block is not null && block.Sequence > Core.FinalSequence)
                {
                    chain.Push(new Acceptance(claimed, block.Hash));
                    block = _coalition.FindBlock(block.Parent);
                }

                return top is null || chain.Count > Limits.MaxListed ? own
                    : new Acceptances(top.Sequence + 1 - (ulong)chain.Count, [.. chain]);
        }
    }

    private void VoteForUnseen()
    {
        Cluster.World.Met(Fault.VoteForUnseen);
        for (int i = 0; i < 6; i++)
        {
            ulong view = Core.View + (ulong)_random.Below(_random.Chance(0.2) ? 50 : 3);
            ulong sequence = 1 + Core.FinalSequence + (ulong)_random.Below(_random.Chance(0.2) ? 1_000 : 6);
            MessageKind kind = Core.Committee.Leader(Core.Epoch, view) != Core.Self && _random.Chance(0.5) ? MessageKind.Prepare : MessageKind.Commit;
            SendWhere(_ => true, Make(kind, view, sequence, Hash256.Of([(byte)i, (byte)_random.Below(4)])));
        }

        SendWhere(_ => true, Make(MessageKind.Stop, Core.View + 1 + (ulong)_random.Below(1_000_000), 0, Hash256.Zero));
    }

    /// <summary>Truly signed, of an epoch that is not this one.</summary>
    private void SignInAnotherEpoch()
    {
        Cluster.World.Met(Fault.OtherEpoch);
        ulong epoch = Core.Epoch + (_random.Chance(0.5) ? 7u : 1u);
        Block start = Core.Configuration.Start;
        Block block = BlockCodec.Seal(
            epoch, Core.FinalSequence + 1, start.Hash, start.TimestampMicros, 0, start.ExecutedRoot, Hash256.Zero, start.Cut);
        foreach (MessageKind kind in (ReadOnlySpan<MessageKind>)[MessageKind.PrePrepare, MessageKind.Commit, MessageKind.Stop])
        {
            ulong view = Core.View + 1;
            while (kind == MessageKind.PrePrepare && Core.Committee.Leader(epoch, view) != Core.Self)
            {
                view++;
            }

            bool stop = kind == MessageKind.Stop;
            Signed signed = Cluster.Sign(Index, kind, epoch, view, stop ? 0 : block.Sequence, stop ? Hash256.Zero : block.Hash);
            Send(-1, kind == MessageKind.PrePrepare ? signed.With(block) : signed);
        }

        Send(-1, new Status(epoch, 0, _random.Chance(0.5) ? 0 : Core.FinalSequence + 100, new LaneTip[Core.Committee.Count]));
        Send(-1, new Status(Core.Epoch, Core.View, 0, new LaneTip[Core.Committee.Count % Limits.MaxCommittee + 1]));
        VertexHeader vertex = VertexCodec.Seal(
            epoch, Core.Self, 1, Hash256.Zero, new LaneTip[Core.Committee.Count], SimVertex.RootOf([]), 0, 0);
        Cluster.Send(this, -1, new SimMessage(new SimVertex(vertex, Cluster.Sign(Index, MessageKind.Vertex, epoch, 0, 1, vertex.Hash).Signature, [])));
    }

    /// <summary>A chain of vertices above a gap that is never closed.</summary>
    private void FloodLane()
    {
        Cluster.World.Met(Fault.FloodedLane);
        Hash256 below = Hash256.Of([(byte)_random.Below(256)]);
        ulong first = Core.FinalSequence + 2 + (ulong)_random.Below(3_000);
        for (ulong height = first; height < first + 40; height++)
        {
            VertexHeader header = VertexCodec.Seal(
                Core.Epoch, Core.Self, height, below, new LaneTip[Core.Committee.Count], SimVertex.RootOf([]), 0, 0);
            Cluster.Send(this, -1, new SimMessage(new SimVertex(header, Make(MessageKind.Vertex, 0, height, header.Hash).Signature, [])));
            below = header.Hash;
        }
    }

    /// <summary>A change that only the coalition signed, in a vertex of our own.</summary>
    private void AuthorChange()
    {
        Cluster.World.Met(Fault.ForgedChange);
        CommitteeChange change = CommitteeChange.SetWeight(Core.Epoch, SimKeys.NameOf(Index), 4);
        CertificateVote[] votes = [.. Members.Select(place => (Place: place, Member: Cluster.MemberOf(Core.Epoch, place))).OrderBy(m => m.Member)
            .Select(m => new CertificateVote(m.Member, Cluster.Keys.Sign(m.Place, CommitteeChangeCodec.HeaderToSign(change, m.Member), Cluster.ChainId)))];
        Submit(SimVertex.NumberOf(CommitteeChangeCodec.Encode(new SignedCommitteeChange(change, votes))));
    }

    private void AnswerUnasked()
    {
        if (Cluster.World.Changes && _random.Chance(0.1))
        {
            AuthorChange();
        }

        Cluster.World.Met(Fault.UnaskedAnswer);
        if (Disk.Finals is [.., { Certificate: { } proof } last] && proof.BlockHash == last.Block.Hash)
        {
            Send(-1, new FinalBlocks([last.Block], proof));
            Send(-1, last.Block);
            Send(-1, proof);
        }

        Send(-1, new NotFound(new FetchRequest(FetchKind.Block, Core.Epoch, 0, 0, 1, Hash256.Of([1])), 1));
    }

    private void Replay()
    {
        foreach (SimMessage seen in _coalition.Seen.ToArray())
        {
            if (seen.Type is not (0 or FrameType.FetchRequest or FrameType.NotFound or FrameType.Status) && _random.Chance(0.3))
            {
                Cluster.World.Met(Fault.Replay);
                Cluster.Send(this, -1, seen);
            }
        }
    }

    private void Forge()
    {
        if (_random.Chance(0.1) && ForgedManifest() is { } manifest)
        {
            // Unasked.
            Cluster.Send(this, -1, new SimMessage(manifest));
        }

        if (_random.Chance(0.1) && Core.Epoch > 0 && ForgedEnd(Core.Epoch - (_random.Chance(0.5) ? 1u : 0u)) is { } end)
        {
            Cluster.Send(this, -1, new SimMessage(end));
        }

        // Their Status shows who is behind.
        foreach (SimNode behind in Cluster.Nodes.Where(n => n.Running && n.Core.Epoch < Core.Epoch))
        {
            PressForgedEnds(behind.Index, behind.Core.Epoch);
        }

        if (Cluster.World.Changes && _random.Chance(0.2))
        {
            AuthorChange();
        }

        _forger ??= new Forger(Cluster, _random, Index, _all);
        int count = _random.Chance(0.1) ? 100 : 6;
        if (count > 6)
        {
            Cluster.World.Met(Fault.Flood);
        }

        for (; count > 0; count--)
        {
            if (_forger.Make(Core) is { } bytes)
            {
                Cluster.Send(this, _random.Chance(0.5) ? -1 : _random.Below(Cluster.Nodes.Length), new SimMessage(bytes));
            }
        }
    }

    /// <summary>A block of the right place whose content no honest validator may accept.</summary>
    private Block BadContent(Block block)
    {
        Cluster.World.Met(Fault.BadContent);
        Block parent = _coalition.FindBlock(block.Parent) ?? block;
        LaneTip[] cut = [.. block.Cut];
        int lane = _random.Below(cut.Length);
        int[] ordered = [.. Enumerable.Range(0, cut.Length).Where(i => parent.Epoch == block.Epoch && parent.Cut[i].Height > 0)];
        ulong time = block.TimestampMicros;
        ulong executed = block.ExecutedSequence;
        Hash256 root = block.ExecutedRoot;
        switch (_random.Below(10))
        {
            case 0:
                time = parent.TimestampMicros;
                break;
            case 1 or 8 or 9 when ordered.Length > 0:
                cut[ordered[_random.Below(ordered.Length)]] = default;
                break;
            case 2:
                cut[lane] = new LaneTip(cut[lane].Height + 100_000, Hash256.Of([1]));
                break;
            case 3 when cut[lane].Height > 0:
                cut[lane] = new LaneTip(parent.Cut[lane].Height, Hash256.Of([2]));
                break;
            case 4 when parent.ExecutedSequence > 0:
                executed = parent.ExecutedSequence - 1;
                break;
            case 5 when executed > 0:
                Cluster.World.Met(Fault.LyingRoot);
                root = Hash256.Of([3]);
                break;
            case 6:
                return WithWrongNext(block);
            default:
                time += 600_000_000;
                break;
        }

        return BlockCodec.Seal(block.Epoch, block.Sequence, block.Parent, time, executed, root, block.NextCommittee, cut);
    }

    /// <summary>An end of the epoch that is not due, or none where one is.</summary>
    private Block WithWrongNext(Block block)
    {
        Cluster.World.Met(Fault.WrongNextCommittee);
        return BlockCodec.Seal(
            block.Epoch, block.Sequence, block.Parent, block.TimestampMicros, block.ExecutedSequence, block.ExecutedRoot,
            block.EndsEpoch ? Hash256.Zero : Hash256.Of([8]), block.Cut);
    }
}
