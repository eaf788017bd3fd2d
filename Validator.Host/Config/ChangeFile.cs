using System.Text.Json;
using System.Text.Json.Serialization;
using Validator.Core.Primitives;
using Validator.Core.Wire;

namespace Validator.Host.Config;

/// <summary>
/// A committee change on its way from operator to operator: what it asks for, and the signatures so far, as they came: nobody has
/// verified them.
/// </summary>
public sealed record ChangeFile(Hash256 ChainId, CommitteeChange Change, IReadOnlyList<CertificateVote> Signatures)
{
    private const int Format = 1;

    /// <exception cref="ConfigException">It is no change, or cannot be read.</exception>
    public static ChangeFile Read(string path) => Parse(path, OperatorFile.Read(path));

    /// <exception cref="ConfigException">It is no change; the message begins with the path.</exception>
    public static ChangeFile Parse(string path, ReadOnlySpan<byte> json)
    {
        try
        {
            ChangeDocument read = JsonSerializer.Deserialize(json, ChangeJson.Default.ChangeDocument)
                ?? throw new ConfigException($"{path}: is empty");
            CommitteeChange change = new(
                read.Kind, read.Epoch, read.Name, read.Weight ?? 0, read.ConsensusKey ?? [], read.TransportKey ?? []);
            int keyBytes = change.HasKeys ? Limits.PublicKeyBytes : 0;
            bool whole = read.Format == Format && GenesisCodec.IsName(change.Name) && (change.Weight > 0) == change.HasWeight
                && change.ConsensusKey.Length == keyBytes && change.TransportKey.Length == keyBytes
                && read.Signatures.All(s => s?.Sender is >= 0 and < Limits.MaxCommittee && s.Signature.Length == Limits.SignatureBytes);
            if (!whole || !Hash256.TryParse(read.ChainId, out Hash256 chainId))
            {
                throw new ConfigException($"{path}: is no committee change of format {Format}");
            }

            CertificateVote[] signatures = Array.ConvertAll(read.Signatures, s => new CertificateVote(s.Sender, s.Signature));
            return new ChangeFile(chainId, change, signatures);
        }
        catch (JsonException e)
        {
            throw new ConfigException($"{path}: {e.Message}");
        }
    }

    /// <exception cref="ConfigException">The file cannot be written.</exception>
    public void Write(string path)
    {
        ChangeDocument document = new()
        {
            Format = Format,
            ChainId = ChainId.ToString(),
            Epoch = Change.Epoch,
            Kind = Change.Kind,
            Name = Change.Name,
            Weight = Change.HasWeight ? Change.Weight : null,
            ConsensusKey = Change.HasKeys ? Change.ConsensusKey : null,
            TransportKey = Change.HasKeys ? Change.TransportKey : null,
            Signatures = [.. Signatures.Select(s => new SignatureDocument { Sender = s.Sender, Signature = s.Signature })],
        };
        OperatorFile.Write(path, JsonSerializer.SerializeToUtf8Bytes(document, ChangeJson.Default.ChangeDocument));
    }
}

internal sealed class ChangeDocument
{
    public required int Format { get; init; }
    public required string ChainId { get; init; }
    public required ulong Epoch { get; init; }
    public required CommitteeChangeKind Kind { get; init; }
    public required string Name { get; init; }
    public uint? Weight { get; init; }
    public byte[]? ConsensusKey { get; init; }
    public byte[]? TransportKey { get; init; }
    public required SignatureDocument[] Signatures { get; init; }
}

internal sealed class SignatureDocument
{
    public required int Sender { get; init; }
    public required byte[] Signature { get; init; }
}

[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower,
    UnmappedMemberHandling = JsonUnmappedMemberHandling.Disallow,
    AllowDuplicateProperties = false,
    DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
    RespectNullableAnnotations = true,
    UseStringEnumConverter = true,
    WriteIndented = true)]
[JsonSerializable(typeof(ChangeDocument))]
internal sealed partial class ChangeJson : JsonSerializerContext;
