using System.Diagnostics.CodeAnalysis;
using Validator.Core.Primitives;

namespace Validator.Core.Wire;

/// <summary>Bytes of each part of a proof, for people who look at its size.</summary>
public readonly record struct ProofSizes(
    long Head, long Epochs, long Blocks, long Certificate, long Lane, long Path, long Acceptance)
{
    public long Total => Head + Epochs + Blocks + Certificate + Lane + Path + Acceptance;
}

/// <summary>
/// A proof as a file (FORMATS.md, "Transaction proof"). It may come from anybody: counts are checked before anything is
/// allocated, and lengths of paths follow from the counts that the hashes cover. The epochs' ends may be written one by one,
/// since there may be many.
/// </summary>
public static class TransactionProofCodec
{
    public const ushort FormatVersion = 1;

    /// <summary>Longest file that is read: some hundred ends of epochs of 128 members, many thousands of four.</summary>
    public const int MaxBytes = 256 << 20;

    /// <summary>Blocks from the ordering one to the certified one, most.</summary>
    public const int MaxBlocks = 1024;

    /// <summary>Vertices of the lane, most; an honest author has 64 that are not ordered.</summary>
    public const int MaxLane = 1024;

    /// <summary>State records, most.</summary>
    public const int MaxRecords = 1024;

    private const uint Magic = 0x46_52_50_56; // "VPRF"
    private const int HeadBytes = 72;
    private const byte HasParent = 1;
    private const int LeastBlock = WireSizes.BlockFixed + WireSizes.LaneTip;
    private const int LeastEnd = LeastBlock + WireSizes.CertificateFixed + WireSizes.CertificateVote + 1;

    public static byte[] Encode(TransactionProof value)
    {
        byte[] encoded = new byte[SizesOf(value).Total];
        WireWriter writer = new(encoded);
        writer.Bytes(EncodeHead(value, (uint)value.Ends.Length));
        foreach (ProofEpochEnd end in value.Ends)
        {
            writer.Bytes(Encode(end));
        }

        writer.Bytes(EncodeRest(value));
        return encoded;
    }

    /// <summary>What comes before the ends of epochs.</summary>
    /// <param name="ends">How many will follow.</param>
    public static byte[] EncodeHead(TransactionProof value, uint ends)
    {
        byte[] head = new byte[HeadBytes];
        WireWriter writer = new(head);
        writer.U32(Magic);
        writer.U16(FormatVersion);
        writer.U16(Limits.ProtocolVersion);
        writer.Hash(value.ChainId);
        writer.U64(value.FirstEpoch);
        writer.U32(ends);
        writer.U16(value.Blocks.Length);
        writer.U16(value.Lane.Length);
        writer.U16(value.Accepted?.Records.Length ?? 0);
        writer.U8(value.Parent is null ? (byte)0 : HasParent);
        writer.Zeros(1);
        writer.U32(value.Path.Position);
        writer.U32(value.Accepted?.Path.Position ?? 0);
        writer.Zeros(4);
        Require.That(writer.Written == HeadBytes);
        return head;
    }

    /// <summary>One end of an epoch.</summary>
    public static byte[] Encode(ProofEpochEnd value)
    {
        byte[] encoded = new byte[EncodedSize(value)];
        WireWriter writer = new(encoded);
        BlockCodec.Write(ref writer, value.Last);
        CertificateCodec.Write(ref writer, value.Certificate);
        writer.U8((byte)value.Next);
        switch (value.Next)
        {
            case NextMembers.Weights:
                writer.U16(value.Weights.Length);
                foreach (uint weight in value.Weights)
                {
                    writer.U32(weight);
                }

                break;
            case NextMembers.Whole:
                GenesisCodec.WriteMembers(ref writer, value.Members);
                break;
        }

        Require.That(writer.Written == encoded.Length);
        return encoded;
    }

