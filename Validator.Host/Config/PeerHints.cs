using Validator.Core.Primitives;
using Validator.Net.Discovery;

namespace Validator.Host.Config;

/// <summary>
/// <c>network.bootstrap_peers</c>: addresses are hints, identity is the key. With <c>/p2p/NAME</c> behind it a hint is tried
/// for that member; without, for every member, and the handshake tells who answered.
/// </summary>
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

    /// <summary>Per committee index, the addresses to try, the member's own first; empty for ourselves.</summary>
    /// <exception cref="ConfigException">A name that genesis does not have.</exception>
    public static PeerAddress[][] ByMember(IReadOnlyList<string> hints, Genesis genesis, int self)
    {
        List<PeerAddress>[] named = [.. genesis.Members.Select(_ => new List<PeerAddress>())];
        List<PeerAddress> anyone = [];
        foreach (string hint in hints)
        {
            if (!TrySplit(hint, out string text, out string name, out string error)
                || !Multiaddr.TryParse(text, out PeerAddress address, out error))
            {
                throw new ConfigException($"network.bootstrap_peers: '{hint}': {error}");
            }

            int member = Array.FindIndex(genesis.Members, m => m.Name == name);
            if (name.Length > 0 && member < 0)
            {
                string? nearest = NearestName.Find(name, genesis.Members.Select(m => m.Name));
                throw new ConfigException(
                    $"network.bootstrap_peers: '{hint}': genesis has no member '{name}'{(nearest is null ? "" : $"; did you mean {nearest}?")}");
            }

            (member < 0 ? anyone : named[member]).Add(address);
        }

        return [.. named.Select((own, i) => i == self ? [] : own.Concat(anyone).Distinct().ToArray())];
    }
}
