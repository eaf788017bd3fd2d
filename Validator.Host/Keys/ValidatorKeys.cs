using System.Security.Cryptography;
using Validator.Core.Primitives;
using Validator.Crypto.Simd;
using Validator.Host.Config;

namespace Validator.Host.Keys;

/// <summary>
/// Own key pairs as ML-DSA-87 seeds (FIPS 204, xi), 32 bytes each, with their public keys, 2592 bytes each. Disposal zeroes
/// the seeds; the public keys stay.
/// </summary>
public sealed record ValidatorKeys(
    SecretBuffer ConsensusSeed, byte[] ConsensusPublicKey, SecretBuffer TransportSeed, byte[] TransportPublicKey) : IDisposable
{
    /// <summary>Makes both keys in a folder that has neither, encrypted if a passphrase is given.</summary>
    /// <exception cref="KeyException">A file exists or cannot be written.</exception>
    public static ValidatorKeys Create(CryptoSection files, SecretBuffer? passphrase = null)
    {
        MakeFolder(files);
        return FromSeeds(
            KeyFile.Create(files.ConsensusKeyFile, KeyPurpose.Consensus, passphrase),
            KeyFile.Create(files.TransportKeyFile, KeyPurpose.Transport, passphrase));
    }

    /// <summary>Makes the folder, for its owner alone, where it is missing.</summary>
    /// <exception cref="KeyException">It cannot be made.</exception>
    internal static void MakeFolder(CryptoSection files)
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
    }

    /// <exception cref="KeyException">A file is missing, readable by others, damaged or cannot be decrypted; or both hold the
    /// same key.</exception>
    public static ValidatorKeys Read(CryptoSection files, SecretBuffer? passphrase = null)
    {
        ValidatorKeys keys = FromSeeds(
            KeyFile.Read(files.ConsensusKeyFile, KeyPurpose.Consensus, passphrase),
            KeyFile.Read(files.TransportKeyFile, KeyPurpose.Transport, passphrase));
        return CryptographicOperations.FixedTimeEquals(keys.ConsensusSeed.Span, keys.TransportSeed.Span)
            ? throw new KeyException($"{files.TransportKeyFile}: holds the consensus key, which must never enter TLS")
            : keys;
    }

    /// <exception cref="KeyException">These are not the keys that genesis names for this member.</exception>
    public void RequireMember(Member member, CryptoSection files)
    {
        if (!ConsensusPublicKey.AsSpan().SequenceEqual(member.ConsensusKey))
        {
            throw new KeyException($"{files.ConsensusKeyFile}: is not the key that genesis names for '{member.Name}' (node.id). If a committee change gave it other keys: node.outside_genesis = true");
        }

        if (!TransportPublicKey.AsSpan().SequenceEqual(member.TransportKey))
        {
            throw new KeyException($"{files.TransportKeyFile}: is not the key that genesis names for '{member.Name}' (node.id). If a committee change gave it other keys: node.outside_genesis = true");
        }
    }

    /// <summary>Zeroes and frees the seeds.</summary>
    public void Dispose()
    {
        ConsensusSeed.Dispose();
        TransportSeed.Dispose();
    }

    private static ValidatorKeys FromSeeds(SecretBuffer consensus, SecretBuffer transport) =>
        new(consensus, PublicKey(consensus), transport, PublicKey(transport));

    private static byte[] PublicKey(SecretBuffer seed)
    {
        byte[] key = new byte[Limits.PublicKeyBytes];
        using SecretBuffer secret = new(MlDsa87.SecretKeyBytes);
        MlDsa87.KeyGen(seed.Span, key, secret.Span);
        return key;
    }
}
