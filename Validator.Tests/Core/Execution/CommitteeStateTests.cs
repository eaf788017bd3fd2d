using Validator.Core.Execution;
using Validator.Core.Primitives;
using Validator.Core.Wire;
using Validator.Core.Wire.Validation;
using Validator.Tests.Core.Wire;

namespace Validator.Tests.Core.Execution;

/// <summary>Rule E4: what a committee change does, and when it does nothing.</summary>
public sealed class CommitteeStateTests
{
    private static readonly Member[] Four = GenesisSamples.Four().Members;

    // Protects: only a change that leaves a committee able to go on has an effect, and one at a time.
    [Fact]
    public void Changes_without_effect_are_told_apart()
    {
        CommitteeState state = new(3, Four);
        string name = Four[0].Name;
        Assert.Equal(ChangeRefusal.WrongEpoch, Of(CommitteeChange.Leave(2, name)));
        Assert.Equal(ChangeRefusal.UnknownMember, Of(CommitteeChange.Leave(3, "nobody")));
        Assert.Equal(ChangeRefusal.NoCommittee, Of(CommitteeChange.Join(3, NewMember("new") with { ConsensusKey = Four[2].ConsensusKey })));
        Assert.Equal(ChangeRefusal.NoCommittee, Of(CommitteeChange.Join(3, NewMember(name))));
        // A member above F could stop the rest by itself.
        Assert.Equal(ChangeRefusal.NoCommittee, Of(CommitteeChange.SetWeight(3, name, 1_000_000)));
        Assert.Equal(ChangeRefusal.None, Of(CommitteeChange.Join(3, NewMember("new"))));
        Assert.Equal(ChangeRefusal.None, state.Apply(CommitteeChange.Join(3, NewMember("new")), 17));
        Assert.Equal(ChangeRefusal.AnotherPending, Of(CommitteeChange.Leave(3, name)));
        Assert.Equal(17UL, state.Pending!.Sequence);

        CommitteeState two = new(0, [Four[0] with { Weight = 1 }]);
        // Of two members with weight one each, q is two, and one alone is known to be there.
        Assert.Equal(ChangeRefusal.TooFewToGoOn, two.Result(CommitteeChange.Join(0, NewMember("second") with { Weight = 1 }), out _));

        ChangeRefusal Of(CommitteeChange change) => state.Result(change, out _);
    }

    // Protects: a change that the last block does not state yet waits for the next epoch's end, and every state has its own
    // digest.
    [Fact]
    public void A_change_takes_effect_with_the_block_that_states_it()
    {
        CommitteeState state = new(0, Four);
        HashSet<Hash256> digests = [state.Digest];
        Assert.Equal(ChangeRefusal.None, state.Apply(CommitteeChange.Leave(0, Four[3].Name), 9));
        Assert.True(digests.Add(state.Digest));
        state.EndEpoch(Last(0, Four));
        Assert.Equal((1UL, 4), (state.Epoch, state.Members.Length));
        Assert.NotNull(state.Pending);
        Assert.True(digests.Add(state.Digest));
        state.EndEpoch(Last(1, Four[..3]));
        Assert.Equal((2UL, 3), (state.Epoch, state.Members.Length));
        Assert.Null(state.Pending);
        Assert.True(digests.Add(state.Digest));
        Assert.Throws<InvariantViolationException>(() => state.EndEpoch(Last(2, Four)));

        static Block Last(ulong epoch, Member[] next) => BlockCodec.Seal(
            epoch, 10, Hash256.Of([1]), 1, 9, Hash256.Of([2]), GenesisCodec.CommitteeDigest(epoch + 1, next), new LaneTip[4]);
    }

    // Protects: a change is its bytes, and is believed by the weight that signed it, each member once.
    [Fact]
    public void A_signed_change_survives_its_encoding_and_needs_a_quorum()
    {
        Committee committee = GenesisSamples.Four().ToCommittee();
        CommitteeChange[] changes =
        [
            CommitteeChange.Join(7, NewMember("new")), CommitteeChange.Leave(7, "a"), CommitteeChange.SetWeight(7, "a", 3),
            CommitteeChange.SetKeys(7, "a", NewMember("x").ConsensusKey, NewMember("x").TransportKey),
        ];
        Assert.Equal(4, changes.Select(CommitteeChangeCodec.Digest).Distinct().Count());
        foreach (CommitteeChange change in changes)
        {
            byte[] bytes = CommitteeChangeCodec.Encode(SignedBy(change, 0, 1, 2, 3));
            Assert.True(CommitteeChangeCodec.TryRead(bytes, out SignedCommitteeChange? read, out _));
            Assert.Equal(bytes, CommitteeChangeCodec.Encode(read));
            for (int length = 0; length < bytes.Length; length += 97)
            {
                Assert.False(CommitteeChangeCodec.TryRead(bytes.AsSpan(0, length), out _, out _));
            }

            Assert.False(CommitteeChangeCodec.TryRead([.. bytes, 0], out _, out _));
            List<SignatureCheck> checks = [];
            Assert.Equal(DecodeError.None, SignatureChecks.OfChange(read, committee, checks));
            Assert.Equal([0, 1, 2, 3], checks.Select(c => c.Sender));
            Assert.All(checks, c => Assert.Equal(CommitteeChangeCodec.HeaderToSign(change, c.Sender), c.Header));
        }

        Assert.Equal(DecodeError.NoQuorum, SignatureChecks.OfChange(SignedBy(changes[1], 0), committee, []));
        Assert.Equal(DecodeError.MemberOutOfRange, SignatureChecks.OfChange(SignedBy(changes[1], 0, 4), committee, []));
        Assert.Equal(DecodeError.NotAscending, SignatureChecks.OfChange(SignedBy(changes[1], 1, 1), committee, []));
        Assert.False(CommitteeChangeCodec.TryRead(CommitteeChangeCodec.Encode(SignedBy(changes[1], 2, 1)), out _, out DecodeError error));
        Assert.Equal(DecodeError.NotAscending, error);
    }

    private static SignedCommitteeChange SignedBy(CommitteeChange change, params int[] senders) =>
        new(change, [.. senders.Select(s => new CertificateVote(s, new byte[Limits.SignatureBytes]))]);

    private static Member NewMember(string name)
    {
        byte[] consensus = new byte[Limits.PublicKeyBytes];
        byte[] transport = new byte[Limits.PublicKeyBytes];
        consensus.AsSpan().Fill(0x77);
        transport.AsSpan().Fill(0x78);
        return new Member(name, consensus, transport, Four[0].Weight);
    }
}
