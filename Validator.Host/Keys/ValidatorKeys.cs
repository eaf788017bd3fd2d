using System.Security.Cryptography;
using Validator.Core.Primitives;
using Validator.Crypto.Simd;
using Validator.Host.Config;

namespace Validator.Host.Keys;

/// <summary>Own key pairs as ML-DSA-87 seeds (FIPS 204, xi), 32 bytes each, with their public keys, 2592 bytes each.</summary>
public sealed record ValidatorKeys(
    byte[] ConsensusSeed, byte[] ConsensusPublicKey, byte[] TransportSeed, byte[] TransportPublicKey)
{
    /// <summary>Makes both keys in a folder that has neither.</summary>
    /// <exception cref="KeyException">A file exists or cannot be written.</exception>
    public static ValidatorKeys Create(CryptoSection files)
    {
        try
        {
            Directory.CreateDirectory(
                files.KeyPath, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new KeyException($"{files.KeyPath}: cannot be made: {e.Message}");
        }

        return FromSeeds(
            KeyFile.Create(files.ConsensusKeyFile, KeyPurpose.Consensus),
            KeyFile.Create(files.TransportKeyFile, KeyPurpose.Transport));
    }

    /// <exception cref="KeyException">A file is missing, readable by others, or damaged; or both hold one key.</exception>
    public static ValidatorKeys Read(CryptoSection files)
    {
        ValidatorKeys keys = FromSeeds(
            KeyFile.Read(files.ConsensusKeyFile, KeyPurpose.Consensus),
            KeyFile.Read(files.TransportKeyFile, KeyPurpose.Transport));
        return CryptographicOperations.FixedTimeEquals(keys.ConsensusSeed, keys.TransportSeed)
            ? throw new KeyException($"{files.TransportKeyFile}: holds the consensus key, which must never enter TLS")
            : keys;
    }

    /// <exception cref="KeyException">These are not the keys that genesis names for this member.</exception>
    public void RequireMember(Member member, CryptoSection files)
    {
        if (!ConsensusPublicKey.AsSpan().SequenceEqual(member.ConsensusKey))
        {
            throw new KeyException($"{files.ConsensusKeyFile}: is not the key that genesis names for '{member.Name}' (node.id)");
        }

        if (!TransportPublicKey.AsSpan().SequenceEqual(member.TransportKey))
        {
            throw new KeyException($"{files.TransportKeyFile}: is not the key that genesis names for '{member.Name}' (node.id)");
        }
    }

    private static ValidatorKeys FromSeeds(byte[] consensus, byte[] transport) =>
        new(consensus, PublicKey(consensus), transport, PublicKey(transport));

    private static byte[] PublicKey(byte[] seed)
    {
        byte[] key = new byte[Limits.PublicKeyBytes];
        byte[] secret = new byte[MlDsa87.SecretKeyBytes];
        MlDsa87.KeyGen(seed, key, secret);
        CryptographicOperations.ZeroMemory(secret);
        return key;
    }
}
