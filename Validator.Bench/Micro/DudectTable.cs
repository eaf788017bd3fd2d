using System.Diagnostics;
using System.Globalization;
using System.Security.Cryptography;
using Validator.Crypto.Simd;
using Validator.Crypto.Simd.Hashing;
using Validator.Crypto.Simd.Lattice;

namespace Validator.Bench.Micro;

/// <summary>
/// `make dudect`: does the time of an operation on a secret show which of two classes the secret belongs to? Welch's t-test over
/// measurements in random order, whole and with the slow tail cut off at several percentiles (Reparaz, Balasch, Verbauwhede,
/// "Dude, is my code constant time?", 2017). |t| above 4.5 asks for an explanation, above 10 is a leak. Each input is used once,
/// and both classes touch memory alike.
/// </summary>
internal static unsafe class DudectTable
{
    private const int Block = 256;
    private static readonly double[] Percentiles = [1.0, 0.99, 0.9, 0.7, 0.5];

    internal static void Run(double seconds)
    {
        Console.WriteLine($"{CpuPaths.Current} path; {seconds} s a test; |t| below 4.5 is no evidence of a leak\n");
        Console.WriteLine("| test | measurements | largest abs t | all | 99 % | 90 % | 70 % | 50 % |");
        Console.WriteLine("|---|---:|---:|---:|---:|---:|---:|---:|");
        Measure("control: 1 % more work in one class", seconds, new Control());
        using (Sign keys = new(wholeKeys: true), secrets = new(wholeKeys: false))
        {
            Measure("sign, no rejection: one secret vector against random ones", seconds, secrets);
            Measure("sign, no rejection: one key against random keys", seconds, keys);
        }

        Measure("decapsulate: one valid ciphertext against random valid ones", seconds, new Decapsulate(Decapsulate.Kind.OneOrRandom));
        Measure("decapsulate: valid against rejected", seconds, new Decapsulate(Decapsulate.Kind.ValidOrRejected));
        Measure("decapsulate: one secret vector against random ones", seconds, new Decapsulate(Decapsulate.Kind.Secrets));
    }

