using System.Text.Json;
using System.Text.Json.Serialization;
using Validator.Core.Primitives;
using Validator.Core.Wire;
using Validator.Host.Storage;

namespace Validator.Host.Config;

/// <summary>
/// genesis.json and the public member files that it is built from. JSON is for people; the chain id is the hash of the
/// canonical binary encoding (Validator.Core/Wire/GenesisCodec), so that layout and spaces do not matter.
/// </summary>
public static class GenesisFile
{
    private const int Format = 1;

    /// <exception cref="ConfigException">Missing, not such a file, or a genesis that cannot run a chain.</exception>
    public static Genesis Read(string path, out Hash256 chainId) => Parse(path, OperatorFile.Read(path), out chainId);

    /// <param name="path">Named in errors.</param>
    /// <exception cref="ConfigException">Not such a file, or a genesis that cannot run a chain.</exception>
    internal static Genesis Parse(string path, ReadOnlySpan<byte> json, out Hash256 chainId)
    {
        GenesisDocument document = Deserialize(path, json, ConfigJson.Default.GenesisDocument);
        RequireFormat(path, document.Format);
        Genesis genesis = new(
            document.Network,
            document.TimestampMicros,
            document.Parameters.ToParameters() with { Trust = document.Trust?.ToParameters(path) },
            [.. document.Members.Select(m => ToMember(path, m))]);
        if (GenesisCodec.Refusal(genesis) is { } refusal)
        {
            throw new ConfigException($"{path}: {refusal}");
        }

        chainId = GenesisCodec.ChainId(genesis);
        if (document.ChainId is { } stated && stated != chainId.ToString())
        {
            throw new ConfigException($"{path}: chain_id says {stated}, but the content hashes to {chainId}: something was changed");
        }

        return genesis;
    }

    /// <exception cref="ConfigException">It cannot run a chain, or the file exists or cannot be written.</exception>
    public static Hash256 Write(string path, Genesis genesis)
    {
        if (GenesisCodec.Refusal(genesis) is { } refusal)
        {
            throw new ConfigException($"this genesis cannot start a chain: {refusal}");
        }

        Hash256 chainId = GenesisCodec.ChainId(genesis);
        GenesisDocument document = new()
        {
            Format = Format,
            ChainId = chainId.ToString(),
            Network = genesis.Network,
            TimestampMicros = genesis.TimestampMicros,
            Parameters = ParametersDocument.From(genesis.Parameters),
            Trust = genesis.Parameters.Trust is { } trust ? TrustDocument.From(trust) : null,
            Members = [.. genesis.Members.Select(ToDocument)],
        };
        Serialize(path, JsonSerializer.SerializeToUtf8Bytes(document, ConfigJson.Default.GenesisDocument));
        return chainId;
    }

    /// <summary>Reads the trust part of a genesis from a file of its own.</summary>
    /// <exception cref="ConfigException">It is none.</exception>
    public static TrustParameters ReadTrust(string path) =>
        Deserialize(path, OperatorFile.Read(path), ConfigJson.Default.TrustDocument).ToParameters(path);

    /// <summary>Reads the public file that <c>keygen</c> wrote.</summary>
    /// <exception cref="ConfigException">It is not one.</exception>
    public static Member ReadMember(string path) => ParseMember(path, OperatorFile.Read(path));

    /// <exception cref="ConfigException">It is not one.</exception>
    internal static Member ParseMember(string path, ReadOnlySpan<byte> json)
    {
        MemberFile file = Deserialize(path, json, ConfigJson.Default.MemberFile);
        RequireFormat(path, file.Format);
        return ToMember(path, file.Member);
    }

    /// <exception cref="ConfigException">The file exists or cannot be written.</exception>
    public static void WriteMember(string path, Member member) =>
        Serialize(path, JsonSerializer.SerializeToUtf8Bytes(
            new MemberFile { Format = Format, Member = ToDocument(member) }, ConfigJson.Default.MemberFile));

