using Validator.Core.Primitives;
using Validator.Net.Discovery;

namespace Validator.Host.Config;

/// <summary>Where members may be, by name. Addresses are hints, identity is the key.</summary>
/// <param name="named">By name; a hint without a name may be anybody's, and the handshake tells who answered.</param>
public sealed class PeerAddressBook(IReadOnlyList<(string Name, PeerAddress Address)> named)
{
    /// <summary>The addresses to try for a member, its own first.</summary>
    public PeerAddress[] For(string name) =>
        [.. named.Where(n => n.Name == name).Concat(named.Where(n => n.Name.Length == 0)).Select(n => n.Address).Distinct()];
}

/// <summary><c>network.bootstrap_peers</c>: an address, with <c>/p2p/NAME</c> behind it where it is one member's.</summary>
public static class PeerHints
{
    private const string Suffix = "/p2p/";

    /// <summary>Splits the suffix off.</summary>
    /// <param name="name">Empty when there is none.</param>
    public static bool TrySplit(string hint, out string address, out string name, out string error)
    {
        int at = hint.IndexOf(Suffix, StringComparison.Ordinal);
        address = at < 0 ? hint : hint[..at];
        name = at < 0 ? "" : hint[(at + Suffix.Length)..];
        error = at >= 0 && (name.Length == 0 || name.Contains('/')) ? "expected a member's name after /p2p/" : "";
        return error.Length == 0;
    }

    /// <param name="anyName">Whether a name that is not in genesis may be a member's that joined later.</param>
    /// <exception cref="ConfigException">A name that genesis does not have.</exception>
    public static PeerAddressBook Read(IReadOnlyList<string> hints, Genesis genesis, bool anyName)
    {
        List<(string, PeerAddress)> named = [];
        foreach (string hint in hints)
        {
            if (!TrySplit(hint, out string text, out string name, out string error)
                || !Multiaddr.TryParse(text, out PeerAddress address, out error))
            {
                throw new ConfigException($"network.bootstrap_peers: '{hint}': {error}");
            }

            if (name.Length > 0 && !anyName && !Array.Exists(genesis.Members, m => m.Name == name))
            {
                string? nearest = NearestName.Find(name, genesis.Members.Select(m => m.Name));
                throw new ConfigException(
                    $"network.bootstrap_peers: '{hint}': genesis has no member '{name}'{(nearest is null ? "" : $"; did you mean {nearest}?")}");
            }

            named.Add((name, address));
        }

        return new PeerAddressBook(named);
    }
}
