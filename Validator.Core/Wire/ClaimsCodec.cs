using Validator.Core.Primitives;

namespace Validator.Core.Wire;

/// <summary>The claims of a ViewChange (rule V3; FORMATS.md, "Claims"). An absent claim is all zero.</summary>
public static class ClaimsCodec
{
    public static int EncodedSize(in Claims claims) => WireSizes.Claims + AcceptancesCodec.EncodedSize(claims.Accepted);

    /// <summary>What a ViewChange signs: BLAKE3 of the claims' encoding.</summary>
    public static Hash256 Digest(in Claims claims)
    {
        Span<byte> encoded = stackalloc byte[WireSizes.Claims + AcceptancesCodec.MaxBytes];
        WireWriter writer = new(encoded);
        Write(ref writer, claims);
        return Hash256.Of(encoded[..writer.Written]);
    }

    internal static Claims Read(ref WireReader reader)
    {
        reader.Tag(WireTags.Claims);
        reader.Reserved(1);
        return ReadRest(ref reader);
    }

    internal static void Write(ref WireWriter writer, in Claims claims)
    {
        writer.U8(WireTags.Claims);
        writer.Zeros(1);
        WriteRest(ref writer, claims);
    }

    /// <summary>From the number of listed blocks on: the same in a ViewChange and in a NewView's summary.</summary>
    internal static Claims ReadRest(ref WireReader reader)
    {
        int listed = reader.U16();
        reader.Reserved(4);
        return new Claims(ReadOne(ref reader), ReadOne(ref reader), AcceptancesCodec.Read(ref reader, listed));
    }

    internal static void WriteRest(ref WireWriter writer, in Claims claims)
    {
        writer.U16(claims.Accepted.Entries.Length);
        writer.Zeros(4);
        WriteOne(ref writer, claims.Prepared);
        WriteOne(ref writer, claims.Committed);
        AcceptancesCodec.Write(ref writer, claims.Accepted);
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

/// <summary>
/// A record of a vote store that rule E9 made: what others stated to have been accepted in that epoch (FORMATS.md, "Stated
/// acceptances").
/// </summary>
public static class StatedAcceptances
{
    private const int FixedBytes = 16;

    public static byte[] Encode(ulong epoch, in Acceptances value)
    {
        byte[] encoded = new byte[FixedBytes + AcceptancesCodec.EncodedSize(value)];
        WireWriter writer = new(encoded);
        writer.U8(WireTags.StatedAcceptances);
        writer.Zeros(1);
        writer.U16(value.Entries.Length);
        writer.Zeros(4);
        writer.U64(epoch);
        AcceptancesCodec.Write(ref writer, value);
        return encoded;
    }

    public static bool TryRead(ReadOnlySpan<byte> data, out ulong epoch, out Acceptances value)
    {
        WireReader reader = new(data);
        reader.Tag(WireTags.StatedAcceptances);
        reader.Reserved(1);
        int listed = reader.U16();
        reader.Reserved(4);
        epoch = reader.U64();
        value = AcceptancesCodec.Read(ref reader, listed);
        return reader.Finish(out _);
    }
}

/// <summary>
/// What a ViewChange, or a vote statement, lists: the first sequence and the entries, whose number stands elsewhere; nothing
/// where that is zero.
/// </summary>
internal static class AcceptancesCodec
{
    public const int MaxBytes = sizeof(ulong) + (Limits.MaxListed * WireSizes.Acceptance);

    public static int EncodedSize(in Acceptances value) =>
        value.Entries.IsEmpty ? 0 : sizeof(ulong) + (value.Entries.Length * WireSizes.Acceptance);

    public static Acceptances Read(ref WireReader reader, int count)
    {
        reader.Check(count <= Limits.MaxListed, DecodeError.ListMalformed);
        if (count == 0 || !reader.Ok)
        {
            return default;
        }

        ulong first = reader.U64();
        reader.Check(first > 0 && first <= ulong.MaxValue - Limits.MaxListed, DecodeError.ListMalformed);
        reader.Need(count, WireSizes.Acceptance);
        if (!reader.Ok)
        {
            return default;
        }

        Acceptance[] entries = new Acceptance[count];
        for (int i = 0; i < count; i++)
        {
            entries[i] = new Acceptance(reader.U64(), reader.Hash());
            reader.Check(!entries[i].IsAbsent || entries[i] == default, DecodeError.ListMalformed);
        }

        reader.Check(!entries[0].IsAbsent && !entries[^1].IsAbsent, DecodeError.ListMalformed);
        return new Acceptances(first, entries);
    }

    public static void Write(ref WireWriter writer, in Acceptances value)
    {
        if (value.Entries.IsEmpty)
        {
            return;
        }

        writer.U64(value.First);
        foreach (ref readonly Acceptance entry in value.Entries)
        {
            writer.U64(entry.View);
            writer.Hash(entry.BlockHash);
        }
    }
}
