using System.Security.Cryptography;
using Validator.Crypto.Simd.Hashing;
using Validator.Crypto.Simd.Lattice;

namespace Validator.Crypto.Simd;

/// <summary>
/// ML-KEM-768 (FIPS 203): seals a shared secret to a public key. Constant time in everything secret, implicit rejection, the
/// input checks of section 7. Nothing allocates.
/// </summary>
public static unsafe class MlKem768
{
    /// <summary>Bytes of an encapsulation (public) key.</summary>
    public const int EncapsulationKeyBytes = 1184;

    /// <summary>Bytes of a decapsulation (secret) key.</summary>
    public const int DecapsulationKeyBytes = 2400;

    /// <summary>Bytes of a ciphertext.</summary>
    public const int CiphertextBytes = 1088;

    /// <summary>Bytes of a shared secret.</summary>
    public const int SharedSecretBytes = 32;

    /// <summary>Bytes of the seed (d, then z) a key pair is generated from, which is the form to store.</summary>
    public const int SeedBytes = 64;

    private const int K = 3;
    private const int N = KyberPoly.N;
    private const int PolyBytes = 384;
    private const int VectorBytes = K * PolyBytes;
    private const int Du = 10, Dv = 4;
    private const int URowBytes = 32 * Du;

    /// <summary>The key pair of a 64-byte seed d, z (algorithm 16). The seed may lie in an output.</summary>
    /// <exception cref="ArgumentException">A buffer has the wrong length, or the outputs overlap.</exception>
    public static void KeyGen(ReadOnlySpan<byte> seed, Span<byte> encapsulationKey, Span<byte> decapsulationKey)
    {
        MlDsa87.RequireLength(seed.Length, SeedBytes, nameof(seed));
        MlDsa87.RequireLength(encapsulationKey.Length, EncapsulationKeyBytes, nameof(encapsulationKey));
        MlDsa87.RequireLength(decapsulationKey.Length, DecapsulationKeyBytes, nameof(decapsulationKey));
        MlDsa87.RequireApart(encapsulationKey, decapsulationKey, nameof(encapsulationKey));
        Span<byte> rejection = stackalloc byte[32];
        seed[32..].CopyTo(rejection);
        byte* material = stackalloc byte[64];
        ushort* s = stackalloc ushort[K * N];
        ushort* t = stackalloc ushort[N];
        ushort* entry = stackalloc ushort[N];
        Sha3(72, seed[..32], [K], new Span<byte>(material, 64));
        fixed (byte* ek = encapsulationKey, dk = decapsulationKey)
        {
            for (int i = 0; i < K; i++)
            {
                KyberPoly.SampleBinomial(material + 32, (byte)i, s + (i * N));
                KyberPoly.Forward(s + (i * N));
                KyberPoly.Encode12(s + (i * N), dk + (i * PolyBytes));
            }

            for (int i = 0; i < K; i++)
            {
                KyberPoly.SampleBinomial(material + 32, (byte)(K + i), t);
                KyberPoly.Forward(t);
                for (int j = 0; j < K; j++)
                {
                    KyberPoly.SampleUniform(material, (byte)j, (byte)i, entry);
                    KyberPoly.MultiplyAdd(t, entry, s + (j * N));
                }

                KyberPoly.Encode12(t, ek + (i * PolyBytes));
            }

            new ReadOnlySpan<byte>(material, 32).CopyTo(encapsulationKey[VectorBytes..]);
        }

        encapsulationKey.CopyTo(decapsulationKey[VectorBytes..]);
        Sha3(136, encapsulationKey, [], decapsulationKey.Slice(DecapsulationKeyBytes - 64, 32));
        rejection.CopyTo(decapsulationKey[(DecapsulationKeyBytes - 32)..]);
        CryptographicOperations.ZeroMemory(rejection);
        CryptographicOperations.ZeroMemory(new Span<byte>(material, 64));
        CryptographicOperations.ZeroMemory(new Span<byte>(s, K * N * sizeof(ushort)));
        CryptographicOperations.ZeroMemory(new Span<byte>(t, N * sizeof(ushort)));
    }

