using System.Diagnostics.CodeAnalysis;
using Validator.Core.Primitives;

namespace Validator.Core.Wire;

/// <summary>Two signed headers of one sender and slot with different digests (section 8), in either order.</summary>
public static class EvidenceCodec
{
    public const int EncodedSize = 2 * WireSizes.Signed;

    public static bool TryRead(
        ReadOnlySpan<byte> data, int committeeSize, [NotNullWhen(true)] out Evidence? value, out DecodeError error)
    {
        WireReader reader = new(data);
        value = Read(ref reader, committeeSize);
        return reader.Finish(ref value, out error);
    }

    /// <returns>Bytes written: <see cref="EncodedSize"/>.</returns>
    public static int Write(Evidence value, Span<byte> destination)
    {
        WireWriter writer = new(destination);
        SignedCodec.Write(ref writer, value.First);
        SignedCodec.Write(ref writer, value.Second);
        return writer.Written;
    }

    /// <summary>Why the two headers convict nobody, or None when they do (once both signatures are good).</summary>
    public static DecodeError Refusal(in SignedHeader first, in SignedHeader second)
    {
        if (first.Sender != second.Sender)
        {
            return DecodeError.EvidenceOtherSender;
        }

        bool sameSlot = SlotKind(first.Kind) == SlotKind(second.Kind)
            && first.Epoch == second.Epoch
            && first.View == second.View
            && first.Sequence == second.Sequence;
        return !sameSlot ? DecodeError.EvidenceOtherSlot
            : first.Digest == second.Digest ? DecodeError.EvidenceSameDigest
            : DecodeError.None;
    }

    /// <summary>Evidence against each who signed both; none where they are not of one slot, or of one block.</summary>
    public static List<Evidence> OfBoth(Certificate first, Certificate second, Committee committee)
    {
        List<Evidence> found = [];
        // Operators may take back a proposal that they signed (rule R3).
        bool sameSlot = first.Phase == second.Phase && first.Phase != Phase.Recovered
            && first.Epoch == second.Epoch && first.View == second.View
            && first.Sequence == second.Sequence;
        if (!sameSlot || first.BlockHash == second.BlockHash)
        {
            return found;
        }

        JointStatement one = JointStatement.Of(first, committee), other = JointStatement.Of(second, committee);
        foreach (CertificateVote vote in first.Votes)
        {
            int at = Array.FindIndex(second.Votes, v => v.Sender == vote.Sender);
            if (at >= 0)
            {
                found.Add(new Evidence(
                    new Signed(one.HeaderOf(vote.Sender), vote.Signature),
                    new Signed(other.HeaderOf(vote.Sender), second.Votes[at].Signature)));
            }
        }

        return found;
    }

    /// <summary>One kind for both that share a slot: the leader's PrePrepare is its Prepare (rule P1).</summary>
    public static MessageKind SlotKind(MessageKind kind) => kind == MessageKind.PrePrepare ? MessageKind.Prepare : kind;

    internal static Evidence? Read(ref WireReader reader, int committeeSize)
    {
        Signed? first = SignedCodec.Read(ref reader, committeeSize);
        Signed? second = SignedCodec.Read(ref reader, committeeSize);
        if (first is null || second is null)
        {
            return null;
        }

        DecodeError refusal = Refusal(first.Header, second.Header);
        reader.Check(refusal == DecodeError.None, refusal);
        return new Evidence(first, second);
    }
}
