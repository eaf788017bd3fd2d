using System.Net;
using System.Net.Sockets;

namespace Validator.Net.Discovery;

/// <summary>Looks names up on the thread pool, since the resolver blocks.</summary>
internal static class NameLookup
{
    /// <summary>Begins a look-up; found is called once, on a pool thread, with null if there is no such address.</summary>
    /// <param name="socketFamily">Family of the socket that will send: an IPv4 socket reaches IPv4 addresses alone.</param>
    internal static void Begin(PeerAddress address, AddressFamily socketFamily, Action<IPEndPoint?> found) =>
        Task.Run(() => FindAsync(address, socketFamily, found));

    private static async Task FindAsync(PeerAddress address, AddressFamily socketFamily, Action<IPEndPoint?> found)
    {
        IPEndPoint? result = null;
        try
        {
            AddressFamily family = address.Kind switch
            {
                HostKind.Dns4 => AddressFamily.InterNetwork,
                HostKind.Dns6 => AddressFamily.InterNetworkV6,
                _ => socketFamily == AddressFamily.InterNetwork ? AddressFamily.InterNetwork : AddressFamily.Unspecified,
            };
            IPAddress[] all = await Dns.GetHostAddressesAsync(address.Host, family).ConfigureAwait(false);
            if (all.Length > 0) result = new IPEndPoint(all[Random.Shared.Next(all.Length)], address.Port);
        }
        catch (Exception e) when (e is SocketException or ArgumentException)
        {
            // No such name: the same as a peer that does not answer.
        }
        found(result);
    }
}
