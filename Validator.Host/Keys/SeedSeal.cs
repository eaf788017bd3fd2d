using System.Runtime.InteropServices;
using System.Security.Cryptography;
using Validator.Core.Primitives;
using Validator.Crypto.Simd;

namespace Validator.Host.Keys;

/// <summary>The cost of one guess of a passphrase: Argon2id's memory and passes (RFC 9106, section 3.1), on one lane.</summary>
/// <param name="MemoryKib">8 to 1,048,576.</param>
/// <param name="Passes">1 to 16.</param>
public readonly record struct PassphraseCost(uint MemoryKib, uint Passes)
{
    /// <summary>RFC 9106's second recommendation (section 4) on one lane: 64 MiB, three passes.</summary>
    public static PassphraseCost Default => new(65536, 3);

    public bool IsValid => MemoryKib is >= 8 and <= 1 << 20 && Passes is >= 1 and <= 16;
}

/// <summary>
/// A seed under a passphrase: AES-256-GCM with a key by Argon2id (version 0x13, OpenSSL's), salt and nonce fresh each time.
/// </summary>
internal static unsafe partial class SeedSeal
{
    internal const int SaltBytes = 16;
    internal const int NonceBytes = 12;
    internal const int TagBytes = 16;

    /// <summary>Bytes of a sealed seed: nonce, ciphertext, tag.</summary>
    internal const int SealedBytes = NonceBytes + KeyFile.SeedBytes + TagBytes;

    private const int KeyBytes = 32;

    /// <param name="header">Authenticated, not encrypted.</param>
    internal static byte[] Seal(
        ReadOnlySpan<byte> seed, ReadOnlySpan<byte> passphrase, ReadOnlySpan<byte> salt, PassphraseCost cost, ReadOnlySpan<byte> header)
    {
        byte[] result = new byte[SealedBytes];
        Span<byte> nonce = result.AsSpan(0, NonceBytes);
        RandomNumberGenerator.Fill(nonce);
        using SecretBuffer key = DeriveKey(passphrase, salt, cost);
        using AesGcm cipher = new(key.Span, TagBytes);
        cipher.Encrypt(nonce, seed, result.AsSpan(NonceBytes, KeyFile.SeedBytes), result.AsSpan(NonceBytes + KeyFile.SeedBytes), header);
        return result;
    }

    /// <summary>False if the passphrase is wrong, or a byte of header or sealed seed was changed.</summary>
    internal static bool TryOpen(
        ReadOnlySpan<byte> sealedSeed, ReadOnlySpan<byte> passphrase, ReadOnlySpan<byte> salt, PassphraseCost cost,
        ReadOnlySpan<byte> header, Span<byte> seed)
    {
        using SecretBuffer key = DeriveKey(passphrase, salt, cost);
        using AesGcm cipher = new(key.Span, TagBytes);
        try
        {
            cipher.Decrypt(
                sealedSeed[..NonceBytes], sealedSeed.Slice(NonceBytes, KeyFile.SeedBytes),
                sealedSeed[(NonceBytes + KeyFile.SeedBytes)..], seed, header);
            return true;
        }
        catch (AuthenticationTagMismatchException)
        {
            return false;
        }
    }

    /// <summary>Argon2id by OpenSSL 3.2 or later.</summary>
    internal static SecretBuffer DeriveKey(ReadOnlySpan<byte> passphrase, ReadOnlySpan<byte> salt, PassphraseCost cost)
    {
        Require.That(cost.IsValid);
        uint lanes = 1, memory = cost.MemoryKib, passes = cost.Passes;
        SecretBuffer key = new(KeyBytes);
        fixed (byte* name = "ARGON2ID\0"u8, passName = "pass\0"u8, saltName = "salt\0"u8, lanesName = "lanes\0"u8,
            memoryName = "memcost\0"u8, passesName = "iter\0"u8, pass = passphrase, s = salt, output = key.Span)
        {
            Parameter* parameters = stackalloc Parameter[6];
            parameters[0] = new Parameter(passName, Parameter.OctetString, pass, passphrase.Length);
            parameters[1] = new Parameter(saltName, Parameter.OctetString, s, salt.Length);
            parameters[2] = new Parameter(lanesName, Parameter.UnsignedInteger, &lanes, sizeof(uint));
            parameters[3] = new Parameter(memoryName, Parameter.UnsignedInteger, &memory, sizeof(uint));
            parameters[4] = new Parameter(passesName, Parameter.UnsignedInteger, &passes, sizeof(uint));
            parameters[5] = default;
            nint algorithm = EVP_KDF_fetch(0, name, null);
            nint context = EVP_KDF_CTX_new(algorithm);
            bool done = context != 0 && EVP_KDF_derive(context, output, KeyBytes, parameters) == 1;
            EVP_KDF_CTX_free(context);
            EVP_KDF_free(algorithm);
            if (!done)
            {
                key.Dispose();
                throw new KeyException($"a passphrase's key could not be derived: Argon2id needs {cost.MemoryKib / 1024} MiB of memory");
            }
        }

        return key;
    }

    /// <summary>OSSL_PARAM (openssl/core.h): name, type, data, its size, and a size returned.</summary>
    [StructLayout(LayoutKind.Sequential, Size = 40)]
    private readonly struct Parameter(byte* name, uint type, void* data, int size)
    {
        internal const uint UnsignedInteger = 2;
        internal const uint OctetString = 5;

        private readonly byte* _name = name;
        private readonly uint _type = type;
        private readonly void* _data = data;
        private readonly nuint _size = (nuint)size;
    }

    [LibraryImport("validator_native")]
    private static partial nint EVP_KDF_fetch(nint library, byte* algorithm, byte* properties);

    [LibraryImport("validator_native")]
    private static partial void EVP_KDF_free(nint algorithm);

    [LibraryImport("validator_native")]
    private static partial nint EVP_KDF_CTX_new(nint algorithm);

    [LibraryImport("validator_native")]
    private static partial void EVP_KDF_CTX_free(nint context);

    [LibraryImport("validator_native")]
    private static partial int EVP_KDF_derive(nint context, byte* key, nuint length, Parameter* parameters);
}
