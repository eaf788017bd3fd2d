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

    // The leader's PrePrepare is its Prepare (rule P1).
    private static MessageKind SlotKind(MessageKind kind) => kind == MessageKind.PrePrepare ? MessageKind.Prepare : kind;

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
