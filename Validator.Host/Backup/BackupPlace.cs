using System.Globalization;
using Validator.Core.Primitives;

namespace Validator.Host.Backup;

/// <summary>
/// The names of one validator's objects in a target, so that many validators and chains can share one:
/// <c>CHAIN/NAME/full/ID/manifest</c>, <c>.../part-00000</c>. CHAIN is 16 digits of the chain's id.
/// </summary>
internal sealed record BackupPlace(Hash256 ChainId, string Validator)
{
    private const string IdTime = "yyyyMMdd'T'HHmmss'Z'";

    public string Base => $"{ChainId.ToString()[..16]}/{Validator}/";

    public string Fulls => Base + "full/";

    public string Full(string id) => $"{Fulls}{id}/";

    public string Manifest(string id) => Full(id) + "manifest";

    public string Part(string id, int number) => string.Create(CultureInfo.InvariantCulture, $"{Full(id)}part-{number:D5}");

    public string Archive => Base + "archive/";

    /// <summary>Sorted as text, names are sorted by block.</summary>
    public string Segment(ulong first, ulong last) =>
        string.Create(CultureInfo.InvariantCulture, $"{Archive}{first:D20}-{last:D20}");

    /// <summary>The blocks in a segment of that name; null where it is none.</summary>
    public (ulong First, ulong Last)? SegmentIn(string name) =>
        name.Length == Archive.Length + 41 && name.StartsWith(Archive, StringComparison.Ordinal)
            && name[Archive.Length + 20] == '-'
        && StrictNumber.TryRead(name.AsSpan(Archive.Length, 20), out ulong first)
        && StrictNumber.TryRead(name.AsSpan(Archive.Length + 21), out ulong last) && first > 0 && first <= last
            ? (first, last) : null;

    /// <summary>Sorted as text, ids are sorted by time.</summary>
    public static string IdOf(DateTime begun, ulong lastBlock) =>
        string.Create(
            CultureInfo.InvariantCulture,
            $"{begun.ToUniversalTime().ToString(IdTime, CultureInfo.InvariantCulture)}-{lastBlock}");

    /// <summary>When a backup was begun; null where the text is no id.</summary>
    public static DateTime? BegunOf(string id) =>
        id.Length > 17 && id[16] == '-' && id.AsSpan(17).IndexOfAnyExceptInRange('0', '9') < 0
        && DateTime.TryParseExact(
            id[..16], IdTime, CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal | DateTimeStyles.AdjustToUniversal,
            out DateTime begun)
            ? begun : null;

    /// <summary>The id in the name of one of its objects; null where the name is no such one.</summary>
    public string? IdIn(string name)
    {
        if (!name.StartsWith(Fulls, StringComparison.Ordinal))
        {
            return null;
        }

        string rest = name[Fulls.Length..];
        int slash = rest.IndexOf('/', StringComparison.Ordinal);
        return slash > 0 && BegunOf(rest[..slash]) is not null ? rest[..slash] : null;
    }
}
