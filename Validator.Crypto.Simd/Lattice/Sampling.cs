using System.Runtime.CompilerServices;
using Validator.Crypto.Simd.Hashing;
using static Validator.Crypto.Simd.Lattice.MlDsaParameters;

namespace Validator.Crypto.Simd.Lattice;

/// <summary>Pseudorandom sampling (FIPS 204, section 7.3), a Keccak lane a polynomial.</summary>
internal static unsafe class Sampling
{
    private const int MaxWidth = KeccakLanes.MaxWidth;

    /// <summary>Bytes of a lane's squeezed block, in whole vectors: a rate is no multiple of them.</summary>
    private const int BlockSpace = 192;

    /// <summary>Words between two lanes' polynomials: a vector of candidates is stored whole, even if few are missing.</summary>
    private const int PolySpace = N + Lanes;

    /// <summary>The lane that hashes the public key, and one that has nothing more to do.</summary>
    private const int HashOfKey = -1, Idle = -2;

    /// <summary>
    /// ExpandA (algorithm 32): the 8 by 7 matrix of the seed rho, in [0, q), in lane order, into a matrix of
    /// <paramref name="columns"/> (7 or 8) columns.
    /// </summary>
    internal static void ExpandMatrix(byte* rho, int* matrix, int columns) => Expand(rho, matrix, columns, null);

    /// <summary>The same of a public key, which begins with its seed, and the key's hash tr, 64 bytes.</summary>
    internal static void ExpandMatrixAndHash(byte* publicKey, int* matrix, int columns, byte* tr) =>
        Expand(publicKey, matrix, columns, tr);

    /// <summary>
    /// Each lane takes the next polynomial as soon as it has sampled one, so none waits for another's sixth block; the hash of
    /// the public key, twenty blocks in sequence, takes one lane meanwhile.
    /// </summary>
    private static void Expand(byte* key, int* matrix, int columns, byte* tr)
    {
        int width = KeccakLanes.Width;
        byte* stateSpace = stackalloc byte[(KeccakLanes.MaxStateWords * sizeof(ulong)) + Scratch.Slack];
        ulong* state = (ulong*)Scratch.Align(stateSpace);
        byte* polysSpace = stackalloc byte[((MaxWidth * PolySpace) * sizeof(int)) + Scratch.Slack];
        int* polys = (int*)Scratch.Align(polysSpace);
        byte* blocksSpace = stackalloc byte[(MaxWidth * BlockSpace) + Scratch.Slack];
        byte* blocks = (byte*)Scratch.Align(blocksSpace);
        int* entries = stackalloc int[MaxWidth];
        int* counts = stackalloc int[MaxWidth];
        int absorbed = 0, next = 0, busy = width;
        KeccakLanes.Clear(state, width);
        for (int lane = 0; lane < width; lane++)
        {
            if (lane == 0 && tr is not null)
            {
                entries[lane] = HashOfKey;
                absorbed = AbsorbKey(state, width, lane, key, 0);
            }
            else
            {
                entries[lane] = next;
                counts[lane] = 0;
                SeedEntry(state, width, lane, key, next++);
            }
        }

        while (busy > 0)
        {
            KeccakLanes.Permute(state, width);
            KeccakLanes.ExtractAll(state, width, blocks, BlockSpace, Shake.Rate128 / 8);
            for (int lane = 0; lane < width; lane++)
            {
                int entry = entries[lane];
                byte* block = blocks + (lane * BlockSpace);
                if (entry == Idle)
                {
                    continue;
                }

                if (entry == HashOfKey)
                {
                    if (absorbed <= PublicKeyBytes)
                    {
                        absorbed = AbsorbKey(state, width, lane, key, absorbed);
                        continue;
                    }

                    Unsafe.CopyBlockUnaligned(tr, block, TrBytes);
                }
                else
                {
                    int* poly = polys + (lane * PolySpace);
                    counts[lane] = RejectUniform(poly, counts[lane], block);
                    if (counts[lane] < N)
                    {
                        continue;
                    }

                    StoreEntry(matrix, entry / L, entry % L, columns, poly);
                }

                if (next == K * L)
                {
                    entries[lane] = Idle;
                    busy--;
                    continue;
                }

                entries[lane] = next;
                counts[lane] = 0;
                KeccakLanes.ClearLane(state, width, lane);
                SeedEntry(state, width, lane, key, next++);
            }
        }
    }

