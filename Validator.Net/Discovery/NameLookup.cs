using System.Net;

namespace Validator.Net.Discovery;

/// <summary>Looks a hint's name up for the network thread.</summary>
internal static class NameLookup
{
    /// <summary>Begins a look-up; found is called once, on a pool thread, with null if there is no such address.</summary>
    /// <param name="listen">Address of the socket that will send.</param>
    internal static void Begin(PeerAddress address, IPAddress listen, Action<IPEndPoint?> found) => _ = FindAsync(address, listen, found);

    private static async Task FindAsync(PeerAddress address, IPAddress listen, Action<IPEndPoint?> found)
    {
        NameAnswer answer = await NameResolver.FindAsync(address.Host, HintReach.FamilyOf(address.Kind, listen)).ConfigureAwait(false);
        IPAddress[] all = answer.Addresses;
        found(all.Length > 0 ? new IPEndPoint(all[Random.Shared.Next(all.Length)], address.Port) : null);
    }
}
