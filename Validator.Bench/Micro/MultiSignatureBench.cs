using BenchmarkDotNet.Attributes;
using Validator.Core.Primitives;
using Validator.Core.Wire;
using Validator.Core.Wire.Validation;
using Validator.Crypto.Simd;
using Validator.Host.Pipeline;

namespace Validator.Bench.Micro;

/// <summary>
/// A certificate that all of a committee signed, with keys that are prepared, as in an epoch: each key its own signature, which
/// is the worst for a batch. Committees end at 128, so 1,000 signers are the verifier's alone.
/// </summary>
[MemoryDiagnoser]
public class MultiSignatureBench
{
    private SignatureCheck[] _checks = [];
    private bool[] _valid = [];
    private MlDsa87Signer[] _signers = [];
    private PreparedVerificationKey[] _prepared = [];
    private CommitteeKeys _keys = null!;
    private BatchedVerifier[] _verifiers = [];

    [Params(4, 100, 1000)]
    public int Signers { get; set; }

    [GlobalSetup]
    public void Setup()
    {
        Hash256 chain = Hash256.Of("bench"u8);
        JointStatement statement = new(new SignedHeader(MessageKind.Commit, 0, 1, 2, 3, Hash256.Of([1])));
        IEnumerable<byte[]> seeds = Enumerable.Range(0, Signers).Select(i => Hash256.Of(BitConverter.GetBytes(i)).ToArray());
        _signers = [.. seeds.Select(seed => new MlDsa87Signer(seed))];
        _prepared = Array.ConvertAll(_signers, signer => PreparedVerificationKey.Create(signer.PublicKey));
        _keys = new CommitteeKeys(_prepared);
        _verifiers = [new BatchedVerifier(chain), new BatchedVerifier(chain)];
        _valid = new bool[Signers];
        _checks = [.. Enumerable.Range(0, Signers).Select(i => new SignatureCheck(i, statement.HeaderOf(i), Sign(i)))];

        byte[] Sign(int signer)
        {
            byte[] preimage = new byte[SignedHeaderCodec.PreimageBytes], signature = new byte[Limits.SignatureBytes];
            SignedHeader header = statement.HeaderOf(signer);
            SignedHeaderCodec.WritePreimage(header, chain, preimage);
            _signers[signer].SignDeterministic(preimage, [(byte)header.Kind], signature);
            return signature;
        }
    }

    [GlobalCleanup]
    public void Cleanup()
    {
        Array.ForEach(_signers, signer => signer.Dispose());
        Array.ForEach(_prepared, key => key.Dispose());
    }

    [Benchmark(Baseline = true)]
    public void OneCore()
    {
        Verify(0, Signers);
        Check();
    }

    /// <summary>As two threads of validation do that each have half of it.</summary>
    [Benchmark]
    public void TwoCores()
    {
        Parallel.For(0, 2, half => Verify(half, Signers / 2));
        Check();
    }

    private void Verify(int part, int count) => _verifiers[part].Verify(
        _keys, _checks.AsSpan(part * count, count), _valid.AsSpan(part * count, count));

    private void Check()
    {
        Require.That(!_valid.Contains(false));
        Array.Clear(_valid);
    }
}
