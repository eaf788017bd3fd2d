using Validator.Core.Primitives;
using Validator.Core.Wire;
using Validator.Core.Wire.Validation;

namespace Validator.Tests.Core.Wire;

public class SignatureChecksTests
{
    private static readonly Committee Four = new([1, 1, 1, 1]);
    private readonly MessageBuilder _builder = new(new CountingValues(), 4);
    private readonly List<SignatureCheck> _checks = [];

    // In a prepared certificate the leader's vote is its PrePrepare and no other kind; in a commit certificate all are Commits.
    [Theory]
    [InlineData(Phase.Prepared)]
    [InlineData(Phase.Committed)]
    public void Certificates_name_each_vote_by_its_kind(Phase phase)
    {
        Certificate certificate = _builder.Certificate(phase, 2, 5, 9, Hash256.Of([1]), least: 4);
        Assert.Equal(DecodeError.None, SignatureChecks.OfCertificate(certificate, Four, _checks));
        int leader = Four.Leader(2, 5);
        Assert.Equal(4, _checks.Count);
        foreach (SignatureCheck check in _checks)
        {
            MessageKind expected = phase == Phase.Committed ? MessageKind.Commit
                : check.Sender == leader ? MessageKind.PrePrepare : MessageKind.Prepare;
            Assert.Equal(new SignedHeader(expected, check.Sender, 2, 5, 9, certificate.BlockHash), check.Header);
            Assert.Same(certificate.Votes[check.Sender].Signature, check.Signature);
        }
    }

    // A quorum is weight, each sender once: too little weight or one sender twice certifies nothing.
    [Fact]
    public void Certificates_without_quorum_are_refused()
    {
        Certificate full = _builder.Certificate(Phase.Committed, 0, 0, 1, Hash256.Of([1]), least: 4);
        Assert.Equal(DecodeError.NoQuorum, SignatureChecks.OfCertificate(With(full, full.Votes[..2]), Four, _checks));
        CertificateVote[] twice = [full.Votes[0], full.Votes[1], full.Votes[1]];
        Assert.Equal(DecodeError.NotAscending, SignatureChecks.OfCertificate(With(full, twice), Four, _checks));
        Committee weighted = new([2, 2, 1, 2, 2]);
        CertificateVote[] light = [full.Votes[0], full.Votes[1], full.Votes[2]];
        Assert.Equal(DecodeError.None, SignatureChecks.OfCertificate(With(full, light), Four, _checks));
        Assert.Equal(DecodeError.NoQuorum, SignatureChecks.OfCertificate(With(full, light), weighted, _checks));
    }

    // Only the view's leader proposes; its Prepares pass, since one that differs from the PrePrepare convicts it.
    [Fact]
    public void Only_the_leader_proposes()
    {
        foreach (int sender in new[] { 0, 1, 2, 3 })
        {
            Signed prepare = Signed(MessageKind.Prepare, sender);
            Signed proposal = Signed(MessageKind.PrePrepare, sender);
            bool leads = sender == Four.Leader(0, 2);
            Assert.Equal(DecodeError.None, Collect(prepare));
            Assert.Equal(leads ? DecodeError.None : DecodeError.NotLeader, Collect(proposal));
            Assert.Equal(DecodeError.None, Collect(Signed(MessageKind.Commit, sender)));
        }
    }

    // A NewView implies its own signature, one per summary over that summary's claims, and every vote of its proofs.
    [Fact]
    public void NewViews_imply_all_signatures_inside()
    {
        NewView value = null!;
        for (int sender = 0; value is null || SenderIsNoLeader(value); sender = (sender + 1) % 4)
        {
            value = _builder.NewView(least: 4, sender: sender, view: 6);
        }

        Assert.Equal(DecodeError.None, Collect(value));
        Assert.Equal(1 + 4 + 4 + 4, _checks.Count);
        ulong epoch = value.Signed.Header.Epoch;
        foreach (ViewChangeSummary summary in value.ViewChanges)
        {
            SignedHeader header = new(MessageKind.ViewChange, summary.Sender, epoch, 6, 0, ClaimsCodec.Digest(summary.Claims));
            Assert.Contains(new SignatureCheck(summary.Sender, header, summary.Signature), _checks);
        }

        Committee uneven = new([5, 5, 5, 4]);
        ViewChangeSummary[] few = value.ViewChanges[1..3];
        Assert.Equal(DecodeError.NoQuorum, SignatureChecks.Collect(Rebuild(value, few, value.Prepared), uneven, _checks));
    }

