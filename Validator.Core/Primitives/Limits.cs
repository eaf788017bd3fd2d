namespace Validator.Core.Primitives;

/// <summary>Sizes fixed by the protocol version; what a genesis may choose is in <see cref="GenesisParameters"/>.</summary>
public static class Limits
{
    public const ushort ProtocolVersion = 1;

    public const int MaxCommittee = 128;
    public const int MaxNameBytes = 64;

    /// <summary>A transaction's bytes, without its kind. PROTOCOL.md, section 1.</summary>
    public const int MaxTransactionBytes = 64 * 1024;

    /// <summary>A vertex's payload, framing included.</summary>
    public const int MaxVertexPayloadBytes = 512 * 1024;

    /// <summary>A committee change with the signatures of a quorum of 128 takes 0.4 MB; it is alone in its vertex.</summary>
    public const int MaxSystemTransactionBytes = MaxVertexPayloadBytes - TransactionFramingBytes;

    /// <summary>Kind (1 B) and length (4 B) before each transaction in a payload.</summary>
    public const int TransactionFramingBytes = 5;

    /// <summary>Most transactions in one vertex; a one-byte transaction takes six bytes of payload.</summary>
    public const int MaxVertexTransactions = MaxVertexPayloadBytes / (TransactionFramingBytes + 1);

    /// <summary>
    /// Variants of a lane, times its share of vertices, beyond which those that no block names are forgotten: the first seen,
    /// one named by a cut, one for evidence (rule L4).
    /// </summary>
    public const int MaxSlotVariants = 3;

    /// <summary>
    /// Accounts whose nonces are kept. None is ever forgotten, since that would let its envelopes run again; 48 bytes each in
    /// memory, 32 to 64 with the table that finds them.
    /// </summary>
    public const int MaxAccounts = 1 << 20;

    /// <summary>
    /// Blocks that a ViewChange lists, and so how far above the executed block anything is accepted (rules P3 and V3): far more
    /// than pipelines hold, and NewViews of 128 members stay in a frame.
    /// </summary>
    public const int MaxListed = 256;

    /// <summary>Ids in a segment of the dedup window, and in a chunk of a snapshot.</summary>
    public const int DedupSegmentIds = 1024;

    /// <summary>ML-DSA-87, FIPS 204 table 2.</summary>
    public const int PublicKeyBytes = 2592;
    public const int SignatureBytes = 4627;
}
