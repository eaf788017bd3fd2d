namespace Validator.Core.Primitives;

/// <summary>What decides validity and so must be equal at every validator (PROTOCOL.md, section 9).</summary>
public sealed record GenesisParameters
{
    /// <summary>Blocks that may be proposed beyond the last final one.</summary>
    public uint WindowBlocks { get; init; } = 32;

    /// <summary>How far a block's timestamp may lie ahead of a validator's own wall clock, microseconds.</summary>
    public ulong TimestampBoundMicros { get; init; } = 2_000_000;

    /// <summary>Largest vertex payload, bytes.</summary>
    public uint MaxVertexPayloadBytes { get; init; } = Limits.MaxVertexPayloadBytes;

    /// <summary>Most vertices that one block may order beyond its parent, over all lanes.</summary>
    public uint MaxBlockVertices { get; init; } = 4096;

    /// <summary>Ordered transactions among which a repeat is dropped.</summary>
    public uint DedupWindow { get; init; } = 1 << 20;

    /// <summary>Blocks in one epoch; 0: epochs end on request only.</summary>
    public ulong EpochLengthBlocks { get; init; }

    /// <summary>How trust is reckoned; null: weights are what genesis and committee changes say, and there is no stake.</summary>
    public TrustParameters? Trust { get; init; }

    /// <summary>
    /// Blocks after which an epoch ends by itself; 0: it ends with a change alone, and where there is trust, execution makes one.
    /// </summary>
    public ulong BlocksToEnd => Trust is null ? EpochLengthBlocks : 0;
}

/// <summary>The start of a chain. Its canonical encoding (Wire/GenesisCodec) gives the chain id.</summary>
/// <param name="TimestampMicros">Unix time; the starting block's timestamp.</param>
public sealed record Genesis(string Network, ulong TimestampMicros, GenesisParameters Parameters, Member[] Members)
{
    public Committee ToCommittee() => Committee.Of(Members);
}
