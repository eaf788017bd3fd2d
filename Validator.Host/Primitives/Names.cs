using System.Text.Json;

namespace Validator.Host.Primitives;

/// <summary>Names of enumerations as labels and in JSON.</summary>
internal static class Names
{
    /// <summary>TimestampNotAfterParent becomes timestamp_not_after_parent.</summary>
    public static string Snake(string name) => JsonNamingPolicy.SnakeCaseLower.ConvertName(name);
}
