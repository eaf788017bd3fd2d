using Validator.Core.Consensus;
using Validator.Core.Effects;
using Validator.Core.Execution;
using Validator.Core.Primitives;
using Validator.Core.Wire;

namespace Validator.Bench.Simulation;

/// <summary>A faulty leader's blocks, and the vertices that they order.</summary>
public sealed partial class ByzantineNode
{
    private void Propose(Signed signed, Block block)
    {
        ulong view = signed.Header.View;
        _coalition.SawVote(signed);
        if (_coalition.SplitViews.Contains(view))
        {
            SendWhere(peer => FirstSide(view, peer), signed, block);
            return;
        }

        if (Cluster.World.MisnamesNext())
        {
            Push(view, WithWrongNext(block), _ => true);
            return;
        }

        if (block.EndsEpoch && _mischief > 0)
        {
            Cluster.World.Met(Fault.PastEpochEnd);
            SendWhere(_ => true, signed, block);
            Push(view, Coalition.Child(block, null, 4), _ => true);
            return;
        }

        if (_random.Chance(_badContent))
        {
            Push(view, BadContent(block), _ => true);
            return;
        }

        if (!ReportsExecution)
        {
            SendWhere(_ => true, signed, block);
            // On and on without a new root, until it is too old for everyone.
            ulong oldest = block.ExecutedSequence + Cluster.Genesis.Parameters.WindowBlocks + 16;
            for (Block last = block; block.Sequence > block.ExecutedSequence + 3 && last.Sequence <= oldest;)
            {
                last = Coalition.Child(last, null, 6);
                Push(view, last, _ => true);
            }

            return;
        }

        Fault? pressed = Cluster.World.PressedLie();
        Block? otherParent = _coalition.Forks.GetValueOrDefault(block.Parent);
        if (otherParent is not null || _random.Chance(_forks) || pressed == Fault.ForkedProposal)
        {
            Block other = otherParent is not null ? Coalition.Child(otherParent, block, 0) : WithCut(block, block.Cut);
            _coalition.Forks.TryAdd(block.Hash, other);
            bool crossing = otherParent is not null && _random.Chance(_crosses);
            Cluster.World.Met(crossing ? Fault.CrossedProposal : Fault.ForkedProposal);
            SendWhere(peer => !crossing && FirstSide(view, peer), signed, block);
            if (Cluster.World.ForkDelayMicros() is > 0 and var late)
            {
                Cluster.After(this, late, () => Push(view, other, peer => crossing || !FirstSide(view, peer)));
            }
            else
            {
                Push(view, other, peer => crossing || !FirstSide(view, peer));
            }
        }
        else if (_random.Chance(_crosses * 0.5) && _coalition.FindBlock(block.Parent) is { } parent && parent.Sequence > 0
            && _coalition.FindBlock(parent.Parent) is { } grandparent)
        {
            // A child of a block that nobody was shown: the parent rule alone stands against it.
            Block hidden = Coalition.Child(grandparent, parent, 2);
            Remember(hidden);
            Push(view, Coalition.Child(hidden, block, 0), _ => true);
        }
        else if ((_random.Chance(view == _staleView ? _stale : 3 * _stale) || pressed == Fault.StaleProposal) && StaleChild(view) is { } stale)
        {
            Cluster.World.Met(Fault.StaleProposal);
            Push(view, stale, _ => true);
        }
        else if (pressed == Fault.TwinCut && OrdersOurs(block) && TwinCut(Coalition.Child(block, null, 1)) is { } next)
        {
            // At once, so that the parent is not final when it is judged.
            Cluster.World.Met(Fault.TwinCut);
            SendWhere(_ => true, signed, block);
            Push(view, next, _ => true);
        }
        else if (_random.Chance(_twinCuts) && TwinCut(block) is { } twin)
        {
            Cluster.World.Met(Fault.TwinCut);
            Push(view, twin, _ => true);
        }
        else if (_random.Chance(_phantoms))
        {
            LaneTip[] cut = [.. block.Cut];
            cut[Core.Self] = new LaneTip(cut[Core.Self].Height + 1, Hash256.Of(block.Hash.ToArray()));
            Cluster.World.Met(Fault.PhantomCut);
            Push(view, WithCut(block, cut), _ => true);
        }
        else
        {
            double shown = Shown(0.7);
            SendWhere(_ => _random.Chance(shown), signed, block);
        }
    }