    // The base rests on the highest claims: a proof of a lower one, or two blocks claimed in one slot, is refused.
    [Fact]
    public void NewViews_with_wrong_proofs_do_not_decode()
    {
        NewView good = _builder.NewView(least: 4, view: 6);
        Claim top = good.ViewChanges[3].Claims.Prepared;
        Claim lower = good.ViewChanges[2].Claims.Prepared;
        Certificate stale = _builder.Certificate(Phase.Prepared, good.Signed.Header.Epoch, lower.View, lower.Sequence, lower.BlockHash);
        Assert.Equal(DecodeError.None, Decode(good));
        Assert.Equal(DecodeError.CertificateContradictsClaim, Decode(Rebuild(good, good.ViewChanges, stale)));

        ViewChangeSummary[] conflicting = (ViewChangeSummary[])good.ViewChanges.Clone();
        conflicting[1] = conflicting[1] with
        {
            Claims = conflicting[1].Claims with { Prepared = top with { BlockHash = Hash256.Of([7]) } },
        };
        Assert.Equal(DecodeError.ClaimsConflict, Decode(Rebuild(good, conflicting, good.Prepared)));

        ViewChangeSummary[] late = (ViewChangeSummary[])good.ViewChanges.Clone();
        late[3] = late[3] with { Claims = late[3].Claims with { Prepared = top with { View = 6 } } };
        Assert.Equal(DecodeError.ClaimNotBelowView, Decode(Rebuild(good, late, good.Prepared)));
    }

    // Only two different digests of one sender in one slot convict; PrePrepare and Prepare of one block do not.
    [Fact]
    public void Evidence_needs_one_slot_and_two_digests()
    {
        SignedHeader a = new(MessageKind.PrePrepare, 1, 0, 2, 3, Hash256.Of([1]));
        SignedHeader b = a with { Digest = Hash256.Of([2]) };
        Assert.Equal(DecodeError.None, EvidenceCodec.Refusal(a, b));
        Assert.Equal(DecodeError.None, EvidenceCodec.Refusal(a, b with { Kind = MessageKind.Prepare }));
        Assert.Equal(DecodeError.EvidenceSameDigest, EvidenceCodec.Refusal(a, a with { Kind = MessageKind.Prepare }));
        Assert.Equal(DecodeError.EvidenceOtherSlot, EvidenceCodec.Refusal(a, b with { Kind = MessageKind.Commit }));
        Assert.Equal(DecodeError.EvidenceOtherSlot, EvidenceCodec.Refusal(a, b with { View = 4 }));
        Assert.Equal(DecodeError.EvidenceOtherSlot, EvidenceCodec.Refusal(a, b with { Sequence = 4 }));
        Assert.Equal(DecodeError.EvidenceOtherSlot, EvidenceCodec.Refusal(a, b with { Epoch = 1 }));
        Assert.Equal(DecodeError.EvidenceOtherSender, EvidenceCodec.Refusal(a, b with { Sender = 2 }));
    }

