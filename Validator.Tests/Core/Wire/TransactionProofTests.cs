using Validator.Bench;
using Validator.Core.Primitives;
using Validator.Core.Wire;
using Validator.Core.Wire.Validation;
using Validator.Host.Pipeline;

namespace Validator.Tests.Core.Wire;

public class TransactionProofTests
{
    private static readonly Lazy<ProofSample> s_four = new(() => new ProofSample());

    private static ProofSample Four => s_four.Value;

    // Protects who keeps proofs: in the first block of the chain or of an epoch, in the middle, at an epoch's end with a
    // certificate of the next one, by Commits or by the Prepares of all, from genesis or a later epoch, each holds for its own
    // transaction, and its file comes back as it was.
    [Theory]
    [InlineData(1, 0, 0u, 4, 0, Phase.Committed)]
    [InlineData(1, 1, 99u, 6, 0, Phase.Committed)]
    [InlineData(2, 0, 31u, 5, 0, Phase.Prepared)]
    [InlineData(3, 1, 32u, 6, 0, Phase.Committed)]
    [InlineData(6, 0, 5u, 9, 0, Phase.Committed)]
    [InlineData(7, 1, 50u, 10, 1, Phase.Prepared)]
    [InlineData(12, 0, 64u, 16, 0, Phase.Prepared)]
    [InlineData(20, 1, 95u, 24, 0, Phase.Committed)]
    [InlineData(20, 0, 96u, 24, 3, Phase.Committed)]
    [InlineData(5, 0, 7u, 22, 0, Phase.Committed)]
    public void A_proof_holds_from_any_epoch_to_any_certificate(
        int ordering, int vertex, uint position, int certified, int from, Phase phase)
    {
        TransactionProof proof = Four.Prove(ordering, vertex, position, certified, from, phase);
        byte[] encoded = TransactionProofCodec.Encode(proof);
        Assert.True(TransactionProofCodec.TryRead(encoded, out TransactionProof? read, out DecodeError error), error.ToString());
        Assert.Equal(encoded, TransactionProofCodec.Encode(read));
        Assert.Equal(encoded.Length, TransactionProofCodec.SizesOf(read).Total);
        TransactionProofChecks checks = Check(read, from);
        Assert.Equal(ProofFault.None, ProofSignatures.Verify(checks, Four.ChainId));
        Assert.Equal(Four.Id(ordering, vertex, position), read.Id);
        Assert.Equal((ulong)((ordering - 1) * 200) + (ulong)(vertex * 100) + position, read.Accepted!.Index);
        Assert.InRange(checks.Weight, checks.Certifying.Committee.Quorum, checks.Certifying.Committee.Total);
        Assert.Equal(ProofFault.None, Fault(read with { Accepted = null }, from));
    }

    // Protects files that were kept: the bytes of a proof stay what they are.
    [Fact]
    public void A_proof_matches_its_golden_file()
    {
        TransactionProof proof = new ProofSample(members: 2, ends: 0).Prove(2, 0, 33, 5);
        byte[] golden = Golden.Compare("transaction-proof.hex", TransactionProofCodec.Encode(proof));
        Assert.True(TransactionProofCodec.TryRead(golden, out TransactionProof? read, out _));
        Assert.Equal(golden, TransactionProofCodec.Encode(read));
    }

    // Protects the chain of committees: each next one is told as far as it is new, and comes back whole.
    [Fact]
    public void Committees_are_told_as_far_as_they_are_new()
    {
        TransactionProof proof = Four.Prove(20, 0, 0, 24);
        Assert.Equal([NextMembers.Weights, NextMembers.Whole, NextMembers.Same], proof.Ends.Select(e => e.Next));
        TransactionProofChecks checks = Check(proof, 0);
        Assert.Equal(EpochOf(3).Members, checks.Certifying.Members);
        Assert.Equal(Four.End(2).Last.Hash, checks.NewestEnd!.Last.Hash);
        byte[] end = new byte[EpochEndCodec.EncodedSize(checks.NewestEnd)];
        EpochEndCodec.Write(checks.NewestEnd, end);
        Assert.True(EpochEndCodec.TryRead(end, 5, out EpochEnd? read, out _));
        Assert.Equal(ProofFault.None, Fault(Four.Prove(20, 0, 0, 24, from: 3), EpochConfiguration.After(read.Last, read.Next)));
    }

