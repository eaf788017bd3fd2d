using System.Buffers.Binary;
using Validator.Core.Primitives;
using Validator.Host.Api;

namespace Validator.Host.Tools.Load;

internal enum StreamRead : byte
{
    /// <summary>No complete record: more bytes are wanted.</summary>
    NeedMore,
    Transaction,
    Malformed,
}

/// <param name="Consumed">Bytes of the buffer used.</param>
/// <param name="Start">Where its kind byte is in the buffer; its bytes follow.</param>
/// <param name="Length">Bytes of kind and transaction together.</param>
/// <param name="Id">As the server names it.</param>
internal readonly record struct StreamRecord(
    StreamRead Outcome, int Consumed, ulong Index, int Start, int Length, Hash256 Id);

/// <summary>
/// Reads the binary form of <c>GET /v1/finalized</c>: index (8 B) | block (8 B) | id (32 B) | length (4 B) | kind (1 B) |
/// bytes; numbers little-endian, the length without the kind.
/// </summary>
internal static class FinalizedStream
{
    public const string Query = "format=binary";

    /// <summary>A committee change may fill a vertex.</summary>
    private const int MostBytes = (int)Limits.MaxVertexPayloadBytes;

    public const int MaxRecordBytes = FinalizedStreaming.BinaryHeaderBytes + MostBytes;

    private const int IdOffset = 16;
    private const int LengthOffset = IdOffset + Hash256.Size;
    private const int KindOffset = LengthOffset + 4;

    public static StreamRecord Read(ReadOnlySpan<byte> buffer)
    {
        if (buffer.Length < FinalizedStreaming.BinaryHeaderBytes)
        {
            return default;
        }

        uint length = BinaryPrimitives.ReadUInt32LittleEndian(buffer[LengthOffset..]);
        if (length is 0 or > MostBytes)
        {
            return default(StreamRecord) with { Outcome = StreamRead.Malformed };
        }

        int size = FinalizedStreaming.BinaryHeaderBytes + (int)length;
        return buffer.Length < size
            ? default
            : new StreamRecord(
                StreamRead.Transaction,
                size,
                BinaryPrimitives.ReadUInt64LittleEndian(buffer),
                KindOffset,
                (int)length + 1,
                new Hash256(buffer[IdOffset..]));
    }
}