    // A vertex is what its header says, to the byte, and carries no transaction that nobody could verify.
    [Fact]
    public void Vertex_payloads_must_match_their_header()
    {
        GenesisParameters parameters = new();
        TransactionScratch scratch = new();
        byte[] payload = _builder.Payload(3);
        VertexHeader header = _builder.Vertex(payload);
        Assert.Equal(DecodeError.None, VertexValidation.CheckPayload(header, payload, parameters, scratch));
        Assert.Equal(3, scratch.Offsets.Length);
        byte[] expected = [.. TransactionIds.Of(payload.AsSpan(scratch.Offsets[2], scratch.Lengths[2])).ToArray()];
        Assert.Equal(expected, scratch.Ids[64..].ToArray());

        Assert.Equal(DecodeError.PayloadSize, VertexValidation.CheckPayload(header, payload[..^1], parameters, scratch));
        Assert.Equal(DecodeError.TransactionRootDiffers, Check(p => p[^1] ^= 1));
        Assert.Equal(DecodeError.EnvelopeMalformed, Check(p => p[4] = 1));
        Assert.Equal(DecodeError.ChangeNotAlone, Check(p => p[4] = 2));
        Assert.Equal(DecodeError.TransactionKindUnknown, Check(p => p[4] = 3));
        Assert.Equal(DecodeError.TransactionLength, Check(p => p.AsSpan(0, 4).Clear()));
        Assert.Equal(DecodeError.TransactionLength, Check(p => p[3] = 0xff));
        Assert.Equal(DecodeError.Truncated, Check(p => p[1] = 0xff));
        Assert.Equal(
            DecodeError.PayloadTooLarge,
            VertexValidation.CheckPayload(header, payload, parameters with { MaxVertexPayloadBytes = 10 }, scratch));

        DecodeError Check(Action<byte[]> damage)
        {
            byte[] copy = (byte[])payload.Clone();
            damage(copy);
            return VertexValidation.CheckPayload(header, copy, parameters, scratch);
        }
    }

    // The signed bytes of any two purposes differ: every field is in them.
    [Fact]
    public void Every_header_field_changes_the_signed_bytes()
    {
        SignedHeader header = new(MessageKind.Prepare, 1, 2, 3, 4, Hash256.Of([5]));
        Hash256 chain = Hash256.Of([6]);
        SignedHeader[] all =
        [
            header, header with { Kind = MessageKind.Commit }, header with { Sender = 2 }, header with { Epoch = 3 },
            header with { View = 4 }, header with { Sequence = 5 }, header with { Digest = chain },
        ];
        HashSet<string> seen = [Preimage(header, Hash256.Of([7]))];
        Assert.All(all, h => Assert.True(seen.Add(Preimage(h, chain))));
    }

    private static string Preimage(SignedHeader header, Hash256 chain)
    {
        byte[] bytes = new byte[SignedHeaderCodec.PreimageBytes];
        Assert.Equal(bytes.Length, SignedHeaderCodec.WritePreimage(header, chain, bytes));
        return Convert.ToHexString(bytes);
    }

    private static bool SenderIsNoLeader(NewView value) =>
        Four.Leader(value.Signed.Header.Epoch, value.Signed.Header.View) != value.Signed.Header.Sender;

    private static Certificate With(Certificate c, CertificateVote[] votes) => new()
    {
        Phase = c.Phase,
        Epoch = c.Epoch,
        View = c.View,
        Sequence = c.Sequence,
        BlockHash = c.BlockHash,
        Votes = votes,
    };

    private static NewView Rebuild(NewView value, ViewChangeSummary[] summaries, Certificate? prepared) => new()
    {
        Signed = value.Signed with { Header = value.Signed.Header with { Digest = NewViewCodec.Digest(summaries) } },
        ViewChanges = summaries,
        Prepared = prepared,
        Committed = value.Committed,
    };

    private static DecodeError Decode(NewView value)
    {
        byte[] bytes = MessageBuilder.Encode(value, default);
        FrameCodec.TryRead(bytes, 4, out _, out DecodeError error);
        return error;
    }

    private static Signed Signed(MessageKind kind, int sender) =>
        new(new SignedHeader(kind, sender, 0, 2, 1, Hash256.Of([1])), new byte[Limits.SignatureBytes]);

    private DecodeError Collect(IMessage frame)
    {
        _checks.Clear();
        return SignatureChecks.Collect(frame, Four, _checks);
    }
}
