using System.Buffers;
using System.Buffers.Text;
using System.Text.Json;
using Validator.Core.Primitives;

namespace Validator.Host.Load;

internal enum StreamRead : byte
{
    /// <summary>No complete event: more bytes are wanted.</summary>
    NeedMore,

    /// <summary>An event without a transaction (a comment, a keep-alive).</summary>
    Other,
    Transaction,
    Malformed,
}

/// <param name="Consumed">Bytes of the buffer used.</param>
/// <param name="Length">Bytes of kind and transaction together.</param>
internal readonly record struct StreamRecord(StreamRead Outcome, int Consumed, ulong Index, int Length);

/// <summary>Reads the server-sent events of <c>GET /v1/finalized</c> from a buffer, without allocating.</summary>
internal static class FinalizedStream
{
    public const string MediaType = "text/event-stream";

    /// <summary>Base64 of the largest transaction, and room for the rest of its event.</summary>
    public const int MaxRecordBytes = (Limits.MaxTransactionBytes * 4 / 3) + 4096;

    /// <summary>Reads one event.</summary>
    /// <param name="transaction">Gets the kind and the bytes of a transaction.</param>
    /// <param name="id">Gets the 32 bytes that the server names as its id.</param>
    public static StreamRecord Read(ReadOnlySpan<byte> buffer, Span<byte> transaction, Span<byte> id)
    {
        int end = buffer.IndexOf("\n\n"u8);
        if (end < 0)
        {
            return default;
        }

        int consumed = end + 2;
        ReadOnlySpan<byte> lines = buffer[..(end + 1)];
        while (!lines.IsEmpty)
        {
            int newline = lines.IndexOf((byte)'\n');
            ReadOnlySpan<byte> line = lines[..newline];
            lines = lines[(newline + 1)..];
            if (line.StartsWith("data:"u8))
            {
                int length = ReadData(line[5..], transaction, id, out ulong index);
                return new StreamRecord(
                    length > 0 ? StreamRead.Transaction : StreamRead.Malformed, consumed, index, length);
            }
        }

        return new StreamRecord(StreamRead.Other, consumed, 0, 0);
    }

    private static int ReadData(ReadOnlySpan<byte> json, Span<byte> transaction, Span<byte> id, out ulong index)
    {
        index = 0;
        int length = -1;
        int found = 0;
        try
        {
            Utf8JsonReader reader = new(json);
            while (reader.Read())
            {
                if (reader.TokenType != JsonTokenType.PropertyName)
                {
                    continue;
                }

                ReadOnlySpan<byte> name = reader.ValueSpan;
                if (name.SequenceEqual("index"u8))
                {
                    reader.Read();
                    found += reader.TryGetUInt64(out index) ? 1 : 0;
                }
                else if (name.SequenceEqual("id"u8))
                {
                    reader.Read();
                    found += Convert.FromHexString(reader.ValueSpan, id, out _, out int bytes) == OperationStatus.Done
                        && bytes == Hash256.Size ? 1 : 0;
                }
                else if (name.SequenceEqual("kind"u8))
                {
                    reader.Read();
                    found += reader.TryGetByte(out transaction[0]) ? 1 : 0;
                }
                else if (name.SequenceEqual("bytes"u8))
                {
                    reader.Read();
                    found += Base64.DecodeFromUtf8(reader.ValueSpan, transaction[1..], out _, out length) == OperationStatus.Done
                        ? 1 : 0;
                }
            }
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException)
        {
            return -1;
        }

        return found == 4 ? length + 1 : -1;
    }
}
