using System.Buffers.Binary;
using Validator.Core.Primitives;

namespace Validator.Host.Storage;

/// <summary>Whose store it is. Written at its creation and compared at each opening.</summary>
/// <param name="ChainId">BLAKE3 of genesis.</param>
/// <param name="ConsensusKeyHash">BLAKE3 of the own ML-DSA-87 public key, 2592 bytes.</param>
public sealed record StoreIdentity(Hash256 ChainId, Hash256 ConsensusKeyHash)
{
    /// <summary>Version of the layout of keys and values, for both stores.</summary>
#if VALIDATOR_TRIAL_FORMAT
    public const ushort FormatVersion = 5;
#else
    public const ushort FormatVersion = 4;
#endif

    /// <summary>
    /// The oldest format that is read and written as it is. A ledger of format 3 becomes one of format 4 with the first
    /// certificates that it drops.
    /// </summary>
#if VALIDATOR_TRIAL_FORMAT
    public const ushort OldestVersion = FormatVersion;
#else
    public const ushort OldestVersion = 3;
#endif

    internal const int EncodedSize = 16 + (2 * Hash256.Size);

    private static ReadOnlySpan<byte> Magic => "VALIDATORDB"u8;

    public static StoreIdentity Of(Hash256 chainId, ReadOnlySpan<byte> consensusPublicKey) =>
        new(chainId, Hash256.Of(consensusPublicKey));

    /// <summary>The identity in a record of this kind and format; null for any other record.</summary>
    internal static StoreIdentity? Read(ReadOnlySpan<byte> record, StoreKind kind) =>
        record.Length == EncodedSize && record[..11].SequenceEqual(Magic) && record[11] == (byte)kind
            && BinaryPrimitives.ReadUInt16LittleEndian(record[12..]) is >= OldestVersion and <= FormatVersion
            ? new StoreIdentity(new Hash256(record[16..]), new Hash256(record[(16 + Hash256.Size)..])) : null;

    /// <summary>11 bytes magic, kind, u16 format version, 2 reserved, chain id, key hash.</summary>
    internal byte[] Encode(StoreKind kind, ushort formatVersion = FormatVersion)
    {
        byte[] record = new byte[EncodedSize];
        Magic.CopyTo(record);
        record[11] = (byte)kind;
        BinaryPrimitives.WriteUInt16LittleEndian(record.AsSpan(12), formatVersion);
        ChainId.CopyTo(record.AsSpan(16));
        ConsensusKeyHash.CopyTo(record.AsSpan(16 + Hash256.Size));
        return record;
    }

    /// <summary>Throws unless the stored record is this store's and of this format.</summary>
    internal void Check(ReadOnlySpan<byte> record, StoreKind kind, string path)
    {
        if (Refusal(record, kind, path) is { } refusal)
        {
            throw refusal;
        }
    }

    /// <summary>The format that a record states; 0 where it is none.</summary>
    internal static ushort FormatOf(ReadOnlySpan<byte> record) =>
        record.Length >= 16 && record[..11].SequenceEqual(Magic) ? BinaryPrimitives.ReadUInt16LittleEndian(record[12..]) : (ushort)0;

    /// <summary>Why the stored record is not this store's or not of this format; null when it is both.</summary>
    /// <param name="migrating">Accept an older format from which steps lead here.</param>
    internal StoreException? Refusal(ReadOnlySpan<byte> record, StoreKind kind, string path, bool migrating = false)
    {
        if (record.Length < 16 || !record[..11].SequenceEqual(Magic))
        {
            return new StoreException(
                StoreFault.ForeignKind, $"{path} is not a validator's database. Give another path, or move what is there away.");
        }

        if (record[11] != (byte)kind)
        {
            return new StoreException(
                StoreFault.ForeignKind, $"{path} holds a {Name((StoreKind)record[11])}, not a {Name(kind)}. Check the paths in the configuration.");
        }

        ushort version = BinaryPrimitives.ReadUInt16LittleEndian(record[12..]);
        if (version > FormatVersion)
        {
            return new StoreException(
                StoreFault.NewerFormat,
                $"{path} has format {version}, this binary knows formats up to {FormatVersion}. Run the newer binary that wrote it, or go back as docs/OPERATIONS.md says under Upgrading.");
        }

        if (version < OldestVersion && !(migrating && StoreMigration.Leads(version)))
        {
            string next = StoreMigration.Leads(version)
                ? "Keep a copy of the whole folder, then run: validator db migrate --config NODE.TOML"
                : "no step leads here from it. Run the older binary that wrote it.";
            return new StoreException(
                StoreFault.OlderFormat,
                $"{path} has format {version}, this binary reads formats {OldestVersion} to {FormatVersion}: {next}");
        }

        if (record.Length != EncodedSize)
        {
            return new StoreException(StoreFault.Corrupt, $"{path}: the identity record has {record.Length} bytes, not {EncodedSize}.");
        }

        Hash256 chain = new(record[16..]);
        if (chain != ChainId)
        {
            return new StoreException(
                StoreFault.ForeignChain,
                $"{path} belongs to chain {chain}, the configured genesis is chain {ChainId}. Give the right genesis, or another path.");
        }

        if (new Hash256(record[(16 + Hash256.Size)..]) != ConsensusKeyHash)
        {
            return new StoreException(
                StoreFault.ForeignKey,
                $"{path} belongs to another consensus key. Give the key that it was created with (crypto.key_path), or another path.");
        }

        return null;
    }

    private static string Name(StoreKind kind) => kind switch
    {
        StoreKind.Votes => "vote store",
        StoreKind.Ledger => "ledger",
        _ => "database of an unknown kind",
    };
}

internal enum StoreKind : byte
{
    Votes = 1,
    Ledger = 2,
}
