using System.Buffers;
using System.Buffers.Binary;
using System.IO.Compression;
using System.IO.Pipelines;
using Microsoft.AspNetCore.Http;

namespace Validator.Host.Api;

internal enum BodyOutcome : byte
{
    Read,
    TooLarge,
    TooSlow,

    /// <summary>Too many bodies are being read at the moment.</summary>
    NoMemory,

    /// <summary>It is not compressed as its headers say.</summary>
    Damaged,
}

/// <summary>
/// A request's body in one pooled buffer that grows as bytes arrive: an announced length takes no memory. All bodies together
/// stay within the policy's bound.
/// </summary>
internal struct RequestBody : IDisposable
{
    private const int FirstBytes = 4096;

    private ApiPolicy _policy;
    private byte[]? _buffer;

    public int Length { get; private set; }

    public readonly ReadOnlySpan<byte> Span => _buffer.AsSpan(0, Length);

    /// <summary>
    /// Reads the whole body, of at most <paramref name="limit"/> bytes, unpacked too; on any other outcome the rest is left
    /// unread.
    /// </summary>
    public static async ValueTask<(BodyOutcome Outcome, RequestBody Body)> ReadAsync(HttpContext context, ApiPolicy policy, int limit, bool gzip)
    {
        RequestBody body = new() { _policy = policy };
        if (context.Request.ContentLength > limit)
        {
            return (BodyOutcome.TooLarge, body);
        }

        BodyOutcome outcome = BodyOutcome.TooSlow;
        CancellationTokenSource? late = null;
        try
        {
            PipeReader reader = context.Request.BodyReader;
            while (true)
            {
                // What came with the headers needs no timer.
                if (!reader.TryRead(out ReadResult result))
                {
                    late ??= Timer(context, policy.Options.BodyTimeout);
                    result = await reader.ReadAsync(late.Token).ConfigureAwait(false);
                }

                outcome = body.TryAppend(result.Buffer, limit);
                reader.AdvanceTo(outcome == BodyOutcome.Read ? result.Buffer.End : result.Buffer.Start);
                if (outcome != BodyOutcome.Read)
                {
                    break;
                }

                outcome = BodyOutcome.TooSlow;
                if (result.IsCompleted)
                {
                    return gzip ? Unpack(ref body, limit) : (BodyOutcome.Read, body);
                }
            }
        }
        catch (OperationCanceledException) when (!context.RequestAborted.IsCancellationRequested)
        {
            outcome = BodyOutcome.TooSlow;
        }
        catch
        {
            body.Dispose();
            throw;
        }
        finally
        {
            late?.Dispose();
        }

        body.Dispose();
        return (outcome, default);
    }

    public void Dispose()
    {
        if (_buffer is { } buffer)
        {
            _buffer = null;
            _policy.GiveBodyBytes(buffer.Length);
            ArrayPool<byte>.Shared.Return(buffer);
        }
    }

    /// <summary>
    /// gzip (RFC 1952), one member: the length at the end equals that of the output, so nothing is cut off and nothing follows.
    /// </summary>
    private static (BodyOutcome Outcome, RequestBody Body) Unpack(ref RequestBody packed, int limit)
    {
        const int leastBytes = 18;
        using RequestBody from = packed;
        packed = default;
        RequestBody body = new() { _policy = from._policy };
        if (from.Length < leastBytes)
        {
            return (BodyOutcome.Damaged, body);
        }

        BodyOutcome outcome = BodyOutcome.Damaged;
        byte[] page = ArrayPool<byte>.Shared.Rent(16 * 1024);
        try
        {
            using GZipStream gzip = new(new MemoryStream(from._buffer!, 0, from.Length, writable: false), CompressionMode.Decompress);
            do
            {
                int read = gzip.Read(page);
                outcome = read > 0 ? body.TryAppend(new ReadOnlySequence<byte>(page, 0, read), limit)
                    : BinaryPrimitives.ReadUInt32LittleEndian(from.Span[^sizeof(uint)..]) == (uint)body.Length ? BodyOutcome.Read : BodyOutcome.Damaged;
                if (read == 0 || outcome != BodyOutcome.Read)
                {
                    break;
                }
            }
            while (true);
        }
        catch (Exception e) when (e is InvalidDataException or IOException)
        {
            outcome = BodyOutcome.Damaged;
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(page);
        }

        if (outcome != BodyOutcome.Read)
        {
            body.Dispose();
            return (outcome, default);
        }

        return (outcome, body);
    }

    private static CancellationTokenSource Timer(HttpContext context, TimeSpan limit)
    {
        CancellationTokenSource late = CancellationTokenSource.CreateLinkedTokenSource(context.RequestAborted);
        late.CancelAfter(limit);
        return late;
    }

    private BodyOutcome TryAppend(in ReadOnlySequence<byte> bytes, int limit)
    {
        if (Length + bytes.Length > limit)
        {
            return BodyOutcome.TooLarge;
        }

        int needed = Length + (int)bytes.Length;
        if (needed > (_buffer?.Length ?? 0) && !TryGrow(Math.Max(needed, _buffer is null ? FirstBytes : 2 * _buffer.Length)))
        {
            return BodyOutcome.NoMemory;
        }

        bytes.CopyTo(_buffer.AsSpan(Length));
        Length = needed;
        return BodyOutcome.Read;
    }

    private bool TryGrow(int bytes)
    {
        byte[] larger = ArrayPool<byte>.Shared.Rent(bytes);
        if (!_policy.TryTakeBodyBytes(larger.Length))
        {
            ArrayPool<byte>.Shared.Return(larger);
            return false;
        }

        if (_buffer is { } old)
        {
            Span.CopyTo(larger);
            _policy.GiveBodyBytes(old.Length);
            ArrayPool<byte>.Shared.Return(old);
        }

        _buffer = larger;
        return true;
    }
}
