using BenchmarkDotNet.Attributes;
using Validator.Core.Primitives;
using Validator.Core.Wire;
using Validator.Core.Wire.Validation;

namespace Validator.Bench.Micro;

/// <summary>What a validation thread does with a frame before any signature: a vertex of 500 transactions, a vote.</summary>
[MemoryDiagnoser]
public class CodecBench
{
    private const int Transactions = 500;

    private readonly TransactionScratch _scratch = new();
    private readonly GenesisParameters _parameters = new();
    private byte[] _vertex = [];
    private byte[] _vote = [];

    /// <summary>Bytes of a transaction.</summary>
    [Params(256, 512)]
    public int Size { get; set; }

    [GlobalSetup]
    public void Setup()
    {
        _vertex = Samples.VertexFrame(1, Transactions, Size);
        _vote = Samples.VoteFrame();
    }

    /// <summary>Decoded, ids and root computed, structure checked; per transaction.</summary>
    [Benchmark(OperationsPerInvoke = Transactions)]
    public bool ValidateVertex()
    {
        bool read = FrameCodec.TryRead(_vertex, 4, out IMessage? message, out _);
        return read && message is SignedVertex vertex
            && VertexValidation.CheckPayload(vertex.Vertex, _vertex.AsSpan(vertex.PayloadOffset(_vertex.Length)), _parameters, _scratch) == DecodeError.None;
    }

    /// <summary>Finds the transactions alone; per transaction.</summary>
    [Benchmark(OperationsPerInvoke = Transactions)]
    public int WalkPayload()
    {
        PayloadReader reader = new(_vertex.AsSpan(_vertex.Length - (Transactions * PayloadWriter.Size(Size))));
        int bytes = 0;
        while (reader.MoveNext())
        {
            bytes += reader.Length;
        }

        return bytes;
    }

    [Benchmark]
    public bool DecodeVote() => FrameCodec.TryRead(_vote, 4, out _, out _);
}
