using System.Text.Json;

namespace Validator.Host.Cli;

/// <summary>Reads what an API answered: a member that comes twice has no meaning, whoever wins.</summary>
internal static class AnswerJson
{
    private static readonly JsonDocumentOptions s_strict = new() { AllowDuplicateProperties = false };

    /// <exception cref="JsonException">It is no JSON, or has a member twice.</exception>
    public static JsonDocument Parse(string json) => JsonDocument.Parse(json, s_strict);

    /// <exception cref="JsonException">It is no JSON, or has a member twice.</exception>
    public static JsonDocument Parse(Stream json) => JsonDocument.Parse(json, s_strict);
}