    /// <summary>Absorbs and pads the seed of one entry of the matrix into a lane that is zero.</summary>
    private static void SeedEntry(ulong* state, int width, int lane, byte* rho, int entry)
    {
        byte* seed = stackalloc byte[SeedBytes + 2];
        Unsafe.CopyBlockUnaligned(seed, rho, SeedBytes);
        seed[SeedBytes] = (byte)(entry % L);
        seed[SeedBytes + 1] = (byte)(entry / L);
        KeccakLanes.Absorb(state, width, lane, seed, SeedBytes + 2);
        KeccakLanes.Pad(state, width, lane, SeedBytes + 2, Shake.Rate128);
    }

    /// <summary>Absorbs the public key's block from <paramref name="from"/>, padded if it is the last; returns what comes after
    /// it, which is past the key's end when all was absorbed.</summary>
    private static int AbsorbKey(ulong* state, int width, int lane, byte* publicKey, int from)
    {
        int bytes = Math.Min(Shake.Rate256, PublicKeyBytes - from);
        KeccakLanes.Absorb(state, width, lane, publicKey + from, bytes);
        if (bytes < Shake.Rate256)
        {
            KeccakLanes.Pad(state, width, lane, bytes, Shake.Rate256);
        }

        return from + Shake.Rate256;
    }

    /// <summary>Puts a polynomial given in FIPS 204's order into the matrix, in lane order; may change it on the way.</summary>
    private static void StoreEntry(int* matrix, int row, int column, int columns, int* poly)
    {
        if (CpuPaths.UseAvx2)
        {
            NttAvx2.StoreEntry(matrix, row, column, columns, poly);
            return;
        }

        Ntt.ToLaneOrder(poly);
        StoreTransformed(matrix, row, column, columns, poly);
    }

    /// <summary>Puts a polynomial that is in lane order already into the matrix.</summary>
    internal static void StoreTransformed(int* matrix, int row, int column, int columns, int* poly)
    {
        for (int k = 0; k < N / Lanes; k++)
        {
            Unsafe.CopyBlockUnaligned(
                matrix + Ntt.MatrixIndex(k, row, column, columns), poly + (k * Lanes), Lanes * sizeof(int));
        }
    }

    /// <summary>
    /// ExpandS (algorithm 33): <paramref name="count"/> polynomials in [-eta, eta] from rho' and consecutive numbers from
    /// <paramref name="nonce"/>.
    /// </summary>
    internal static void ExpandSecret(byte* rhoPrime64, int nonce, int* polys, int count)
    {
        byte* seed = stackalloc byte[66];
        byte* block = stackalloc byte[Shake.Rate256];
        Unsafe.CopyBlockUnaligned(seed, rhoPrime64, 64);
        for (int i = 0; i < count; i++)
        {
            seed[64] = (byte)(nonce + i);
            seed[65] = (byte)((nonce + i) >> 8);
            Shake.Init256(out Shake shake);
            shake.Absorb(new ReadOnlySpan<byte>(seed, 66));
            shake.Finish();
            int filled = 0;
            while (filled < N)
            {
                shake.Squeeze(new Span<byte>(block, Shake.Rate256));
                filled = RejectBounded(polys + (i * N), filled, block);
            }

            shake.Clear();
        }

        new Span<byte>(seed, 66).Clear();
        new Span<byte>(block, Shake.Rate256).Clear();
    }

