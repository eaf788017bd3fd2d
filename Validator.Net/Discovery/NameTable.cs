using System.Net;
using System.Net.Sockets;

namespace Validator.Net.Discovery;

/// <summary>What a look-up found, on its way back to the thread that asked.</summary>
internal sealed record NameFound(HostKind Kind, string Host, NameAnswer Answer);

/// <summary>
/// The addresses of the names among peers' hints. Each name is looked up once, for however many peers it is a hint; again every
/// minute, and within 5 s while a peer is dialled by it. Callers never wait: they get what is known, and the answer comes later
/// through <paramref name="found"/>. Belongs to one thread, except for that call.
/// </summary>
internal sealed class NameTable(IPAddress listen, Func<string, AddressFamily, Task<NameAnswer>> resolve, Action<NameFound> found, Action<TransportLogLevel, string> log)
{
    private const ulong Second = 1_000_000_000;
    private const ulong FreshWhileDialled = 5 * Second;
    private const ulong Fresh = 60 * Second;
    private const ulong LinePause = 60 * Second;
    private const int MostDoublings = 6;

    private readonly Dictionary<(HostKind, string), Entry> _names = [];

    private sealed class Entry
    {
        public IPAddress[] Addresses = [];
        public bool Asking;
        public ulong AskedAt;
        public ulong Due;
        public ulong NextLine;
        public int Failures;
    }

    /// <summary>Finished look-ups, and those of them that found nothing.</summary>
    public long Lookups { get; private set; }

    /// <inheritdoc cref="Lookups"/>
    public long Failed { get; private set; }

    /// <summary>The addresses from the last successful look-up: a server that fails later removes none.</summary>
    public ReadOnlySpan<IPAddress> Of(PeerAddress hint, ulong now, bool dialling)
    {
        if (!_names.TryGetValue((hint.Kind, hint.Host), out Entry? entry)) _names[(hint.Kind, hint.Host)] = entry = new Entry();
        bool stale = entry.AskedAt == 0 || now >= entry.Due || (dialling && entry.Failures == 0 && now >= entry.AskedAt + FreshWhileDialled);
        if (stale && !entry.Asking)
        {
            entry.Asking = true;
            entry.AskedAt = now;
            _ = AskAsync(hint.Kind, hint.Host);
        }
        return entry.Addresses;
    }

    /// <summary>Takes an answer; true if the name's addresses have changed.</summary>
    public bool Take(NameFound answer, ulong now)
    {
        if (!_names.TryGetValue((answer.Kind, answer.Host), out Entry? entry)) return false;
        entry.Asking = false;
        Lookups++;
        IPAddress[] addresses = answer.Answer.Addresses;
        if (addresses.Length == 0)
        {
            Failed++;
            ulong pause = Math.Min(Second << Math.Min(entry.Failures++, MostDoublings), Fresh);
            entry.Due = now + pause;
            if (now < entry.NextLine) return false;
            entry.NextLine = now + LinePause;
            string known = entry.Addresses.Length > 0 ? $"; still taken for {string.Join(", ", entry.Addresses.AsEnumerable())}" : "";
            string family = HintReach.FamilyOf(answer.Kind, listen) switch
            {
                AddressFamily.InterNetwork => " to an IPv4 address",
                AddressFamily.InterNetworkV6 => " to an IPv6 address",
                _ => "",
            };
            log(TransportLogLevel.Warning, $"'{answer.Host}' (network.bootstrap_peers) cannot be resolved{family}: {answer.Answer.Error}{known}");
            return false;
        }
        bool again = entry.Failures > 0;
        entry.Failures = 0;
        entry.NextLine = 0;
        entry.Due = now + Fresh;
        // Servers rotate the order with each answer.
        bool changed = !addresses.ToHashSet().SetEquals(entry.Addresses);
        entry.Addresses = addresses;
        if (changed || again) log(TransportLogLevel.Info, $"'{answer.Host}' is {string.Join(", ", addresses.AsEnumerable())}");
        return changed;
    }

    /// <summary>
    /// The configuration was read again: names are looked up anew when they are needed next, and those no longer needed are
    /// dropped.
    /// </summary>
    public void Renew(IEnumerable<PeerAddress> used)
    {
        HashSet<(HostKind, string)> kept = [.. used.Select(u => (u.Kind, u.Host))];
        foreach ((HostKind, string) name in _names.Keys.Where(k => !kept.Contains(k)).ToArray()) _names.Remove(name);
        foreach (Entry entry in _names.Values) entry.Due = 0;
    }

    private async Task AskAsync(HostKind kind, string host) =>
        found(new NameFound(kind, host, await resolve(host, HintReach.FamilyOf(kind, listen)).ConfigureAwait(false)));
}
