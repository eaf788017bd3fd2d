using Validator.Core.Consensus;
using Validator.Core.Effects;
using Validator.Core.Primitives;
using Validator.Core.Wire;

namespace Validator.Tests.Core.Consensus;

/// <summary>Vertices of others (section 3), and what heals every loss (section 10): statuses, requests, answers.</summary>
public sealed class HealingTests
{
    private readonly CoreParts _core = new();

    // Protects rule L1 and memory: a vertex is stored once, and one too far ahead of what is held not at all.
    [Fact]
    public void A_vertex_is_stored_once()
    {
        _core.Vertices.OnVertex(Vertex(2, 1), token: 7);
        _core.Vertices.OnVertex(Vertex(2, 1), token: 8);
        _core.Vertices.OnVertex(Vertex(2, 1_000), token: 9);
        Assert.Equal(["StoreVertex", "DropVertex", "DropVertex"], _core.Done.Cases);
        Assert.Equal(1, _core.Samples.Lanes[2].Count);
    }

    // Protects rule L4: a second vertex in a slot convicts its author and is dropped, unless it was asked for: a cut may name it.
    [Fact]
    public void A_twin_convicts_and_is_kept_only_when_asked_for()
    {
        SignedVertex first = Vertex(2, 1), second = Vertex(2, 1, variant: 2), third = Vertex(2, 1, variant: 3);
        _core.Vertices.OnVertex(first, 1);
        _core.Vertices.OnVertex(second, 2);
        Evidence evidence = Assert.Single(_core.Done.Convicted);
        Assert.Equal((first.Vertex.Hash, second.Vertex.Hash), (evidence.First.Header.Digest, evidence.Second.Header.Digest));
        Assert.Equal("DropVertex", _core.Done.Cases[^1]);
        Assert.True(_core.Samples.Lanes[2].Equivocated);

        _core.At(1);
        _core.Fetcher.Vertex(_core.Samples.Lanes[2], new LaneTip(1, third.Vertex.Hash), preferred: 3);
        _core.Vertices.OnVertex(third, 3);
        Assert.Equal(["Send", "StoreVertex"], _core.Done.Cases);
    }

    // Protects section 6: a vertex of our own that we did not author says that our votes are lost, or that a twin signs.
    [Fact]
    public void A_vertex_of_our_own_that_we_did_not_author_ends_signing()
    {
        _core.Vertices.OnVertex(Vertex(1, 1), 1);
        Assert.False(_core.Step.Signs);
        Assert.Contains("Contradicted", _core.Done.Cases);
    }

    // Protects against answers that nobody asked for: bodies and final blocks are taken once each, after a request.
    [Fact]
    public void Only_what_was_asked_for_is_taken()
    {
        Block first = ChainSamples.Child(_core.Samples.Start), second = ChainSamples.Child(first);
        FinalBlocks answer = new([first, second], ChainSamples.Certificate(second, without: 1));
        _core.Answers.OnBlock(first, 2);
        _core.Answers.OnFinalBlocks(answer, 2);
        Assert.Equal(["Rejected", "Rejected"], _core.Done.Cases);
        Assert.Null(_core.Samples.Blocks.Find(first.Hash));
        Assert.Null(_core.Samples.Chain.Target);

        _core.At(1);
        _core.Fetcher.Block(first.Hash, 2);
        _core.Answers.OnBlock(first, 2);
        _core.Answers.OnBlock(first, 2);
        _core.Fetcher.FinalBlocks(1, 2);
        _core.Answers.OnFinalBlocks(answer, 2);
        _core.Finalizer.TryFinalize();
        Assert.Equal(["Send", "Rejected", "Send"], _core.Done.Cases.Take(3));
        Assert.Equal([first, second], _core.Done.Executed);
        Assert.Equal(2UL, _core.Samples.Chain.Sequence);
    }

    // Protects liveness: who says that it lacks a thing is passed over at once, and the next is asked.
    [Fact]
    public void The_next_peer_is_asked_where_one_lacks_it()
    {
        _core.Fetcher.Block(ChainSamples.Root(9), 2);
        (int to, IMessage request) = _core.Done.Sent[0];
        Assert.Equal(2, to);
        _core.At(1);
        _core.Answers.OnNotFound(new NotFound((FetchRequest)request, 0), 2);
        _core.Fetcher.Advance();
        Assert.Equal((3, request), Assert.Single(_core.Done.Sent));
    }