    /// <summary>
    /// ExpandMask (algorithm 34): the seven polynomials of y in (-gamma1, gamma1] from rho'' and kappa.
    /// </summary>
    internal static void ExpandMask(byte* rhoSecond64, int kappa, int* y)
    {
        int width = KeccakLanes.Width;
        byte* stateSpace = stackalloc byte[(KeccakLanes.MaxStateWords * sizeof(ulong)) + Scratch.Slack];
        ulong* state = (ulong*)Scratch.Align(stateSpace);
        byte* seed = stackalloc byte[66];
        const int paddedBytes = 5 * Shake.Rate256;
        byte* bytes = stackalloc byte[MaxWidth * paddedBytes];
        Unsafe.CopyBlockUnaligned(seed, rhoSecond64, 64);
        for (int first = 0; first < L; first += width)
        {
            KeccakLanes.Clear(state, width);
            for (int lane = 0; lane < width; lane++)
            {
                seed[64] = (byte)(kappa + first + lane);
                seed[65] = (byte)((kappa + first + lane) >> 8);
                KeccakLanes.Absorb(state, width, lane, seed, 66);
                KeccakLanes.Pad(state, width, lane, 66, Shake.Rate256);
            }

            for (int block = 0; block < 5; block++)
            {
                KeccakLanes.Permute(state, width);
                for (int lane = 0; lane < width; lane++)
                {
                    KeccakLanes.Extract(
                        state, width, lane, bytes + (lane * paddedBytes) + (block * Shake.Rate256), Shake.Rate256 / 8);
                }
            }

            for (int lane = 0; lane < width && first + lane < L; lane++)
            {
                Poly.UnpackZ(y + ((first + lane) * N), bytes + (lane * paddedBytes));
            }
        }

        new Span<byte>(seed, 66).Clear();
        new Span<byte>(bytes, MaxWidth * paddedBytes).Clear();
        KeccakLanes.Clear(state, width);
    }

    /// <summary>SampleInBall (algorithm 29): tau coefficients of plus or minus one from a challenge hash.</summary>
    internal static void Challenge(byte* challengeHash, int* c)
    {
        Shake.Init256(out Shake shake);
        shake.Absorb(new ReadOnlySpan<byte>(challengeHash, ChallengeBytes));
        shake.Finish();
        byte* block = stackalloc byte[Shake.Rate256];
        shake.Squeeze(new Span<byte>(block, Shake.Rate256));
        if (ChallengeFromBlock(block, c))
        {
            return;
        }

        // The first block ran out (never seen; the mean need is 76 of 136 bytes): take as many as it needs.
        byte* blocks = stackalloc byte[8 * Shake.Rate256];
        Unsafe.CopyBlockUnaligned(blocks, block, Shake.Rate256);
        shake.Squeeze(new Span<byte>(blocks + Shake.Rate256, 7 * Shake.Rate256));
        ChallengeFromBytes(blocks, 8 * Shake.Rate256, c);
    }

    /// <summary>The same from the first block squeezed; false if it does not suffice.</summary>
    internal static bool ChallengeFromBlock(byte* block, int* c) => ChallengeFromBytes(block, Shake.Rate256, c);

    private static bool ChallengeFromBytes(byte* bytes, int length, int* c)
    {
        new Span<int>(c, N).Clear();
        ulong signs = Unsafe.ReadUnaligned<ulong>(bytes);
        int at = 8;
        for (int i = N - Tau; i < N; i++)
        {
            int j;
            do
            {
                if (at == length)
                {
                    return false;
                }

                j = bytes[at++];
            }
            while (j > i);

            c[i] = c[j];
            c[j] = 1 - (2 * (int)(signs & 1));
            signs >>= 1;
        }

        return true;
    }

    /// <summary>Three bytes a candidate, top bit dropped, kept if below q (algorithm 14); 56 candidates a block. Vector paths may
    /// store up to 8 words past the polynomial and count them.</summary>
    internal static int RejectUniform(int* poly, int count, byte* block)
    {
        if (CpuPaths.UseAvx2)
        {
            return PolyAvx2.RejectUniform(poly, count, block);
        }

        for (byte* end = block + Shake.Rate128; block < end && count < N; block += 3)
        {
            int candidate = block[0] | (block[1] << 8) | ((block[2] & 0x7F) << 16);
            poly[count] = candidate;
            count += candidate < Q ? 1 : 0;
        }

        return count;
    }

    /// <summary>Half a byte a candidate, kept if below 15, taken mod 5 (algorithms 15 and 31).</summary>
    private static int RejectBounded(int* poly, int count, byte* block)
    {
        for (int i = 0; i < 2 * Shake.Rate256 && count < N; i++)
        {
            // 205 / 1024 is 1/5 exactly enough below 15. Which candidates are dropped shows; what is kept does not.
            int candidate = (block[i / 2] >> (4 * (i & 1))) & 15;
            poly[count] = Eta - (candidate - (((candidate * 205) >> 10) * 5));
            count -= (candidate - 15) >> 31;
        }

        return count;
    }
}
