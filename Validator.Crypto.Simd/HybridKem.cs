using System.Security.Cryptography;
using Validator.Crypto.Simd.Hashing;

namespace Validator.Crypto.Simd;

/// <summary>
/// The hybrid of ML-KEM-768 and X25519 known as X-Wing (draft-connolly-cfrg-xwing-kem-08; Barbosa and others, "X-Wing: the
/// hybrid KEM you've been looking for", 2024): secret as long as one of the two is. Byte for byte:
/// <list type="bullet">
/// <item>seed: 32 bytes; SHAKE256(seed) gives 96: ML-KEM's d and z (64), then X25519's secret key.</item>
/// <item>public key: ML-KEM's encapsulation key (1,184), then X25519's public key (32).</item>
/// <item>ciphertext: ML-KEM's (1,088), then an ephemeral X25519 public key (32).</item>
/// <item>shared secret: SHA3-256(ML-KEM's secret, X25519's secret, ephemeral public key, recipient's X25519 public key, the six
/// bytes <c>\.//^\</c>). ML-KEM's ciphertext and key are bound by ML-KEM itself.</item>
/// </list>
/// A changed ML-KEM ciphertext gives another secret, not an error (implicit rejection). Beyond the draft, an X25519 secret of
/// zero is refused: it takes a key of small order, which no honest side has.
/// </summary>
public static class HybridKem
{
    /// <summary>Bytes of the seed a key pair comes from, which is the secret key.</summary>
    public const int SeedBytes = 32;

    /// <summary>Bytes of a public key.</summary>
    public const int PublicKeyBytes = MlKem768.EncapsulationKeyBytes + X25519.KeyBytes;

    /// <summary>Bytes of a ciphertext.</summary>
    public const int CiphertextBytes = MlKem768.CiphertextBytes + X25519.KeyBytes;

    /// <summary>Bytes of a shared secret.</summary>
    public const int SharedSecretBytes = 32;

    private const int ExpandedBytes = MlKem768.SeedBytes + X25519.KeyBytes;

    private static ReadOnlySpan<byte> Label => [0x5C, 0x2E, 0x2F, 0x2F, 0x5E, 0x5C];

    /// <summary>The public key of a seed.</summary>
    /// <exception cref="ArgumentException">A buffer has the wrong length.</exception>
    public static void PublicKey(ReadOnlySpan<byte> seed, Span<byte> publicKey)
    {
        MlDsa87.RequireLength(publicKey.Length, PublicKeyBytes, nameof(publicKey));
        Span<byte> decapsulationKey = stackalloc byte[MlKem768.DecapsulationKeyBytes];
        Span<byte> scalar = stackalloc byte[X25519.KeyBytes];
        Expand(seed, publicKey, decapsulationKey, scalar);
        CryptographicOperations.ZeroMemory(decapsulationKey);
        CryptographicOperations.ZeroMemory(scalar);
    }

    /// <summary>Makes a secret and its ciphertext; false if the bytes are not a public key (see the class).</summary>
    /// <exception cref="ArgumentException">An output has the wrong length, or the ciphertext overlaps another buffer.</exception>
    public static bool TryEncapsulate(ReadOnlySpan<byte> publicKey, Span<byte> ciphertext, Span<byte> sharedSecret)
    {
        Span<byte> random = stackalloc byte[64];
        RandomNumberGenerator.Fill(random);
        bool done = TryEncapsulate(publicKey, random, ciphertext, sharedSecret);
        CryptographicOperations.ZeroMemory(random);
        return done;
    }

