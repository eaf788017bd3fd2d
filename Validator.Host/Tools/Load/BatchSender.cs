using System.Buffers;
using System.Buffers.Binary;
using System.Diagnostics;
using System.Net;
using System.Net.Http.Headers;
using Validator.Core.Primitives;
using Validator.Host.Api;
using Validator.Host.Cli;
using Validator.Host.Primitives;

namespace Validator.Host.Tools.Load;

/// <summary>
/// The open loop: one thread that sends each target at fixed times what has fallen due, whatever the answers. A late tick sends
/// late, but latency counts from when a transaction was due, so nothing is hidden (no coordinated omission).
/// </summary>
internal sealed class BatchSender : IDisposable
{
    /// <summary>
    /// Each target gets one request per period, the targets in turn: at 2,000 tx/s on four targets, five transactions each.
    /// </summary>
    private const long RequestMicros = 10_000;

    /// <summary>
    /// A frame of the submit stream is cheap, and waiting to fill it would count as latency: all targets, every other
    /// millisecond.
    /// </summary>
    private const long FrameMicros = 2_000;

    /// <summary>Stays below every validator's limit of one vertex (512 KiB).</summary>
    private const int MaxBatchBytes = 256 * 1024;

    /// <summary>Many requests are under way at once, and each answer is a line or two.</summary>
    private const int MostAnswerBytes = 64 * 1024;

    /// <summary>A line for each transaction, once it is final.</summary>
    private const int MostStrongAnswerBytes = 4 * 1024 * 1024;

    /// <summary>Longer than a validator lets a request wait.</summary>
    private static readonly TimeSpan s_strongTimeout = TimeSpan.FromSeconds(40);

    private readonly LoadOptions _options;
    private readonly LoadContent _content;
    private readonly TargetTally[] _tallies;
    private readonly HttpClient _http;
    private readonly Uri[] _addresses;
    private readonly long[] _next;
    private readonly StreamSender? _streams;
    private long _start;
    private long _inFlight;

    public BatchSender(LoadOptions options, LoadContent content, TargetTally[] tallies)
    {
        _options = options;
        _content = content;
        _tallies = tallies;
        _http = options.Client();
        _http.Timeout = options.Strong ? s_strongTimeout : options.RequestTimeout;
        _http.MaxResponseContentBufferSize = options.Strong ? MostStrongAnswerBytes : MostAnswerBytes;
        string path = $"/v1/transactions/batch?ids=false{(options.Strong ? "&wait=strong" : "")}";
        _addresses = Array.ConvertAll(options.Targets, t => new Uri(t, path));
        _streams = options.Streams.Length == 0
            ? null
            : new StreamSender(
                options, tallies,
                SubmitStreamFrames.SubmitHeadBytes + MaxBatchBytes + Limits.MaxTransactionBytes);
        _next = new long[options.Targets.Length];
        for (int i = 0; i < _next.Length; i++)
        {
            _next[i] = i;
        }
    }

    /// <summary>Requests without an answer yet.</summary>
    public long InFlight => Interlocked.Read(ref _inFlight) + (_streams?.InFlight ?? 0);

    /// <summary>True once every target can be sent to.</summary>
    public bool IsConnected => _streams is null || _streams.IsConnected;

    /// <summary>Gives each target the keys of the accounts whose envelopes it will get.</summary>
    /// <exception cref="HttpRequestException">One was not taken.</exception>
    public async Task SendKeysAsync(CancellationToken cancellation)
    {
        for (int target = 0; target < _addresses.Length; target++)
        {
            foreach (byte[] key in _content.PublicKeys(target))
            {
                using ByteArrayContent body = new(key);
                using HttpResponseMessage response = await _http
                    .PostAsync(new Uri(_options.Targets[target], "/v1/accounts"), body, cancellation).ConfigureAwait(false);
                response.EnsureSuccessStatusCode();
            }
        }
    }

    /// <summary>Sends all of it; returns when the last is sent or the token is cancelled.</summary>
    /// <param name="startTimestamp">Stopwatch ticks of time zero.</param>
    public void Run(long startTimestamp, CancellationToken cancellation)
    {
        int targets = _addresses.Length;
        _start = startTimestamp;
        _streams?.SetStart(startTimestamp);
        for (long tick = 0; !cancellation.IsCancellationRequested; tick++)
        {
            if (_streams is null)
            {
                SleepUntil(startTimestamp, tick * RequestMicros / targets);
                SendDue((int)(tick % targets), MicrosSince(startTimestamp));
            }
            else
            {
                SleepUntil(startTimestamp, tick * FrameMicros);
                SendFrames(startTimestamp);
            }

            if (Array.TrueForAll(_next, n => n >= _options.Total))
            {
                return;
            }
        }
    }

    private void SendFrames(long startTimestamp)
    {
        long now = MicrosSince(startTimestamp);
        for (int target = 0; target < _addresses.Length; target++)
        {
            SendDue(target, now);
        }
    }

