using System.Buffers;
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
}

/// <summary>
/// A request's body in one pooled buffer that grows as bytes really come: a length that is only announced takes no memory. All
/// bodies together stay within the policy's bound.
/// </summary>
internal struct RequestBody : IDisposable
{
    private const int FirstBytes = 4096;

    private ApiPolicy _policy;
    private byte[]? _buffer;

    public int Length { get; private set; }

    public readonly ReadOnlySpan<byte> Span => _buffer.AsSpan(0, Length);

    /// <summary>Reads the whole body, of at most <paramref name="limit"/> bytes; on any other outcome the rest is left unread.</summary>
    public static async ValueTask<(BodyOutcome Outcome, RequestBody Body)> ReadAsync(HttpContext context, ApiPolicy policy, int limit)
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
                    return (BodyOutcome.Read, body);
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
