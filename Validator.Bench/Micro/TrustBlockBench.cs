using BenchmarkDotNet.Attributes;
using Validator.Core.Consensus;
using Validator.Core.Execution;
using Validator.Core.Primitives;
using Validator.Core.Trust;
using Validator.Core.Wire;

namespace Validator.Bench.Micro;

/// <summary>What trust adds to a block: executed, encoded as it is stored, and its part of the executed root.</summary>
[MemoryDiagnoser]
public class TrustBlockBench
{
    private const int Accounts = 4_000;
    private const int Operations = 100;
    private const int Blocks = 400;

    private readonly Hash256[] _accounts = [.. Enumerable.Range(0, Accounts).Select(i => Hash256.Of(BitConverter.GetBytes(i)))];
    private readonly Random _random = new(1);
    private byte[][] _operations = [];
    private Block[] _chain = [];
    private Certificate _certificate = null!;
    private TrustState _state = null!;
    private Committee _committee = null!;

    [Params(4, Limits.MaxCommittee)]
    public int Members { get; set; }

    [GlobalSetup]
    public void Setup()
    {
        Member[] members = [.. Enumerable.Range(0, Members).Select(i => new Member($"node-{i}", Key(), Key(), 10_000))];
        TrustParameters trust = new()
        {
            Weights = WeightMode.Additive,
            Balances = [.. _accounts.Select(account => new GenesisBalance(account, 1_000_000_000))],
        };
        Genesis genesis = new("bench", 1, new GenesisParameters { Trust = trust }, members);
        _state = TrustState.ForGenesis(genesis)!;
        _committee = Committee.Of(members);
        Block block = EpochConfiguration.First(genesis, Hash256.Of("chain"u8)).Start;
        _chain = new Block[Blocks + 1];
        _chain[0] = block;
        for (int i = 1; i <= Blocks; i++)
        {
            // The start's root is known.
            Hash256 root = i == 1 ? block.ExecutedRoot : Hash256.Of([(byte)i]);
            _chain[i] = block = BlockCodec.Seal(
                0, block.Sequence + 1, block.Hash, block.TimestampMicros + 1, block.Sequence, root, default, block.Cut);
        }

        _certificate = new Certificate
        {
            Phase = Phase.Committed,
            Epoch = 0,
            View = 0,
            Sequence = block.Sequence,
            BlockHash = block.Hash,
            Votes = [],
        };
        // Deposits first, so that parts are there to be kept with each operation.
        _operations = [.. Enumerable.Range(0, Accounts).Select(i => i % 5 == 0
            ? new StakeOperation(StakeOperationKind.Deposit, 1, Member: $"node-{i % Members}").Encode()
            : new StakeOperation(StakeOperationKind.Transfer, 1, _accounts[(i * 7) % Accounts]).Encode())];
        for (int i = 0; i < Accounts; i++)
        {
            _state.Apply(_accounts[i], _operations[i]);
        }
    }

    /// <summary>A block without anything of stake: uptime alone moves.</summary>
    [Benchmark]
    public Hash256 Quiet() => Close();

    /// <summary>A block of a hundred stake operations, a fifth of them deposits, of accounts at random.</summary>
    [Benchmark]
    public Hash256 HundredOperations()
    {
        _state.BeginBlock();
        for (int i = 0; i < Operations; i++)
        {
            int account = _random.Next(Accounts);
            _state.Apply(_accounts[account], _operations[account]);
        }

        return Finish();
    }

    /// <summary>Blocks appended to the chain; each.</summary>
    [Benchmark(OperationsPerInvoke = Blocks)]
    public ulong Chain() => Grow(levels: false);

    /// <summary>The same with a Prepare of each member, and the levels of strong finality that follow; each block.</summary>
    [Benchmark(OperationsPerInvoke = Blocks)]
    public ulong ChainWithLevels() => Grow(levels: true);

    private Hash256 Close()
    {
        _state.BeginBlock();
        return Finish();
    }

    private Hash256 Finish()
    {
        _state.OnBlock(_chain[1]);
        TrustChanges changes = TrustChanges.Of(_state);
        return changes.Uptime.Length > 0 ? _state.Digest() : default;
    }

    private ulong Grow(bool levels)
    {
        FinalChain chain = new(_chain[0], reach: 80);
        StrongFinality strong = new(_committee, chain);
        for (int i = 1; i < _chain.Length; i++)
        {
            chain.Append(_chain[i], _certificate, orders: false);
            if (!levels)
            {
                continue;
            }

            strong.OnFinal(_chain[i], _chain[i - 1], null);
            for (int member = 0; member < Members; member++)
            {
                strong.Note(new SignedHeader(MessageKind.Prepare, member, 0, 0, _chain[i].Sequence, _chain[i].Hash));
            }
        }

        return chain.Sequence + strong.Reached(FinalityLevel.Strong82);
    }

    private byte[] Key()
    {
        byte[] key = new byte[Limits.PublicKeyBytes];
        _random.NextBytes(key);
        return key;
    }
}
