using Validator.Core.Primitives;

namespace Validator.Core.Wire;

/// <summary>The claims of a ViewChange (rule V3; FORMATS.md, "Claims"). An absent claim is all zero.</summary>
public static class ClaimsCodec
{
    public const int EncodedSize = WireSizes.Claims;

    /// <summary>What a ViewChange signs: BLAKE3 of both claims' encoding.</summary>
    public static Hash256 Digest(in Claims claims)
    {
        Span<byte> encoded = stackalloc byte[EncodedSize];
        WireWriter writer = new(encoded);
        Write(ref writer, claims);
        return Hash256.Of(encoded);
    }

    internal static Claims Read(ref WireReader reader)
    {
        reader.Tag(WireTags.Claims);
        reader.Reserved(7);
        return ReadBoth(ref reader);
    }

    internal static void Write(ref WireWriter writer, in Claims claims)
    {
        writer.U8(WireTags.Claims);
        writer.Zeros(7);
        WriteBoth(ref writer, claims);
    }

    internal static Claims ReadBoth(ref WireReader reader) => new(ReadOne(ref reader), ReadOne(ref reader));

    internal static void WriteBoth(ref WireWriter writer, in Claims claims)
    {
        WriteOne(ref writer, claims.Prepared);
        WriteOne(ref writer, claims.Committed);
    }

    private static Claim ReadOne(ref WireReader reader)
    {
        Claim claim = new(reader.U64(), reader.U64(), reader.Hash());
        bool wellFormed = claim.IsAbsent ? claim == default : !claim.BlockHash.IsZero;
        reader.Check(wellFormed, DecodeError.ClaimMalformed);
        return claim;
    }

    private static void WriteOne(ref WireWriter writer, in Claim claim)
    {
        writer.U64(claim.View);
        writer.U64(claim.Sequence);
        writer.Hash(claim.BlockHash);
    }
}