    private static MemberDocument ToDocument(Member member) => new()
    {
        Name = member.Name,
        Weight = member.Weight,
        ConsensusKey = member.ConsensusKey,
        TransportKey = member.TransportKey,
    };

    private static Member ToMember(string path, MemberDocument? member)
    {
        if (member is null)
        {
            throw new ConfigException($"{path}: has null in the place of a member");
        }

        if (member.ConsensusKey.Length != Limits.PublicKeyBytes || member.TransportKey.Length != Limits.PublicKeyBytes)
        {
            throw new ConfigException($"{path}: member '{member.Name}': both keys have {Limits.PublicKeyBytes} bytes, in base64");
        }

        return new Member(member.Name, member.ConsensusKey, member.TransportKey, member.Weight);
    }

    private static void RequireFormat(string path, int format)
    {
        if (format != Format)
        {
            throw new ConfigException($"{path}: format {format} is not known to this version; expected {Format}");
        }
    }

    private static T Deserialize<T>(string path, ReadOnlySpan<byte> json, System.Text.Json.Serialization.Metadata.JsonTypeInfo<T> type)
        where T : class
    {
        try
        {
            return JsonSerializer.Deserialize(json, type) ?? throw new ConfigException($"{path}: holds null");
        }
        catch (JsonException e)
        {
            throw new ConfigException($"{path}:{e.LineNumber + 1}:{e.BytePositionInLine + 1}: {e.Message}");
        }
    }

    private static void Serialize(string path, byte[] json)
    {
        try
        {
            DurableFile.Create(path, [.. json, (byte)'\n']);
        }
        catch (IOException) when (File.Exists(path))
        {
            throw new ConfigException($"{path}: exists already; it is not overwritten");
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new ConfigException($"{path}: cannot be written: {e.Message}");
        }
    }
}

internal sealed class GenesisDocument
{
    public required int Format { get; init; }
    public string? ChainId { get; init; }
    public required string Network { get; init; }
    public required ulong TimestampMicros { get; init; }
    public required ParametersDocument Parameters { get; init; }
    public TrustDocument? Trust { get; init; }
    public required MemberDocument[] Members { get; init; }
}

internal sealed class ParametersDocument
{
    public required uint WindowBlocks { get; init; }
    public required ulong TimestampBoundMicros { get; init; }
    public required uint MaxVertexPayloadBytes { get; init; }
    public required uint MaxBlockVertices { get; init; }
    public required uint DedupWindow { get; init; }
    public required ulong EpochLengthBlocks { get; init; }

    public static ParametersDocument From(GenesisParameters p) => new()
    {
        WindowBlocks = p.WindowBlocks,
        TimestampBoundMicros = p.TimestampBoundMicros,
        MaxVertexPayloadBytes = p.MaxVertexPayloadBytes,
        MaxBlockVertices = p.MaxBlockVertices,
        DedupWindow = p.DedupWindow,
        EpochLengthBlocks = p.EpochLengthBlocks,
    };

    public GenesisParameters ToParameters() => new()
    {
        WindowBlocks = WindowBlocks,
        TimestampBoundMicros = TimestampBoundMicros,
        MaxVertexPayloadBytes = MaxVertexPayloadBytes,
        MaxBlockVertices = MaxBlockVertices,
        DedupWindow = DedupWindow,
        EpochLengthBlocks = EpochLengthBlocks,
    };
}

internal sealed class MemberDocument
{
    public required string Name { get; init; }
    public required uint Weight { get; init; }
    public required byte[] ConsensusKey { get; init; }
    public required byte[] TransportKey { get; init; }
}

internal sealed class MemberFile
{
    public required int Format { get; init; }
    public required MemberDocument Member { get; init; }
}

[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower,
    UnmappedMemberHandling = JsonUnmappedMemberHandling.Disallow,
    AllowDuplicateProperties = false,
    DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
    RespectNullableAnnotations = true,
    WriteIndented = true)]
[JsonSerializable(typeof(GenesisDocument))]
[JsonSerializable(typeof(MemberFile))]
[JsonSerializable(typeof(TrustDocument))]
internal sealed partial class ConfigJson : JsonSerializerContext;
