using System.Buffers.Binary;
using Validator.Core.Primitives;
using Validator.Core.Wire;
using Validator.Crypto.Simd;
using Validator.Host.Backup;
using Validator.Host.Config;
using Validator.Host.Contracts;
using Validator.Host.Storage;
using Validator.Tests.Host.Storage;

namespace Validator.Tests.Fuzz;

/// <summary>What whoever owns a bucket may put into it.</summary>
internal static partial class ParserTargets
{
    private static byte[][] SegmentSamples()
    {
        HeldVertex vertex = StoreSamples.Vertex(1, default, [[1, 2, 3], [4]]);
        LaneTip[] cut = new LaneTip[StoreSamples.Members];
        cut[1] = new LaneTip(1, vertex.Header.Hash);
        Block block = StoreSamples.Block(1, Hash256.Of([1]), cut);
        FinalContent content = new(
            block, StoreSamples.Certificate(Phase.Committed, 0, block),
            [new VertexContent(vertex.Header, vertex.Signature, vertex.Payload.ToArray())]);
        byte[] record = ArchiveSegment.Encode(content), bare = ArchiveSegment.Encode(content with { Certificate = null });
        return [ArchiveSegment.Pack([bare], BackupCompression.None), ArchiveSegment.Pack([record, bare], BackupCompression.None)];
    }

    // Unpacked, since whatever a compressed one gives comes to the same.
    private static void Segment(ReadOnlySpan<byte> input)
    {
        byte[] segment = input.ToArray();
        if (segment.Length >= 16)
        {
            BinaryPrimitives.WriteInt32LittleEndian(segment.AsSpan(8), 0);
            BinaryPrimitives.WriteInt32LittleEndian(segment.AsSpan(12), segment.Length - 16);
        }

        try
        {
            List<FinalContent> blocks = ArchiveSegment.Unpack("segment", segment);
            byte[] again = [.. blocks.SelectMany(ArchiveSegment.Encode)];
            Check(segment.AsSpan(16).SequenceEqual(again), "accepted, and not canonical");
        }
        catch (BackupException)
        {
            // Refused, with a name.
        }
    }

    private static byte[][] SealedSamples()
    {
        using SecretBuffer seed = new(HybridKem.SeedBytes);
        byte[] key = BackupKeys.PublicKeyOf(seed);
        return [SealedObject.Seal(key, "a", [1, 2, 3]), SealedObject.Seal(key, "a", new byte[SealedObject.ChunkBytes])];
    }

    private static void Sealed(ReadOnlySpan<byte> input)
    {
        using SecretBuffer seed = new(HybridKem.SeedBytes);
        try
        {
            byte[] content = SealedObject.Open(seed, "a", input);
            Check(input.Length == SealedObject.SizeOf(content.Length), "opened, with bytes too many");
        }
        catch (BackupException)
        {
            // Refused, with a name.
        }
    }
}
