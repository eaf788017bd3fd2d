using System.Numerics;
using Validator.Core.Primitives;
using Validator.Core.Trust;
using Validator.Core.Wire;

namespace Validator.Tests.Core.Trust;

/// <summary>
/// Bans and returns against a slow version that keeps every offence and reckons each epoch's end anew from rules T3 and T5, with
/// scores in 256 bits behind the point.
/// </summary>
public sealed class ExactBanTests
{
    private const ulong HalfLife = 1_000_000_000;

    // Protects a committee from its own bans: over random committees of 1 to 128 and six epochs of offences, who is banned, who
    // waits and who comes back is what the rules say, the worst first; and whatever members did, those who stay have F of at
    // least one member, nobody above it, and weigh the new quorum by themselves.
    [Fact]
    public void Who_goes_and_who_comes_back_is_what_the_rules_say()
    {
        Random random = new(52);
        int banned = 0, waits = 0, returned = 0, near = 0, rounds = 0;
        for (int round = 0; round < 384; round++)
        {
            // Small ones are where a ban does harm.
            Genesis genesis = Genesis(random, 1 + (round % 3 == 0 ? round / 3 % 128 : round % 12));
            TrustState state = TrustState.ForGenesis(genesis)!;
            Model model = new(genesis);
            Member[] members = genesis.Members;
            ulong now = 1_000_000;
            for (ulong epoch = 0; epoch < 6; epoch++)
            {
                Offend(random, state, model, members, ref now);
                now += (ulong)random.NextInt64(3 * (long)HalfLife / 2);
                state.BeginBlock();
                Member[] next = state.Close(members, members, now)!;
                Member[]? expected = model.Close(members, now);
                if (expected is null)
                {
                    near++;
                    break;
                }

                rounds++;
                Assert.Equal(expected.Select(m => (m.Name, m.Weight)), next.Select(m => (m.Name, m.Weight)));
                Assert.Equal(model.Told, state.Events.Select(e => (e.Kind, e.Member)));
                Assert.True(members.Length < 4 || IsCommittee(next));
                banned += model.Told.Count(t => t.Kind == TrustEventKind.Banned);
                waits += model.Told.Count(t => t.Kind == TrustEventKind.BanWaits);
                returned += model.Told.Count(t => t.Kind == TrustEventKind.Returned);
                members = next;
                End(state, members, 10 * (epoch + 1));
            }
        }

        Assert.True(banned > 300 && waits > 100 && returned > 100, $"{banned} banned, {waits} waited, {returned} came back");
        Assert.True(near * 50 < rounds, $"{near} of {rounds} were too near to a bound");
    }

    private static void Offend(Random random, TrustState state, Model model, Member[] members, ref ulong now)
    {
        for (int left = random.Next(1 + Math.Min(12, members.Length)); left > 0; left--)
        {
            int offender = random.Next(members.Length);
            now += (ulong)random.NextInt64(1, 1_000_000);
            MessageKind kind = random.Next(3) == 0 ? MessageKind.Vertex : MessageKind.Commit;
            // No slot twice.
            OffenceProof proof = Proof(members[offender], offender, kind, state.Epoch, now);
            if (state.Apply(proof, now) == ProofRefusal.None)
            {
                model.Convict(members[offender].Name, kind == MessageKind.Vertex ? 200u : 500u, now);
            }
        }
    }

    private static bool IsCommittee(Member[] members)
    {
        BigInteger total = members.Aggregate(BigInteger.Zero, (sum, member) => sum + member.Weight);
        return members.Length >= 4 && total >= 4 && members.All(member => 3 * (BigInteger)member.Weight < total);
    }

    private static Genesis Genesis(Random random, int count)
    {
        while (true)
        {
            int shape = random.Next(3);
            Member[] members = [.. Enumerable.Range(0, count).Select(i => GenesisMember(i, shape switch
            {
                0 => 1u,
                1 => (uint)random.Next(7_000, 13_001),
                _ => (uint)random.Next(1, 1_000_000),
            }))];
            if (Committee.Refusal([.. members.Select(member => member.Weight)]) is null)
            {
                TrustParameters trust = new() { HalfLifeMicros = HalfLife };
                return new Genesis("bans", 1, new GenesisParameters { EpochLengthBlocks = 10, Trust = trust }, members);
            }
        }
    }

