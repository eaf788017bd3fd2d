using Validator.Crypto.Simd;
using Validator.Crypto.Simd.Hashing;
using Validator.Crypto.Simd.Lattice;

namespace Validator.Tests.Crypto;

[Collection(CpuPathTests.Name)]
public unsafe class LatticeKernelTests
{
    private const int N = MlDsaParameters.N, Q = MlDsaParameters.Q, Gamma2 = MlDsaParameters.Gamma2;

    // Decompose is right for every one of the q inputs, and packs what it splits, on every path (FIPS 204, algorithm 36).
    [Fact]
    public void Decompose_is_exact_for_every_input() => EveryPath.Run(path =>
    {
        int* w = stackalloc int[N];
        int* low = stackalloc int[N];
        byte* packed = stackalloc byte[N / 2];
        byte* alone = stackalloc byte[N / 2];
        for (int first = 0; first < Q; first += N)
        {
            for (int i = 0; i < N; i++)
            {
                // Inputs come both centred and from [0, q).
                int a = Math.Min(first + i, Q - 1);
                w[i] = (i & 1) == 0 ? a : a - Q;
            }

            Poly.DecomposeAndPack(w, low, packed);
            Poly.PackHigh(w, alone);
            for (int i = 0; i < N; i++)
            {
                int a = Math.Min(first + i, Q - 1);
                int rest = a % (2 * Gamma2);
                rest -= rest > Gamma2 ? 2 * Gamma2 : 0;
                int high = (a - rest) / (2 * Gamma2);
                (high, rest) = a - rest == Q - 1 ? (0, rest - 1) : (high, rest);
                if (low[i] != rest || ((packed[i / 2] >> (4 * (i & 1))) & 15) != high || alone[i / 2] != packed[i / 2])
                {
                    Assert.Fail($"{path.Name}: {a} gave {low[i]}");
                }
            }
        }
    });

    // A product through the transform is the schoolbook product mod X^256 + 1, at random and at the ends of the range.
    [Fact]
    public void Transform_multiplies_polynomials() => EveryPath.Run(path =>
    {
        Random random = new(3);
        int* a = stackalloc int[N];
        int* b = stackalloc int[N];
        for (int round = 0; round < 12; round++)
        {
            long[] expected = new long[N];
            for (int i = 0; i < N; i++)
            {
                a[i] = round < 2 ? Q - 1 : round < 4 ? 1 - Q : random.Next(1 - Q, Q);
                b[i] = (round & 1) == 0 ? Q - 1 : random.Next(1 - Q, Q);
            }

            for (int i = 0; i < N; i++)
            {
                for (int j = 0; j < N; j++)
                {
                    long product = (long)a[i] * b[j] % Q;
                    expected[(i + j) % N] += i + j < N ? product : -product;
                }
            }

            Ntt.Forward(a);
            Ntt.Forward(b);
            PolyScalar.Freeze(b);
            Ntt.Pointwise(a, a, b);
            Ntt.Inverse(a);
            for (int i = 0; i < N; i++)
            {
                Assert.True(Math.Abs(a[i]) < Q, $"{path.Name} range");
                Assert.True((a[i] - expected[i]) % Q == 0, $"{path.Name} round {round} coefficient {i}");
            }
        }
    });

