using Validator.Core.Trust;

namespace Validator.Host.Pipeline;

/// <summary>
/// Frames that no honest validator sends: undecodable ones, and signatures that do not hold (relays verify first).
/// A few may come of a peer's bad memory; many close its connection.
/// </summary>
/// <param name="punish">Closes the peer's connection.</param>
/// <param name="note">Told of each.</param>
internal sealed class PeerFaults(int peers, Action<int> punish, Action<int, LocalFault> note)
{
    private const double Forgiven = 1;
    private const double Most = 64;

    private readonly PeerMeter _meter = new(peers, Forgiven, Most);

    public void Add(int peer, LocalFault fault)
    {
        note(peer, fault);
        if (!_meter.TryCharge(peer, 1))
        {
            _meter.Clear(peer);
            punish(peer);
        }
    }
}
