using Validator.Core.Consensus;
using Validator.Core.Primitives;
using Validator.Core.Wire;

namespace Validator.Tests.Simulation;

/// <summary>
/// A validator with a real key and a core that it does not obey: equivocates as leader and as lane author, votes for two
/// blocks, withholds from some.
/// </summary>
public sealed class ByzantineNode(SimCluster cluster, int index, CoreSettings settings, SimRandom random)
    : SimNode(cluster, index, settings)
{
    private readonly double _equivocates = random.Chance(0.5) ? 0.3 : 0;
    private readonly double _withholds = random.Chance(0.5) ? 0.3 : 0;
    private readonly double _doubleVotes = random.Chance(0.5) ? 0.3 : 0;

    /// <summary>Pairs of messages in one slot that went out.</summary>
    public int Equivocations { get; private set; }

    protected override void Transmit(Signed signed, Block? block, ViewChange? change, NewView? newView, SimVertex? vertex)
    {
        SignedHeader header = signed.Header;
        if (vertex is not null && random.Chance(_equivocates))
        {
            SplitVertex(vertex);
        }
        else if (block is not null && random.Chance(_equivocates))
        {
            SplitProposal(signed, block);
        }
        else if (header.Kind is MessageKind.Prepare or MessageKind.Commit && random.Chance(_doubleVotes))
        {
            Equivocations++;
            SignedHeader other = header with { Digest = Hash256.Of(header.Digest.ToArray()) };
            base.Transmit(signed, block, change, newView, vertex);
            Cluster.Send(Index, random.Below(Cluster.Nodes.Length), MessageOf(Signed(other)));
        }
        else if (random.Chance(_withholds))
        {
            for (int peer = 0; peer < Cluster.Nodes.Length; peer++)
            {
                if (random.Chance(0.5))
                {
                    SendTo(peer, signed, block, change, newView, vertex);
                }
            }
        }
        else
        {
            base.Transmit(signed, block, change, newView, vertex);
        }
    }

    private Signed Signed(in SignedHeader header) => new(header, SimKeys.Sign(header, Cluster.ChainId));

    private void SendTo(int peer, Signed signed, Block? block, ViewChange? change, NewView? newView, SimVertex? vertex)
    {
        if (vertex is not null)
        {
            Cluster.SendVertex(Index, peer, vertex);
        }
        else
        {
            Cluster.Send(Index, peer, MessageOf(signed, block, change, newView));
        }
    }

    private void SplitVertex(SimVertex vertex)
    {
        Equivocations++;
        VertexHeader h = vertex.Header;
        VertexHeader header = VertexCodec.Seal(h.Epoch, h.Author, h.Height, h.Predecessor, h.Parents, Root([]), 0, 0);
        SignedHeader slot = new(MessageKind.Vertex, Index, h.Epoch, 0, h.Height, header.Hash);
        SimVertex twin = new(header, SimKeys.Sign(slot, Cluster.ChainId), []);
        Disk.Vertices[header.Hash] = twin;
        for (int peer = 0; peer < Cluster.Nodes.Length; peer++)
        {
            Cluster.SendVertex(Index, peer, random.Chance(0.5) ? twin : vertex);
        }
    }

    private void SplitProposal(Signed signed, Block block)
    {
        Equivocations++;
        Block other = BlockCodec.Seal(
            block.Epoch, block.Sequence, block.Parent, block.TimestampMicros + 1, block.ExecutedSequence, block.ExecutedRoot, block.Cut);
        Signed twin = Signed(signed.Header with { Digest = other.Hash });
        Disk.Blocks[other.Hash] = other;
        for (int peer = 0; peer < Cluster.Nodes.Length; peer++)
        {
            bool first = random.Chance(0.5);
            Cluster.Send(Index, peer, first ? MessageOf(signed, block) : MessageOf(twin, other));
        }
    }
}
