using System.Buffers.Binary;
using Validator.Core.Primitives;

namespace Validator.Core.Wire;

/// <summary>A cursor that writes. A destination that is too small is our own fault and throws.</summary>
internal ref struct WireWriter(Span<byte> destination)
{
    private readonly Span<byte> _destination = destination;

    public int Written { get; private set; }

    public void Bytes(ReadOnlySpan<byte> bytes) => bytes.CopyTo(Next(bytes.Length));

    public void U8(byte value) => Next(1)[0] = value;

    public void U16(int value) => BinaryPrimitives.WriteUInt16LittleEndian(Next(2), checked((ushort)value));

    public void U32(uint value) => BinaryPrimitives.WriteUInt32LittleEndian(Next(4), value);

    public void U64(ulong value) => BinaryPrimitives.WriteUInt64LittleEndian(Next(8), value);

    public void Hash(in Hash256 value) => value.CopyTo(Next(Hash256.Size));

    public void Zeros(int length) => Next(length).Clear();

    public void Signature(byte[] signature)
    {
        Require.That(signature.Length == Limits.SignatureBytes);
        Bytes(signature);
    }

    public void Tips(ReadOnlySpan<LaneTip> tips)
    {
        foreach (ref readonly LaneTip tip in tips)
        {
            U64(tip.Height);
            Hash(tip.Hash);
        }
    }

    private Span<byte> Next(int length)
    {
        Span<byte> next = _destination.Slice(Written, length);
        Written += length;
        return next;
    }
}

/// <summary>
/// First byte of everything hashed here, so that no two kinds of record share a preimage; a transaction's starts with 0 to 2, an
/// account's with 0x80.
/// </summary>
internal static class WireTags
{
    public const byte Vertex = 0x10;
    public const byte Block = 0x11;
    public const byte Claims = 0x12;
    public const byte NewView = 0x13;
    public const byte ExecutedRoot = 0x14;
    public const byte Committee = 0x15;
    public const byte CommitteeChange = 0x16;
    public const byte Envelope = 0x17;
    public const byte Manifest = 0x18;
    public const byte EpochEnd = 0x19;
    public const byte VoteStatement = 0x1A;
    public const byte StatedAcceptances = 0x1B;
    public const byte OffenceProof = 0x1C;
    public const byte TrustStanding = 0x1D;
    public const byte TrustUptime = 0x1E;
    public const byte ForkBranch = 0x1F;
    public const byte ForkRecovery = 0x20;
}

/// <summary>Sizes in bytes of the fixed parts, see FORMATS.md.</summary>
internal static class WireSizes
{
    public const int LaneTip = 8 + Hash256.Size;
    public const int SignedHeader = 64;
    public const int Signed = SignedHeader + Limits.SignatureBytes;
    public const int VertexFixed = 96;
    public const int BlockFixed = 136;
    public const int Claim = 48;
    public const int Claims = 8 + (2 * Claim);
    public const int Acceptance = 8 + Hash256.Size;
    public const int CertificateFixed = 64;
    public const int CertificateVote = 2 + Limits.SignatureBytes;
    public const int NewViewFixed = 8;

    /// <summary>A summary in a NewView without what it lists.</summary>
    public const int Summary = 8 + (2 * Claim) + Limits.SignatureBytes;
    public const int StatusFixed = 32;
    public const int FetchRequest = 56;
    public const int FinalBlocksFixed = 8;
}
