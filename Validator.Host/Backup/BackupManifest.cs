using System.Text;
using System.Text.Json;
using System.Text.Json.Serialization;
using Validator.Core.Primitives;
using Validator.Crypto.Simd;
using Validator.Host.Config;

namespace Validator.Host.Backup;

/// <summary>One object of a full backup.</summary>
/// <param name="Bytes">Of content, before it was compressed.</param>
/// <param name="Blake3">Of the content, hexadecimal.</param>
/// <param name="Stored">Bytes of the object.</param>
/// <param name="StoredBlake3">Of the object as it is stored.</param>
internal sealed record BackupPart(int Bytes, string Blake3, int Stored, string StoredBlake3);

/// <summary>What a full backup is, and the sums by which it is checked (FORMATS.md, "Backup"). It is written last.</summary>
/// <param name="Id">When it was begun, and the newest block in it.</param>
/// <param name="Recipient">BLAKE3 of the public key that parts are sealed for; null where they are not encrypted.</param>
/// <param name="TransportKey">BLAKE3 of the public key that signs this.</param>
/// <param name="NextIndex">Global index that the first transaction after this backup gets.</param>
internal sealed record BackupManifest(
    string Format, string Id, string ChainId, string Validator, string TransportKey, DateTime Created, string Version,
    ulong Epoch, ulong FirstBlock, ulong LastBlock, string LastHash, string Root, ulong NextIndex, ulong TimestampMicros,
    string Compression, string? Recipient, long Bytes, BackupPart[] Parts)
{
    public const string FormatName = "validator-backup 1";

    /// <summary>Sums of a hundred thousand parts.</summary>
    public const int MostBytes = 32 << 20;

    /// <summary>Of content in a part, and of an object.</summary>
    public const int MostPartBytes = 64 << 20;
    public const int MostStoredBytes = MostPartBytes + (1 << 20);

    private static ReadOnlySpan<byte> SigningContext => "validator-backup-manifest"u8;

    [JsonIgnore]
    public BackupCompression Packing => Compression switch
    {
        "gzip" => BackupCompression.Gzip,
        "zstd" => BackupCompression.Zstd,
        _ => BackupCompression.None,
    };

    /// <summary>One line of JSON, then one of the signature in hexadecimal.</summary>
    /// <param name="transportSeed">32 bytes.</param>
    public byte[] Sign(ReadOnlySpan<byte> transportSeed)
    {
        byte[] json = JsonSerializer.SerializeToUtf8Bytes(this, BackupJson.Default.BackupManifest);
        byte[] signature = new byte[Limits.SignatureBytes];
        using MlDsa87Signer signer = new(transportSeed);
        signer.Sign(json, SigningContext, signature);
        return [.. json, (byte)'\n', .. Encoding.ASCII.GetBytes(Convert.ToHexStringLower(signature)), (byte)'\n'];
    }

    /// <summary>Reads a manifest that one of these keys signed.</summary>
    /// <param name="name">Of the object, for messages.</param>
    /// <param name="transportKeys">Public keys that the validator has or had.</param>
    /// <exception cref="BackupException">It is none, changed, of another chain or validator, or signed by nobody of
    /// these.</exception>
    public static BackupManifest Read(string name, ReadOnlySpan<byte> bytes, BackupPlace place, IEnumerable<byte[]> transportKeys)
    {
        int end = bytes.IndexOf((byte)'\n');
        if (end < 0 || bytes.Length != end + 2 + (2 * Limits.SignatureBytes) || bytes[^1] != (byte)'\n')
        {
            throw new BackupException($"{name}: is no manifest of a backup: a line of JSON and one of a signature");
        }

        ReadOnlySpan<byte> json = bytes[..end];
        byte[] signature = new byte[Limits.SignatureBytes];
        bool hex = Convert.FromHexString(bytes[(end + 1)..^1], signature, out _, out _) == System.Buffers.OperationStatus.Done;
        byte[]? signer = null;
        foreach (byte[] key in transportKeys)
        {
            signer = hex && MlDsa87.Verify(key, json, SigningContext, signature) ? key : signer;
        }

        if (signer is null)
        {
            throw new BackupException($"{name}: was changed, or is not signed by the transport key of '{place.Validator}'");
        }

        BackupManifest? manifest = null;
        try
        {
            manifest = JsonSerializer.Deserialize(json, BackupJson.Default.BackupManifest);
        }
        catch (JsonException)
        {
            // Said below: whoever signed it has another version.
        }

        if (manifest is null || manifest.Format != FormatName || !manifest.IsSound)
        {
            throw new BackupException($"{name}: is of a format that this version does not know; it knows '{FormatName}'");
        }

        if (manifest.ChainId != place.ChainId.ToString() || manifest.Validator != place.Validator
            || name != place.Manifest(manifest.Id))
        {
            throw new BackupException(
                $"{name}: is the manifest of backup {manifest.Id} of '{manifest.Validator}' of chain {manifest.ChainId}: it"
                    + $" is in a wrong place");
        }

        return manifest;
    }

    private bool IsSound => Compression is "gzip" or "zstd" or "none" && Bytes == Parts.Sum(p => (long)p.Bytes)
        && Array.TrueForAll(Parts, p => p.Bytes is > 0 and <= MostPartBytes && p.Stored is > 0 and <= MostStoredBytes);
}

/// <summary>What is unknown or given twice is a fault.</summary>
[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower,
    UnmappedMemberHandling = JsonUnmappedMemberHandling.Disallow,
    AllowDuplicateProperties = false,
    DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
    RespectNullableAnnotations = true,
    RespectRequiredConstructorParameters = false)]
[JsonSerializable(typeof(BackupManifest))]
[JsonSerializable(typeof(BackupProgress))]
internal sealed partial class BackupJson : JsonSerializerContext;
