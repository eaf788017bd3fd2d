using Validator.Core.Consensus;
using Validator.Core.Effects;
using Validator.Core.Primitives;
using Validator.Core.Wire;
using Validator.Bench.Simulation;

namespace Validator.Tests.Scenarios;

/// <summary>Sends vertices that nobody can ever order: a chain above a gap that it never closes.</summary>
internal sealed class FloodingAuthor(SimCluster cluster, int index, CoreSettings settings) : SimNode(cluster, index, settings)
{
    /// <param name="transactions">In each, of <see cref="SimVertex.TransactionBytes"/>.</param>
    public void Flood(int count, int transactions)
    {
        ulong[] batch = [.. Enumerable.Range(0, transactions).Select(i => (ulong)i)];
        uint payload = (uint)SimVertex.PayloadOf(batch).Length;
        Hash256 predecessor = Hash256.Of([1]);
        for (ulong height = 2; height < (ulong)count + 2; height++)
        {
            VertexHeader header = VertexCodec.Seal(
                0, Index, height, predecessor, new LaneTip[Cluster.Nodes.Length], SimVertex.RootOf(batch), payload, (uint)transactions);
            SignedHeader slot = new(MessageKind.Vertex, Index, 0, 0, height, header.Hash);
            Cluster.Send(this, -1, new SimMessage(new SimVertex(header, Cluster.Keys.Sign(Index, slot, Cluster.ChainId), batch)));
            predecessor = header.Hash;
        }
    }
}
