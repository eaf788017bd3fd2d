using Validator.Core.Wire;
using Validator.Net;
using Validator.Net.Rings;

namespace Validator.Host.Pipeline;

/// <summary>Where validation threads leave peers' requests. Bounded in all and per peer; the excess is dropped.</summary>
internal sealed class FetchIntake(int peers, StageLink link)
{
    private const int MaxPerPeer = 64;

    /// <summary>
    /// Requests a second of one peer: four times what Core's 256 outstanding ones, asked again every 300 ms, come to.
    /// </summary>
    private const double RequestsPerSecond = 4000;

    private readonly int[] _waiting = new int[peers];
    private readonly PeerMeter _meter = new(peers, RequestsPerSecond, RequestsPerSecond);
    private long _dropped;

    public MpmcRing<(int Peer, FetchRequest Request)> Ring { get; } = new(link.Capacity);

    public long Dropped => Volatile.Read(ref _dropped);

    public void Offer(int peer, in FetchRequest request)
    {
        if (!_meter.TryCharge(peer, 1))
        {
            Interlocked.Increment(ref _dropped);
            return;
        }

        if (Interlocked.Increment(ref _waiting[peer]) <= MaxPerPeer && Ring.TryEnqueue((peer, request)))
        {
            link.Consumer.Wake();
            return;
        }

        Interlocked.Decrement(ref _waiting[peer]);
        Interlocked.Increment(ref _dropped);
    }

    public bool TryTake(out (int Peer, FetchRequest Request) item)
    {
        if (!Ring.TryDequeue(out item))
        {
            return false;
        }

        Interlocked.Decrement(ref _waiting[item.Peer]);
        return true;
    }
}
