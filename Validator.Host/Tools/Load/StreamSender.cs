using System.Buffers;
using System.Collections.Concurrent;
using System.Net;
using System.Net.Sockets;
using System.Security.Cryptography;
using System.Text;
using Validator.Host.Api;
using Validator.Host.Primitives;
using Validator.Host.Storage;
using Validator.Net;
using Validator.Net.Streams;

namespace Validator.Host.Tools.Load;

/// <summary>
/// Sends batches over the validators' submit streams and counts the receipts. A batch that a target holds up by flow control
/// waits here: the load stays an open loop, and its waiting is measured.
/// </summary>
internal sealed class StreamSender : IStreamOwner, IDisposable
{
    /// <summary>Not acknowledged yet, per target.</summary>
    private const long MostUnacknowledgedBytes = 8L * 1024 * 1024;

    private readonly TargetTally[] _tallies;
    private readonly StreamTarget[] _targets;
    private readonly ConcurrentQueue<Batch>[] _waiting;
    private readonly StreamLink?[] _links;
    private readonly StreamLoop _loop;
    private readonly byte[] _token;
    private readonly LoadOptions _options;
    private long _inFlight;
    private long _untold;
    private long _start;

    private readonly record struct Batch(byte[] Frame, int Length);

    /// <param name="options">Its streams are connected to, and its token, if any, is shown to each.</param>
    public StreamSender(LoadOptions options, TargetTally[] tallies, int maxFrameBytes)
    {
        _options = options;
        (StreamTarget[] targets, string? token) = (options.Streams, options.Token);
        _token = token is null ? [] : [(byte)StreamRequest.Token, .. Encoding.ASCII.GetBytes(token)];
        _tallies = tallies;
        _targets = targets;
        _waiting = Array.ConvertAll(targets, _ => new ConcurrentQueue<Batch>());
        _links = new StreamLink?[targets.Length];
        _loop = new StreamLoop(
            new StreamOptions
            {
                Listen = new IPEndPoint(AnyThatReaches(targets), 0),
                PrivateKeySeed = RandomNumberGenerator.GetBytes(32),
                Targets = targets,
                MaxFrameBytes = maxFrameBytes,
                Name = "load-quic",
            },
            this);
        _loop.Start();
    }

    /// <summary>Batches without a receipt yet, and transactions without their last one where that is waited for.</summary>
    public long InFlight => Interlocked.Read(ref _inFlight) + Math.Max(0, Interlocked.Read(ref _untold));

    /// <summary>Stopwatch ticks of time zero; before the first batch.</summary>
    public void SetStart(long timestamp) => Volatile.Write(ref _start, timestamp);

    /// <summary>True once every target is connected.</summary>
    public bool IsConnected => Array.TrueForAll(_links, l => Volatile.Read(ref l) is not null);

    /// <param name="frame">Pooled; a whole frame of the submit stream.</param>
    public void Send(int target, byte[] frame, int length)
    {
        Interlocked.Increment(ref _inFlight);
        _waiting[target].Enqueue(new Batch(frame, length));
        _loop.Wake();
    }

    public void Dispose() => _loop.Dispose();

    /// <summary>An own address for targets anywhere; where they are of both families, one socket sends to both.</summary>
    private static IPAddress AnyThatReaches(StreamTarget[] targets) =>
        Array.TrueForAll(targets, t => t.Address.AddressFamily == AddressFamily.InterNetwork) ? IPAddress.Any : IPAddress.IPv6Any;

    void IStreamOwner.Opened(StreamLink link)
    {
        if (_token.Length > 0)
        {
            link.TrySend(_token);
        }

        Volatile.Write(ref _links[link.Target], link);
    }

    void IStreamOwner.Closed(StreamLink link, CloseReason reason)
    {
        Volatile.Write(ref _links[link.Target], null);
        _tallies[link.Target].AddNote($"{_targets[link.Target].Address}: the submit stream ended: {reason}");
    }

    bool IStreamOwner.TryTake(StreamLink link, ReadOnlySpan<byte> frame)
    {
        if (!SubmitStreamFrames.TryRead(frame, out StreamReceiptFrame receipt))
        {
            link.Fail();
            return true;
        }

        // A target's transactions are numbered in turn; the run's are spread over all targets.
        TargetTally tally = _tallies[link.Target];
        ulong targets = (ulong)_targets.Length;
        switch (receipt.Kind)
        {
            case StreamReceipt.Durable:
                tally.AddAccepted((receipt.First * targets) + (ulong)link.Target, targets, (int)receipt.Count);
                Interlocked.Decrement(ref _inFlight);
                Interlocked.Add(ref _untold, _options.Strong ? receipt.Count : 0);
                break;
            case StreamReceipt.Final when _options.Strong:
                tally.AddStrong(
                    (receipt.First * targets) + (ulong)link.Target, targets, (int)receipt.Count,
                    BatchSender.MicrosSince(Volatile.Read(ref _start)), _options.DueMicros);
                Interlocked.Add(ref _untold, -receipt.Count);
                break;
            case StreamReceipt.FinalNotStrong:
                tally.AddNote($"{_targets[link.Target].Address}: final, and not strong in time");
                Interlocked.Add(ref _untold, -receipt.Count);
                break;
            case StreamReceipt.Refused:
                tally.AddRejected((int)receipt.Count, $"{_targets[link.Target].Address} refused: {(StreamRefusal)receipt.Reason}");
                Interlocked.Decrement(ref _inFlight);
                break;
            case StreamReceipt.Rejected:
                tally.AddRejectedLate(
                    (receipt.First * targets) + (ulong)link.Target, targets, (int)receipt.Count,
                    $"{_targets[link.Target].Address}: execution rejected: {Names.Snake(((TransactionRejection)receipt.Reason).ToString())}");
                Interlocked.Add(ref _untold, _options.Strong ? -receipt.Count : 0);
                break;
        }

        return true;
    }

    void IStreamOwner.Turn()
    {
        for (int target = 0; target < _targets.Length; target++)
        {
            while (_links[target] is { } link && link.UnacknowledgedBytes < MostUnacknowledgedBytes && _waiting[target].TryDequeue(out Batch batch))
            {
                link.TrySend(batch.Frame.AsSpan(0, batch.Length));
                ArrayPool<byte>.Shared.Return(batch.Frame);
            }
        }
    }
}
