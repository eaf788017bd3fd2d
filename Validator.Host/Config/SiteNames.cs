namespace Validator.Host.Config;

/// <summary>Names and origins as <c>api.allowed_hosts</c> and <c>api.cors_origins</c> list them.</summary>
internal static class SiteNames
{
    /// <summary>Every name, or every origin.</summary>
    public const string Any = "*";

    /// <summary>Why an entry of <c>api.allowed_hosts</c> is not valid; null when it is.</summary>
    public static string? HostFault(string entry)
    {
        string name = entry.StartsWith("*.", StringComparison.Ordinal) ? entry[2..] : entry;
        return entry == Any || (Uri.CheckHostName(name) != UriHostNameType.Unknown && !name.Contains(':', StringComparison.Ordinal))
            ? null : $"'{entry}': expected a name without scheme and port, as validator.example, *.example or *";
    }

    /// <summary>Why an entry of <c>api.cors_origins</c> is not valid; null when it is.</summary>
    public static string? OriginFault(string entry) =>
        entry == Any || (Uri.TryCreate(entry, UriKind.Absolute, out Uri? uri) && uri.Scheme is "http" or "https" && OriginOf(uri) == entry)
            ? null : $"'{entry}': expected an origin as a browser sends it, https://wallet.example or http://localhost:3000, or *";

    public static string OriginOf(Uri uri) => $"{uri.Scheme}://{uri.Authority}";
}
