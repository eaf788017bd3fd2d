using System.Net;
using System.Net.Sockets;

namespace Validator.Net.Discovery;

/// <summary>Which hints the UDP socket can send to at all, given the one address, and its family, that it is bound to.</summary>
public static class HintReach
{
    /// <returns>Why the socket can never reach the hint, and what would help; null if it can.</returns>
    public static string? Explain(PeerAddress hint, IPAddress listen)
    {
        bool v6Only = hint.Kind is HostKind.Ip6 or HostKind.Dns6;
        bool v4Only = hint.Kind is HostKind.Ip4 or HostKind.Dns4;
        if (v6Only && listen.AddressFamily == AddressFamily.InterNetwork)
        {
            return $"is IPv6, and network.listen_addr ({listen}) is IPv4: never dialled; [::]:PORT serves both";
        }
        if (v4Only && listen.AddressFamily == AddressFamily.InterNetworkV6 && !TakesBoth(listen))
        {
            return $"is IPv4, and network.listen_addr ({listen}) is one IPv6 address: never dialled; [::]:PORT serves both";
        }
        bool elsewhere = hint.TryGetEndPoint(out IPEndPoint at) && !IPAddress.IsLoopback(at.Address);
        return elsewhere && IPAddress.IsLoopback(listen) ? $"is another machine's, and network.listen_addr ({listen}) reaches this one alone: never dialled" : null;
    }

    /// <summary>The addresses of a name that such a socket sends to.</summary>
    public static AddressFamily FamilyOf(HostKind kind, IPAddress listen) => kind switch
    {
        HostKind.Dns4 => AddressFamily.InterNetwork,
        HostKind.Dns6 => AddressFamily.InterNetworkV6,
        _ when listen.AddressFamily == AddressFamily.InterNetwork => AddressFamily.InterNetwork,
        _ => TakesBoth(listen) ? AddressFamily.Unspecified : AddressFamily.InterNetworkV6,
    };

    private static bool TakesBoth(IPAddress listen) => listen.Equals(IPAddress.IPv6Any) || listen.IsIPv4MappedToIPv6;
}