    // Protects section 10: a peer that stands still is sent our votes again, as they were signed, and only so often.
    [Fact]
    public void A_peer_that_stands_still_is_sent_our_votes_again()
    {
        Block block = _core.Propose();
        _core.Voter.TryPrepareAll();
        Signed prepare = ChainSamples.Signed(MessageKind.Prepare, 1, 0, 1, block.Hash);
        _core.Counter.OnSigned(prepare);
        Status still = new(0, 0, 0, _core.Samples.Lanes.Tips());
        long half = new CoreSettings().StatusIntervalMicros / 2;
        Assert.Empty(SentAt(1));
        Assert.Contains(SentAt(2), message => ReferenceEquals(message, prepare));
        Assert.Empty(SentAt(3));
        Assert.Contains(SentAt(2 + half), message => ReferenceEquals(message, prepare));

        List<IMessage> SentAt(long micros)
        {
            _core.At(micros);
            _core.Status.OnStatus(still, 3);
            Assert.All(_core.Done.Sent, sent => Assert.Equal(3, sent.To));
            return [.. _core.Done.Sent.Select(sent => sent.Message)];
        }
    }

    // Protects section 10 and idle machines: while all are known to stand where we do, Status goes once a second; it goes at the
    // usual time as soon as a peer says anything else, or says nothing, or something here has changed.
    [Fact]
    public void Status_becomes_rarer_only_while_everybody_stands_where_we_do()
    {
        long interval = new CoreSettings().StatusIntervalMicros;
        long now = 0;
        Assert.Equal([true, true], Told(2));
        Status same = new(0, 0, 0, _core.Samples.Lanes.Tips());
        Hear(0, same);
        Hear(2, same);
        Assert.Equal([true, true], Told(2));
        Hear(3, same);
        Assert.Equal([false, false, false, true, false], Told(5));

        Hear(3, same with { FinalSequence = 1 });
        Assert.Equal([true, true], Told(2));
        Hear(3, same);
        Assert.Equal([false], Told(1));
        _core.Samples.Hold(2, 1);
        Assert.Equal([true, true], Told(2));

        void Hear(int peer, Status status) => _core.Status.OnStatus(status, peer);

        bool[] Told(int periods) => [.. Enumerable.Range(0, periods).Select(_ =>
        {
            _core.At(now += interval);
            _core.Status.Advance();
            return _core.Done.Sent.Any(sent => sent is { To: -1, Message: Status });
        })];
    }

    // Protects section 10: what a peer has and we lack is asked of it: final blocks, a lane's vertices once that lane stands
    // still, and at once a twin. A status with another number of lanes says nothing.
    [Fact]
    public void What_a_peer_is_ahead_in_is_asked_for()
    {
        LaneTip[] tips = [default, default, new LaneTip(3, ChainSamples.Root(3)), default];
        long interval = new CoreSettings().StatusIntervalMicros;
        Assert.Empty(Asked(new Status(0, 0, 0, tips), interval - 1));
        FetchRequest vertices = Assert.Single(Asked(new Status(0, 0, 0, tips), interval));
        Assert.Equal((FetchKind.Vertices, 2, 3u, tips[2].Hash), (vertices.Kind, vertices.Author, vertices.Count, vertices.Hash));

        LaneTip held = _core.Samples.Hold(3, 1)[0];
        tips = [default, default, default, held with { Hash = ChainSamples.Root(4) }];
        FetchRequest twin = Assert.Single(Asked(new Status(0, 0, 0, tips), interval + 1));
        Assert.Equal((FetchKind.Vertices, 3, ChainSamples.Root(4)), (twin.Kind, twin.Author, twin.Hash));

        FetchRequest blocks = Assert.Single(Asked(new Status(0, 0, 3, new LaneTip[4]), interval + 2));
        Assert.Equal((FetchKind.FinalBlocks, 1UL), (blocks.Kind, blocks.Sequence));
        _core.At(interval + 3);
        _core.Status.OnStatus(new Status(0, 0, 3, new LaneTip[3]), 2);
        Assert.Equal(["Rejected"], _core.Done.Cases);

        List<FetchRequest> Asked(Status status, long micros)
        {
            _core.At(micros);
            _core.Status.OnStatus(status, 2);
            return [.. _core.Done.Sent.Where(sent => sent.To == 2).Select(sent => sent.Message).OfType<FetchRequest>()];
        }
    }

    private static SignedVertex Vertex(int author, ulong height, byte variant = 1) => SignedVertex.Of(
        VertexCodec.Seal(
            0, author, height, height == 1 ? default : ChainSamples.Root(1), new LaneTip[4], Hash256.Of([variant]), 10, 1),
        new byte[Limits.SignatureBytes]);
}
