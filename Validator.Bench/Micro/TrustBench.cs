using BenchmarkDotNet.Attributes;
using Validator.Core.Primitives;
using Validator.Core.Trust;

namespace Validator.Bench.Micro;

/// <summary>What an epoch's end costs in a committee of 128: weights, in less than a millisecond, and rewards.</summary>
[MemoryDiagnoser]
public class TrustBench
{
    private readonly MemberStanding[] _members = new MemberStanding[Limits.MaxCommittee];
    private readonly bool[] _stays = new bool[Limits.MaxCommittee];

    [GlobalSetup]
    public void Setup()
    {
        Random random = new(1);
        for (int i = 0; i < _members.Length; i++)
        {
            _members[i] = new MemberStanding(
                (ulong)random.NextInt64(1L << 50), (uint)random.NextInt64(Ratio.One), (uint)random.NextInt64(Ratio.One), 10_000);
            _stays[i] = true;
        }
    }

    [Benchmark]
    public uint[]? WeightsByAddition() => WeightRule.Next(WeightMode.Additive, _members, _stays);

    [Benchmark]
    public uint[]? WeightsByMultiplication() => WeightRule.Next(WeightMode.Multiplicative, _members, _stays);

    [Benchmark]
    public ulong[] Rewards() => RewardRule.Divide(1UL << 50, _members);

    [Benchmark]
    public ulong Decay() => HalfLife.Decay(Ratio.One, 123_456_789, 604_800_000_000);
}