    /// <summary>True if the bytes are an encapsulation key: the length, and all coefficients below q (section 7.2).</summary>
    public static bool IsEncapsulationKey(ReadOnlySpan<byte> encapsulationKey)
    {
        if (encapsulationKey.Length != EncapsulationKeyBytes)
        {
            return false;
        }

        ushort* poly = stackalloc ushort[N];
        bool valid = true;
        fixed (byte* ek = encapsulationKey)
        {
            for (int i = 0; i < K; i++)
            {
                valid &= KyberPoly.Decode12(ek + (i * PolyBytes), poly);
            }
        }

        return valid;
    }

    /// <summary>True if the bytes are a decapsulation key: the length, and the hash of its public part (section 7.3).</summary>
    public static bool IsDecapsulationKey(ReadOnlySpan<byte> decapsulationKey)
    {
        if (decapsulationKey.Length != DecapsulationKeyBytes)
        {
            return false;
        }

        Span<byte> hash = stackalloc byte[32];
        Sha3(136, decapsulationKey.Slice(VectorBytes, EncapsulationKeyBytes), [], hash);
        return hash.SequenceEqual(decapsulationKey.Slice(DecapsulationKeyBytes - 64, 32));
    }

    /// <summary>Makes a fresh shared secret and its ciphertext (algorithm 20); false if the key is none.</summary>
    /// <exception cref="ArgumentException">An output has the wrong length, or the ciphertext overlaps another buffer.</exception>
    public static bool TryEncapsulate(ReadOnlySpan<byte> encapsulationKey, Span<byte> ciphertext, Span<byte> sharedSecret)
    {
        Span<byte> random = stackalloc byte[32];
        RandomNumberGenerator.Fill(random);
        bool done = TryEncapsulate(encapsulationKey, random, ciphertext, sharedSecret);
        CryptographicOperations.ZeroMemory(random);
        return done;
    }

    /// <summary>
    /// The shared secret of a ciphertext (algorithm 21): a pseudorandom one if the ciphertext was not made for this key. False
    /// only if the key or ciphertext fails the checks of section 7.3. The output is written last, and may lie in an input.
    /// </summary>
    /// <exception cref="ArgumentException">The output has the wrong length.</exception>
    public static bool TryDecapsulate(ReadOnlySpan<byte> decapsulationKey, ReadOnlySpan<byte> ciphertext, Span<byte> sharedSecret)
    {
        MlDsa87.RequireLength(sharedSecret.Length, SharedSecretBytes, nameof(sharedSecret));
        if (ciphertext.Length != CiphertextBytes || !IsDecapsulationKey(decapsulationKey))
        {
            return false;
        }

        Span<byte> message = stackalloc byte[32];
        Span<byte> keyAndCoins = stackalloc byte[64];
        Span<byte> rejected = stackalloc byte[32];
        Span<byte> again = stackalloc byte[CiphertextBytes];
        fixed (byte* dk = decapsulationKey, c = ciphertext, m = message, coins = keyAndCoins, second = again)
        {
            Decrypt(dk, c, m);
            Sha3(72, message, decapsulationKey.Slice(DecapsulationKeyBytes - 64, 32), keyAndCoins);
            Encrypt(dk + VectorBytes, m, coins + 32, second);
        }

        Shake.Init256(out Shake shake);
        shake.Absorb(decapsulationKey[(DecapsulationKeyBytes - 32)..]);
        shake.Absorb(ciphertext);
        shake.Finish();
        shake.Squeeze(rejected);
        shake.Clear();

        int difference = 0;
        for (int i = 0; i < CiphertextBytes; i++)
        {
            difference |= ciphertext[i] ^ again[i];
        }

        byte keep = (byte)((difference - 1) >> 31);
        for (int i = 0; i < SharedSecretBytes; i++)
        {
            sharedSecret[i] = (byte)((keyAndCoins[i] & keep) | (rejected[i] & ~keep));
        }

        CryptographicOperations.ZeroMemory(message);
        CryptographicOperations.ZeroMemory(keyAndCoins);
        CryptographicOperations.ZeroMemory(rejected);
        CryptographicOperations.ZeroMemory(again);
        return true;
    }

