using Validator.Core.Dag;
using Validator.Core.Effects;
using Validator.Core.Primitives;
using Validator.Core.Wire;

namespace Validator.Core.Consensus;

/// <summary>Vertices: others' and our own (PROTOCOL.md, section 3).</summary>
public sealed partial class ValidatorCore
{
    private void OnVertex(SignedVertex message, ulong token, int from)
    {
        VertexHeader vertex = message.Vertex;
        Lane lane = _lanes[vertex.Author];
        bool asked = _fetcher.Complete(FetchKind.Vertices, vertex.Hash);
        Reason reason = _lanes.Fault(vertex, asked);
        if (_lanes.TwinOf(vertex) is { } twin)
        {
            Convict(Convictions.Of(twin, message));
        }

        if (vertex.Author == Self && reason == Reason.None && !_past.LaneIsLost && !_own.MayBeOurs(vertex))
        {
            StopSigning();
        }

        if (reason != Reason.None)
        {
            ref Effect drop = ref _step.Emit(EffectKind.DropVertex);
            drop.Token = token;
            drop.Reason = reason;
            return;
        }

        if (_lanes.MustDrop(lane))
        {
            lane.DropUnnamed(_blocks.NamedTips(lane.Author));
        }

        lane.Add(new VertexEntry(vertex, message.Signature));
        _step.Emit(EffectKind.StoreVertex).Token = token;
    }

    private void Convict(Evidence evidence)
    {
        if (!_convictions.Holds(evidence.First.Header.Sender))
        {
            OnEvidence(evidence);
        }
    }

    private void OnEvidence(Evidence evidence)
    {
        if (_convictions.Tell(evidence, _step) && evidence.First.Header.Sender == Self)
        {
            StopSigning();
        }
    }
}
