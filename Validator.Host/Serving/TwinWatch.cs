using Microsoft.Extensions.Logging;
using Validator.Core.Primitives;
using Validator.Core.Wire;
using Validator.Host.Primitives;
using Validator.Net;
using Validator.Net.Buffers;
using Validator.Net.Quic;
using Validator.Net.Rings;

namespace Validator.Host.Serving;

/// <summary>
/// Listens for some seconds before anything is signed (<c>consensus.twin_watch_seconds</c>): with the transport alone, saying
/// nothing. Two signs show another process with this key, or lost votes: peers of more than F weight hold vertices of our lane
/// that we do not know, or a peer closes our connection because another one with our key has taken its place.
/// </summary>
internal static class TwinWatch
{
    /// <summary>Once may be a dial of our own that crossed another; twice is somebody else.</summary>
    private const int MostReplaced = 1;

    /// <param name="epoch">The epoch that our stores have reached; what peers say of other epochs does not count.</param>
    /// <param name="ownHeight">Newest vertex of our lane of that epoch on disk here.</param>
    /// <returns>Null when nothing was met; else what was, in words.</returns>
    /// <exception cref="OperationCanceledException">The start was called off.</exception>
    public static string? Listen(
        TransportOptions options, Committee committee, int self, ulong epoch, ulong ownHeight, TimeSpan length, ILogger log, CancellationToken calledOff)
    {
        log.LogInformation("listening for {Seconds} s for another process with this validator's key, before anything is signed", length.TotalSeconds);
        using Parker parker = new();
        using QuicTransport transport = new(options with { Consumer = parker });
        transport.Start();
        ulong[] heights = new ulong[committee.Count];
        long end = Clock.MonotonicMicros() + (long)length.TotalMicroseconds;
        while (Clock.MonotonicMicros() < end)
        {
            calledOff.ThrowIfCancellationRequested();
            while (transport.Events.TryDequeue(out TransportEvent received))
            {
                Note(received, committee, self, epoch, heights);
            }

            if (Claimed(heights, committee, ownHeight) is { } height)
            {
                return $"others hold vertices of this validator up to height {height}, and its own stores end at {ownHeight}: another process signs with"
                    + " this key, or the stores are older than what was signed. Stop the other process; if there is none, the stores came from a"
                    + " backup: validator votes mark-restored, then start again";
            }

            long replaced = 0;
            for (int i = 0; i < committee.Count; i++)
            {
                replaced += transport.Statistics.Peers[i].ReplacedElsewhere;
            }

            if (replaced > MostReplaced)
            {
                return "peers closed our connections because another process connects with this validator's transport key. Stop that process";
            }

            Thread.Sleep(10);
        }

        return null;
    }

    private static void Note(in TransportEvent received, Committee committee, int self, ulong epoch, ulong[] heights)
    {
        if (received.Buffer is not { } buffer)
        {
            return;
        }

        // The epoch's members have the first links, in their order.
        if (received.Peer < heights.Length && FrameCodec.TryRead(buffer.Span, committee.Count, out IMessage? message, out _)
            && message is Status status && status.Epoch == epoch && status.Tips.Length == heights.Length)
        {
            heights[received.Peer] = status.Tips[self].Height;
        }

        buffer.Release();
    }

    /// <summary>
    /// The highest tip of our lane, above our own, that peers of more than F weight report: one of them at least is honest.
    /// </summary>
    internal static ulong? Claimed(ulong[] heights, Committee committee, ulong ownHeight)
    {
        ulong? best = null;
        foreach (ulong candidate in heights)
        {
            ulong weight = 0;
            for (int i = 0; i < heights.Length; i++)
            {
                weight += heights[i] >= candidate ? committee.Weight(i) : 0;
            }

            if (candidate > ownHeight && weight > committee.Faulty && candidate > (best ?? 0))
            {
                best = candidate;
            }
        }

        return best;
    }
}