    /// <summary>What comes behind the ends of epochs.</summary>
    public static byte[] EncodeRest(TransactionProof value)
    {
        Require.That(value.Blocks.Length is > 0 and <= MaxBlocks && value.Lane.Length is > 0 and <= MaxLane);
        Require.That(value.Accepted is null || value.Accepted.Records.Length is > 0 and <= MaxRecords);
        ProofSizes sizes = SizesOf(value);
        byte[] encoded = new byte[sizes.Total - sizes.Head - sizes.Epochs];
        WireWriter writer = new(encoded);
        if (value.Parent is { } parent)
        {
            BlockCodec.Write(ref writer, parent);
        }

        foreach (Block block in value.Blocks)
        {
            BlockCodec.Write(ref writer, block);
        }

        CertificateCodec.Write(ref writer, value.Certificate);
        foreach (VertexHeader vertex in value.Lane)
        {
            VertexCodec.WriteHeader(ref writer, vertex);
        }

        Write(ref writer, value.Path);
        if (value.Accepted is { } accepted)
        {
            foreach (ref readonly StateRecord record in accepted.Records.AsSpan())
            {
                record.Write(ref writer);
            }

            Write(ref writer, accepted.Path);
        }

        Require.That(writer.Written == encoded.Length);
        return encoded;
    }

    public static ProofSizes SizesOf(TransactionProof value) => new(
        HeadBytes,
        value.Ends.Sum(e => (long)EncodedSize(e)),
        (value.Parent is { } parent ? BlockCodec.EncodedSize(parent.Cut.Length) : 0)
            + value.Blocks.Sum(b => (long)BlockCodec.EncodedSize(b.Cut.Length)),
        CertificateCodec.EncodedSize(value.Certificate),
        value.Lane.Sum(v => (long)VertexCodec.HeaderSize(v.Parents.Length)),
        EncodedSize(value.Path),
        value.Accepted is { } shown ? shown.Records.Sum(r => (long)r.EncodedSize) + EncodedSize(shown.Path) : 0);

    /// <summary>Reads a proof of any chain and of any committees; nothing in it is checked but its form.</summary>
    public static bool TryRead(ReadOnlySpan<byte> data, [NotNullWhen(true)] out TransactionProof? value, out DecodeError error)
    {
        WireReader reader = new(data);
        reader.Check(data.Length <= MaxBytes, DecodeError.FrameTooLarge);
        value = Read(ref reader, data);
        return reader.Finish(ref value, out error);
    }

    public static int EncodedSize(ProofEpochEnd value) => BlockCodec.EncodedSize(value.Last.Cut.Length)
        + CertificateCodec.EncodedSize(value.Certificate) + 1 + value.Next switch
        {
            NextMembers.Same => 0,
            NextMembers.Weights => 2 + (value.Weights.Length * sizeof(uint)),
            _ => GenesisCodec.MembersSize(value.Members),
        };

    private static int EncodedSize(IdPath path) => path.Chunk.Length + path.Siblings.Length;

    private static void Write(ref WireWriter writer, IdPath path)
    {
        writer.Bytes(path.Chunk);
        writer.Bytes(path.Siblings);
    }

    private static TransactionProof? Read(ref WireReader reader, ReadOnlySpan<byte> data)
    {
        reader.Check(reader.U32() == Magic, DecodeError.WrongTag);
        reader.Check(reader.U16() == FormatVersion && reader.U16() == Limits.ProtocolVersion, DecodeError.UnknownKind);
        Hash256 chain = reader.Hash();
        ulong firstEpoch = reader.U64();
        uint ends = reader.U32();
        int blocks = reader.U16();
        int lane = reader.U16();
        int records = reader.U16();
        byte flags = reader.U8();
        reader.Reserved(1);
        uint position = reader.U32();
        uint acceptedPosition = reader.U32();
        reader.Reserved(4);
        reader.Check(flags <= HasParent, DecodeError.UnknownKind);
        reader.Check(blocks is > 0 and <= MaxBlocks && records <= MaxRecords, DecodeError.BlockCount);
        reader.Check(lane is > 0 and <= MaxLane, DecodeError.BlockCount);
        reader.Check(records > 0 || acceptedPosition == 0, DecodeError.ReservedNotZero);
        reader.Check(ends <= (uint)(reader.Remaining / LeastEnd), DecodeError.Truncated);
        if (!reader.Ok || ReadEnds(ref reader, data, (int)ends) is not { } epochs)
        {
            return null;
        }

        Block? parent = flags == HasParent ? ReadBlock(ref reader, data) : null;
        Block[]? chained = ReadBlocks(ref reader, data, blocks);
        Certificate? certificate = chained is null ? null : CertificateCodec.Read(ref reader, chained[^1].Cut.Length);
        VertexHeader[]? vertices = certificate is null ? null : ReadLane(ref reader, data, lane);
        IdPath? path = vertices is null ? null : ReadPath(ref reader, position, vertices[^1].TransactionCount);
        if (chained is null || certificate is null || vertices is null || path is null)
        {
            return null;
        }

        AcceptanceProof? accepted = records > 0 ? ReadAcceptance(ref reader, records, acceptedPosition) : null;
        return new TransactionProof(chain, firstEpoch, epochs, parent, chained, certificate, vertices, path, accepted);
    }

