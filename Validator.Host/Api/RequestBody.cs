using System.Buffers;
using System.IO.Pipelines;
using Microsoft.AspNetCore.Http;

namespace Validator.Host.Api;

/// <summary>A request's body in one pooled buffer.</summary>
internal struct RequestBody : IDisposable
{
    private byte[]? _buffer;

    public int Length { get; private set; }

    public readonly ReadOnlySpan<byte> Span => _buffer.AsSpan(0, Length);

    /// <summary>Reads the whole body.</summary>
    /// <returns>False when it is longer than <paramref name="limit"/>; the rest is left unread.</returns>
    public static async ValueTask<(bool Fits, RequestBody Body)> ReadAsync(HttpContext context, int limit)
    {
        RequestBody body = default;
        long? announced = context.Request.ContentLength;
        if (announced > limit)
        {
            return (false, body);
        }

        body._buffer = ArrayPool<byte>.Shared.Rent((int)(announced ?? 4096) + 1);
        PipeReader reader = context.Request.BodyReader;
        while (true)
        {
            ReadResult result = await reader.ReadAsync(context.RequestAborted).ConfigureAwait(false);
            foreach (ReadOnlyMemory<byte> part in result.Buffer)
            {
                if (body.Length + part.Length > limit)
                {
                    reader.AdvanceTo(result.Buffer.Start);
                    body.Dispose();
                    return (false, default);
                }

                body.Append(part.Span);
            }

            reader.AdvanceTo(result.Buffer.End);
            if (result.IsCompleted)
            {
                return (true, body);
            }
        }
    }

    public void Dispose()
    {
        if (_buffer is { } buffer)
        {
            _buffer = null;
            ArrayPool<byte>.Shared.Return(buffer);
        }
    }

    private void Append(ReadOnlySpan<byte> part)
    {
        if (Length + part.Length > _buffer!.Length)
        {
            byte[] larger = ArrayPool<byte>.Shared.Rent(Math.Max(2 * _buffer.Length, Length + part.Length));
            Span.CopyTo(larger);
            ArrayPool<byte>.Shared.Return(_buffer);
            _buffer = larger;
        }

        part.CopyTo(_buffer.AsSpan(Length));
        Length += part.Length;
    }
}
