using Validator.Core.Dag;
using Validator.Core.Effects;
using Validator.Core.Primitives;
using Validator.Core.Wire;

namespace Validator.Core.Consensus;

/// <summary>
/// Who signed two messages in one slot (section 8): reported once per offender. Two vertices also keep their author's lane out
/// of proposals for the epoch, and stop it from being waited for (rule L4).
/// </summary>
internal sealed class Convictions(int self, LaneSet lanes, ViewTimer timer, TwinGuard guard, ForkDetector forks, Step step)
{
    private readonly bool[] _convicted = new bool[lanes.Count];

    /// <summary>A second message in one slot repeats the first, or convicts its sender.</summary>
    /// <param name="from">Who delivered the second.</param>
    public void RejectSecond(Signed known, Signed second, int from)
    {
        bool differs = known.Header.Digest != second.Header.Digest;
        if (differs)
        {
            Convict(new Evidence(known, second));
        }

        step.Reject(differs ? Reason.Equivocation : Reason.Duplicate, from);
    }

    /// <summary>Two vertices of one slot; the known one's signature is that of its entry.</summary>
    public void ConvictOf(VertexEntry known, Signed second)
    {
        VertexHeader first = known.Header;
        Require.That(known.Signature is not null && second.Header.Sender == first.Author && second.Header.Sequence == first.Height);
        Convict(new Evidence(new Signed(VertexCodec.HeaderToSign(first), known.Signature), second));
    }

    /// <summary>Evidence of a peer. An offender's first is kept, counted and told to all.</summary>
    public void OnEvidence(Evidence evidence)
    {
        forks.OnTwins(evidence);
        if (!Note(evidence))
        {
            return;
        }

        step.Effects.Evidence(evidence);
        step.Send(-1, evidence);
        if (evidence.First.Header.Sender == self)
        {
            guard.Trip();
        }
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

    private void Convict(Evidence evidence)
    {
        if (_convicted[evidence.First.Header.Sender])
        {
            forks.OnTwins(evidence);
        }
        else
        {
            OnEvidence(evidence);
        }
    }
}