    // Protects readers from proofs that are not: whatever is false in one is found, and named.
    [Fact]
    public void Each_part_that_is_false_is_found()
    {
        TransactionProof good = Four.Prove(20, 0, 40, 24);
        VertexHeader below = Four.Vertex(20, 0);
        VertexHeader counted = Sealed(below, more: 1);
        VertexHeader elsewhere = Sealed(below, author: 2);
        Dictionary<string, (ProofFault Expected, TransactionProof Proof)> cases = new()
        {
            ["of another chain"] = (ProofFault.OtherChain, good with { ChainId = Hash256.Of([1]) }),
            ["from a later epoch than is known"] = (ProofFault.OtherFirstEpoch, Four.Prove(20, 0, 40, 24, from: 1)),
            ["an epoch is left out"] = (ProofFault.EpochNotContinued, good with { Ends = [good.Ends[0], good.Ends[2]] }),
            ["an epoch comes twice"] = (ProofFault.EpochNotContinued, good with { Ends = [good.Ends[0], .. good.Ends] }),
            ["the last epoch is missing"] = (ProofFault.BlocksNotChained, good with { Ends = good.Ends[..2] }),
            ["a block that ends nothing"] =
                (ProofFault.EpochNotContinued, With(good, 1, good.Ends[1] with { Last = Four.Block(11) })),
            ["an end that only Prepares prove"] =
                (ProofFault.EpochNotCertified,
                    With(good, 1, good.Ends[1] with { Certificate = Four.Certify(Four.Block(12), Phase.Prepared) })),
            ["an end with too little weight"] =
                (ProofFault.EpochNotCertified,
                    With(good, 1, good.Ends[1] with { Certificate = Four.Certify(Four.Block(12), Phase.Committed, [0, 1]) })),
            ["an end with another's certificate"] =
                (ProofFault.EpochNotCertified, With(good, 1, good.Ends[1] with { Certificate = good.Ends[0].Certificate })),
            ["a committee that is not named"] =
                (ProofFault.CommitteeNotNamed,
                    With(good, 2, good.Ends[2] with { Next = NextMembers.Whole, Members = EpochOf(1).Members })),
            ["weights that are not named"] =
                (ProofFault.CommitteeNotNamed,
                    With(good, 2, good.Ends[2] with { Next = NextMembers.Weights, Weights = [10, 10, 10, 10, 12] })),
            ["too few weights"] =
                (ProofFault.CommitteeNotNamed,
                    With(good, 2, good.Ends[2] with { Next = NextMembers.Weights, Weights = [10, 10, 10, 10] })),
            ["a block is left out"] =
                (ProofFault.BlocksNotChained, good with { Blocks = [.. good.Blocks[..2], .. good.Blocks[3..]] }),
            ["a block of an earlier epoch"] =
                (ProofFault.BlocksNotChained, good with { Blocks = [Four.Block(18), .. good.Blocks] }),
            ["a certificate of another block"] =
                (ProofFault.NotCertified, good with { Certificate = Four.Certify(Four.Block(23), Phase.Committed) }),
            ["a certificate of too little weight"] =
                (ProofFault.NotCertified, good with { Certificate = Four.Certify(Four.Block(24), Phase.Committed, [0, 1, 2]) }),
            ["Prepares of a quorum"] =
                (ProofFault.NotCertified, good with { Certificate = Four.Certify(Four.Block(24), Phase.Prepared, [0, 1, 2, 3]) }),
            ["no parent"] = (ProofFault.WrongParent, good with { Parent = null }),
            ["another parent"] = (ProofFault.WrongParent, good with { Parent = Four.Block(18) }),
            ["a parent where there is none"] =
                (ProofFault.WrongParent, Four.Prove(19, 0, 1, 24) with { Parent = Four.Block(18) }),
            ["a vertex of the lane is left out"] = (ProofFault.LaneNotChained, good with { Lane = [below] }),
            ["a cut that does not contain it"] = (ProofFault.LaneNotChained, good with { Lane = Four.Prove(21, 0, 40, 24).Lane }),
            ["another lane's vertex"] = (ProofFault.LaneNotChained, good with { Lane = [good.Lane[0], elsewhere] }),
            ["a vertex with another count"] = (ProofFault.LaneNotChained, good with { Lane = [good.Lane[0], counted] }),
            ["a vertex that the block before ordered"] =
                (ProofFault.OrderedBefore, good with { Lane = [.. good.Lane, Four.Vertex(19, 1)] }),
            ["another vertex's path"] = (ProofFault.NotInVertex, good with { Path = Four.Prove(20, 1, 40, 24).Path }),
            ["the path in another chunk's place"] =
                (ProofFault.NotInVertex, good with { Path = good.Path with { Position = 8 } }),
            ["a place that is not there"] = (ProofFault.NotInVertex, good with { Path = good.Path with { Position = 100 } }),
            ["a state of another block"] =
                (ProofFault.StateNotStated, good with { Accepted = Four.Prove(22, 0, 40, 24).Accepted }),
            ["a state that no block states"] =
                (ProofFault.StateNotStated,
                    good with { Accepted = good.Accepted! with { Records = [good.Accepted.Records[0] with { Rejected = 1 }] } }),
            ["accepted in another's place"] =
                (ProofFault.NotAccepted,
                    good with { Accepted = good.Accepted! with { Path = good.Accepted.Path with { Position = 8 } } }),
            ["another was accepted"] = (ProofFault.NotAccepted, good with { Accepted = Four.Prove(20, 0, 41, 24).Accepted }),
            ["votes for another block"] =
                (ProofFault.BadSignature, good with { Certificate = Relabelled(Four.Certify(good.Ordering, Phase.Committed)) }),
            ["votes of another epoch"] =
                (ProofFault.BadSignature, good with { Certificate = Relabelled(Four.Certify(Four.Block(17), Phase.Committed)) }),
            ["Prepares as Commits"] =
                (ProofFault.BadSignature, good with { Certificate = Relabelled(Four.Certify(Four.Block(24), Phase.Prepared)) }),
        };
        foreach ((string name, (ProofFault expected, TransactionProof proof)) in cases)
        {
            Assert.Equal((name, expected), (name, Fault(proof, 0)));
        }
    }

