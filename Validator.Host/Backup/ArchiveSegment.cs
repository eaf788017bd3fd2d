using System.Buffers.Binary;
using Validator.Core.Primitives;
using Validator.Core.Wire;
using Validator.Host.Config;
using Validator.Host.Contracts;

namespace Validator.Host.Backup;

/// <summary>
/// Final blocks in a row with all that they order, as one object of the archive (FORMATS.md, "Backup"). Nothing in it is signed
/// beyond what the chain itself signs: a reader checks certificates, hashes and execution.
/// </summary>
internal static class ArchiveSegment
{
    /// <summary>A segment ends with the first block that fills it so far; the longest block adds some tens of MiB.</summary>
    public const int FullBytes = 8 << 20;

    private const int MostBytes = 256 << 20;
    private const int HeadBytes = 16;

    private static ReadOnlySpan<byte> Magic => "VALSEGM1"u8;

    /// <summary>One block's record.</summary>
    public static byte[] Encode(FinalContent content)
    {
        int block = BlockCodec.EncodedSize(content.Block.Cut.Length);
        int certificate = content.Certificate is { } own ? CertificateCodec.EncodedSize(own) : 0;
        int header = VertexCodec.HeaderSize(content.Block.Cut.Length);
        byte[] record =
            new byte[12 + block + certificate + content.Vertices.Sum(v => Limits.SignatureBytes + header + v.Payload.Length)];
        BinaryPrimitives.WriteInt32LittleEndian(record, block);
        BinaryPrimitives.WriteInt32LittleEndian(record.AsSpan(4), certificate);
        BinaryPrimitives.WriteInt32LittleEndian(record.AsSpan(8), content.Vertices.Length);
        Span<byte> rest = record.AsSpan(12);
        BlockCodec.Write(content.Block, rest);
        rest = rest[block..];
        if (content.Certificate is { } proof)
        {
            CertificateCodec.Write(proof, rest);
            rest = rest[certificate..];
        }

        foreach (VertexContent vertex in content.Vertices)
        {
            vertex.Signature.CopyTo(rest);
            VertexCodec.WriteHeader(vertex.Header, rest[Limits.SignatureBytes..]);
            vertex.Payload.CopyTo(rest[(Limits.SignatureBytes + header)..]);
            rest = rest[(Limits.SignatureBytes + header + vertex.Payload.Length)..];
        }

        return record;
    }

    /// <summary>A whole segment, before it is sealed.</summary>
    public static byte[] Pack(IEnumerable<byte[]> records, BackupCompression compression)
    {
        byte[] content = [.. records.SelectMany(r => r)];
        byte[] packed = Compression.Compress(compression, content);
        byte[] segment = new byte[HeadBytes + packed.Length];
        Magic.CopyTo(segment);
        BinaryPrimitives.WriteInt32LittleEndian(segment.AsSpan(8), (int)compression);
        BinaryPrimitives.WriteInt32LittleEndian(segment.AsSpan(12), content.Length);
        packed.CopyTo(segment, HeadBytes);
        return segment;
    }

    /// <summary>The blocks of a segment, in order.</summary>
    /// <param name="name">Of the object, for messages.</param>
    /// <exception cref="BackupException">It is damaged.</exception>
    public static List<FinalContent> Unpack(string name, byte[] segment)
    {
        int bytes = segment.Length < HeadBytes || !segment.AsSpan(0, 8).SequenceEqual(Magic) ? -1
            : BinaryPrimitives.ReadInt32LittleEndian(segment.AsSpan(12));
        uint compression = bytes < 0 ? uint.MaxValue : BinaryPrimitives.ReadUInt32LittleEndian(segment.AsSpan(8));
        byte[]? content = bytes is < 0 or > MostBytes || compression > (uint)BackupCompression.Zstd ? null
            : Compression.Expand((BackupCompression)compression, segment.AsMemory(HeadBytes), bytes);
        List<FinalContent> blocks = [];
        ReadOnlySpan<byte> rest = content;
        while (content is not null && !rest.IsEmpty)
        {
            if (Take(ref rest) is not { } block)
            {
                content = null;
                break;
            }

            blocks.Add(block);
        }

        return content is not null ? blocks : throw new BackupException($"{name}: is damaged: it is no segment of final blocks");
    }

    private static FinalContent? Take(ref ReadOnlySpan<byte> rest)
    {
        if (rest.Length < 12)
        {
            return null;
        }

        uint blockBytes = BinaryPrimitives.ReadUInt32LittleEndian(rest);
        uint certificateBytes = BinaryPrimitives.ReadUInt32LittleEndian(rest[4..]);
        uint count = BinaryPrimitives.ReadUInt32LittleEndian(rest[8..]);
        rest = rest[12..];
        if ((ulong)blockBytes + certificateBytes > (ulong)rest.Length)
        {
            return null;
        }

        int members = BlockCodec.CommitteeSizeOf(rest[..(int)blockBytes]);
        Certificate? certificate = null;
        if (members == 0 || !BlockCodec.TryRead(rest[..(int)blockBytes], members, out Block? block, out _)
            || (certificateBytes > 0
                && !CertificateCodec.TryRead(
                    rest.Slice((int)blockBytes, (int)certificateBytes), members, out certificate, out _)))
        {
            return null;
        }

        rest = rest[(int)(blockBytes + certificateBytes)..];
        int header = VertexCodec.HeaderSize(members);
        if (count > (uint)(rest.Length / (Limits.SignatureBytes + header)))
        {
            return null;
        }

        VertexContent[] vertices = new VertexContent[count];
        for (int i = 0; i < vertices.Length; i++)
        {
            if (rest.Length < Limits.SignatureBytes + header
                || !VertexCodec.TryReadHeader(rest.Slice(Limits.SignatureBytes, header), members, out VertexHeader? vertex, out _)
                || vertex.PayloadBytes > (uint)(rest.Length - Limits.SignatureBytes - header))
            {
                return null;
            }

            int end = Limits.SignatureBytes + header + (int)vertex.PayloadBytes;
            vertices[i] = new VertexContent(
                vertex, rest[..Limits.SignatureBytes].ToArray(), rest[(Limits.SignatureBytes + header)..end].ToArray());
            rest = rest[end..];
        }

        return new FinalContent(block, certificate, vertices);
    }
}