    // Rows of a matrix product, packing of z and its bound, norms, hints: each path gives the scalar path's result.
    [Fact]
    public void Kernels_equal_the_scalar_oracle() => EveryPath.Run(path =>
    {
        Random random = new(5);
        int* matrix = stackalloc int[64 * N];
        int* vector = stackalloc int[8 * N];
        int* one = stackalloc int[8 * N];
        int* two = stackalloc int[8 * N];
        byte* bytes = stackalloc byte[2 * 700];
        for (int round = 0; round < 20; round++)
        {
            Fill(matrix, 64 * N, 0, Q);
            Fill(vector, 8 * N, -9 * Q + 9, 9 * Q - 8);
            foreach (int columns in new[] { 7, 8 })
            {
                Ntt.MatrixVector(one, matrix, vector, columns);
                NttScalar.MatrixVector(two, matrix, vector, columns);
                Same(8 * N);
            }

            random.NextBytes(new Span<byte>(bytes, 700));
            Assert.Equal(PolyScalar.UnpackZ(two, bytes), Poly.UnpackZ(one, bytes));
            Same(N);
            Poly.PackZ(bytes + 700, one);
            Assert.True(new Span<byte>(bytes, 640).SequenceEqual(new Span<byte>(bytes + 700, 640)), path.Name);

            int bound = random.Next(1, 1 << 19);
            Fill(one, N, -bound + 1, bound);
            Assert.False(Poly.Reaches(one, bound));
            one[random.Next(N)] = round % 2 == 0 ? bound : -bound;
            Assert.True(Poly.Reaches(one, bound));

            Fill(one, N, -Gamma2 - 2, Gamma2 + 3);
            for (int i = 0; i < N; i += 5)
            {
                one[i] = random.Next(2) == 0 ? -Gamma2 : Gamma2 + (i % 2);
            }

            int count = Poly.MakeHint(bytes + 700, one, bytes);
            Assert.Equal(PolyScalar.MakeHint(bytes + 1000, one, bytes), count);
            Assert.True(new Span<byte>(bytes + 700, count).SequenceEqual(new Span<byte>(bytes + 1000, count)), path.Name);

            Fill(one, N, int.MinValue + (1 << 22), int.MaxValue - (1 << 22));
            new Span<int>(one, N).CopyTo(new Span<int>(two, N));
            Poly.Reduce(one);
            PolyScalar.Reduce(two);
            Same(N);
        }

        void Fill(int* target, int length, int from, int to)
        {
            for (int i = 0; i < length; i++)
            {
                target[i] = random.Next(from, to);
            }
        }

        void Same(int length) =>
            Assert.True(new Span<int>(one, length).SequenceEqual(new Span<int>(two, length)), path.Name);
    });

    // Lanes are independent: each is the permutation of its own state (SHAKE256 through System.Security.Cryptography).
    [Fact]
    public void Keccak_lanes_are_independent() => EveryPath.Run(path =>
    {
        int width = KeccakLanes.Width;
        ulong* state = stackalloc ulong[KeccakLanes.MaxStateWords];
        byte[] output = new byte[136];
        KeccakLanes.Clear(state, width);
        for (int lane = 0; lane < width; lane++)
        {
            fixed (byte* input = Input(lane))
            {
                KeccakLanes.Absorb(state, width, lane, input, 20 + lane);
                KeccakLanes.Pad(state, width, lane, 20 + lane, Shake.Rate256);
            }
        }

        KeccakLanes.Permute(state, width);
        for (int lane = 0; lane < width; lane++)
        {
            fixed (byte* o = output)
            {
                KeccakLanes.Extract(state, width, lane, o, 17);
            }

            byte[] expected = System.Security.Cryptography.Shake256.HashData(Input(lane), 136);
            Assert.True(expected.AsSpan().SequenceEqual(output), $"{path.Name} lane {lane}");
        }

        static byte[] Input(int lane) => Enumerable.Range(0, 20 + lane).Select(i => (byte)(i * (lane + 3))).ToArray();
    });

    // The permutation for processors without AVX-512's registers is the scalar one, on those with them too.
    [Fact]
    public void Keccak_in_memory_permutes_as_the_oracle_does()
    {
        if (!CpuPaths.CanRun(CpuPath.Avx2))
        {
            return;
        }

        Random random = new(4);
        ulong* four = stackalloc ulong[100];
        ulong* one = stackalloc ulong[25];
        for (int round = 0; round < 200; round++)
        {
            random.NextBytes(new Span<byte>(four, 800));
            ulong[] before = new Span<ulong>(four, 100).ToArray();
            KeccakAvx2.RoundsInMemory(four, KeccakScalar.RoundConstants);
            for (int lane = 0; lane < 4; lane++)
            {
                for (int i = 0; i < 25; i++)
                {
                    one[i] = before[(4 * i) + lane];
                }

                KeccakScalar.Permute(one);
                for (int i = 0; i < 25; i++)
                {
                    Assert.Equal(one[i], four[(4 * i) + lane]);
                }
            }
        }
    }