    /// <summary>
    /// The secret of a ciphertext; false for a wrong length or an ephemeral key of small order. The output is written last, and
    /// may lie in an input.
    /// </summary>
    /// <exception cref="ArgumentException">The seed or the output has the wrong length.</exception>
    public static bool TryDecapsulate(ReadOnlySpan<byte> seed, ReadOnlySpan<byte> ciphertext, Span<byte> sharedSecret)
    {
        MlDsa87.RequireLength(seed.Length, SeedBytes, nameof(seed));
        MlDsa87.RequireLength(sharedSecret.Length, SharedSecretBytes, nameof(sharedSecret));
        if (ciphertext.Length != CiphertextBytes)
        {
            return false;
        }

        Span<byte> publicKey = stackalloc byte[PublicKeyBytes];
        Span<byte> decapsulationKey = stackalloc byte[MlKem768.DecapsulationKeyBytes];
        Span<byte> secrets = stackalloc byte[X25519.KeyBytes + 64];
        Span<byte> scalar = secrets[..X25519.KeyBytes], lattice = secrets.Slice(32, 32), curve = secrets.Slice(64, 32);
        Expand(seed, publicKey, decapsulationKey, scalar);
        ReadOnlySpan<byte> ephemeral = ciphertext[MlKem768.CiphertextBytes..];
        bool done = MlKem768.TryDecapsulate(decapsulationKey, ciphertext[..MlKem768.CiphertextBytes], lattice)
            & X25519.TryAgree(scalar, ephemeral, curve);
        if (done)
        {
            Combine(lattice, curve, ephemeral, publicKey[MlKem768.EncapsulationKeyBytes..], sharedSecret);
        }

        CryptographicOperations.ZeroMemory(decapsulationKey);
        CryptographicOperations.ZeroMemory(secrets);
        return done;
    }

    /// <summary>Encapsulation with its randomness given: ML-KEM's m, then the ephemeral X25519 secret key.</summary>
    internal static bool TryEncapsulate(
        ReadOnlySpan<byte> publicKey, ReadOnlySpan<byte> random64, Span<byte> ciphertext, Span<byte> sharedSecret)
    {
        MlDsa87.RequireLength(ciphertext.Length, CiphertextBytes, nameof(ciphertext));
        MlDsa87.RequireLength(sharedSecret.Length, SharedSecretBytes, nameof(sharedSecret));
        MlDsa87.RequireApart(ciphertext, publicKey, nameof(ciphertext));
        MlDsa87.RequireApart(ciphertext, sharedSecret, nameof(ciphertext));
        if (publicKey.Length != PublicKeyBytes)
        {
            return false;
        }

        Span<byte> secrets = stackalloc byte[64];
        Span<byte> lattice = secrets[..32], curve = secrets[32..];
        ReadOnlySpan<byte> recipient = publicKey[MlKem768.EncapsulationKeyBytes..];
        Span<byte> ephemeral = ciphertext[MlKem768.CiphertextBytes..];
        X25519.PublicKey(random64[32..], ephemeral);
        bool done = X25519.TryAgree(random64[32..], recipient, curve)
            && MlKem768.TryEncapsulate(
                publicKey[..MlKem768.EncapsulationKeyBytes], random64[..32], ciphertext[..MlKem768.CiphertextBytes], lattice);
        if (done)
        {
            Combine(lattice, curve, ephemeral, recipient, sharedSecret);
        }

        CryptographicOperations.ZeroMemory(secrets);
        return done;
    }

    private static void Expand(ReadOnlySpan<byte> seed, Span<byte> publicKey, Span<byte> decapsulationKey, Span<byte> scalar)
    {
        MlDsa87.RequireLength(seed.Length, SeedBytes, nameof(seed));
        Span<byte> expanded = stackalloc byte[ExpandedBytes];
        Shake.Init256(out Shake shake);
        shake.Absorb(seed);
        shake.Finish();
        shake.Squeeze(expanded);
        shake.Clear();
        expanded[MlKem768.SeedBytes..].CopyTo(scalar);
        MlKem768.KeyGen(expanded[..MlKem768.SeedBytes], publicKey[..MlKem768.EncapsulationKeyBytes], decapsulationKey);
        X25519.PublicKey(scalar, publicKey[MlKem768.EncapsulationKeyBytes..]);
        CryptographicOperations.ZeroMemory(expanded);
    }

    private static void Combine(
        ReadOnlySpan<byte> lattice, ReadOnlySpan<byte> curve, ReadOnlySpan<byte> ephemeral, ReadOnlySpan<byte> recipient,
        Span<byte> sharedSecret)
    {
        const int RateSha3 = 136;
        Shake.InitRate(out Shake sponge, RateSha3);
        sponge.Absorb(lattice);
        sponge.Absorb(curve);
        sponge.Absorb(ephemeral);
        sponge.Absorb(recipient);
        sponge.Absorb(Label);
        sponge.Finish(0x06);
        sponge.Squeeze(sharedSecret);
        sponge.Clear();
    }
}