    public static long MicrosSince(long timestamp) => (long)Stopwatch.GetElapsedTime(timestamp).TotalMicroseconds;

    public void Dispose()
    {
        _streams?.Dispose();
        _http.Dispose();
    }

    private static void SleepUntil(long startTimestamp, long micros)
    {
        long ahead = micros - MicrosSince(startTimestamp);
        if (ahead > 0)
        {
            Thread.Sleep((int)((ahead + 999) / 1000));
        }
    }

    private void SendDue(int target, long nowMicros)
    {
        int framed = _content.Size + Limits.TransactionFramingBytes;
        int most = Math.Max(1, MaxBatchBytes / framed);
        int targets = _addresses.Length;
        while (true)
        {
            long first = _next[target];
            int count = 0;
            while (count < most && _next[target] < _options.Total && _options.DueMicros(_next[target]) <= nowMicros)
            {
                _next[target] += targets;
                count++;
            }

            if (count == 0)
            {
                return;
            }

            int head = _streams is null ? 0 : SubmitStreamFrames.SubmitHeadBytes;
            byte[] body = ArrayPool<byte>.Shared.Rent(head + (count * framed));
            for (int i = 0; i < count; i++)
            {
                Span<byte> at = body.AsSpan(head + (i * framed), framed);
                BinaryPrimitives.WriteUInt32LittleEndian(at, (uint)_content.Size);
                at[4] = (byte)_content.Kind;
                _content.Fill((ulong)(first + ((long)i * targets)), at[Limits.TransactionFramingBytes..]);
            }

            _tallies[target].AddSubmitted(count);
            if (_streams is not null)
            {
                body[0] = (byte)(_options.Strong ? StreamRequest.SubmitStrong : StreamRequest.Submit);
                BinaryPrimitives.WriteInt64LittleEndian(body.AsSpan(1), first / targets);
                _streams.Send(target, body, head + (count * framed));
                continue;
            }

            Interlocked.Increment(ref _inFlight);
            _ = SendAsync(target, first, count, new PooledBody(body, count * framed));
        }
    }

    private async Task SendAsync(int target, long first, int count, PooledBody body)
    {
        TargetTally tally = _tallies[target];
        try
        {
            using HttpRequestMessage request = new(HttpMethod.Post, _addresses[target]) { Content = body };
            using HttpResponseMessage response = await _http.SendAsync(request).ConfigureAwait(false);
            if (response.StatusCode is HttpStatusCode.Accepted or HttpStatusCode.OK)
            {
                tally.AddAccepted((ulong)first, (ulong)_addresses.Length, count);
                NoteStrong(tally, first, count, response.StatusCode);
            }
            else
            {
                string detail = await response.Content.ReadAsStringAsync().ConfigureAwait(false);
                tally.AddRejected(count, $"{_addresses[target].Authority} answered {(int)response.StatusCode}: {FirstLine(detail)}");
            }
        }
        catch (Exception e) when (e is HttpRequestException or OperationCanceledException or IOException)
        {
            tally.AddTimedOut(count, $"{_addresses[target].Authority}: {FirstLine(HttpHandlers.Reason(e))}");
        }
        finally
        {
            Interlocked.Decrement(ref _inFlight);
        }
    }

    private void NoteStrong(TargetTally tally, long first, int count, HttpStatusCode code)
    {
        if (_options.Strong && code == HttpStatusCode.OK)
        {
            tally.AddStrong((ulong)first, (ulong)_addresses.Length, count, MicrosSince(_start), _options.DueMicros);
        }
        else if (_options.Strong)
        {
            tally.AddNote("accepted, and not strong in time");
        }
    }

    private static string FirstLine(string text)
    {
        int end = text.AsSpan().IndexOfAny('\r', '\n');
        text = end < 0 ? text : text[..end];
        return text.Length <= 200 ? text : text[..200];
    }

    /// <summary>A request body in a pooled buffer, given back when the request is over and the body was written whole.</summary>
    private sealed class PooledBody : HttpContent
    {
        private readonly byte[] _buffer;
        private readonly int _length;
        private int _writing;
        private bool _returned;

        public PooledBody(byte[] buffer, int length)
        {
            _buffer = buffer;
            _length = length;
            Headers.ContentType = new MediaTypeHeaderValue("application/octet-stream");
        }

        protected override bool TryComputeLength(out long length)
        {
            length = _length;
            return true;
        }

        protected override async Task SerializeToStreamAsync(Stream stream, TransportContext? context)
        {
            Interlocked.Increment(ref _writing);
            await stream.WriteAsync(_buffer.AsMemory(0, _length)).ConfigureAwait(false);
            Interlocked.Decrement(ref _writing);
        }

        protected override void Dispose(bool disposing)
        {
            // An answer may overtake the rest of the body, or the write may fail: the buffer is then left to the garbage
            // collector.
            if (disposing && !_returned && Volatile.Read(ref _writing) == 0)
            {
                _returned = true;
                ArrayPool<byte>.Shared.Return(_buffer);
            }

            base.Dispose(disposing);
        }
    }
}
