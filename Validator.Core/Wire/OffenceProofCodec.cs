using System.Diagnostics.CodeAnalysis;
using Validator.Core.Primitives;

namespace Validator.Core.Wire;

/// <summary>
/// Evidence as a transaction (PROTOCOL.md, section 17): with the key that both signatures hold by, so that anybody can check
/// them, of whatever epoch they are. Whose key it was then, execution knows.
/// </summary>
/// <param name="ConsensusKey">ML-DSA-87 public key, 2592 bytes.</param>
public sealed record OffenceProof(Evidence Evidence, byte[] ConsensusKey)
{
    public SignedHeader First => Evidence.First.Header;
}

/// <summary>The bytes of such a transaction (FORMATS.md, "Offence proof").</summary>
public static class OffenceProofCodec
{
    private const int HeadBytes = 8;

    public const int EncodedSize = HeadBytes + Limits.PublicKeyBytes + EvidenceCodec.EncodedSize;

    /// <summary>What the first byte of a system transaction says; the rest may still be anything.</summary>
    public static bool IsProof(ReadOnlySpan<byte> transaction) => !transaction.IsEmpty && transaction[0] == WireTags.OffenceProof;

    public static byte[] Encode(OffenceProof value)
    {
        byte[] encoded = new byte[EncodedSize];
        WireWriter writer = new(encoded);
        writer.U8(WireTags.OffenceProof);
        writer.Zeros(HeadBytes - 1);
        Require.That(value.ConsensusKey.Length == Limits.PublicKeyBytes);
        writer.Bytes(value.ConsensusKey);
        EvidenceCodec.Write(value.Evidence, encoded.AsSpan(writer.Written));
        return encoded;
    }

    public static bool TryRead(ReadOnlySpan<byte> data, [NotNullWhen(true)] out OffenceProof? value, out DecodeError error)
    {
        WireReader reader = new(data);
        reader.Tag(WireTags.OffenceProof);
        reader.Reserved(HeadBytes - 1);
        byte[] key = reader.Take(Limits.PublicKeyBytes).ToArray();
        Evidence? evidence = EvidenceCodec.Read(ref reader, Limits.MaxCommittee);
        value = evidence is null ? null : new OffenceProof(evidence, key);
        return reader.Finish(ref value, out error);
    }
}
