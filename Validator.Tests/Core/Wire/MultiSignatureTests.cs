using Validator.Core.Primitives;
using Validator.Core.Wire;
using Validator.Core.Wire.Validation;

namespace Validator.Tests.Core.Wire;

public class MultiSignatureTests
{
    private static readonly Committee s_five = new([3, 3, 2, 3, 2]);
    private static readonly JointStatement s_statement = new(
        new SignedHeader(MessageKind.Prepare, 0, 1, 2, 3, Hash256.Of([1])), Leader: 3);

    // Protects whoever merges partial signatures: in whatever order they come, however often, and with whatever false ones among
    // them, each gets its own verdict, and what comes out has the signers that a plain model counts, ascending.
    [Fact]
    public void Partials_are_judged_one_by_one_in_any_order()
    {
        Random random = new(1);
        for (int round = 0; round < 500; round++)
        {
            SignatureCollector collector = new(s_statement, s_five, s_five.Quorum);
            SortedDictionary<int, byte[]> counted = [];
            for (int batch = 0; batch < 3; batch++)
            {
                CertificateVote[] partials = new CertificateVote[random.Next(6)];
                for (int i = 0; i < partials.Length; i++)
                {
                    partials[i] = Partial(random.Next(-1, 7), random.Next(3));
                }

                PartialSignature[] outcomes = collector.Take(partials, Verify);
                Assert.Equal(partials.Select(p => Expected(p, counted)), outcomes);
                Assert.Equal(counted.Keys.Sum(k => s_five.Weight(k)), (long)collector.Signers.Weight);
                Assert.Equal(collector.Signers.Weight >= s_five.Quorum, collector.IsComplete);
            }

            MultiSignature result = collector.Result();
            Assert.Equal(counted.Keys, result.Signatures.Select(s => s.Sender));
            Assert.All(result.Signatures, s => Assert.Same(counted[s.Sender], s.Signature));
            List<SignatureCheck> checks = [];
            DecodeError error = result.Collect(s_five, s_five.Quorum, checks);
            Assert.Equal(collector.IsComplete ? DecodeError.None : DecodeError.NoQuorum, error);
            Assert.Equal(collector.IsComplete ? counted.Count : 0, checks.Count);
        }
    }

    // Protects rule P1 in what is verified: the leader's part of a prepared certificate is its PrePrepare, and each signs its own
    // number.
    [Fact]
    public void Each_signs_its_own_header()
    {
        Assert.Equal(s_statement.Header with { Sender = 3, Kind = MessageKind.PrePrepare }, s_statement.HeaderOf(3));
        Assert.Equal(s_statement.Header with { Sender = 4 }, s_statement.HeaderOf(4));
    }

    // Protects what rests on a certificate: a signer beyond the committee or one that comes twice makes all of it worthless.
    [Fact]
    public void Signers_are_members_and_come_once()
    {
        Assert.Equal(DecodeError.MemberOutOfRange, Of(0, 1, 3, 5).Collect(s_five, 1, []));
        Assert.Equal(DecodeError.MemberOutOfRange, Of(-1, 1).Collect(s_five, 1, []));
        Assert.Equal(DecodeError.NotAscending, Of(0, 1, 1, 3).Collect(s_five, 1, []));
        Assert.Equal(DecodeError.None, Of(0, 3, 4).FindSigners(s_five, out MemberSet signers));
        Assert.Equal(8u, signers.Weight);
        Assert.Equal([true, false, false, true, true], Enumerable.Range(0, 5).Select(signers.Contains));
    }

    private static MultiSignature Of(params int[] signers) =>
        new(s_statement, Array.ConvertAll(signers, s => new CertificateVote(s, Partial(s, 1).Signature)));

    // 0 is false; of the others a member may have two that hold, since signing is hedged.
    private static CertificateVote Partial(int signer, int variant) => new(signer, [(byte)variant, (byte)signer]);

    private static void Verify(ReadOnlySpan<SignatureCheck> checks, Span<bool> valid)
    {
        for (int i = 0; i < checks.Length; i++)
        {
            Assert.Equal(s_statement.HeaderOf(checks[i].Sender), checks[i].Header);
            valid[i] = checks[i].Signature[0] != 0;
        }
    }

    private static PartialSignature Expected(CertificateVote partial, SortedDictionary<int, byte[]> counted)
    {
        if (partial.Sender is < 0 or > 4)
        {
            return PartialSignature.NotMember;
        }

        return partial.Signature[0] == 0 ? PartialSignature.False
            : counted.TryAdd(partial.Sender, partial.Signature) ? PartialSignature.Counted
            : PartialSignature.Repeated;
    }
}
