extern alias Blake3Package;

using System.Diagnostics;
using System.Globalization;
using System.Security.Cryptography;
using Org.BouncyCastle.Crypto.Parameters;
using Org.BouncyCastle.Crypto.Signers;
using Validator.Crypto.Simd;
using Validator.Net.Native;
using Blake3Hasher = Blake3Package::Blake3.Hasher;

namespace Validator.Bench.Micro;

/// <summary>
/// `make bench-crypto`: this library against OpenSSL's EVP with reused keys, BouncyCastle and the package Blake3, in one process
/// on one core. All rows run in turn, round after round, so that a change of clock or load affects all alike. Prints each row's
/// median and its tenth and ninetieth percentile.
/// </summary>
internal static class CryptoTable
{
    private const int Signatures = 4096;
    private const int Batch = 64;
    private const int Rounds = 21;
    private const double RoundMilliseconds = 10;

    /// <summary>One row: <paramref name="Work"/> does <paramref name="Operations"/> of what the row counts.</summary>
    private sealed record Row(string Name, string? Reference, int Operations, Action Work)
    {
        internal List<double> Nanoseconds { get; } = [];

        internal double Median => Nanoseconds.Order().ElementAt(Nanoseconds.Count / 2);
    }

    internal static void Run()
    {
        Workload work = new();
        foreach (CpuPath path in Enum.GetValues<CpuPath>().Reverse())
        {
            // A path below AVX2 is measured only where it is the best one.
            if (CpuPaths.CanRun(path) && (path >= CpuPath.Avx2 || path == CpuPaths.Best))
            {
                CpuPaths.Force(path);
                Measure(path, work.Rows());
            }
        }
    }

    private static void Measure(CpuPath path, List<Row> rows)
    {
        Dictionary<Row, int> repeats = rows.ToDictionary(row => row, Calibrate);
        for (int round = 0; round < Rounds; round++)
        {
            foreach (Row row in rows)
            {
                long start = Stopwatch.GetTimestamp();
                for (int i = 0; i < repeats[row]; i++)
                {
                    row.Work();
                }

                row.Nanoseconds.Add(Stopwatch.GetElapsedTime(start).TotalNanoseconds / repeats[row] / row.Operations);
            }
        }

        Console.WriteLine($"\n{path} path; OpenSSL through EVP with reused keys; ns an operation, one core\n");
        Console.WriteLine("| operation | median | 10 % | 90 % | against |");
        Console.WriteLine("|---|---:|---:|---:|---|");
        foreach (Row row in rows)
        {
            List<double> sorted = [.. row.Nanoseconds.Order()];
            Row? reference = rows.Find(other => other.Name == row.Reference);
            string ratio = reference is null
                ? string.Empty
                : string.Create(CultureInfo.InvariantCulture, $"{reference.Median / row.Median:F2} x {reference.Name}");
            Console.WriteLine(string.Create(CultureInfo.InvariantCulture,
                $"| {row.Name} | {row.Median:N2} | {sorted[Rounds / 10]:N2} | {sorted[Rounds - 1 - (Rounds / 10)]:N2} | {ratio} |"));
        }
    }

    private static int Calibrate(Row row)
    {
        // The first calls let the JIT finish; its last tier comes after thirty of them and a pause.
        for (int i = 0; i < 40; i++)
        {
            row.Work();
        }

        for (int repeats = 1; ; repeats *= 2)
        {
            long start = Stopwatch.GetTimestamp();
            for (int i = 0; i < repeats; i++)
            {
                row.Work();
            }

            double elapsed = Stopwatch.GetElapsedTime(start).TotalMilliseconds;
            if (elapsed > RoundMilliseconds / 2)
            {
                return Math.Max(1, (int)(repeats * RoundMilliseconds / elapsed));
            }
        }
    }

    /// <summary>Keys, signatures and data of all rows, the same on each path.</summary>
    private sealed class Workload
    {
        private const string OpenSslVerify = "OpenSSL verify";
        private const string OpenSslSign = "OpenSSL sign";

        private readonly Random _random = new(1);
        private readonly MlDsa87Signer[] _signers = new MlDsa87Signer[64];
        private readonly PreparedVerificationKey[] _keys = new PreparedVerificationKey[64];
        private readonly OpenSslMlDsa87 _openSsl;
        private readonly OpenSslMlDsa87 _openSslSigner;
        private readonly MLDsaPrivateKeyParameters _bouncyCastle;
        private readonly byte[] _data = new byte[1 << 20];
        private readonly byte[] _digests = new byte[32 * 1024];
        private readonly byte[] _signature = new byte[MlDsa87.SignatureBytes];
        private readonly Dictionary<(int Keys, int Bytes), VerificationItem[]> _sets = [];
        private int _at;

