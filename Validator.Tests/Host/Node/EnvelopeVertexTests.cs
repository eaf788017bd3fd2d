using Validator.Core.Effects;
using Validator.Core.Primitives;
using Validator.Core.Shell;
using Validator.Core.Wire;
using Validator.Core.Wire.Validation;
using Validator.Host.Contracts;
using Validator.Host.Pipeline;
using Validator.Host.Storage;
using Validator.Net.Buffers;
using Validator.Tests.Core.Wire;
using Validator.Tests.Host.Api;

namespace Validator.Tests.Host.Node;

public class EnvelopeVertexTests
{
    private static readonly Genesis Genesis = new(
        "test", 1, new GenesisParameters(),
        [.. Enumerable.Range(0, 4).Select(i => new Member($"m{i}", new byte[Limits.PublicKeyBytes], new byte[Limits.PublicKeyBytes], 1))]);

    /// <summary>
    /// Protects Core: one bad envelope makes the whole vertex invalid and is counted; others of the same round pass.
    /// </summary>
    [Fact]
    public void A_vertex_is_as_good_as_its_envelopes()
    {
        NodeMetrics metrics = new();
        using PreparedAccounts accounts = new(4);
        PinnedBufferPool pool = new(8 << 20, 1 << 20);
        TokenTable<PendingVertex> pending = FreePlaces.TableOf<PendingVertex>(8);
        ValidationContext context = new(
            Genesis, TestCluster.BoardOf(Genesis), FakeNode.ChainId, new SignatureCache(64), new VertexCache(1 << 20), pending,
            new PayloadBudget(1 << 20), pool, accounts, metrics, new PeerFaults(4, static _ => { }, static (_, _) => { }));
        Trusting author = new();
        FrameValidator validator = new(context, author);
        List<Input> passed = [];
        byte[] good = Payload(0, 1, FakeNode.ChainId);
        byte[] bad = Payload(1, 2, Hash256.Zero);
        byte[] other = Payload(2, 3, FakeNode.ChainId);
        foreach (byte[] payload in (byte[][])[good, bad, other])
        {
            Add(payload);
        }

        validator.Complete(passed.Add);
        Assert.Equal([EnvelopeSamples.Header(good, 2).Hash, EnvelopeSamples.Header(other, 2).Hash], passed.Select(i => ((SignedVertex)i.Message!).Vertex.Hash));
        Assert.Equal((1L, 1L, 6L), (metrics.SignaturesFailed.Value, metrics.EnvelopesFailed.Value, metrics.EnvelopesVerified.Value));

        // Whoever forges the author's signature does not make us check a hundred others.
        author.Trusts = false;
        Add(Payload(0, 4, FakeNode.ChainId));
        validator.Complete(passed.Add);
        Assert.Equal((2, 6L), (passed.Count, metrics.EnvelopesVerified.Value));
        passed.ForEach(input => pending.Take(input.VertexToken)!.Drop());
        Assert.Equal(0, pool.RentedBytes);

        void Add(byte[] payload)
        {
            VertexHeader header = EnvelopeSamples.Header(payload, 2);
            byte[] frame = new byte[VertexCodec.EncodedSize(header) + 1];
            int written = FrameCodec.Write(SignedVertex.Of(header, new byte[Limits.SignatureBytes]), frame);
            payload.CopyTo(frame, written);
            Assert.True(pool.TryRent(frame.Length, out PooledBuffer? buffer));
            frame.CopyTo(buffer.Span);
            validator.Add(1, buffer, out _);
            buffer.Release();
        }
    }

    /// <summary>
    /// Protects our lane: whatever clients' submissions share a vertex, its payload is the canonical one and within its limit.
    /// </summary>
    [Fact]
    public void Batches_have_canonical_payloads() => CodecPropertyTests.ForSeeds(15, seed =>
    {
        Random random = new(seed);
        FakeNode node = new();
        Enumerable.Range(0, EnvelopeSamples.Count).ToList().ForEach(a => node.Keys.Add(EnvelopeSamples.PublicKey(a)));
        int limit = random.Next(20_000, 200_000);
        ClientBatch batch = new(limit);
        int count = 0;
        for (int i = 0; i < 12; i++)
        {
            byte[] framed = [.. Enumerable.Range(0, random.Next(1, 4)).SelectMany(j => random.Next(3) == 0
                ? EnvelopeSamples.Entry(TransactionKind.Opaque, [(byte)i, (byte)j])
                : EnvelopeSamples.Entry(TransactionKind.Envelope, EnvelopeSamples.Sign(random.Next(EnvelopeSamples.Count), (ulong)((10 * i) + j), "x"u8, FakeNode.ChainId)))];
            Assert.Equal(FramingError.None, SubmissionReader.TryCreate(framed, node, false, out Submission? submission, out _));
            if (batch.Fits(submission!))
            {
                batch.Add(submission!);
                count += submission!.Count;
            }

            submission!.Release();
        }

        int announced = batch.PayloadBytes;
        batch.Seal();
        Assert.Equal((announced, count), (batch.Payload.Length, batch.TransactionCount));
        Assert.True(batch.Payload.Length <= limit);
        if (count > 0)
        {
            VertexHeader header = EnvelopeSamples.Header(batch.Payload.ToArray(), count);
            Assert.Equal(batch.Root, header.TransactionRoot);
            TransactionScratch scratch = new();
            Assert.Equal(DecodeError.None, VertexValidation.CheckPayload(header, batch.Payload, Genesis.Parameters, scratch));
            Assert.True(batch.Ids.SequenceEqual(scratch.Ids));
        }
    });

    private static byte[] Payload(int account, ulong nonce, Hash256 chain) => EnvelopeSamples.Payload(
        [account, 3],
        EnvelopeSamples.Entry(TransactionKind.Envelope, EnvelopeSamples.Sign(3, nonce, "x"u8, FakeNode.ChainId)),
        EnvelopeSamples.Entry(TransactionKind.Envelope, EnvelopeSamples.Sign(account, nonce, "x"u8, chain)));

    private sealed class Trusting : IVerifier
    {
        public bool Trusts { get; set; } = true;

        public void Verify(CommitteeKeys keys, ReadOnlySpan<SignatureCheck> checks, Span<bool> valid) => valid.Fill(Trusts);
    }
}
