using System.Buffers;
using System.Buffers.Binary;
using System.Text.Json;
using Validator.Core.Primitives;
using Validator.Host.Contracts;

namespace Validator.Host.Api;

/// <summary>
/// Reads transactions from JSON straight into payload framing. One transaction is {"bytes": BASE64, "kind": 0}, kind being
/// optional, or just the base64 string; a batch is an array of them. A member that is unknown or given twice is an error.
/// "public_key": BASE64 beside them is an account's key, kept for later envelopes.
/// </summary>
internal static class TransactionJson
{
    /// <param name="framed">Gets u32 length, u8 kind, bytes for each.</param>
    /// <param name="maxFramed">Most bytes to frame.</param>
    /// <returns>Null, or what is wrong with it.</returns>
    /// <param name="keys">Gets the account keys found.</param>
    /// <param name="unstated">The kind of transactions that do not state theirs.</param>
    public static string? Read(
        ReadOnlySpan<byte> json, bool batch, ArrayBufferWriter<byte> framed, int maxFramed, ClientKeys keys, byte unstated = 0)
    {
        Utf8JsonReader reader = new(json, new JsonReaderOptions { MaxDepth = 4 });
        try
        {
            if (!reader.Read())
            {
                return "the body is empty";
            }

            string? error = batch ? ReadArray(ref reader, framed, maxFramed, keys, unstated) : ReadOne(ref reader, framed, keys, unstated);
            return error ?? (reader.Read() ? "something follows the JSON value" : null);
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException)
        {
            // The reader throws the second for a text whose bytes are not UTF-8.
            return $"the body is not valid JSON: {e.Message}";
        }
    }

    private static string? ReadArray(ref Utf8JsonReader reader, ArrayBufferWriter<byte> framed, int maxFramed, ClientKeys keys, byte unstated)
    {
        if (reader.TokenType != JsonTokenType.StartArray)
        {
            return "expected an array of transactions";
        }

        for (int i = 0; ; i++)
        {
            reader.Read();
            if (reader.TokenType == JsonTokenType.EndArray)
            {
                return null;
            }

            if (ReadOne(ref reader, framed, keys, unstated) is { } error)
            {
                return $"transaction {i}: {error}";
            }

            if (framed.WrittenCount > maxFramed)
            {
                return $"the transactions are more than {maxFramed} bytes together";
            }
        }
    }

    private static string? ReadOne(ref Utf8JsonReader reader, ArrayBufferWriter<byte> framed, ClientKeys keys, byte unstated)
    {
        if (reader.TokenType == JsonTokenType.String)
        {
            return Frame(ref reader, unstated, framed);
        }

        if (reader.TokenType != JsonTokenType.StartObject)
        {
            return "expected {\"bytes\": BASE64} or a base64 string";
        }

        byte kind = unstated;
        int start = framed.WrittenCount;
        bool found = false, hasKey = false, hasKind = false;
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            bool isBytes = reader.ValueTextEquals("bytes"u8);
            bool isKey = reader.ValueTextEquals("public_key"u8);
            if (!isBytes && !isKey && !reader.ValueTextEquals("kind"u8))
            {
                return $"unknown field '{reader.GetString()}'; expected bytes, kind and public_key";
            }

            reader.Read();
            if (isKey ? hasKey : !isBytes && hasKind)
            {
                return $"{(isKey ? "public_key" : "kind")} comes twice";
            }

            if (isKey)
            {
                hasKey = true;
                if (reader.TokenType != JsonTokenType.String || !reader.TryGetBytesFromBase64(out byte[]? key)
                    || key.Length != Limits.PublicKeyBytes)
                {
                    return $"public_key is a base64 string of {Limits.PublicKeyBytes} bytes";
                }

                keys.Add(key);
            }
            else if (!isBytes)
            {
                hasKind = true;
                if (reader.TokenType != JsonTokenType.Number || !reader.TryGetByte(out kind))
                {
                    return "kind is a number: 0, 1 or 2";
                }
            }
            else if (found || reader.TokenType != JsonTokenType.String)
            {
                return "bytes is one base64 string";
            }
            else if (Frame(ref reader, 0, framed) is { } error)
            {
                return error;
            }

            found |= isBytes;
        }

        if (!found)
        {
            return "bytes is missing";
        }

        // The kind may come after the bytes.
        System.Runtime.InteropServices.MemoryMarshal.AsMemory(framed.WrittenMemory).Span[start + 4] = kind;
        return null;
    }

    private static string? Frame(ref Utf8JsonReader reader, byte kind, ArrayBufferWriter<byte> framed)
    {
        if (!reader.TryGetBytesFromBase64(out byte[]? bytes))
        {
            return "bytes is not valid base64";
        }

        Span<byte> head = framed.GetSpan(Limits.TransactionFramingBytes);
        BinaryPrimitives.WriteUInt32LittleEndian(head, (uint)bytes.Length);
        head[4] = kind;
        framed.Advance(Limits.TransactionFramingBytes);
        framed.Write(bytes);
        return null;
    }
}
