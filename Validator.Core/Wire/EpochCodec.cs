using System.Diagnostics.CodeAnalysis;
using Validator.Core.Primitives;

namespace Validator.Core.Wire;

/// <summary>An epoch's configuration as stores keep it (FORMATS.md, "Epoch"); it never travels.</summary>
public static class EpochCodec
{
    private const byte Tag = (byte)'E';
    private const byte HasPending = 1;
    private const int FixedBytes = 40 + (3 * Hash256.Size);

    public static byte[] Encode(EpochConfiguration value)
    {
        int pending = value.Pending is { } p ? sizeof(ulong) + GenesisCodec.MembersSize(p.Members) : 0;
        byte[] encoded = new byte[FixedBytes + GenesisCodec.MembersSize(value.Members) + pending];
        WireWriter writer = new(encoded);
        writer.U8(Tag);
        writer.U8(value.Pending is null ? (byte)0 : HasPending);
        writer.Zeros(6);
        writer.U64(value.Number);
        writer.U64(value.Start.Sequence);
        writer.U64(value.Start.TimestampMicros);
        writer.U64(value.Start.ExecutedSequence);
        writer.Hash(value.Start.Parent);
        writer.Hash(value.Start.ExecutedRoot);
        writer.Hash(value.Start.Hash);
        GenesisCodec.WriteMembers(ref writer, value.Members);
        if (value.Pending is { } change)
        {
            writer.U64(change.Sequence);
            GenesisCodec.WriteMembers(ref writer, change.Members);
        }

        Require.That(writer.Written == encoded.Length);
        return encoded;
    }

    public static bool TryRead(ReadOnlySpan<byte> data, [NotNullWhen(true)] out EpochConfiguration? value, out DecodeError error)
    {
        WireReader reader = new(data);
        value = Read(ref reader);
        return reader.Finish(ref value, out error);
    }

    private static EpochConfiguration? Read(ref WireReader reader)
    {
        reader.Tag(Tag);
        byte flags = reader.U8();
        reader.Check(flags <= HasPending, DecodeError.UnknownKind);
        reader.Reserved(6);
        ulong number = reader.U64();
        ulong sequence = reader.U64();
        ulong timestamp = reader.U64();
        ulong executed = reader.U64();
        Hash256 parent = reader.Hash();
        Hash256 root = reader.Hash();
        Hash256 hash = reader.Hash();
        Member[]? members = ReadCommittee(ref reader);
        PendingCommittee? pending = null;
        if (flags == HasPending)
        {
            ulong since = reader.U64();
            pending = ReadCommittee(ref reader) is { } next ? new PendingCommittee(since, next) : null;
        }

        if (members is null || !reader.Ok)
        {
            return null;
        }

        Block start = new()
        {
            Epoch = number,
            Sequence = sequence,
            Parent = parent,
            TimestampMicros = timestamp,
            ExecutedSequence = executed,
            ExecutedRoot = root,
            NextCommittee = Hash256.Zero,
            Cut = new LaneTip[members.Length],
            Hash = hash,
        };
        return new EpochConfiguration(number, members, start, pending);
    }

    private static Member[]? ReadCommittee(ref WireReader reader)
    {
        Member[]? members = GenesisCodec.ReadMembers(ref reader);
        reader.Check(members is not null && GenesisCodec.MembersRefusal(members) is null, DecodeError.ChangeMalformed);
        return reader.Ok ? members : null;
    }
}
