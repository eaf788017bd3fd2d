using BenchmarkDotNet.Attributes;
using Validator.Core.Primitives;
using Validator.Core.Wire;
using Validator.Core.Wire.Validation;
using Validator.Host.Pipeline;

namespace Validator.Bench.Micro;

/// <summary>
/// What a transaction's proof costs whoever checks it: a certificate of a quorum, and of each epoch that ended since the one that
/// is trusted another. The path alone is what proves the place among 2,000 transactions of a vertex.
/// </summary>
[MemoryDiagnoser]
public class ProofBench
{
    private const int Transactions = 2000;
    private const uint Position = 1234;

    private byte[] _proof = [];
    private byte[] _ids = [];
    private EpochConfiguration _trusted = null!;
    private Hash256 _chain;
    private IdPath _path = null!;
    private Hash256 _root;

    [Params(4, 100)]
    public int Members { get; set; }

    [Params(0, 3)]
    public int Epochs { get; set; }

    [GlobalSetup]
    public void Setup()
    {
        const int InEpoch = 6;
        ProofSample sample = new(Members, Epochs, InEpoch, Transactions);
        int ordering = (Epochs * InEpoch) + 2;
        _chain = sample.ChainId;
        _trusted = sample.Epoch(0);
        _proof = TransactionProofCodec.Encode(sample.Prove(ordering, 0, Position, ordering + 4));
        _ids = new byte[Transactions * Hash256.Size];
        new Random(1).NextBytes(_ids);
        _root = Hash256.Of(_ids);
        _path = IdPath.Of(_ids, Position);
        Console.WriteLine($"// {Members} members, {Epochs} ends of epochs: {_proof.Length} bytes");
    }

    /// <summary>From the file's bytes to the verdict, with new keys prepared, on one thread.</summary>
    [Benchmark]
    public ProofFault Verify()
    {
        Require.That(TransactionProofCodec.TryRead(_proof, out TransactionProof? proof, out _));
        ProofFault fault = ProofSignatures.Verify(TransactionProofChecks.Of(proof, _chain, _trusted), _chain);
        Require.That(fault == ProofFault.None);
        return fault;
    }

    [Benchmark]
    public bool VerifyPath() => _path.LeadsTo(_root, Transactions);

    [Benchmark]
    public IdPath MakePath() => IdPath.Of(_ids, Position);
}