    // Rejection keeps the right candidates, in order, where any number of a vector's eight is dropped, and stops when the
    // polynomial is full (FIPS 204, algorithms 14 and 30).
    [Fact]
    public void Rejection_keeps_candidates_below_q_in_order() => EveryPath.Run(path =>
    {
        Random random = new(5);
        byte* block = stackalloc byte[192];
        int* poly = stackalloc int[N + MlDsaParameters.Lanes];
        for (int round = 0; round < 2000; round++)
        {
            random.NextBytes(new Span<byte>(block, 192));
            for (int i = 0; i < 56; i++)
            {
                if (random.Next(8) < round % 9)
                {
                    // At the bound, and above it; the top bit is no part of a candidate.
                    int candidate = random.Next(3) == 0 ? Q - 1 : random.Next(2) == 0 ? Q : random.Next(Q, 1 << 23);
                    (block[3 * i], block[(3 * i) + 1]) = ((byte)candidate, (byte)(candidate >> 8));
                    block[(3 * i) + 2] = (byte)((candidate >> 16) | (random.Next(2) << 7));
                }
            }

            int start = random.Next(2) == 0 ? 0 : random.Next(N);
            List<int> expected = [];
            for (int i = 0; i < 56 && start + expected.Count < N; i++)
            {
                int candidate = block[3 * i] | (block[(3 * i) + 1] << 8) | ((block[(3 * i) + 2] & 0x7F) << 16);
                if (candidate < Q)
                {
                    expected.Add(candidate);
                }
            }

            int count = Math.Min(Sampling.RejectUniform(poly, start, block), N);
            Assert.True(start + expected.Count == count, path.Name);
            Assert.True(expected.SequenceEqual(new Span<int>(poly + start, count - start).ToArray()), path.Name);
        }
    });

    // A prepared key is the same bytes on every path; its hash is SHAKE256's of the key, and its matrix SHAKE128's samples.
    [Fact]
    public void A_prepared_key_is_the_same_on_every_path()
    {
        Random random = new(6);
        for (int round = 0; round < 20; round++)
        {
            byte[] key = new byte[MlDsa87.PublicKeyBytes];
            random.NextBytes(key);
            if (round == 0)
            {
                key.AsSpan(MlDsaParameters.SeedBytes).Fill(0xFF);
            }

            byte[]? first = null;
            EveryPath.Run(path =>
            {
                using PreparedVerificationKey prepared = PreparedVerificationKey.Create(key);
                byte[] bytes = new ReadOnlySpan<byte>(prepared.Pointer, VerifyCore.PreparedBytes).ToArray();
                first ??= bytes;
                Assert.True(first.AsSpan().SequenceEqual(bytes), path.Name);
            });
            byte[] tr = System.Security.Cryptography.Shake256.HashData(key, MlDsaParameters.TrBytes);
            Assert.Equal(tr, first.AsSpan(VerifyCore.MatrixBytes).ToArray());
            int row = random.Next(MlDsaParameters.K), column = random.Next(MlDsaParameters.L);
            byte[] stream = System.Security.Cryptography.Shake128.HashData(
                [.. key.AsSpan(0, MlDsaParameters.SeedBytes), (byte)column, (byte)row], 6 * Shake.Rate128);
            int[] sampled = Enumerable.Range(0, stream.Length / 3)
                .Select(i => stream[3 * i] | (stream[(3 * i) + 1] << 8) | ((stream[(3 * i) + 2] & 0x7F) << 16))
                .Where(candidate => candidate < Q).Take(N).ToArray();
            ReadOnlySpan<int> matrix =
                System.Runtime.InteropServices.MemoryMarshal.Cast<byte, int>(first.AsSpan(0, VerifyCore.MatrixBytes));
            for (int i = 0; i < N; i++)
            {
                int at = (i & ~63) + (8 * (i % 8)) + (i / 8 % 8);
                Assert.Equal(sampled[i], matrix[Ntt.MatrixIndex(at / 8, row, column, VerifyCore.Columns) + (at % 8)]);
            }
        }
    }
}
