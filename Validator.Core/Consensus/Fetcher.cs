using Validator.Core.Dag;
using Validator.Core.Primitives;
using Validator.Core.Wire;

namespace Validator.Core.Consensus;

/// <summary>
/// Asks peers for what is missing (section 10): each thing once at a time, of who should have it first, and of the next one who
/// is connected. Vertices are asked for oldest first, so that an answer cut short helps.
/// </summary>
internal sealed class Fetcher(LaneSet lanes, PeerTable peers, Step step)
{
    /// <summary>Final blocks asked for at once.</summary>
    private const uint FinalBlocksPerFetch = 16;

    /// <summary>Vertices asked for at once.</summary>
    private const ulong VerticesPerFetch = 64;

    private readonly FetchTable _table = new();

    public int Count => _table.Count;

    public bool AsksForFinalBlocks => _table.Asked(FetchKind.FinalBlocks, Hash256.Zero);

    /// <param name="preferred">Who is asked where it is connected; -1 for anybody.</param>
    public void Block(in Hash256 hash, int preferred) => Ask(new FetchRequest(FetchKind.Block, lanes.Epoch, 0, 0, 1, hash), preferred);

    public void FinalBlocks(ulong first, int preferred) =>
        Ask(new FetchRequest(FetchKind.FinalBlocks, lanes.Epoch, 0, first, FinalBlocksPerFetch, Hash256.Zero), preferred);

    /// <summary>Asks for a vertex, or for the lowest gap below it when it is here but not held.</summary>
    public void Vertex(Lane lane, LaneTip tip, int preferred)
    {
        Hash256 hash = tip.Hash;
        ulong depth = tip.Height > lane.Tip.Height ? tip.Height - lane.Tip.Height : 1;
        if (lane.Find(hash) is { } entry && !lane.FirstGap(entry, out hash, out depth))
        {
            // Only the disk is awaited.
            return;
        }

        uint count = (uint)Math.Clamp(depth, 1, VerticesPerFetch);
        Ask(new FetchRequest(FetchKind.Vertices, lanes.Epoch, lane.Author, 0, count, hash), preferred);
    }

    /// <summary>Asks for each lane's vertex that a cut names and that is not held (rule L3).</summary>
    public void Cut(LaneTip[] cut, int preferred)
    {
        for (int i = 0; i < lanes.Count; i++)
        {
            if (!lanes[i].Holds(cut[i]))
            {
                Vertex(lanes[i], cut[i], preferred);
            }
        }
    }

    /// <summary>It has come.</summary>
    /// <returns>False for what was not asked for.</returns>
    public bool Complete(FetchKind kind, in Hash256 hash) => _table.Complete(kind, hash);

    /// <summary>That peer is gone: the next ones are asked at once.</summary>
    public void OnPeerDown(int peer) => _table.Hasten(fetch => fetch.Peer == peer, step.Now);

    /// <summary>That peer has it not: the next one is asked at once.</summary>
    public void OnNotFound(FetchRequest request, int from) =>
        _table.Hasten(fetch => fetch.Peer == from && fetch.Request.Kind == request.Kind && fetch.Request.Hash == request.Hash, step.Now);

    /// <summary>Turns to others where an answer is late.</summary>
    public void Advance() => _table.Advance(peers, step);

    public long NextDeadline() => _table.NextDeadline();

    private void Ask(in FetchRequest request, int preferred)
    {
        int peer = peers.Reachable(preferred);
        if (peer >= 0 && _table.Add(request, peer, step.Now) is { } fetch)
        {
            step.Ask(fetch.Request, fetch.Peer);
        }
    }
}
