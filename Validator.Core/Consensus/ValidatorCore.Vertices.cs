using Validator.Core.Dag;
using Validator.Core.Effects;
using Validator.Core.Primitives;
using Validator.Core.Wire;

namespace Validator.Core.Consensus;

/// <summary>Vertices: others' and our own (PROTOCOL.md, section 3).</summary>
public sealed partial class ValidatorCore
{
    private void OnVertex(Signed message, VertexHeader vertex, ulong token, int from)
    {
        Lane lane = _lanes[vertex.Author];
        bool asked = _fetches.Complete(FetchKind.Vertices, vertex.Hash);
        Reason reason = _lanes.Fault(vertex, asked);
        if (_lanes.TwinOf(vertex) is { } twin)
        {
            ConvictTwin(twin.Header, twin.Signature!, message);
        }

        if (vertex.Author == Self && reason == Reason.None && !_limit.LaneIsLost && !_own.MayBeOurs(vertex))
        {
            StopSigning();
        }

        if (reason != Reason.None)
        {
            ref Effect drop = ref _step.Emit(EffectKind.DropVertex);
            drop.Token = token;
            drop.Reason = reason;
            drop.To = from;
            return;
        }

        if (_lanes.MustDrop(lane))
        {
            lane.DropUnnamed(_blocks.NamedTips(lane.Author));
        }

        lane.Add(new VertexEntry(vertex, message.Signature));
        ref Effect store = ref _step.Emit(EffectKind.StoreVertex);
        store.Token = token;
        store.Vertex = vertex;
        store.Digest = vertex.Hash;
    }

    private void ConvictTwin(VertexHeader known, byte[] signature, Signed message)
    {
        SignedHeader header = new(MessageKind.Vertex, known.Author, known.Epoch, 0, known.Height, known.Hash);
        Convict(new Signed(header, signature), message);
    }

    /// <summary>Two signed messages in one slot: kept, counted and told to all, once per offender (section 8).</summary>
    private void Convict(Signed first, Signed second)
    {
        int offender = first.Header.Sender;
        if (_convicted[offender])
        {
            return;
        }

        OnEvidence(new Evidence(first, second));
    }

    private void OnEvidence(Evidence evidence)
    {
        SignedHeader header = evidence.First.Header;
        if (!NoteConviction(header))
        {
            return;
        }

        _step.Emit(EffectKind.Evidence).Evidence = evidence;
        _step.Emit(EffectKind.SendEvidence).Evidence = evidence;
        if (header.Sender == Self)
        {
            StopSigning();
        }
    }

    /// <returns>True for an offender's first.</returns>
    private bool NoteConviction(in SignedHeader header)
    {
        if (header.Kind == MessageKind.Vertex)
        {
            _lanes[header.Sender].Equivocated = true;
            _timer.Drop(header.Sender);
        }

        bool first = !_convicted[header.Sender];
        _convicted[header.Sender] = true;
        return first;
    }
}