    /// <summary>Names are not in the order of numbers.</summary>
    private static Member GenesisMember(int i, uint weight)
    {
        byte[][] keys = [new byte[Limits.PublicKeyBytes], new byte[Limits.PublicKeyBytes]];
        keys[0].AsSpan().Fill((byte)((2 * i) + 1));
        keys[1].AsSpan().Fill((byte)((2 * i) + 2));
        return new Member($"m{i * 37 % 128}", keys[0], keys[1], weight);
    }

    private static OffenceProof Proof(Member member, int index, MessageKind kind, ulong epoch, ulong slot)
    {
        return new OffenceProof(new Evidence(Signed(1), Signed(2)), member.ConsensusKey);

        Signed Signed(byte block) => new(
            new SignedHeader(kind, index, epoch, 0, slot, Hash256.Of([block])), new byte[Limits.SignatureBytes]);
    }

    private static void End(TrustState state, Member[] next, ulong sequence) => state.EndEpoch(
        BlockCodec.Seal(
            state.Epoch, sequence, Hash256.Of([1]), sequence, 0, Hash256.Of([2]), Hash256.Of([3]), new LaneTip[next.Length]),
        next);

    private sealed class Model(Genesis genesis)
    {
        private readonly Dictionary<string, List<(uint Thousandths, ulong At)>> _offences =
            genesis.Members.ToDictionary(member => member.Name, _ => new List<(uint, ulong)>());

        private readonly Dictionary<string, Member> _banned = [];

        public List<(TrustEventKind Kind, string Member)> Told { get; } = [];

        public void Convict(string member, uint thousandths, ulong at) => _offences[member].Add((thousandths, at));

        /// <returns>Null where a bound, or another's score, is nearer than what a score may be off by.</returns>
        public Member[]? Close(Member[] members, ulong now)
        {
            Told.Clear();
            Dictionary<string, BigInteger> lost = _offences.ToDictionary(
                o => o.Key,
                o => o.Value.Aggregate(
                    BigInteger.Zero, (sum, one) => sum + (one.Thousandths * ExactScoreTests.Forgiven(now - one.At, HalfLife))));
            if (lost.Values.Any(l => IsNear(l, Thousandths(700)) || IsNear(l, Thousandths(500)))
                || lost.Values.Any(l => IsOrdered(l) && lost.Values.Any(other => other != l && IsNear(l, other))))
            {
                return null;
            }

            // A score of nothing is as bad as any other.
            List<Member> next = [.. members];
            foreach (Member bad in members.Where(m => lost[m.Name] > Thousandths(700))
                .OrderByDescending(m => BigInteger.Min(lost[m.Name], Thousandths(1000)))
                .ThenBy(m => m.Name, StringComparer.Ordinal))
            {
                Member[] rest = [.. next.Where(member => member != bad)];
                bool goes = _banned.Count < 32 && IsCommittee(rest);
                Told.Add((goes ? TrustEventKind.Banned : TrustEventKind.BanWaits, bad.Name));
                if (goes)
                {
                    next = [.. rest];
                    _banned.Add(bad.Name, bad);
                }
            }

            // Those who are known, in the order of genesis here.
            foreach (Member back in genesis.Members.Where(m => _banned.ContainsKey(m.Name) && lost[m.Name] <= Thousandths(500)))
            {
                Member[] more = [.. next, back];
                BigInteger all = more.Aggregate(BigInteger.Zero, (sum, member) => sum + member.Weight);
                BigInteger stay = more.Where(members.Contains).Aggregate(BigInteger.Zero, (sum, member) => sum + member.Weight);
                if (IsCommittee(more) && 3 * stay > 2 * all)
                {
                    next.Add(back);
                    _banned.Remove(back.Name);
                    Told.Add((TrustEventKind.Returned, back.Name));
                }
            }

            return [.. next];
        }

        /// <summary>Where the worst go first, it matters whose score is less.</summary>
        private static bool IsOrdered(BigInteger lost) => lost > Thousandths(700) && lost < Thousandths(1000);

        private static BigInteger Thousandths(uint thousandths) => thousandths * (BigInteger.One << ExactScoreTests.Bits);

        private static bool IsNear(BigInteger one, BigInteger other) =>
            BigInteger.Abs(one - other) * 100_000 < Thousandths(1000);
    }
}