    private static void Measure(string name, double seconds, ITest test)
    {
        List<double>[] times = [[], []];
        long start = Stopwatch.GetTimestamp();
        Random random = new(29);
        bool warm = false;
        while (!warm || Stopwatch.GetElapsedTime(start).TotalSeconds < seconds)
        {
            int[] classes = [.. Enumerable.Range(0, Block).Select(i => i & 1)];
            random.Shuffle(classes);
            for (int i = 0; i < Block; i++)
            {
                test.Prepare(i, classes[i]);
            }

            for (int i = 0; i < Block; i++)
            {
                test.Load(i);
                long before = Stopwatch.GetTimestamp();
                test.Work(i);
                long after = Stopwatch.GetTimestamp();
                if (warm)
                {
                    times[classes[i]].Add(after - before);
                }
            }

            // The JIT's last tier comes in the first second.
            if (!warm && Stopwatch.GetElapsedTime(start).TotalSeconds > 1.5)
            {
                (warm, start) = (true, Stopwatch.GetTimestamp());
            }
        }

        double[] all = [.. times[0].Concat(times[1]).Order()];
        double[] t = Array.ConvertAll(Percentiles, p => Welch(times, all[Math.Min(all.Length - 1, (int)(p * all.Length))]));
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture,
            $"| {name} | {all.Length} | {t.Max(Math.Abs):F1} | {string.Join(" | ", t.Select(v => v.ToString("F1", CultureInfo.InvariantCulture)))} |"));
    }

    private static double Welch(List<double>[] times, double limit)
    {
        double[] mean = new double[2], error = new double[2];
        for (int c = 0; c < 2; c++)
        {
            double[] kept = [.. times[c].Where(v => v <= limit)];
            double m = kept.Average();
            mean[c] = m;
            error[c] = kept.Sum(v => (v - m) * (v - m)) / (kept.Length - 1) / kept.Length;
        }

        return (mean[0] - mean[1]) / Math.Sqrt(error[0] + error[1]);
    }

    /// <summary>Inputs are made a block at a time; operations name their place in the block.</summary>
    private interface ITest
    {
        void Prepare(int place, int kind);

        /// <summary>Untimed: brings an input to where both classes are worked on.</summary>
        void Load(int place);

        void Work(int place);
    }

    /// <summary>Shows that the method sees a small difference.</summary>
    private sealed class Control : ITest
    {
        private readonly int[] _kinds = new int[Block];
        private readonly byte[] _data = new byte[100 * 64], _digest = new byte[32];

        public void Prepare(int place, int kind) => _kinds[place] = kind;

        public void Load(int place)
        {
        }

        public void Work(int place)
        {
            for (int i = 0; i < 100 + _kinds[place]; i++)
            {
                Blake3.Hash(_data.AsSpan(0, 64), _digest);
            }
        }
    }

    /// <summary>
    /// Signatures made without rejection, so that all took one round. That can be seen from outside: z - y = c s1 is within beta
    /// only for the y of the round that was accepted. Every prepared key is worked on in one place. Keys differ in t0 too, which
    /// is no secret and on which the number of hints depends; secrets alone leave it, A and K as they are.
    /// </summary>
    private sealed class Sign : ITest, IDisposable
    {
        private const int Beta = 120, Gamma1 = 1 << 19;

        private readonly bool _wholeKeys;
        private readonly byte[][] _prepared = new byte[Block][];
        private readonly (byte[] Mu, byte[] Random)[] _inputs = new (byte[], byte[])[Block];
        private readonly byte[] _one = new byte[MlDsa87.SecretKeyBytes], _key = new byte[MlDsa87.SecretKeyBytes];
        private readonly byte[] _publicKey = new byte[MlDsa87.PublicKeyBytes], _signature = new byte[MlDsa87.SignatureBytes];
        private readonly byte[] _mu = new byte[MlDsa87.MuBytes], _random = new byte[32];
        private readonly NativeBlock _work = new(SignCore.PreparedBytes);

        internal Sign(bool wholeKeys)
        {
            _wholeKeys = wholeKeys;
            MlDsa87.KeyGen(RandomNumberGenerator.GetBytes(32), _publicKey, _one);
            for (int i = 0; i < Block; i++)
            {
                _prepared[i] = new byte[SignCore.PreparedBytes];
            }
        }

        public void Dispose() => _work.Dispose();

        public void Prepare(int place, int kind)
        {
            // Both classes draw another key, so that they leave the caches alike.
            MlDsa87.KeyGen(RandomNumberGenerator.GetBytes(32), _publicKey, _key);
            if (kind == 0)
            {
                _one.CopyTo(_key, 0);
            }
            else if (!_wholeKeys)
            {
                byte[] other = [.. _key];
                _one.CopyTo(_key, 0);
                other.AsSpan(KeyCore.S1Offset, KeyCore.SecretPolysBytes).CopyTo(_key.AsSpan(KeyCore.S1Offset));
            }

            fixed (byte* key = _key)
            {
                Sampling.ExpandMatrix(key, (int*)_work.Pointer, 7);
                SignCore.Prepare(key, _work.Pointer);
            }

            new ReadOnlySpan<byte>(_work.Pointer, SignCore.PreparedBytes).CopyTo(_prepared[place]);
            byte[] mu, random;
            do
            {
                mu = RandomNumberGenerator.GetBytes(MlDsa87.MuBytes);
                random = RandomNumberGenerator.GetBytes(32);
                Sign1(mu, random);
            }
            while (!FirstRound(_key.AsSpan(KeyCore.KOffset, 32), random, mu));
            _inputs[place] = (mu, random);
        }

        public void Load(int place)
        {
            _prepared[place].CopyTo(new Span<byte>(_work.Pointer, SignCore.PreparedBytes));
            _inputs[place].Mu.CopyTo(_mu, 0);
            _inputs[place].Random.CopyTo(_random, 0);
        }

        public void Work(int place) => Sign1(_mu, _random);

        private void Sign1(byte[] mu, byte[] random)
        {
            fixed (byte* m = mu, r = random, s = _signature)
            {
                SignCore.SignMu(_work.Pointer, m, r, s);
            }
        }

        private bool FirstRound(ReadOnlySpan<byte> k, byte[] random, byte[] mu)
        {
            int* y = stackalloc int[7 * 256];
            byte* rho = stackalloc byte[64];
            Shake.Init256(out Shake shake);
            shake.Absorb(k);
            shake.Absorb(random);
            shake.Absorb(mu);
            shake.Finish();
            shake.Squeeze(new Span<byte>(rho, 64));
            Sampling.ExpandMask(rho, 0, y);
            for (int i = 0; i < 256; i++)
            {
                int bit = 20 * i, at = 64 + (bit / 8);
                int packed = (_signature[at] | (_signature[at + 1] << 8) | (_signature[at + 2] << 16)) >> (bit % 8) & 0xFFFFF;
                int difference = (Gamma1 - packed - y[i]) % 8380417;
                difference = difference > 8380417 / 2 ? difference - 8380417 : difference < -8380417 / 2 ? difference + 8380417 : difference;
                if (Math.Abs(difference) > Beta)
                {
                    return false;
                }
            }

            return true;
        }
    }

    private sealed class Decapsulate : ITest
    {
        private readonly Kind _kind;
        private readonly byte[][] _ciphertexts = new byte[Block][], _keys = new byte[Block][];
        private readonly byte[] _encapsulation = new byte[MlKem768.EncapsulationKeyBytes];
        private readonly byte[] _decapsulation = new byte[MlKem768.DecapsulationKeyBytes];
        private readonly byte[] _one = new byte[MlKem768.CiphertextBytes];
        private readonly byte[] _key = new byte[MlKem768.DecapsulationKeyBytes], _ciphertext = new byte[MlKem768.CiphertextBytes];
        private readonly byte[] _secret = new byte[32];

        internal Decapsulate(Kind kind)
        {
            _kind = kind;
            MlKem768.KeyGen(RandomNumberGenerator.GetBytes(MlKem768.SeedBytes), _encapsulation, _decapsulation);
            MlKem768.TryEncapsulate(_encapsulation, _one, _secret);
        }

        internal enum Kind
        {
            OneOrRandom,
            ValidOrRejected,
            Secrets,
        }

        public void Prepare(int place, int kind)
        {
            byte[] ciphertext = new byte[MlKem768.CiphertextBytes], key = [.. _decapsulation];
            MlKem768.TryEncapsulate(_encapsulation, ciphertext, _secret);
            if (_kind == Kind.OneOrRandom && kind == 0)
            {
                _one.CopyTo(ciphertext, 0);
            }
            else if (_kind == Kind.ValidOrRejected && kind == 1)
            {
                RandomNumberGenerator.Fill(ciphertext);
            }
            else if (_kind == Kind.Secrets)
            {
                // The public part, whose sampling takes a public time, stays; only s changes. All are rejected.
                RandomNumberGenerator.Fill(ciphertext);
                RandomSecret(key, kind == 1);
            }

            (_ciphertexts[place], _keys[place]) = (ciphertext, key);
        }

        public void Load(int place)
        {
            _keys[place].CopyTo(_key, 0);
            _ciphertexts[place].CopyTo(_ciphertext, 0);
        }

        public void Work(int place) => MlKem768.TryDecapsulate(_key, _ciphertext, _secret);

        /// <summary>
        /// Draws another key pair in both classes, so that they leave the caches alike, and takes its s in one.
        /// </summary>
        private static void RandomSecret(byte[] key, bool replace)
        {
            byte[] ek = new byte[MlKem768.EncapsulationKeyBytes], dk = new byte[MlKem768.DecapsulationKeyBytes];
            MlKem768.KeyGen(RandomNumberGenerator.GetBytes(MlKem768.SeedBytes), ek, dk);
            if (replace)
            {
                dk.AsSpan(0, 1152).CopyTo(key);
            }
        }
    }
}
