using Validator.Crypto.Simd;
using Validator.Crypto.Simd.Hashing;
using Validator.Crypto.Simd.Lattice;
using Validator.Net.Native;
using static Validator.Crypto.Simd.Lattice.MlDsaParameters;

namespace Validator.Tests.Crypto;

/// <summary>
/// Signatures that satisfy the equation and fail, or just pass, by one check alone: made by a signer that does not reject. A
/// changed bit would be caught by the challenge hash anyway; these are not.
/// </summary>
[Collection(CpuPathTests.Name)]
public unsafe class BoundaryForgeryTests
{
    private const int Bound = Gamma1 - Beta;

    // z at gamma1 - beta and beyond is refused, one below is accepted, for both signs; a full hint of 75 is accepted, and so is
    // none of its encodings with a position twice. OpenSSL, BouncyCastle, the cold, the prepared and the batched check agree, on
    // every path.
    [Fact]
    public void The_bounds_are_exact()
    {
        byte[] seed = [.. Enumerable.Range(0, 32).Select(i => (byte)(3 * i))], message = "bounds"u8.ToArray(), context = [1, 2];
        LaxSigner signer = new(seed, message, context);
        Dictionary<string, byte[]> found = [];
        string[] wanted = [$"z {Bound}", $"z {-Bound}", $"z {Bound - 1}", $"z {1 - Bound}", $"z {Bound + 1}", $"z {Gamma1 - 1}", "hints 75"];
        for (int attempt = 0; attempt < 60_000 && !wanted.All(found.ContainsKey); attempt++)
        {
            if (signer.Attempt(attempt, out byte[] signature, out int largest, out int hints))
            {
                string name = Math.Abs(largest) >= Bound - 1 ? $"z {(largest > Bound + 1 ? Gamma1 - 1 : largest)}" : $"hints {hints}";
                found.TryAdd(name, signature);
            }
        }

        using OpenSslMlDsa87 theirs = OpenSslMlDsa87.FromSeed(seed);
        using PreparedVerificationKey key = PreparedVerificationKey.Create(signer.PublicKey);
        List<(string Name, byte[] Signature, bool Valid)> cases = [];
        foreach (string name in wanted)
        {
            Assert.True(found.ContainsKey(name), $"no signature with {name} was found");
            Assert.True(SatisfiesEquation(key, found[name], message, context), $"{name}: more than the bound is wrong");
            bool valid = name == "hints 75" || name == $"z {Bound - 1}" || name == $"z {1 - Bound}";
            cases.Add((name, found[name], valid));
        }

        byte[] other = found.First(entry => entry.Value[HintOffset + Omega + K - 1] < Omega && cases.Any(c => c.Valid && c.Signature == entry.Value)).Value;
        cases.AddRange(RepeatedHints(other).Select((repeated, i) => ($"repeated hint {i}", repeated, false)));
        Assert.True(cases.Count > wanted.Length + 20);
        foreach ((string name, byte[] signature, bool valid) in cases)
        {
            Assert.True(valid == BouncyCastle.Verify(signer.PublicKey, context, message, signature), $"BouncyCastle: {name}");
        }

        VerificationItem[] items = [.. cases.Select(c => new VerificationItem { Key = key, Message = message, Context = context, Signature = c.Signature })];
        EveryPath.Run(path =>
        {
            BatchVerifier.Verify(items);
            for (int i = 0; i < items.Length; i++)
            {
                (string name, byte[] signature, bool valid) = cases[i];
                Assert.True(valid == items[i].Valid, $"{path.Name} batched: {name}");
                Assert.True(valid == key.Verify(message, context, signature), $"{path.Name} prepared: {name}");
                Assert.True(valid == MlDsa87.Verify(signer.PublicKey, message, context, signature), $"{path.Name} cold: {name}");
                Assert.True(valid == theirs.Verify(context, message, signature), $"OpenSSL: {name}");
            }
        });
    }

    /// <summary>The same set of hints with one position twice in turn.</summary>
    private static IEnumerable<byte[]> RepeatedHints(byte[] valid)
    {
        int from = 0;
        for (int row = 0; row < K; row++)
        {
            int end = valid[HintOffset + Omega + row];
            for (int i = from; i < end; i++)
            {
                byte[] copy = [.. valid];
                copy.AsSpan(HintOffset + i, Omega - 1 - i).CopyTo(copy.AsSpan(HintOffset + i + 1));
                for (int later = row; later < K; later++)
                {
                    copy[HintOffset + Omega + later]++;
                }

                yield return copy;
            }

            from = end;
        }
    }

    /// <summary>Whether the challenge is that of the commitment, all bounds set aside.</summary>
    private static bool SatisfiesEquation(PreparedVerificationKey key, byte[] signature, byte[] message, byte[] context)
    {
        int* polys = stackalloc int[(VerifyCore.Columns + K) * N];
        byte* commitment = stackalloc byte[VerifyCore.CommitmentBytes];
        MlDsa87.ComputeMu(key.PublicKey, message, context, new Span<byte>(commitment, MuBytes));
        fixed (byte* s = signature)
        {
            for (int i = 0; i < L; i++)
            {
                PolyScalar.UnpackZ(polys + (i * N), s + ZOffset + (i * ZPolyBytes));
            }

            Sampling.Challenge(s, polys + (L * N));
            VerifyCore.Commitment(key.Pointer, s, polys, polys + (VerifyCore.Columns * N), commitment + MuBytes);
        }

        byte[] expected = new byte[ChallengeBytes];
        Shake.Init256(out Shake shake);
        shake.Absorb(new ReadOnlySpan<byte>(commitment, VerifyCore.CommitmentBytes));
        shake.Finish();
        shake.Squeeze(expected);
        return signature.AsSpan(0, ChallengeBytes).SequenceEqual(expected);
    }

