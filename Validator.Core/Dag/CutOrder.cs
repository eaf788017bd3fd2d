using Validator.Core.Primitives;
using Validator.Core.Wire;

namespace Validator.Core.Dag;

/// <summary>
/// The order in which a block's vertices execute (rule P5): parents before children, then author, then height.
/// </summary>
public static class CutOrder
{
    /// <param name="lanes">Tables that hold every vertex in (from, to].</param>
    /// <param name="from">The parent block's cut.</param>
    /// <param name="to">The block's cut; each entry descends from its counterpart.</param>
    internal static VertexHeader[] Compute(Lane[] lanes, LaneTip[] from, LaneTip[] to)
    {
        VertexHeader[][] chains = new VertexHeader[lanes.Length][];
        for (int i = 0; i < lanes.Length; i++)
        {
            chains[i] = Chain(lanes[i], from[i], to[i]);
        }

        return Compute(chains, from);
    }

    /// <summary>The same of vertices at hand.</summary>
    /// <param name="chains">For each lane those in (from, to], by height, each the predecessor of the next.</param>
    /// <param name="from">The parent block's cut.</param>
    public static VertexHeader[] Compute(VertexHeader[][] chains, LaneTip[] from)
    {
        int total = chains.Sum(chain => chain.Length);
        VertexHeader[] order = new VertexHeader[total];
        int[] next = new int[chains.Length];
        for (int placed = 0; placed < total; placed++)
        {
            int lane = FirstReady(chains, next, from);
            // A vertex names hashes of its parents, so the relation has no cycles.
            Require.That(lane >= 0);
            order[placed] = chains[lane][next[lane]++];
        }

        return order;
    }

    private static VertexHeader[] Chain(Lane lane, LaneTip from, LaneTip to)
    {
        VertexHeader[] chain = new VertexHeader[to.Height - from.Height];
        Hash256 hash = to.Hash;
        for (int i = chain.Length - 1; i >= 0; i--)
        {
            VertexEntry? entry = lane.Find(hash);
            Require.That(entry is not null);
            chain[i] = entry.Header;
            hash = entry.Header.Predecessor;
        }

        Require.That(hash == from.Hash || chain.Length == 0);
        return chain;
    }

    private static int FirstReady(VertexHeader[][] chains, int[] next, LaneTip[] from)
    {
        for (int lane = 0; lane < chains.Length; lane++)
        {
            if (next[lane] < chains[lane].Length && Ready(chains[lane][next[lane]], chains, next, from))
            {
                return lane;
            }
        }

        return -1;
    }

    private static bool Ready(VertexHeader vertex, VertexHeader[][] chains, int[] next, LaneTip[] from)
    {
        for (int lane = 0; lane < chains.Length; lane++)
        {
            LaneTip parent = vertex.Parents[lane];
            if (lane == vertex.Author || parent.Height <= from[lane].Height)
            {
                continue;
            }

            ulong index = parent.Height - from[lane].Height - 1;
            // A parent that is not in this cut orders nothing (rule L1).
            if (index < (ulong)chains[lane].Length
                && chains[lane][index].Hash == parent.Hash
                && (ulong)next[lane] <= index)
            {
                return false;
            }
        }

        return true;
    }
}
