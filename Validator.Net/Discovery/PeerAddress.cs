using System.Globalization;
using System.Net;
using System.Net.Sockets;

namespace Validator.Net.Discovery;

/// <summary>How a host is named.</summary>
public enum HostKind : byte
{
    Ip4 = 0,
    Ip6 = 1,

    /// <summary>A name for either family.</summary>
    Dns = 2,

    /// <summary>A name for IPv4 only.</summary>
    Dns4 = 3,

    /// <summary>A name for IPv6 only.</summary>
    Dns6 = 4,
}

/// <summary>Where a peer may be reached: a hint, never its identity.</summary>
/// <param name="Kind">What Host is.</param>
/// <param name="Host">An address in its canonical form, or a name in lower case.</param>
/// <param name="Port">UDP port, 1 to 65535.</param>
public readonly record struct PeerAddress(HostKind Kind, string Host, ushort Port)
{
    /// <summary>The address as a hint.</summary>
    public static PeerAddress From(IPEndPoint endPoint)
    {
        HostKind kind = endPoint.AddressFamily == AddressFamily.InterNetworkV6 ? HostKind.Ip6 : HostKind.Ip4;
        return new PeerAddress(kind, endPoint.Address.ToString(), (ushort)endPoint.Port);
    }

    /// <summary>The IP address, when Host is one.</summary>
    public bool TryGetEndPoint(out IPEndPoint endPoint)
    {
        endPoint = null!;
        if (Kind is not (HostKind.Ip4 or HostKind.Ip6) || !IPAddress.TryParse(Host, out IPAddress? address)) return false;
        endPoint = new IPEndPoint(address, Port);
        return true;
    }

    /// <summary>The multiaddr text, which Multiaddr.TryParse reads back to an equal value.</summary>
    public override string ToString()
    {
        string kind = Kind switch
        {
            HostKind.Ip4 => "ip4",
            HostKind.Ip6 => "ip6",
            HostKind.Dns => "dns",
            HostKind.Dns4 => "dns4",
            _ => "dns6",
        };
        return string.Create(CultureInfo.InvariantCulture, $"/{kind}/{Host}/udp/{Port}/quic-v1");
    }
}
