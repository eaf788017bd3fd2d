using BenchmarkDotNet.Attributes;
using Validator.Crypto.Simd;

namespace Validator.Bench.Micro;

/// <summary>The operations the data path calls, for BenchmarkDotNet; `make bench-crypto` prints them against OpenSSL.</summary>
[MemoryDiagnoser]
public class CryptoBench
{
    private const int Batch = 64;

    private readonly byte[] _signature = new byte[MlDsa87.SignatureBytes];
    private readonly byte[] _data = new byte[Batch * 256];
    private readonly byte[] _digests = new byte[Batch * 32];
    private readonly int[] _offsets = Enumerable.Range(0, Batch).Select(i => 256 * i).ToArray();
    private readonly int[] _lengths = Enumerable.Repeat(256, Batch).ToArray();
    private VerificationItem[] _items = [];
    private MlDsa87Signer _signer = null!;
    private PreparedVerificationKey _key = null!;

    [GlobalSetup]
    public void Setup()
    {
        _signer = new MlDsa87Signer(new byte[32]);
        _key = PreparedVerificationKey.Create(_signer.PublicKey);
        _items = Enumerable.Range(0, Batch).Select(i =>
        {
            byte[] message = new byte[32], signature = new byte[MlDsa87.SignatureBytes];
            message[0] = (byte)i;
            _signer.Sign(message, "bench"u8, signature);
            return new VerificationItem { Key = _key, Message = message, Context = "bench"u8.ToArray(), Signature = signature };
        }).ToArray();
    }

    [GlobalCleanup]
    public void Cleanup()
    {
        _signer.Dispose();
        _key.Dispose();
    }

    [Benchmark(OperationsPerInvoke = Batch)]
    public int VerifyBatched() => BatchVerifier.Verify(_items);

    [Benchmark]
    public bool VerifySingle() => _key.Verify(_items[0].Message.Span, _items[0].Context.Span, _items[0].Signature.Span);

    [Benchmark]
    public void Sign() => _signer.Sign(_data.AsSpan(0, 32), "bench"u8, _signature);

    [Benchmark(OperationsPerInvoke = Batch)]
    public void HashMany256() => Blake3.HashMany(_data, _offsets, _lengths, _digests);
}
