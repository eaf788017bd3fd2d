using Validator.Core.Execution;
using Validator.Core.Primitives;
using Validator.Core.Trust;
using Validator.Core.Wire;
using Validator.Tests.Core.Wire;

namespace Validator.Tests.Core.Trust;

/// <summary>Trust as a part of the executed state. Whole clusters of it are simulated.</summary>
public sealed class TrustStateTests
{
    private const ulong Second = 1_000_000;
    private static readonly Hash256 s_account = Hash256.Of("account"u8);

    // Protects: the chain id covers all of the trust parameters, and a genesis without them is what it always was.
    [Fact]
    public void A_genesis_with_trust_is_read_back_as_it_was()
    {
        Genesis genesis = WithTrust(7);
        byte[] encoded = GenesisCodec.Encode(genesis);
        Assert.True(GenesisCodec.TryDecode(encoded, out Genesis? read, out string? refusal), refusal);
        TrustParameters was = genesis.Parameters.Trust!, now = read.Parameters.Trust!;
        Assert.Equal(
            was with { Penalties = [], Slashes = [], Balances = [] }, now with { Penalties = [], Slashes = [], Balances = [] });
        Assert.Equal(was.Penalties, now.Penalties);
        Assert.Equal(was.Slashes, now.Slashes);
        Assert.Equal(was.Balances, now.Balances);
        for (int cut = 1; cut < 100; cut++)
        {
            Assert.False(GenesisCodec.TryDecode(encoded.AsSpan(0, encoded.Length - cut), out _, out _));
        }

        Assert.NotNull(GenesisCodec.Refusal(With(genesis, was with { UnbondingEpochs = 2 })));
        Assert.NotNull(GenesisCodec.Refusal(With(genesis, was with { BanBelow = 501 })));
        Assert.NotNull(GenesisCodec.Refusal(With(genesis, was with { Balances = [new GenesisBalance(s_account, 1, "nobody")] })));
        Assert.NotNull(GenesisCodec.Refusal(With(genesis, was with { RewardPool = 1UL << 62 })));
        Assert.NotNull(GenesisCodec.Refusal(genesis with { Parameters = genesis.Parameters with { EpochLengthBlocks = 0 } }));
    }

    // Protects: evidence counts once for a member, kind and slot, while it is young enough, against the key that signed it.
    [Fact]
    public void A_proof_counts_once_against_its_key()
    {
        Genesis genesis = WithTrust(7);
        TrustState state = TrustState.ForGenesis(genesis)!;
        OffenceProof proof = Proof(genesis, 2, MessageKind.Commit, 0, 5);
        Assert.Equal(
            ProofRefusal.NotTheMembersKey, state.Apply(proof with { ConsensusKey = genesis.Members[3].ConsensusKey }, 1));
        Assert.Equal(ProofRefusal.OtherEpoch, state.Apply(Proof(genesis, 2, MessageKind.Commit, 1, 5), 1));
        ulong stake = state.Stake.Pool(genesis.Members[2].Name).Stake;
        Assert.Equal(ProofRefusal.None, state.Apply(proof, 1));
        Assert.Equal((genesis.Members[2].Name, proof.First), Assert.Single(state.Proven));
        Assert.Equal(Ratio.One / 2, state.ReputationOf(genesis.Members[2].Name, 1));
        Assert.Equal(stake * 15 / 100, state.Stake.Treasury);
        Assert.Equal(ProofRefusal.AlreadyCounted, state.Apply(proof, 2));
        // The leader's proposal is its Prepare: one slot.
        Assert.Equal(ProofRefusal.None, state.Apply(Proof(genesis, 2, MessageKind.PrePrepare, 0, 5, MessageKind.Prepare), 2));
        Assert.Equal(ProofRefusal.AlreadyCounted, state.Apply(Proof(genesis, 2, MessageKind.Prepare, 0, 5), 3));
        ulong next = 6;
        while (state.Apply(Proof(genesis, 2, MessageKind.Commit, 0, next), 3) == ProofRefusal.None)
        {
            Assert.True(++next < 40);
        }

        Assert.Equal(ProofRefusal.EnoughCounted, state.Judge(Proof(genesis, 2, MessageKind.Commit, 0, next)));
        for (ulong epoch = 0; epoch <= TrustParameters.EvidenceEpochs; epoch++)
        {
            Assert.Equal(ProofRefusal.AlreadyCounted, state.Judge(proof));
            End(state, genesis.Members, 10 * (epoch + 1));
        }

        Assert.Equal(ProofRefusal.OtherEpoch, state.Judge(proof));
        Assert.Equal(0, state.CountedOffences);
    }

