using System.Runtime.CompilerServices;
using System.Security.Cryptography;
using Validator.Crypto.Simd.Hashing;
using static Validator.Crypto.Simd.Lattice.MlDsaParameters;

namespace Validator.Crypto.Simd.Lattice;

/// <summary>
/// Signing (FIPS 204, algorithm 7) over a prepared secret key. Branches depend on nothing secret but the verdicts of the
/// standard's own rejection loop, and on the signature itself.
/// </summary>
internal static unsafe class SignCore
{
    // A prepared key: A (7 columns); s1, s2 and t0 in the NTT domain; then K and tr.
    private const int S1Word = K * L * N;
    private const int S2Word = S1Word + (L * N);
    private const int T0Word = S2Word + (K * N);
    private const int KByte = (T0Word + (K * N)) * sizeof(int);
    private const int TrByte = KByte + SeedBytes;

    /// <summary>Bytes of a prepared secret key.</summary>
    internal const int PreparedBytes = TrByte + TrBytes;

    // Scratch, in polynomials: y, z (first y's transform), w, its low parts, c, a product.
    private const int Z = L;
    private const int W = Z + L;
    private const int Low = W + K;
    private const int C = Low + K;
    private const int Product = C + 1;
    private const int ScratchPolys = Product + 1;
    private const int ScratchBytes = (ScratchPolys * N * sizeof(int)) + VerifyCore.CommitmentBytes + 64;

    /// <summary>tr of a prepared key.</summary>
    internal static byte* Tr(byte* prepared) => prepared + TrByte;

    /// <summary>Fills a prepared key from a well-formed secret key; A already lies in its place.</summary>
    internal static void Prepare(byte* secretKey, byte* prepared)
    {
        int* words = (int*)prepared;
        for (int i = 0; i < L + K; i++)
        {
            int* s = words + S1Word + (i * N);
            KeyEncoding.UnpackEta(s, secretKey + KeyCore.S1Offset + (i * EtaPolyBytes));
            Ntt.Forward(s);
            PolyScalar.Freeze(s);
        }

        for (int i = 0; i < K; i++)
        {
            int* t0 = words + T0Word + (i * N);
            KeyEncoding.UnpackT0(t0, secretKey + KeyCore.T0Offset + (i * T0PolyBytes));
            Ntt.Forward(t0);
            PolyScalar.Freeze(t0);
        }

        Unsafe.CopyBlockUnaligned(prepared + KByte, secretKey + KeyCore.KOffset, SeedBytes);
        Unsafe.CopyBlockUnaligned(prepared + TrByte, secretKey + KeyCore.TrOffset, TrBytes);
    }

    /// <summary>Signs mu; <paramref name="random32"/> is fresh randomness (hedged) or zero (deterministic).</summary>
    internal static void SignMu(byte* prepared, byte* mu, byte* random32, byte* signature)
    {
        byte* scratchSpace = stackalloc byte[ScratchBytes + Scratch.Slack];
        byte* scratch = (byte*)Scratch.Align(scratchSpace);
        int* polys = (int*)scratch;
        byte* commitment = scratch + (ScratchPolys * N * sizeof(int));
        byte* rhoSecond = commitment + VerifyCore.CommitmentBytes;

        Shake.Init256(out Shake shake);
        shake.Absorb(new ReadOnlySpan<byte>(prepared + KByte, SeedBytes));
        shake.Absorb(new ReadOnlySpan<byte>(random32, 32));
        shake.Absorb(new ReadOnlySpan<byte>(mu, MuBytes));
        shake.Finish();
        shake.Squeeze(new Span<byte>(rhoSecond, 64));
        shake.Clear();
        Unsafe.CopyBlockUnaligned(commitment, mu, MuBytes);

        int kappa = 0;
        while (true)
        {
            Commit((int*)prepared, rhoSecond, kappa, polys, commitment, signature);
            if (TryRespond((int*)prepared, polys, commitment + MuBytes, signature))
            {
                break;
            }

            kappa += L;
        }

        CryptographicOperations.ZeroMemory(new Span<byte>(scratch, ScratchBytes));
    }

    /// <summary>Draws y, computes w = A y, its low parts, and the challenge hash into the signature.</summary>
    private static void Commit(int* key, byte* rhoSecond, int kappa, int* polys, byte* commitment, byte* signature)
    {
        int* y = polys;
        int* transformed = polys + (Z * N);
        Sampling.ExpandMask(rhoSecond, kappa, y);
        Unsafe.CopyBlockUnaligned(transformed, y, L * N * sizeof(int));
        for (int i = 0; i < L; i++)
        {
            Ntt.Forward(transformed + (i * N));
        }

        Ntt.MatrixVector(polys + (W * N), key, transformed, L);
        for (int i = 0; i < K; i++)
        {
            int* w = polys + ((W + i) * N);
            Ntt.Inverse(w);
            Poly.DecomposeAndPack(w, polys + ((Low + i) * N), commitment + MuBytes + (i * W1PolyBytes));
        }

        Shake.Init256(out Shake shake);
        shake.Absorb(new ReadOnlySpan<byte>(commitment, VerifyCore.CommitmentBytes));
        shake.Finish();
        shake.Squeeze(new Span<byte>(signature, ChallengeBytes));
    }

    /// <summary>One round of the rejection loop; on true the signature is complete.</summary>
    private static bool TryRespond(int* key, int* polys, byte* packedW1, byte* signature)
    {
        int* c = polys + (C * N);
        int* product = polys + (Product * N);
        Sampling.Challenge(signature, c);
        Ntt.Forward(c);
        for (int i = 0; i < L; i++)
        {
            int* z = polys + ((Z + i) * N);
            Ntt.Pointwise(product, c, key + S1Word + (i * N));
            Ntt.Inverse(product);
            Poly.Add(z, polys + (i * N), product);
            Poly.Reduce(z);
            if (Poly.Reaches(z, Gamma1 - Beta))
            {
                return false;
            }

            Poly.PackZ(signature + ZOffset + (i * ZPolyBytes), z);
        }

        for (int i = 0; i < K; i++)
        {
            int* low = polys + ((Low + i) * N);
            Ntt.Pointwise(product, c, key + S2Word + (i * N));
            Ntt.Inverse(product);
            Poly.Subtract(low, low, product);
            Poly.Reduce(low);
            if (Poly.Reaches(low, Gamma2 - Beta))
            {
                return false;
            }
        }

        return TryHint(key, polys, packedW1, signature + HintOffset);
    }

    private static bool TryHint(int* key, int* polys, byte* packedW1, byte* hint)
    {
        int* product = polys + (Product * N);
        byte* positions = stackalloc byte[N];
        int total = 0;
        new Span<byte>(hint, HintBytes).Clear();
        for (int i = 0; i < K; i++)
        {
            int* low = polys + ((Low + i) * N);
            Ntt.Pointwise(product, polys + (C * N), key + T0Word + (i * N));
            Ntt.Inverse(product);
            Poly.Reduce(product);
            if (Poly.Reaches(product, Gamma2))
            {
                return false;
            }

            Poly.Add(low, low, product);
            int count = Poly.MakeHint(positions, low, packedW1 + (i * W1PolyBytes));
            if (total + count > Omega)
            {
                return false;
            }

            Unsafe.CopyBlockUnaligned(hint + total, positions, (uint)count);
            total += count;
            hint[Omega + i] = (byte)total;
        }

        return true;
    }
}