        internal Workload()
        {
            byte[] seed = new byte[32];
            for (int i = 0; i < _signers.Length; i++)
            {
                seed[0] = (byte)i;
                _signers[i] = new MlDsa87Signer(seed);
                _keys[i] = PreparedVerificationKey.Create(_signers[i].PublicKey);
            }

            seed[0] = 0;
            _openSslSigner = OpenSslMlDsa87.FromSeed(seed);
            _bouncyCastle = MLDsaPrivateKeyParameters.FromSeed(MLDsaParameters.ml_dsa_87, seed);
            OpenSslMlDsa87.TryFromPublicKey(_signers[0].PublicKey, out _openSsl);
            _random.NextBytes(_data);
            foreach ((int, int) set in new[] { (1, 32), (4, 32), (16, 32), (64, 32), (16, 1024) })
            {
                _sets[set] = Sign(set.Item1, set.Item2);
            }
        }

        internal List<Row> Rows()
        {
            VerificationItem[] damaged = [.. _sets[(16, 32)]];
            for (int i = 50; i < damaged.Length; i += 100)
            {
                byte[] bytes = damaged[i].Signature.ToArray();
                bytes[_random.Next(bytes.Length)] ^= 1;
                damaged[i].Signature = bytes;
            }

            List<Row> rows = [];
            foreach (int keys in new[] { 1, 4, 16, 64 })
            {
                rows.Add(Batched($"verify, batches of 64, {keys} keys", _sets[(keys, 32)]));
            }

            rows.Add(Batched("verify, batches of 64, 16 keys, 1 KiB", _sets[(16, 1024)]));
            rows.Add(Batched("verify, batches of 64, 16 keys, 1 % invalid", damaged));
            rows.Add(new Row("latency of one such batch", null, 1, () => VerifyBatch(_sets[(16, 32)])));
            rows.Add(new Row("verify, prepared, single, 16 keys", OpenSslVerify, Batch, VerifySingly));
            rows.Add(new Row("verify, key not prepared", OpenSslVerify, 1, VerifyCold));
            rows.Add(new Row(OpenSslVerify, null, 16, VerifyByOpenSsl));
            rows.Add(new Row("prepare a key", null, 1, () => PreparedVerificationKey.Create(_signers[0].PublicKey).Dispose()));
            rows.Add(new Row("sign, hedged, average of 64 messages", OpenSslSign, 64, () => SignMany(false)));
            rows.Add(new Row(OpenSslSign, null, 64, () => SignMany(true)));
            foreach (int bytes in new[] { 64, 256, 1024 })
            {
                rows.Add(HashMany($"BLAKE3 {bytes} B, many", $"SHA-256 {bytes} B", bytes));
                rows.Add(new Row($"SHA-256 {bytes} B", null, 256, () => Sha256(bytes)));
            }

            rows.Add(HashMany("BLAKE3 1 to 511 B mixed, many", null, 0));
            foreach (int bytes in new[] { 32, 64, 128, 256, 512, 1024, 16 * 1024 })
            {
                rows.Add(new Row($"BLAKE3 {bytes} B, single", $"package Blake3 {bytes} B", 256, () => HashSingly(bytes)));
                rows.Add(new Row($"package Blake3 {bytes} B", null, 256, () => HashByPackage(bytes)));
            }

            rows.Add(new Row("BLAKE3 1 MiB, a KiB", "package Blake3 1 MiB, a KiB", 1024, () => Blake3.Hash(_data, _digests.AsSpan(0, 32))));
            rows.Add(new Row("package Blake3 1 MiB, a KiB", null, 1024, () => Blake3Hasher.Hash(_data, _digests.AsSpan(0, 32))));
            rows.Add(new Row("BouncyCastle verify", OpenSslVerify, 4, VerifyByBouncyCastle));
            rows.Add(new Row("BouncyCastle sign", OpenSslSign, 16, SignByBouncyCastle));
            return rows;
        }

        private VerificationItem[] Sign(int keys, int bytes)
        {
            VerificationItem[] items = new VerificationItem[Signatures];
            for (int i = 0; i < items.Length; i++)
            {
                byte[] message = new byte[bytes], context = new byte[8], signature = new byte[MlDsa87.SignatureBytes];
                _random.NextBytes(message);
                _random.NextBytes(context);
                int key = _random.Next(keys);
                _signers[key].Sign(message, context, signature);
                items[i] = new VerificationItem { Key = _keys[key], Message = message, Context = context, Signature = signature };
            }

            return items;
        }