    // Protects: a ban takes the worst, never below a committee that can lose a member, and ends when it is forgiven.
    [Fact]
    public void Who_is_banned_leaves_and_comes_back()
    {
        Genesis genesis = WithTrust(5);
        TrustState state = TrustState.ForGenesis(genesis)!;
        Member[] members = genesis.Members;
        foreach (int member in (int[])[1, 3, 3])
        {
            foreach (MessageKind kind in (MessageKind[])[MessageKind.Commit, MessageKind.Prepare])
            {
                state.Apply(Proof(genesis, member, kind, 0, 7), Second);
            }
        }

        // Both are below; four stay, so one goes: the later name of equal ones waits.
        Member[] next = state.Close(members, members, Second)!;
        Assert.Equal(4, next.Length);
        Assert.Single(state.Banned);
        Assert.Contains(state.Events, e => e.Kind == TrustEventKind.BanWaits);
        string banned = state.Banned.Single().Name;
        End(state, next, 20);
        // Nobody signs it in again meanwhile.
        Assert.Null(state.Close(next, [.. next, members.First(m => m.Name == banned)], 2 * Second));
        ulong week = state.Parameters.HalfLifeMicros;
        Member[] back = state.Close(next, next, Second + (2 * week))!;
        Assert.Equal(5, back.Length);
        Assert.Empty(state.Banned);
        Assert.Contains(back, m => m.Name == banned);
        Assert.Contains(state.Events, e => e.Kind == TrustEventKind.Returned && e.Member == banned);
    }

    // Protects: rewards of an epoch go to depositors of those that are trusted, and no unit comes from nowhere or is lost.
    [Fact]
    public void An_epoch_pays_those_that_are_trusted()
    {
        Genesis genesis = WithTrust(7);
        TrustState state = TrustState.ForGenesis(genesis)!;
        state.Apply(Proof(genesis, 0, MessageKind.Commit, 0, 7), Second);
        state.Apply(Proof(genesis, 0, MessageKind.Prepare, 0, 7), Second);
        ulong pool = state.Stake.Rewards;
        Member[] next = state.Close(genesis.Members, genesis.Members, Second)!;
        ulong paid = pool - state.Stake.Rewards;
        Assert.InRange(paid, 1UL, genesis.Parameters.Trust!.EpochReward);
        Assert.DoesNotContain(state.Events, e => e.Kind == TrustEventKind.Rewarded && e.Member == genesis.Members[0].Name);
        Assert.Equal(6, state.Events.Count(e => e.Kind == TrustEventKind.Rewarded));
        Assert.Equal(6, next.Length);
        state.AssertInvariants();
        Assert.Equal(StakeRefusal.None, state.Apply(s_account, new StakeOperation(StakeOperationKind.Claim).Encode()));
        Assert.InRange(state.Stake.Balance(s_account), 1_000UL, 1_000 + paid);
        state.AssertInvariants();
    }

    // Protects: a restart and a snapshot give the very state, whatever happened before, and what is damaged is refused.
    [Fact]
    public void A_state_is_read_back_as_it_was() => CodecPropertyTests.ForSeeds(20, seed =>
    {
        Random random = new(seed);
        Genesis genesis = WithTrust(5 + random.Next(4));
        TrustState state = TrustState.ForGenesis(genesis)!;
        Member[] members = genesis.Members;
        ulong now = Second;
        for (ulong epoch = 0; epoch < 4; epoch++)
        {
            for (int i = random.Next(6); i > 0; i--)
            {
                int member = random.Next(members.Length);
                OffenceProof proof = Proof(
                    members[member], member, MessageKind.Commit, epoch, 1 + (ulong)random.Next(3), MessageKind.Commit);
                state.Apply(proof, now += Second);
                StakeOperationKind kind = (StakeOperationKind)random.Next(1, 5);
                StakeOperation operation = new(
                    kind, (ulong)random.Next(200), kind == StakeOperationKind.Transfer ? Hash256.Of([(byte)random.Next(3)])
                        : default,
                    kind is StakeOperationKind.Deposit or StakeOperationKind.Withdraw ? members[random.Next(members.Length)].Name
                        : "");
                state.Apply(s_account, operation.Encode());
            }

            members = state.Close(members, members, now)!;
            End(state, members, 10 * (epoch + 1));
            state.AssertInvariants();
            TrustState read = TrustState.ForGenesis(genesis)!;
            byte[][] chunks = [.. state.Chunks()];
            Assert.True(read.Load(chunks));
            Assert.Equal(state.Digest(), read.Digest());
            Assert.Equal(state.Banned.Select(m => m.Name), read.Banned.Select(m => m.Name));
            Assert.Equal(state.Stake.Positions(s_account), read.Stake.Positions(s_account));
            chunks[0] = chunks[0][..^1];
            Assert.False(TrustState.ForGenesis(genesis)!.Load(chunks));
            state = read;
        }
    });

