using System.Diagnostics.CodeAnalysis;
using System.Text;
using Validator.Core.Primitives;

namespace Validator.Core.Wire;

public enum CommitteeChangeKind : byte
{
    /// <summary>A new member: Name, Weight and both keys.</summary>
    Join = 1,

    /// <summary>The member Name goes.</summary>
    Leave = 2,

    /// <summary>The member Name weighs Weight from now on.</summary>
    Weight = 3,

    /// <summary>The member Name signs and connects with other keys.</summary>
    Keys = 4,
}

/// <summary>
/// What a system transaction asks for (PROTOCOL.md, rule E4). Fields that Kind does not name are zero or empty.
/// </summary>
/// <param name="Epoch">The epoch whose committee signs it; it is valid in no other.</param>
public sealed record CommitteeChange(
    CommitteeChangeKind Kind, ulong Epoch, string Name, uint Weight, byte[] ConsensusKey, byte[] TransportKey)
{
    public static CommitteeChange Join(ulong epoch, Member member) =>
        new(CommitteeChangeKind.Join, epoch, member.Name, member.Weight, member.ConsensusKey, member.TransportKey);

    public static CommitteeChange Leave(ulong epoch, string name) => new(CommitteeChangeKind.Leave, epoch, name, 0, [], []);

    public static CommitteeChange SetWeight(ulong epoch, string name, uint weight) =>
        new(CommitteeChangeKind.Weight, epoch, name, weight, [], []);

    public static CommitteeChange SetKeys(ulong epoch, string name, byte[] consensusKey, byte[] transportKey) =>
        new(CommitteeChangeKind.Keys, epoch, name, 0, consensusKey, transportKey);

    public bool HasKeys => Kind is CommitteeChangeKind.Join or CommitteeChangeKind.Keys;

    public bool HasWeight => Kind is CommitteeChangeKind.Join or CommitteeChangeKind.Weight;
}

/// <summary>A change with the signatures of members, by ascending sender.</summary>
public sealed record SignedCommitteeChange(CommitteeChange Change, CertificateVote[] Signatures);

/// <summary>The bytes of a system transaction (FORMATS.md, "Committee change").</summary>
public static class CommitteeChangeCodec
{
    private const int Fixed = 24;

    public static int EncodedSize(CommitteeChange value) =>
        Fixed + 1 + value.Name.Length + value.ConsensusKey.Length + value.TransportKey.Length;

    public static int EncodedSize(SignedCommitteeChange value) =>
        EncodedSize(value.Change) + 2 + (value.Signatures.Length * WireSizes.CertificateVote);

    /// <summary>BLAKE3 of the change's encoding without signatures: what members sign.</summary>
    public static Hash256 Digest(CommitteeChange value)
    {
        byte[] encoded = new byte[EncodedSize(value)];
        WireWriter writer = new(encoded);
        Write(ref writer, value);
        return Hash256.Of(encoded);
    }

    public static SignedHeader HeaderToSign(CommitteeChange value, int sender) =>
        new(MessageKind.CommitteeChange, sender, value.Epoch, 0, 0, Digest(value));

    public static byte[] Encode(SignedCommitteeChange value)
    {
        byte[] encoded = new byte[EncodedSize(value)];
        WireWriter writer = new(encoded);
        Write(ref writer, value.Change);
        writer.U16(value.Signatures.Length);
        MultiSignature.Write(ref writer, value.Signatures);
        return encoded;
    }

    /// <summary>Reads a system transaction's bytes, of any epoch and so of any committee.</summary>
    public static bool TryRead(ReadOnlySpan<byte> data, [NotNullWhen(true)] out SignedCommitteeChange? value, out DecodeError error)
    {
        WireReader reader = new(data);
        value = Read(ref reader);
        return reader.Finish(ref value, out error);
    }

    private static SignedCommitteeChange? Read(ref WireReader reader)
    {
        reader.Tag(WireTags.CommitteeChange);
        CommitteeChangeKind kind = (CommitteeChangeKind)reader.U8();
        reader.Check(kind is >= CommitteeChangeKind.Join and <= CommitteeChangeKind.Keys, DecodeError.UnknownKind);
        reader.Reserved(6);
        ulong epoch = reader.U64();
        uint weight = reader.U32();
        reader.Reserved(4);
        string name = Encoding.Latin1.GetString(reader.Take(reader.U8()));
        CommitteeChange shape = new(kind, epoch, name, weight, [], []);
        reader.Check(GenesisCodec.IsName(name) && (weight > 0) == shape.HasWeight, DecodeError.ChangeMalformed);
        int keyBytes = shape.HasKeys ? Limits.PublicKeyBytes : 0;
        byte[] consensus = reader.Take(keyBytes).ToArray();
        byte[] transport = reader.Take(keyBytes).ToArray();
        int count = reader.U16();
        CertificateVote[] signatures = MultiSignature.Read(ref reader, count, Limits.MaxCommittee);
        return reader.Ok
            ? new SignedCommitteeChange(shape with { ConsensusKey = consensus, TransportKey = transport }, signatures)
            : null;
    }

    private static void Write(ref WireWriter writer, CommitteeChange value)
    {
        Require.That(value.ConsensusKey.Length == (value.HasKeys ? Limits.PublicKeyBytes : 0));
        Require.That(value.TransportKey.Length == value.ConsensusKey.Length);
        Require.That(GenesisCodec.IsName(value.Name) && (value.Weight > 0) == value.HasWeight);
        writer.U8(WireTags.CommitteeChange);
        writer.U8((byte)value.Kind);
        writer.Zeros(6);
        writer.U64(value.Epoch);
        writer.U32(value.Weight);
        writer.Zeros(4);
        writer.U8((byte)value.Name.Length);
        foreach (char c in value.Name)
        {
            writer.U8((byte)c);
        }

        writer.Bytes(value.ConsensusKey);
        writer.Bytes(value.TransportKey);
    }
}
