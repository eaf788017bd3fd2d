using System.Runtime.CompilerServices;
using Validator.Crypto.Simd.Hashing;
using static Validator.Crypto.Simd.Lattice.MlDsaParameters;

namespace Validator.Crypto.Simd.Lattice;

/// <summary>
/// Verification (FIPS 204, algorithm 8) over a prepared key: 64 polynomials in the NTT domain, the matrix A with -t1 2^d as
/// its eighth column, then the 64 bytes of tr. With c after z as the vector's eighth entry, one product gives A z - c t1 2^d.
/// </summary>
internal static unsafe class VerifyCore
{
    /// <summary>Columns of a prepared matrix.</summary>
    internal const int Columns = L + 1;

    internal const int MatrixBytes = K * Columns * N * sizeof(int);

    /// <summary>Bytes of a prepared key.</summary>
    internal const int PreparedBytes = MatrixBytes + TrBytes;

    /// <summary>Bytes hashed for the challenge: mu, then the packed high parts of w.</summary>
    internal const int CommitmentBytes = MuBytes + W1Bytes;

    /// <summary>Fills a prepared key from public-key bytes; every 2,592 bytes are a key.</summary>
    internal static void Prepare(byte* publicKey, byte* prepared)
    {
        int* matrix = (int*)prepared;
        Sampling.ExpandMatrixAndHash(publicKey, matrix, Columns, prepared + MatrixBytes);
        byte* tSpace = stackalloc byte[(N * sizeof(int)) + Scratch.Slack];
        int* t = (int*)Scratch.Align(tSpace);
        for (int row = 0; row < K; row++)
        {
            Poly.UnpackNegatedT1(t, publicKey + SeedBytes + (row * T1PolyBytes));
            Ntt.Forward(t);
            Poly.Freeze(t);
            Sampling.StoreTransformed(matrix, row, L, Columns, t);
        }
    }

    /// <summary>mu = H(tr, 0, |context|, context, message), 64 bytes (algorithms 3 and 8).</summary>
    internal static void Mu(byte* tr, ReadOnlySpan<byte> context, ReadOnlySpan<byte> message, byte* mu)
    {
        Shake.Init256(out Shake shake);
        shake.Absorb(new ReadOnlySpan<byte>(tr, TrBytes));
        byte* head = stackalloc byte[2];
        head[0] = 0;
        head[1] = (byte)context.Length;
        shake.Absorb(new ReadOnlySpan<byte>(head, 2));
        shake.Absorb(context);
        shake.Absorb(message);
        shake.Finish();
        shake.Squeeze(new Span<byte>(mu, MuBytes));
    }

    /// <summary>mu of an already formatted M' (the internal interface).</summary>
    internal static void MuOfFormatted(byte* tr, ReadOnlySpan<byte> formatted, byte* mu)
    {
        Shake.Init256(out Shake shake);
        shake.Absorb(new ReadOnlySpan<byte>(tr, TrBytes));
        shake.Absorb(formatted);
        shake.Finish();
        shake.Squeeze(new Span<byte>(mu, MuBytes));
    }

    /// <summary>Reads z into the first seven polynomials; false if the hint is malformed or z too large.</summary>
    internal static bool Decode(byte* signature, int* zAndC)
    {
        if (!Hint.IsWellFormed(signature + HintOffset))
        {
            return false;
        }

        for (int i = 0; i < L; i++)
        {
            if (Poly.UnpackZ(zAndC + (i * N), signature + ZOffset + (i * ZPolyBytes)))
            {
                return false;
            }
        }

        return true;
    }

    /// <summary>
    /// The packed high parts of the commitment the signature claims; <paramref name="zAndC"/> holds z and the challenge, and
    /// is overwritten; <paramref name="w"/> is scratch of 8 polynomials.
    /// </summary>
    internal static void Commitment(byte* prepared, byte* signature, int* zAndC, int* w, byte* packedW1)
    {
        for (int i = 0; i < Columns; i++)
        {
            Ntt.Forward(zAndC + (i * N));
        }

        Ntt.MatrixVector(w, (int*)prepared, zAndC, Columns);
        for (int row = 0; row < K; row++)
        {
            int* poly = w + (row * N);
            Ntt.Inverse(poly);
            Poly.PackHigh(poly, packedW1 + (row * W1PolyBytes));
            Hint.Apply(signature + HintOffset, row, poly, packedW1 + (row * W1PolyBytes));
        }
    }

    /// <summary>Verifies one signature on mu.</summary>
    internal static bool VerifyMu(byte* prepared, byte* mu, byte* signature)
    {
        byte* polysSpace = stackalloc byte[(((Columns + K) * N) * sizeof(int)) + Scratch.Slack];
        int* polys = (int*)Scratch.Align(polysSpace);
        if (!Decode(signature, polys))
        {
            return false;
        }

        Sampling.Challenge(signature, polys + (L * N));
        byte* commitment = stackalloc byte[CommitmentBytes];
        Unsafe.CopyBlockUnaligned(commitment, mu, MuBytes);
        Commitment(prepared, signature, polys, polys + (Columns * N), commitment + MuBytes);

        byte* expected = stackalloc byte[ChallengeBytes];
        Shake.Init256(out Shake shake);
        shake.Absorb(new ReadOnlySpan<byte>(commitment, CommitmentBytes));
        shake.Finish();
        shake.Squeeze(new Span<byte>(expected, ChallengeBytes));
        return new ReadOnlySpan<byte>(expected, ChallengeBytes).SequenceEqual(new ReadOnlySpan<byte>(signature, ChallengeBytes));
    }
}
