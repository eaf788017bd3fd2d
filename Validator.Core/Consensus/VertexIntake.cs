using Validator.Core.Dag;
using Validator.Core.Effects;
using Validator.Core.Primitives;
using Validator.Core.Wire;

namespace Validator.Core.Consensus;

/// <summary>
/// Vertices of others, and own ones that our ledger lost (PROTOCOL.md, section 3): kept, or refused under a reason.
/// </summary>
internal sealed class VertexIntake(
    int self, LaneSet lanes, OwnLane own, OwnPast past, BlockTree blocks, Fetcher fetcher, Convictions convictions, TwinGuard guard, Step step)
{
    /// <param name="token">The shell's handle of its payload.</param>
    public void OnVertex(SignedVertex message, ulong token)
    {
        VertexHeader vertex = message.Vertex;
        Lane lane = lanes[vertex.Author];
        bool asked = fetcher.Complete(FetchKind.Vertices, vertex.Hash);
        Reason reason = lanes.Fault(vertex, asked);
        if (lanes.TwinOf(vertex) is { } twin)
        {
            convictions.ConvictOf(twin, message);
        }

        if (vertex.Author == self && reason == Reason.None && !past.LaneIsLost && !own.MayBeOurs(vertex))
        {
            guard.Trip();
        }

        if (reason != Reason.None)
        {
            step.Effects.DropVertex(token, reason);
            return;
        }

        if (lanes.MustDrop(lane))
        {
            lane.DropUnnamed(blocks.NamedTips(lane.Author));
        }

        lane.Add(new VertexEntry(vertex, message.Signature));
        step.Effects.StoreVertex(token);
    }
}
