using System.Diagnostics;

namespace Validator.Host.Pipeline;

/// <summary>
/// A leaky bucket for each peer: what it has been charged drains at a rate. Any thread; a race may let one charge too many or too
/// few count, never more.
/// </summary>
/// <param name="perSecond">What drains.</param>
/// <param name="most">What may be in it.</param>
internal sealed class PeerMeter(int peers, double perSecond, double most)
{
    private readonly Lock[] _locks = [.. Enumerable.Range(0, peers).Select(_ => new Lock())];
    private readonly double[] _level = new double[peers];
    private readonly long[] _at = new long[peers];

    /// <summary>Charges the peer.</summary>
    /// <returns>
    /// False when it would overflow; the charge is then not added, so the peer is let in again as the bucket drains.
    /// </returns>
    public bool TryCharge(int peer, double amount)
    {
        lock (_locks[peer])
        {
            Drain(peer);
            if (_level[peer] >= most)
            {
                return false;
            }

            _level[peer] += amount;
            return true;
        }
    }

    public void Clear(int peer)
    {
        lock (_locks[peer])
        {
            _level[peer] = 0;
        }
    }

    private void Drain(int peer)
    {
        long now = Stopwatch.GetTimestamp();
        _level[peer] = Math.Max(0, _level[peer] - (Stopwatch.GetElapsedTime(_at[peer], now).TotalSeconds * perSecond));
        _at[peer] = now;
    }
}