    // Protects from a leaf in a wrong place (planted as a mistake, it fails here): of all places whose path has the same form, an
    // id is proven at its own alone; in its own chunk another place is another id.
    [Fact]
    public void An_id_is_proven_at_its_own_place_alone()
    {
        foreach (int count in new[] { 1, 2, 31, 32, 33, 64, 65, 100, 128, 129, 1000, 2049 })
        {
            byte[] ids = new byte[count * Hash256.Size];
            new Random(count).NextBytes(ids);
            Hash256 root = Hash256.Of(ids);
            foreach (uint position in new[] { 0u, 31u, 32u, (uint)count / 2, (uint)count - 1 }.Where(p => p < count).Distinct())
            {
                IdPath path = IdPath.Of(ids, position);
                Assert.True(path.LeadsTo(root, (uint)count) && path.Id == new Hash256(ids.AsSpan((int)position * Hash256.Size)));
                for (uint other = 0; other < count + 40; other++)
                {
                    IdPath moved = path with { Position = other };
                    bool sameChunk = other / 32 == position / 32 && other < count;
                    Assert.True(sameChunk == moved.LeadsTo(root, (uint)count), $"{position} of {count} as {other}");
                    Assert.True(!sameChunk || other == position || moved.Id != path.Id);
                }
            }
        }
    }

    // Protects against files that were cut, lengthened or changed anywhere: each byte of a proof counts.
    [Fact]
    public void Every_byte_counts()
    {
        byte[] encoded = TransactionProofCodec.Encode(Four.Prove(20, 0, 40, 24));
        Random random = new(11);
        for (int i = 0; i < 900; i++)
        {
            int at = i < 72 ? i : random.Next(encoded.Length);
            Assert.False(TransactionProofCodec.TryRead(encoded.AsSpan(0, at), out _, out _), $"cut to {at} bytes");
            byte[] changed = [.. encoded];
            changed[at] ^= (byte)(1 << random.Next(8));
            if (TransactionProofCodec.TryRead(changed, out TransactionProof? read, out _))
            {
                // Another place of the same chunk is another transaction.
                ProofFault fault = Fault(read with { Accepted = at is >= 60 and < 64 ? null : read.Accepted }, 0);
                Assert.True(fault != ProofFault.None || read.Id != Four.Id(20, 0, 40), $"byte {at} does not count");
            }
        }

        Assert.False(TransactionProofCodec.TryRead([.. encoded, 0], out _, out DecodeError error));
        Assert.Equal(DecodeError.TrailingBytes, error);
    }

    private static EpochConfiguration EpochOf(int number) => Four.Epoch(number);

    private static TransactionProofChecks Check(TransactionProof proof, int from) =>
        TransactionProofChecks.Of(proof, Four.ChainId, EpochOf(from));

    private static ProofFault Fault(TransactionProof proof, int from) => Fault(proof, EpochOf(from));

    private static ProofFault Fault(TransactionProof proof, EpochConfiguration from) =>
        ProofSignatures.Verify(TransactionProofChecks.Of(proof, Four.ChainId, from), Four.ChainId);

    private static TransactionProof With(TransactionProof proof, int at, ProofEpochEnd end)
    {
        ProofEpochEnd[] ends = [.. proof.Ends];
        ends[at] = end;
        return proof with { Ends = ends };
    }

    /// <summary>Its votes, said to be Commits for the last block.</summary>
    private static Certificate Relabelled(Certificate votes) => new()
    {
        Phase = Phase.Committed,
        Epoch = 3,
        View = votes.View,
        Sequence = 24,
        BlockHash = Four.Block(24).Hash,
        Votes = votes.Votes,
    };

    private static VertexHeader Sealed(VertexHeader like, int author = ProofSample.Author, uint more = 0) => VertexCodec.Seal(
        like.Epoch, author, like.Height, like.Predecessor, like.Parents, like.TransactionRoot, like.PayloadBytes + 6,
        like.TransactionCount + more);
}