        private Row Batched(string name, VerificationItem[] items) => new(name, OpenSslVerify, Batch, () => VerifyBatch(items));

        private void VerifyBatch(VerificationItem[] items)
        {
            _at = (_at + Batch) % Signatures;
            int valid = BatchVerifier.Verify(items.AsSpan(_at / Batch * Batch, Batch));
            if (valid < Batch - 2)
            {
                throw new InvalidOperationException("A valid signature was refused.");
            }
        }

        private void VerifySingly()
        {
            VerificationItem[] items = _sets[(16, 32)];
            for (int i = 0; i < Batch; i++)
            {
                _at = (_at + 1) % Signatures;
                ref VerificationItem item = ref items[_at];
                item.Valid = item.Key.Verify(item.Message.Span, item.Context.Span, item.Signature.Span);
            }
        }

        private void VerifyCold()
        {
            _at = (_at + 1) % Signatures;
            ref VerificationItem item = ref _sets[(16, 32)][_at];
            item.Valid = MlDsa87.Verify(item.Key.PublicKey, item.Message.Span, item.Context.Span, item.Signature.Span);
        }

        private void VerifyByOpenSsl()
        {
            for (int i = 0; i < 16; i++)
            {
                _at = (_at + 1) % Signatures;
                ref VerificationItem item = ref _sets[(1, 32)][_at];
                if (!_openSsl.Verify(item.Context.Span, item.Message.Span, item.Signature.Span))
                {
                    throw new InvalidOperationException("OpenSSL refused a valid signature.");
                }
            }
        }

        private void SignMany(bool byOpenSsl)
        {
            for (int i = 0; i < 64; i++)
            {
                ReadOnlySpan<byte> message = _data.AsSpan(32 * i, 32);
                if (byOpenSsl)
                {
                    _openSslSigner.Sign(_data.AsSpan(0, 8), message, _signature);
                }
                else
                {
                    _signers[0].Sign(message, _data.AsSpan(0, 8), _signature);
                }
            }
        }

        private Row HashMany(string name, string? reference, int bytes)
        {
            int[] offsets = new int[1024], lengths = new int[1024];
            for (int i = 0; i < offsets.Length; i++)
            {
                lengths[i] = bytes == 0 ? _random.Next(1, 512) : bytes;
                offsets[i] = i * 1024;
            }

            return new Row(name, reference, 1024, () => Blake3.HashMany(_data, offsets, lengths, _digests));
        }

        private void HashSingly(int bytes)
        {
            for (int i = 0; i < 256; i++)
            {
                Blake3.Hash(_data.AsSpan(i * 1024, bytes), _digests.AsSpan(32 * i, 32));
            }
        }

        private void HashByPackage(int bytes)
        {
            for (int i = 0; i < 256; i++)
            {
                Blake3Hasher.Hash(_data.AsSpan(i * 1024, bytes), _digests.AsSpan(32 * i, 32));
            }
        }

        private void VerifyByBouncyCastle()
        {
            for (int i = 0; i < 4; i++)
            {
                _at = (_at + 1) % Signatures;
                ref VerificationItem item = ref _sets[(1, 32)][_at];
                byte[] message = item.Message.ToArray();
                MLDsaSigner signer = new(MLDsaParameters.ml_dsa_87, true);
                signer.Init(false, new ParametersWithContext(_bouncyCastle.GetPublicKey(), item.Context.ToArray()));
                signer.BlockUpdate(message, 0, message.Length);
                if (!signer.VerifySignature(item.Signature.ToArray()))
                {
                    throw new InvalidOperationException("BouncyCastle refused a valid signature.");
                }
            }
        }

        private void SignByBouncyCastle()
        {
            for (int i = 0; i < 16; i++)
            {
                MLDsaSigner signer = new(MLDsaParameters.ml_dsa_87, false);
                signer.Init(true, new ParametersWithContext(_bouncyCastle, _data[..8]));
                signer.BlockUpdate(_data, 32 * i, 32);
                signer.GenerateSignature();
            }
        }

        private void Sha256(int bytes)
        {
            for (int i = 0; i < 256; i++)
            {
                SHA256.HashData(_data.AsSpan(i * 1024, bytes), _digests.AsSpan(32 * i, 32));
            }
        }
    }
}
