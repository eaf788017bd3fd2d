using System.Text.Json;
using System.Text.Json.Serialization;

namespace Validator.Host.Pipeline;

/// <summary>Files that the node writes for its next start and for operators: what is unknown or given twice is damage.</summary>
[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower,
    UnmappedMemberHandling = JsonUnmappedMemberHandling.Disallow,
    AllowDuplicateProperties = false,
    DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
    RespectNullableAnnotations = true,
    WriteIndented = true)]
[JsonSerializable(typeof(FailedForkDocument))]
[JsonSerializable(typeof(ScoresDocument))]
internal sealed partial class SmallFileJson : JsonSerializerContext;
