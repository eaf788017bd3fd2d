using Validator.Core.Primitives;

namespace Validator.Core.Wire;

/// <summary>How long a frame may be. Derived from the committee's size, so that no honest message is ever too long.</summary>
public static class FrameLimits
{
    /// <summary>
    /// Most blocks in one FinalBlocks answer: 128 of the largest take 0.7 MB, about as much as a full certificate.
    /// </summary>
    public const int MaxFinalBlocks = 128;

    /// <summary>Bytes of the longest frame, type included.</summary>
    public static int MaxFrameBytes(int committeeSize)
    {
        Require.That(committeeSize is > 0 and <= Limits.MaxCommittee);
        int certificate = CertificateCodec.EncodedSize(committeeSize);
        int vertex = VertexCodec.HeaderSize(committeeSize) + Limits.SignatureBytes + Limits.MaxVertexPayloadBytes;
        int viewChange = WireSizes.Signed + WireSizes.Claims + AcceptancesCodec.MaxBytes + (2 * certificate);
        int summary = WireSizes.Summary + AcceptancesCodec.MaxBytes;
        int newView = WireSizes.Signed + WireSizes.NewViewFixed + (committeeSize * summary) + (2 * certificate);
        int finalBlocks = WireSizes.FinalBlocksFixed + (MaxFinalBlocks * BlockCodec.EncodedSize(committeeSize)) + certificate;
        int snapshot = Math.Max(SnapshotManifestCodec.MaxBytes(committeeSize), SnapshotChunkCodec.MaxBytes);
        snapshot = Math.Max(snapshot, EpochEndCodec.MaxBytes(committeeSize));
        return 1 + Math.Max(Math.Max(vertex, viewChange), Math.Max(Math.Max(newView, finalBlocks), snapshot));
    }
}