    /// <summary>
    /// Algorithm 7 without its check of z: the low parts and the hint must be right, or the equation would not hold.
    /// </summary>
    private sealed class LaxSigner
    {
        private readonly byte[] _secretKey = new byte[SecretKeyBytes];
        private readonly int[] _matrix = new int[K * L * N];
        private readonly int[] _secrets = new int[(L + (2 * K)) * N];
        private readonly byte[] _mu = new byte[MuBytes];

        internal LaxSigner(byte[] seed, byte[] message, byte[] context)
        {
            MlDsa87.KeyGen(seed, PublicKey, _secretKey);
            MlDsa87.ComputeMu(PublicKey, message, context, _mu);
            fixed (byte* sk = _secretKey)
            fixed (int* matrix = _matrix, secrets = _secrets)
            {
                Sampling.ExpandMatrix(sk, matrix, L);
                for (int i = 0; i < L + (2 * K); i++)
                {
                    int* s = secrets + (i * N);
                    if (i < L + K)
                    {
                        KeyEncoding.UnpackEta(s, sk + KeyCore.S1Offset + (i * EtaPolyBytes));
                    }
                    else
                    {
                        KeyEncoding.UnpackT0(s, sk + KeyCore.T0Offset + ((i - L - K) * T0PolyBytes));
                    }

                    Ntt.Forward(s);
                    PolyScalar.Freeze(s);
                }
            }
        }

        internal byte[] PublicKey { get; } = new byte[PublicKeyBytes];

        internal bool Attempt(int number, out byte[] signature, out int largest, out int hints)
        {
            signature = new byte[SignatureBytes];
            (largest, hints) = (0, 0);
            byte[] random = new byte[64], packed = new byte[MuBytes + W1Bytes];
            BitConverter.TryWriteBytes(random, number);
            _mu.CopyTo(packed, 0);
            int[] y = new int[L * N], z = new int[L * N], w = new int[K * N], low = new int[K * N], c = new int[N], product = new int[N];
            fixed (byte* r = random, commitment = packed, sig = signature)
            fixed (int* matrix = _matrix, secrets = _secrets, py = y, pz = z, pw = w, pl = low, pc = c, pp = product)
            {
                Sampling.ExpandMask(r, 0, py);
                y.CopyTo(z, 0);
                for (int i = 0; i < L; i++)
                {
                    Ntt.Forward(pz + (i * N));
                }

                Ntt.MatrixVector(pw, matrix, pz, L);
                for (int i = 0; i < K; i++)
                {
                    Ntt.Inverse(pw + (i * N));
                    PolyScalar.DecomposeAndPack(pw + (i * N), pl + (i * N), commitment + MuBytes + (i * W1PolyBytes));
                }

                Shake.Init256(out Shake shake);
                shake.Absorb(packed);
                shake.Finish();
                shake.Squeeze(signature.AsSpan(0, ChallengeBytes));
                Sampling.Challenge(sig, pc);
                Ntt.Forward(pc);
                for (int i = 0; i < L; i++)
                {
                    Multiply(pp, pc, secrets + (i * N));
                    PolyScalar.Add(pz + (i * N), py + (i * N), pp);
                }

                largest = z.MaxBy(Math.Abs);
                if (Math.Abs(largest) >= Gamma1)
                {
                    return false;
                }

                for (int i = 0; i < L; i++)
                {
                    PolyScalar.PackZ(sig + ZOffset + (i * ZPolyBytes), pz + (i * N));
                }

                return TryHint(pl, pc, pp, secrets, commitment + MuBytes, sig + HintOffset, out hints);
            }
        }

        private static bool TryHint(int* low, int* c, int* product, int* secrets, byte* packedW1, byte* hint, out int hints)
        {
            byte* positions = stackalloc byte[N];
            hints = 0;
            for (int i = 0; i < K; i++)
            {
                int* l = low + (i * N);
                Multiply(product, c, secrets + ((L + i) * N));
                PolyScalar.Subtract(l, l, product);
                PolyScalar.Reduce(l);
                bool reached = PolyScalar.Reaches(l, Gamma2 - Beta);
                Multiply(product, c, secrets + ((L + K + i) * N));
                PolyScalar.Add(l, l, product);
                int count = PolyScalar.MakeHint(positions, l, packedW1 + (i * W1PolyBytes));
                if (reached || PolyScalar.Reaches(product, Gamma2) || hints + count > Omega)
                {
                    return false;
                }

                new ReadOnlySpan<byte>(positions, count).CopyTo(new Span<byte>(hint + hints, count));
                hints += count;
                hint[Omega + i] = (byte)hints;
            }

            return true;
        }

        private static void Multiply(int* product, int* c, int* secret)
        {
            Ntt.Pointwise(product, c, secret);
            Ntt.Inverse(product);
            PolyScalar.Reduce(product);
        }
    }
}
