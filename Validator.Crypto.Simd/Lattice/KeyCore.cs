using System.Runtime.CompilerServices;
using System.Security.Cryptography;
using Validator.Crypto.Simd.Hashing;
using static Validator.Crypto.Simd.Lattice.MlDsaParameters;

namespace Validator.Crypto.Simd.Lattice;

/// <summary>Key generation and the checks of an imported secret key (FIPS 204, algorithms 6 and 25).</summary>
internal static unsafe class KeyCore
{
    internal const int SecretPolysBytes = (L + K) * EtaPolyBytes;
    internal const int KOffset = SeedBytes;
    internal const int TrOffset = 2 * SeedBytes;
    internal const int S1Offset = TrOffset + TrBytes;
    internal const int S2Offset = S1Offset + (L * EtaPolyBytes);
    internal const int T0Offset = S2Offset + (K * EtaPolyBytes);

    /// <summary>Bytes of a matrix of 7 columns.</summary>
    internal const int MatrixBytes = K * L * N * sizeof(int);

    /// <summary>
    /// Key pair of a 32-byte seed; <paramref name="matrix"/> (<see cref="MatrixBytes"/>) is left holding A.
    /// </summary>
    internal static void Generate(byte* seed, byte* publicKey, byte* secretKey, int* matrix)
    {
        byte* material = stackalloc byte[128];
        byte* domain = stackalloc byte[2];
        domain[0] = K;
        domain[1] = L;
        Shake.Init256(out Shake shake);
        shake.Absorb(new ReadOnlySpan<byte>(seed, SeedBytes));
        shake.Absorb(new ReadOnlySpan<byte>(domain, 2));
        shake.Finish();
        shake.Squeeze(new Span<byte>(material, 128));
        shake.Clear();

        byte* secretsSpace = stackalloc byte[(((L + K) * N) * sizeof(int)) + Scratch.Slack];
        int* secrets = (int*)Scratch.Align(secretsSpace);
        Sampling.ExpandMatrix(material, matrix, L);
        Sampling.ExpandSecret(material + 32, 0, secrets, L + K);

        Unsafe.CopyBlockUnaligned(secretKey, material, SeedBytes);
        Unsafe.CopyBlockUnaligned(secretKey + KOffset, material + 96, SeedBytes);
        for (int i = 0; i < L + K; i++)
        {
            KeyEncoding.PackEta(secretKey + S1Offset + (i * EtaPolyBytes), secrets + (i * N));
        }

        PublicPart(material, matrix, secrets, publicKey, secretKey + T0Offset);
        HashPublicKey(publicKey, secretKey + TrOffset);
        CryptographicOperations.ZeroMemory(new Span<byte>(material, 128));
        CryptographicOperations.ZeroMemory(new Span<byte>(secrets, (L + K) * N * sizeof(int)));
    }

    /// <summary>
    /// Recomputes the public key of an imported secret key. False if a coefficient is out of range, or t0 or tr is not what
    /// the rest of the key gives: such a key was damaged, or made to leak by its signatures.
    /// </summary>
    internal static bool TryRecoverPublicKey(byte* secretKey, byte* publicKey, int* matrix)
    {
        byte* secretsSpace = stackalloc byte[(((L + K) * N) * sizeof(int)) + Scratch.Slack];
        int* secrets = (int*)Scratch.Align(secretsSpace);
        bool inRange = true;
        for (int i = 0; i < L + K; i++)
        {
            inRange &= KeyEncoding.UnpackEta(secrets + (i * N), secretKey + S1Offset + (i * EtaPolyBytes));
        }

        bool valid = inRange;
        if (inRange)
        {
            byte* t0 = stackalloc byte[K * T0PolyBytes];
            byte* tr = stackalloc byte[TrBytes];
            Sampling.ExpandMatrix(secretKey, matrix, L);
            PublicPart(secretKey, matrix, secrets, publicKey, t0);
            HashPublicKey(publicKey, tr);
            valid = CryptographicOperations.FixedTimeEquals(
                new ReadOnlySpan<byte>(t0, K * T0PolyBytes), new ReadOnlySpan<byte>(secretKey + T0Offset, K * T0PolyBytes));
            valid &= new ReadOnlySpan<byte>(tr, TrBytes).SequenceEqual(new ReadOnlySpan<byte>(secretKey + TrOffset, TrBytes));
            CryptographicOperations.ZeroMemory(new Span<byte>(t0, K * T0PolyBytes));
        }

        CryptographicOperations.ZeroMemory(new Span<byte>(secrets, (L + K) * N * sizeof(int)));
        return valid;
    }

    /// <summary>t = A s1 + s2, rounded: t1 into the public key after rho, t0 packed. Overwrites s1.</summary>
    private static void PublicPart(byte* rho, int* matrix, int* secrets, byte* publicKey, byte* packedT0)
    {
        byte* tSpace = stackalloc byte[((K * N) * sizeof(int)) + Scratch.Slack];
        int* t = (int*)Scratch.Align(tSpace);
        int* t0 = stackalloc int[N];
        for (int i = 0; i < L; i++)
        {
            Ntt.Forward(secrets + (i * N));
        }

        Ntt.MatrixVector(t, matrix, secrets, L);
        Unsafe.CopyBlockUnaligned(publicKey, rho, SeedBytes);
        for (int row = 0; row < K; row++)
        {
            int* poly = t + (row * N);
            Ntt.Inverse(poly);
            PolyScalar.Add(poly, poly, secrets + ((L + row) * N));
            PolyScalar.Freeze(poly);
            KeyEncoding.Power2Round(poly, publicKey + SeedBytes + (row * T1PolyBytes), t0);
            KeyEncoding.PackT0(packedT0 + (row * T0PolyBytes), t0);
        }

        CryptographicOperations.ZeroMemory(new Span<byte>(t, K * N * sizeof(int)));
        CryptographicOperations.ZeroMemory(new Span<byte>(t0, N * sizeof(int)));
    }

    private static void HashPublicKey(byte* publicKey, byte* tr)
    {
        Shake.Init256(out Shake shake);
        shake.Absorb(new ReadOnlySpan<byte>(publicKey, PublicKeyBytes));
        shake.Finish();
        shake.Squeeze(new Span<byte>(tr, TrBytes));
    }
}
