using Validator.Core.Consensus;
using Validator.Core.Primitives;
using Validator.Core.Wire;
using Validator.Bench.Simulation;

namespace Validator.Tests.Scenarios;

/// <summary>Proposes two blocks each time it leads: one to the peers of even index, the other to the odd ones.</summary>
internal sealed class EquivocatingLeader(SimCluster cluster, int index, CoreSettings settings) : SimNode(cluster, index, settings)
{
    public int Splits { get; private set; }

    protected override void Transmit(Signed signed, Block? block, ViewChange? change, NewView? newView, SimVertex? vertex)
    {
        if (signed.Header.Kind != MessageKind.PrePrepare)
        {
            base.Transmit(signed, block, change, newView, vertex);
            return;
        }

        Block b = block!;
        Block twin = BlockCodec.Seal(b.Epoch, b.Sequence, b.Parent, b.TimestampMicros + 1, b.ExecutedSequence, b.ExecutedRoot, b.NextCommittee, b.Cut);
        SignedHeader header = signed.Header with { Digest = twin.Hash };
        Signed other = new(header, Cluster.Keys.Sign(Index, header, Cluster.ChainId));
        Disk.Blocks[twin.Hash] = twin;
        Splits++;
        for (int peer = 0; peer < Cluster.Nodes.Length; peer++)
        {
            Send(peer, peer % 2 == 0 ? signed.With(b) : other.With(twin));
        }
    }
}

/// <summary>Signs a second vertex in the slot of each of its vertices; every peer gets only one of them.</summary>
internal sealed class EquivocatingAuthor(SimCluster cluster, int index, CoreSettings settings) : SimNode(cluster, index, settings)
{
    public int Splits { get; private set; }

    protected override void Transmit(Signed signed, Block? block, ViewChange? change, NewView? newView, SimVertex? vertex)
    {
        if (vertex is null)
        {
            base.Transmit(signed, block, change, newView, vertex);
            return;
        }

        VertexHeader h = vertex.Header;
        VertexHeader header = VertexCodec.Seal(h.Epoch, h.Author, h.Height, h.Predecessor, h.Parents, SimVertex.RootOf([]), 0, 0);
        SignedHeader slot = new(MessageKind.Vertex, Index, h.Epoch, 0, h.Height, header.Hash);
        SimVertex twin = new(header, Cluster.Keys.Sign(Index, slot, Cluster.ChainId), []);
        Disk.Vertices[header.Hash] = twin;
        Splits++;
        for (int peer = 0; peer < Cluster.Nodes.Length; peer++)
        {
            Cluster.Send(this, peer, new SimMessage(peer % 2 == 0 ? vertex : twin));
        }
    }
}