    /// <summary>The standard's internal interface with its 32 bytes of randomness given (algorithm 17).</summary>
    internal static bool TryEncapsulate(
        ReadOnlySpan<byte> encapsulationKey, ReadOnlySpan<byte> random32, Span<byte> ciphertext, Span<byte> sharedSecret)
    {
        MlDsa87.RequireLength(ciphertext.Length, CiphertextBytes, nameof(ciphertext));
        MlDsa87.RequireLength(sharedSecret.Length, SharedSecretBytes, nameof(sharedSecret));
        MlDsa87.RequireApart(ciphertext, encapsulationKey, nameof(ciphertext));
        MlDsa87.RequireApart(ciphertext, sharedSecret, nameof(ciphertext));
        if (!IsEncapsulationKey(encapsulationKey))
        {
            return false;
        }

        Span<byte> hash = stackalloc byte[32];
        Span<byte> keyAndCoins = stackalloc byte[64];
        Sha3(136, encapsulationKey, [], hash);
        Sha3(72, random32, hash, keyAndCoins);
        fixed (byte* ek = encapsulationKey, m = random32, coins = keyAndCoins, c = ciphertext)
        {
            Encrypt(ek, m, coins + 32, c);
        }

        keyAndCoins[..32].CopyTo(sharedSecret);
        CryptographicOperations.ZeroMemory(keyAndCoins);
        return true;
    }

    /// <summary>K-PKE.Encrypt (algorithm 14).</summary>
    private static void Encrypt(byte* ek, byte* message, byte* coins, byte* ciphertext)
    {
        const int Polys = K + 3;
        ushort* y = stackalloc ushort[Polys * N];
        ushort* sum = y + (K * N);
        ushort* noise = sum + N;
        ushort* other = noise + N;
        for (int i = 0; i < K; i++)
        {
            KyberPoly.SampleBinomial(coins, (byte)i, y + (i * N));
            KyberPoly.Forward(y + (i * N));
        }

        for (int i = 0; i < K; i++)
        {
            new Span<ushort>(sum, N).Clear();
            for (int j = 0; j < K; j++)
            {
                KyberPoly.SampleUniform(ek + VectorBytes, (byte)i, (byte)j, other);
                KyberPoly.MultiplyAdd(sum, other, y + (j * N));
            }

            KyberPoly.Inverse(sum);
            KyberPoly.SampleBinomial(coins, (byte)(K + i), noise);
            KyberPoly.Add(sum, noise);
            KyberPoly.CompressEncode(sum, Du, ciphertext + (i * URowBytes));
        }

        new Span<ushort>(sum, N).Clear();
        for (int i = 0; i < K; i++)
        {
            KyberPoly.Decode12(ek + (i * PolyBytes), other);
            KyberPoly.MultiplyAdd(sum, other, y + (i * N));
        }

        KyberPoly.Inverse(sum);
        KyberPoly.SampleBinomial(coins, 2 * K, noise);
        KyberPoly.Add(sum, noise);
        KyberPoly.DecodeDecompress(message, 1, other);
        KyberPoly.Add(sum, other);
        KyberPoly.CompressEncode(sum, Dv, ciphertext + (K * URowBytes));
        CryptographicOperations.ZeroMemory(new Span<byte>(y, Polys * N * sizeof(ushort)));
    }

    /// <summary>K-PKE.Decrypt (algorithm 15).</summary>
    private static void Decrypt(byte* dk, byte* ciphertext, byte* message)
    {
        const int Polys = 4;
        ushort* sum = stackalloc ushort[Polys * N];
        ushort* u = sum + N;
        ushort* s = u + N;
        ushort* v = s + N;
        new Span<ushort>(sum, N).Clear();
        for (int i = 0; i < K; i++)
        {
            KyberPoly.DecodeDecompress(ciphertext + (i * URowBytes), Du, u);
            KyberPoly.Forward(u);
            KyberPoly.Decode12(dk + (i * PolyBytes), s);
            KyberPoly.MultiplyAdd(sum, u, s);
        }

        KyberPoly.Inverse(sum);
        KyberPoly.DecodeDecompress(ciphertext + (K * URowBytes), Dv, v);
        KyberPoly.SubtractFrom(sum, v);
        KyberPoly.CompressEncode(sum, 1, message);
        CryptographicOperations.ZeroMemory(new Span<byte>(sum, Polys * N * sizeof(ushort)));
    }

    /// <summary>SHA3-512 (rate 72) or SHA3-256 (rate 136) of two pieces.</summary>
    private static void Sha3(int rate, ReadOnlySpan<byte> first, ReadOnlySpan<byte> second, Span<byte> digest)
    {
        Shake.InitRate(out Shake sponge, rate);
        sponge.Absorb(first);
        sponge.Absorb(second);
        sponge.Finish(0x06);
        sponge.Squeeze(digest);
        sponge.Clear();
    }
}