    private static Block WithCut(Block block, LaneTip[] cut) => BlockCodec.Seal(
        block.Epoch, block.Sequence, block.Parent, block.TimestampMicros + 1, block.ExecutedSequence, block.ExecutedRoot, block.NextCommittee, cut);

    /// <summary>A child of a block that was prepared in another view and is not this view's base.</summary>
    private Block? StaleChild(ulong view)
    {
        _staleView = view;
        if (_coalition.Pick(Phase.Prepared, view) is not { } certificate || certificate.Sequence + 4 <= Core.FinalSequence
            || _coalition.FindBlock(certificate.BlockHash) is not { } parent)
        {
            return null;
        }

        // A ViewChange for a later view brings the old certificate to all.
        ViewChange carrier = _coalition.MakeChange(Index, view + 2 + (ulong)_random.Below(4), certificate, null);
        SendWhere(_ => true, carrier.Signed, change: carrier);
        return Coalition.Child(parent, null, 3);
    }

    /// <summary>The block includes vertices of ours that no final one does.</summary>
    private bool OrdersOurs(Block block) => block.Cut[Core.Self].Height
        > (Disk.Finals.Count > 0 && Disk.Finals[^1].Block.Epoch == Core.Epoch ? Disk.Finals[^1].Block.Cut[Core.Self].Height : 0);

    /// <summary>The lane's last cut vertex gets a twin, and the new cut names that twin's child.</summary>
    private Block? TwinCut(Block block)
    {
        if (_coalition.FindBlock(block.Parent) is not { } parent || parent.Cut[Core.Self].Height == 0
            || !Disk.Vertices.TryGetValue(parent.Cut[Core.Self].Hash, out SimVertex? ordered))
        {
            return null;
        }

        SimVertex twin = MakeVertex(ordered.Header, ordered.Header.Height, ordered.Header.Predecessor);
        SimVertex above = MakeVertex(ordered.Header, ordered.Header.Height + 1, twin.Header.Hash);
        Cluster.Send(this, -1, new SimMessage(twin));
        Cluster.Send(this, -1, new SimMessage(above));
        LaneTip[] cut = [.. block.Cut];
        cut[Core.Self] = new LaneTip(above.Header.Height, above.Header.Hash);
        return WithCut(block, cut);
    }

    private SimVertex MakeVertex(VertexHeader like, ulong height, in Hash256 predecessor)
    {
        VertexHeader header = VertexCodec.Seal(like.Epoch, Core.Self, height, predecessor, like.Parents, SimVertex.RootOf([]), 0, 0);
        Signed signed = Make(MessageKind.Vertex, 0, height, header.Hash);
        SimVertex vertex = new(header, signed.Signature, []);
        foreach (int member in Cluster.World.Byzantine)
        {
            Cluster.Nodes[member].Disk.Vertices[header.Hash] = vertex;
        }

        return vertex;
    }

    private void Remember(Block block)
    {
        _coalition.Blocks.TryAdd(block.Hash, block);
        foreach (int member in Cluster.World.Byzantine)
        {
            Cluster.Nodes[member].Disk.Blocks[block.Hash] = block;
        }
    }

    /// <summary>A proposal with every vote that the coalition can add, to some.</summary>
    private void Push(ulong view, Block block, Func<int, bool> whom)
    {
        Equivocations++;
        Remember(block);
        Signed proposal = Make(MessageKind.PrePrepare, view, block.Sequence, block.Hash);
        _coalition.SawVote(proposal);
        SendWhere(whom, proposal, block);
        foreach (int member in Members)
        {
            foreach (MessageKind kind in (ReadOnlySpan<MessageKind>)[MessageKind.Prepare, MessageKind.Commit])
            {
                if (member != Index || kind == MessageKind.Commit)
                {
                    Signed vote = Make(member, kind, view, block.Sequence, block.Hash);
                    _coalition.SawVote(vote);
                    SendWhere(whom, vote);
                }
            }
        }
    }
}
