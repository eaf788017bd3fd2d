using System.Buffers.Binary;
using Validator.Core.Primitives;
using Validator.Host.Storage;

namespace Validator.Host.Api;

/// <summary>What a client sends on its stream: the first byte of a frame (docs/API.md, "The submit stream").</summary>
public enum StreamRequest : byte
{
    /// <summary>A bearer token; before anything else, where the API has tokens.</summary>
    Token = 1,

    /// <summary>u64 number of the first transaction, then account keys and transactions as in a batch's body.</summary>
    Submit = 2,

    /// <summary>The same; outcomes are told once they are strong, as for <c>?wait=strong</c>.</summary>
    SubmitStrong = 3,
}

/// <summary>What a validator answers: the first byte of a frame; then u64 number of the first, u32 count.</summary>
public enum StreamReceipt : byte
{
    /// <summary>In a vertex that is durable here: its hash follows.</summary>
    Durable = 1,

    /// <summary>u64 global index of the first, the others' follow without gaps; u64 block.</summary>
    Final = 2,

    /// <summary>Ordered and dropped: u8 reason (<see cref="TransactionRejection"/>), u64 first index, u64 block.</summary>
    Rejected = 3,

    /// <summary>
    /// Nothing of the submission was taken: u8 reason (<see cref="StreamRefusal"/>), u32 which transaction of it.
    /// </summary>
    Refused = 4,

    /// <summary>As Final: final, and not as strong as was asked for within the time for waits.</summary>
    FinalNotStrong = 5,
}

/// <summary>Why nothing of a submission was taken.</summary>
public enum StreamRefusal : byte
{
    Malformed = 1,
    TooLarge,
    KindNotAllowed,
    AccountKeyNeeded,
    BadSignature,
    NotReady,

    /// <summary>The validator stops or its disk failed: the transactions may or may not become final.</summary>
    Failed,

    /// <summary>The API has tokens, and none with the role submit was sent.</summary>
    Unauthorized,

    /// <summary>A nonce lies 64 or more below one that its account has sent here.</summary>
    NonceTooOld,

    /// <summary>
    /// The validator left the committee before the transactions were ordered: they are not final; submit them to another.
    /// </summary>
    LeftCommittee,

    /// <summary>No quorum is connected, or nothing becomes final here: submit to another, or later.</summary>
    Stalled,
}

/// <summary>One receipt as read by a client.</summary>
/// <param name="Index">Final, strong or not: global index of the first; Rejected: that of the transaction it repeats.</param>
/// <param name="Reason">Of Rejected and Refused.</param>
public readonly record struct StreamReceiptFrame(
    StreamReceipt Kind, ulong First, uint Count, byte Reason, ulong Index, ulong Block, Hash256 Vertex, uint Transaction);

/// <summary>The frames of the submit stream, little-endian.</summary>
public static class SubmitStreamFrames
{
    public const int SubmitHeadBytes = 9;

    public const int MaxReceiptBytes = 64;

    private const int HeadBytes = 13;

    public static int WriteDurable(Span<byte> frame, ulong first, int count, in Hash256 vertex)
    {
        Head(frame, StreamReceipt.Durable, first, count);
        vertex.CopyTo(frame[HeadBytes..]);
        return HeadBytes + Hash256.Size;
    }

    /// <param name="strong">False: as strong as was asked for it is not.</param>
    public static int WriteFinal(Span<byte> frame, ulong first, int count, ulong index, ulong block, bool strong = true)
    {
        Head(frame, strong ? StreamReceipt.Final : StreamReceipt.FinalNotStrong, first, count);
        BinaryPrimitives.WriteUInt64LittleEndian(frame[HeadBytes..], index);
        BinaryPrimitives.WriteUInt64LittleEndian(frame[(HeadBytes + 8)..], block);
        return HeadBytes + 16;
    }

    public static int WriteRejected(Span<byte> frame, ulong first, int count, in TransactionState state)
    {
        Head(frame, StreamReceipt.Rejected, first, count);
        frame[HeadBytes] = (byte)state.Rejection;
        BinaryPrimitives.WriteUInt64LittleEndian(frame[(HeadBytes + 1)..], state.Index);
        BinaryPrimitives.WriteUInt64LittleEndian(frame[(HeadBytes + 9)..], state.BlockSequence);
        return HeadBytes + 17;
    }

    public static int WriteRefused(Span<byte> frame, ulong first, int count, StreamRefusal reason, int transaction)
    {
        Head(frame, StreamReceipt.Refused, first, count);
        frame[HeadBytes] = (byte)reason;
        BinaryPrimitives.WriteInt32LittleEndian(frame[(HeadBytes + 1)..], transaction);
        return HeadBytes + 5;
    }

    public static bool TryRead(ReadOnlySpan<byte> frame, out StreamReceiptFrame receipt)
    {
        receipt = default;
        StreamReceipt kind = frame.IsEmpty ? 0 : (StreamReceipt)frame[0];
        int body = kind switch
        {
            StreamReceipt.Durable => Hash256.Size,
            StreamReceipt.Final or StreamReceipt.FinalNotStrong => 16,
            StreamReceipt.Rejected => 17,
            StreamReceipt.Refused => 5,
            _ => -1,
        };
        if (body < 0 || frame.Length != HeadBytes + body)
        {
            return false;
        }

        ulong first = BinaryPrimitives.ReadUInt64LittleEndian(frame[1..]);
        uint count = BinaryPrimitives.ReadUInt32LittleEndian(frame[9..]);
        ReadOnlySpan<byte> rest = frame[HeadBytes..];
        receipt = kind switch
        {
            StreamReceipt.Durable => new(kind, first, count, 0, 0, 0, new Hash256(rest), 0),
            StreamReceipt.Final or StreamReceipt.FinalNotStrong => new(
                kind, first, count, 0, BinaryPrimitives.ReadUInt64LittleEndian(rest), BinaryPrimitives.ReadUInt64LittleEndian(rest[8..]), default, 0),
            StreamReceipt.Rejected => new(
                kind, first, count, rest[0], BinaryPrimitives.ReadUInt64LittleEndian(rest[1..]), BinaryPrimitives.ReadUInt64LittleEndian(rest[9..]), default, 0),
            _ => new(kind, first, count, rest[0], 0, 0, default, BinaryPrimitives.ReadUInt32LittleEndian(rest[1..])),
        };
        return true;
    }

    private static void Head(Span<byte> frame, StreamReceipt kind, ulong first, int count)
    {
        frame[0] = (byte)kind;
        BinaryPrimitives.WriteUInt64LittleEndian(frame[1..], first);
        BinaryPrimitives.WriteInt32LittleEndian(frame[9..], count);
    }
}
