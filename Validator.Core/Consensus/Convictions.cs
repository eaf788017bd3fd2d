using Validator.Core.Dag;
using Validator.Core.Effects;
using Validator.Core.Primitives;
using Validator.Core.Wire;

namespace Validator.Core.Consensus;

/// <summary>
/// Who signed two messages in one slot (section 8): told once per offender. Two vertices, besides, keep their author's lane out
/// of proposals for the epoch, and stop it from being waited for (rule L4).
/// </summary>
internal sealed class Convictions(LaneSet lanes, ViewTimer timer)
{
    private readonly bool[] _convicted = new bool[lanes.Count];

    public bool Holds(int member) => _convicted[member];

    /// <summary>Two vertices of one slot; the known one's signature is that of its entry.</summary>
    public static Evidence Of(VertexEntry known, Signed second)
    {
        VertexHeader first = known.Header;
        Require.That(known.Signature is not null && second.Header.Sender == first.Author && second.Header.Sequence == first.Height);
        return new Evidence(new Signed(VertexCodec.HeaderToSign(first), known.Signature), second);
    }

    /// <summary>Evidence that was told before a restart.</summary>
    /// <returns>True for an offender's first.</returns>
    public bool Note(Evidence evidence)
    {
        SignedHeader header = evidence.First.Header;
        if (header.Kind == MessageKind.Vertex)
        {
            lanes[header.Sender].Equivocated = true;
            timer.Drop(header.Sender);
        }

        bool first = !_convicted[header.Sender];
        _convicted[header.Sender] = true;
        return first;
    }

    /// <summary>Evidence of our own, or of a peer: kept, counted and told to all.</summary>
    /// <returns>True for an offender's first.</returns>
    public bool Tell(Evidence evidence, Step step)
    {
        if (!Note(evidence))
        {
            return false;
        }

        step.Emit(EffectKind.Evidence).Message = evidence;
        step.Send(-1, evidence);
        return true;
    }
}