    // Protects: a stake operation is one by its signed purpose alone; where it cannot be done its nonce is used, with a reason.
    [Fact]
    public void Stake_operations_are_envelopes_of_their_own()
    {
        byte[] transfer = new StakeOperation(StakeOperationKind.Transfer, 10, To: Hash256.Of("other"u8)).Encode();
        byte[] data = Envelope(transfer, EnvelopePurpose.Data), stake = Envelope(transfer, EnvelopePurpose.Stake);
        Assert.True(EnvelopeCodec.TryRead(data, out Envelope first));
        Assert.True(EnvelopeCodec.TryRead(stake, out Envelope second));
        byte[] a = new byte[EnvelopeCodec.PreimageBytes], b = new byte[EnvelopeCodec.PreimageBytes];
        EnvelopeCodec.WritePreimage(s_account, first, a);
        EnvelopeCodec.WritePreimage(s_account, second, b);
        Assert.NotEqual(a, b);
        stake[0] = 3;
        Assert.False(EnvelopeCodec.TryRead(stake, out _));

        TrustState state = TrustState.ForGenesis(WithTrust(7))!;
        Assert.Equal(StakeRefusal.Malformed, state.Apply(s_account, [9]));
        Assert.Equal(StakeRefusal.TooLittleBalance, state.Apply(Hash256.Of("poor"u8), transfer));
        Assert.Equal(StakeRefusal.None, state.Apply(s_account, transfer));
        Assert.Equal(TrustEventKind.Transfer, Assert.Single(state.Events).Kind);
        Assert.True(TrustEvent.TryRead(state.Events[0].Encode(), out TrustEvent read, out ReadOnlySpan<byte> rest));
        Assert.True(rest.IsEmpty);
        Assert.Equal(state.Events[0], read);
    }

    private static byte[] Envelope(byte[] content, EnvelopePurpose purpose)
    {
        byte[] envelope = new byte[EnvelopeCodec.FixedBytes + content.Length];
        EnvelopeCodec.Write(envelope, s_account, 1, content, purpose);
        return envelope;
    }

    private static Genesis WithTrust(int members)
    {
        Member[] all = [.. Enumerable.Range(0, members).Select(i => GenesisSamples.Member($"m{i}", (byte)(1 + (2 * i)), 1))];
        TrustParameters trust = new()
        {
            Weights = WeightMode.Additive,
            RewardPool = 1_000_000,
            EpochReward = 10_000,
            Balances = [new GenesisBalance(s_account, 1_000), .. all.Select(m => new GenesisBalance(s_account, 5_000, m.Name))],
        };
        return new Genesis("trust", 1, new GenesisParameters { EpochLengthBlocks = 10, Trust = trust }, all);
    }

    private static Genesis With(Genesis genesis, TrustParameters trust) =>
        genesis with { Parameters = genesis.Parameters with { Trust = trust } };

    private static void End(TrustState state, Member[] next, ulong sequence)
    {
        Block last = BlockCodec.Seal(
            state.Epoch, sequence, Hash256.Of([1]), sequence, 0, Hash256.Of([2]), Hash256.Of([3]), new LaneTip[next.Length]);
        state.EndEpoch(last, next);
    }

    private static OffenceProof Proof(
        Genesis genesis, int member, MessageKind kind, ulong epoch, ulong sequence, MessageKind? other = null) =>
        Proof(genesis.Members[member], member, kind, epoch, sequence, other ?? kind);

    private static OffenceProof Proof(
        Member member, int index, MessageKind kind, ulong epoch, ulong sequence, MessageKind other) => new(
        new Evidence(
            new Signed(new SignedHeader(kind, index, epoch, 0, sequence, Hash256.Of([1])), new byte[Limits.SignatureBytes]),
            new Signed(new SignedHeader(other, index, epoch, 0, sequence, Hash256.Of([2])), new byte[Limits.SignatureBytes])),
        member.ConsensusKey);
}