    private static ProofEpochEnd[]? ReadEnds(ref WireReader reader, ReadOnlySpan<byte> data, int count)
    {
        ProofEpochEnd[] ends = new ProofEpochEnd[count];
        for (int i = 0; i < count; i++)
        {
            Block? last = ReadBlock(ref reader, data);
            Certificate? certificate = last is null ? null : CertificateCodec.Read(ref reader, last.Cut.Length);
            if (last is null || certificate is null || ReadNext(ref reader, last, certificate) is not { } end)
            {
                return null;
            }

            ends[i] = end;
        }

        return ends;
    }

    private static ProofEpochEnd? ReadNext(ref WireReader reader, Block last, Certificate certificate)
    {
        NextMembers next = (NextMembers)reader.U8();
        reader.Check(next <= NextMembers.Whole, DecodeError.UnknownKind);
        uint[] weights = [];
        if (next == NextMembers.Weights)
        {
            int count = reader.U16();
            reader.Check(count is > 0 and <= Limits.MaxCommittee, DecodeError.LaneCountDiffers);
            reader.Need(count, sizeof(uint));
            weights = reader.Ok ? new uint[count] : [];
            for (int i = 0; i < weights.Length; i++)
            {
                weights[i] = reader.U32();
            }
        }

        Member[]? members = next == NextMembers.Whole ? GenesisCodec.ReadMembers(ref reader) : [];
        return reader.Ok && members is not null ? new ProofEpochEnd(last, certificate, next, weights, members) : null;
    }

    private static Block? ReadBlock(ref WireReader reader, ReadOnlySpan<byte> data)
    {
        int lanes = BlockCodec.CommitteeSizeOf(data[reader.Position..]);
        reader.Check(lanes > 0, DecodeError.LaneCountDiffers);
        return reader.Ok ? BlockCodec.Read(ref reader, data, lanes) : null;
    }

    private static Block[]? ReadBlocks(ref WireReader reader, ReadOnlySpan<byte> data, int count)
    {
        reader.Need(count, LeastBlock);
        if (!reader.Ok)
        {
            return null;
        }

        Block[] blocks = new Block[count];
        for (int i = 0; i < count; i++)
        {
            if (ReadBlock(ref reader, data) is not { } block)
            {
                return null;
            }

            blocks[i] = block;
        }

        return blocks;
    }

    private static VertexHeader[]? ReadLane(ref WireReader reader, ReadOnlySpan<byte> data, int count)
    {
        reader.Need(count, WireSizes.VertexFixed + WireSizes.LaneTip);
        if (!reader.Ok)
        {
            return null;
        }

        VertexHeader[] lane = new VertexHeader[count];
        for (int i = 0; i < count; i++)
        {
            if (VertexCodec.ReadHeader(ref reader, data, VertexCodec.CommitteeSizeOf(data[reader.Position..])) is not { } vertex)
            {
                return null;
            }

            lane[i] = vertex;
        }

        return lane;
    }

    /// <param name="count">Ids in the list that it leads to the hash of: it fixes how long the path is.</param>
    private static IdPath? ReadPath(ref WireReader reader, uint position, uint count)
    {
        reader.Check(position < count, DecodeError.TransactionCount);
        if (!reader.Ok)
        {
            return null;
        }

        (int chunk, int siblings) = IdPath.SizesOf(position, count);
        IdPath path = new(position, reader.Take(chunk).ToArray(), reader.Take(siblings).ToArray());
        return reader.Ok ? path : null;
    }

    private static AcceptanceProof? ReadAcceptance(ref WireReader reader, int count, uint position)
    {
        reader.Need(count, StateRecord.LeastSize);
        if (!reader.Ok)
        {
            return null;
        }

        StateRecord[] records = new StateRecord[count];
        for (int i = 0; i < count; i++)
        {
            records[i] = StateRecord.Read(ref reader);
        }

        return ReadPath(ref reader, position, records[0].Accepted) is { } path ? new AcceptanceProof(records, path) : null;
    }
}
