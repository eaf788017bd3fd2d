using System.Buffers.Binary;
using System.Collections.Concurrent;
using System.Net;
using Validator.Core.Primitives;
using Validator.Core.Trust;
using Validator.Core.Wire;
using Validator.Host.Api;
using Validator.Host.Contracts;
using Validator.Host.Storage;
using Validator.Net;
using Validator.Net.Native;
using Validator.Net.Streams;
using Validator.Tests.Core.Wire;

namespace Validator.Tests.Host.Api;

public sealed class SubmitStreamTests : IDisposable
{
    private readonly FakeNode _node = new();
    private readonly NodeMetrics _metrics = new();
    private readonly byte[] _seed = [5, .. new byte[31]];
    private readonly Client _client = new();
    private SubmitStream? _server;
    private StreamLoop? _loop;

    // Protects clients' promises over QUIC: durable first, then what became of each, in runs, under the client's own numbers.
    [Fact]
    public void Receipts_come_by_range()
    {
        Start();
        _node.Complete = submission =>
        {
            submission.CompleteDurable(Hash256.Of("vertex"u8));
            TransactionState[] states =
            [
                new(TransactionStage.Finalized, 100, 7, TransactionRejection.None), new(TransactionStage.Finalized, 101, 7, TransactionRejection.None),
                new(TransactionStage.Rejected, 0, 7, TransactionRejection.NonceUsed), new(TransactionStage.Rejected, 0, 7, TransactionRejection.NonceUsed),
                new(TransactionStage.Rejected, 55, 7, TransactionRejection.Repeat), new(TransactionStage.Finalized, 102, 7, TransactionRejection.None),
            ];
            for (int i = 0; i < submission.Count; i++)
            {
                submission.SetState(i, states[i]);
            }

            submission.CompleteFinal();
        };
        Submit(1000, 6);
        StreamReceiptFrame[] got = Receipts(5);
        Assert.Equal((StreamReceipt.Durable, 1000UL, 6u, Hash256.Of("vertex"u8)), (got[0].Kind, got[0].First, got[0].Count, got[0].Vertex));
        Assert.Equal((StreamReceipt.Final, 1000UL, 2u, 100UL, 7UL), (got[1].Kind, got[1].First, got[1].Count, got[1].Index, got[1].Block));
        Assert.Equal((StreamReceipt.Rejected, 1002UL, 2u, (byte)TransactionRejection.NonceUsed), (got[2].Kind, got[2].First, got[2].Count, got[2].Reason));
        Assert.Equal((StreamReceipt.Rejected, 1004UL, 1u, 55UL), (got[3].Kind, got[3].First, got[3].Count, got[3].Index));
        Assert.Equal((StreamReceipt.Final, 1005UL, 1u, 102UL), (got[4].Kind, got[4].First, got[4].Count, got[4].Index));
    }

    // Protects clients that wait for strong finality over QUIC: outcomes come with the level that is asked for, by a frame of its
    // own or, under enforce, by any; who asks for finality alone is not held up by them.
    [Fact]
    public void Strong_outcomes_wait_for_the_level_that_is_asked_for()
    {
        Start();
        _node.Complete = FinalAt(7);
        Submit(10, 2, StreamRequest.SubmitStrong);
        Submit(20, 1);
        StreamReceiptFrame[] got = Receipts(3);
        Assert.Equal([(StreamReceipt.Durable, 10UL), (StreamReceipt.Durable, 20UL), (StreamReceipt.Final, 20UL)], Told(got));
        _node.Finality.Raise(FinalityLevel.Strong67, 6);
        Thread.Sleep(200);
        Assert.Equal(3, _client.Receipts.Count);
        _node.Finality.Raise(FinalityLevel.Strong67, 7);
        got = Receipts(4);
        Assert.Equal((StreamReceipt.Final, 10UL, 2u, 7UL), (got[3].Kind, got[3].First, got[3].Count, got[3].Block));
        Submit(30, 1, StreamRequest.SubmitStrong);
        Assert.Equal([(StreamReceipt.Durable, 30UL), (StreamReceipt.Final, 30UL)], Told(Receipts(6)[4..]));

        _node.FinalIsStrong = true;
        _node.StrongLevel = FinalityLevel.Strong75;
        Submit(40, 1);
        Assert.Equal([(StreamReceipt.Durable, 40UL)], Told(Receipts(7)[6..]));
        Thread.Sleep(200);
        Assert.Equal(7, _client.Receipts.Count);
        _node.Finality.Raise(FinalityLevel.Strong75, 7);
        Assert.Equal([(StreamReceipt.Final, 40UL)], Told(Receipts(8)[7..]));
    }

    // Protects clients from waiting for ever, and from a word that does not hold: what does not become strong in time, or before
    // the validator stops, is said to be final alone; what failed, and what was rejected, is told as ever.
    [Fact]
    public void What_does_not_become_strong_is_said_to_be_final_alone()
    {
        Start(wait: TimeSpan.FromMilliseconds(300));
        _node.Complete = FinalAt(7);
        long start = Environment.TickCount64;
        Submit(10, 2, StreamRequest.SubmitStrong);
        Assert.Equal([(StreamReceipt.Durable, 10UL), (StreamReceipt.FinalNotStrong, 10UL)], Told(Receipts(2)));
        Assert.InRange(Environment.TickCount64 - start, 290, 30_000);
        _node.Complete = submission => submission.Fail(SubmissionFailure.LeftCommittee);
        Submit(20, 1, StreamRequest.SubmitStrong);
        Assert.Equal([(StreamReceipt.Refused, 20UL)], Told(Receipts(3)[2..]));
    }

    // Protects clients of a validator that stops: what is final is told at once, and nothing is left open.
    [Fact]
    public void A_stop_ends_the_wait_for_strength()
    {
        Start(wait: TimeSpan.FromHours(1));
        _node.Complete = FinalAt(7);
        Submit(10, 1, StreamRequest.SubmitStrong);
        Receipts(1);
        Thread.Sleep(100);
        Assert.Single(_client.Receipts);
        _server!.Drain();
        Assert.Equal([(StreamReceipt.FinalNotStrong, 10UL)], Told(Receipts(2)[1..]));
    }

    // Protects the node: while it is full nothing is refused and nothing lost; the client is held up, and its frames are taken in
    // order after.
    [Fact]
    public void A_full_node_holds_the_client_up()
    {
        Start();
        _node.Refusal = SubmitRefusal.Full;
        for (int i = 0; i < 20; i++)
        {
            Submit((ulong)(10 * i), 2);
        }

        Thread.Sleep(200);
        Assert.Empty(_client.Receipts);
        Assert.Empty(_node.Submitted);
        _node.Refusal = SubmitRefusal.None;
        StreamReceiptFrame[] got = Receipts(40);
        Assert.Equal(Enumerable.Range(0, 20).Select(i => (ulong)(10 * i)), got.Where(r => r.Kind == StreamReceipt.Durable).Select(r => r.First));
    }

    // Protects clients of a validator that stands still: what was held up is refused by a reason of its own, and what follows
    // too.
    [Fact]
    public void A_stall_is_said_to_who_waits()
    {
        Start();
        _node.Refusal = SubmitRefusal.Full;
        Submit(10, 2);
        Submit(20, 1);
        Thread.Sleep(200);
        Assert.Empty(_client.Receipts);
        _node.Refusal = SubmitRefusal.Stalled;
        StreamReceiptFrame[] got = Receipts(2);
        Assert.Equal([(10UL, StreamRefusal.Stalled), (20UL, StreamRefusal.Stalled)], got.Select(r => (r.First, (StreamRefusal)r.Reason)));
        Assert.Equal(2, _metrics.SubmissionsRefused[(int)SubmitRefusal.Stalled].Value);
        _node.Refusal = SubmitRefusal.None;
        Submit(30, 1);
        Assert.Equal((30UL, StreamReceipt.Durable), (Receipts(3)[2].First, Receipts(3)[2].Kind));
    }

    // Protects our vertices, and tells the client what to mend; the stream goes on.
    [Fact]
    public void What_cannot_be_taken_is_refused_by_reason()
    {
        Start();
        byte[] envelope = EnvelopeSamples.Entry(TransactionKind.Envelope, EnvelopeSamples.Sign(0, 1, "a"u8, FakeNode.ChainId));
        byte[] forged = EnvelopeSamples.Entry(TransactionKind.Envelope, EnvelopeSamples.Sign(0, 1, "a"u8, Hash256.Zero));
        byte[] key = EnvelopeSamples.Entry(TransactionKind.AccountKey, EnvelopeSamples.PublicKey(0));
        byte[] plain = EnvelopeSamples.Entry(TransactionKind.Opaque, "x"u8);
        Send(1, [1, 0]);
        Send(2, envelope);
        Send(3, [.. key, .. plain, .. forged]);
        Send(4, EnvelopeSamples.Entry(TransactionKind.System, "x"u8));
        Send(5, envelope);
        StreamReceiptFrame[] got = Receipts(6);
        Assert.Equal(
            [
                (1UL, StreamRefusal.Malformed, 0u), (2UL, StreamRefusal.AccountKeyNeeded, 0u), (3UL, StreamRefusal.BadSignature, 1u),
                (4UL, StreamRefusal.Malformed, 1u),
            ],
            got[..4].Select(r => (r.First, (StreamRefusal)r.Reason, r.Transaction)));
        Assert.Equal((5UL, StreamReceipt.Durable), (got[4].First, got[4].Kind));
        Assert.Equal(envelope, Assert.Single(_node.Submitted));
    }

    // Protects a validator whose API has tokens: without one nothing is taken here either.
    [Fact]
    public void Tokens_count_here_too()
    {
        string token = ApiTokens.NewToken();
        Start(ApiTokens.Parse("tokens", $"submit {token}\nread {ApiTokens.NewToken()}\n"));
        Submit(1, 1);
        Assert.Equal((byte)StreamRefusal.Unauthorized, Receipts(1)[0].Reason);
        _client.ToSend.Enqueue([(byte)StreamRequest.Token, .. System.Text.Encoding.ASCII.GetBytes(token)]);
        Submit(2, 1);
        Assert.Equal((2UL, StreamReceipt.Durable), (Receipts(3)[1].First, Receipts(3)[1].Kind));
    }

    // Protects the thread that serves all: an unknown frame ends its own connection, and what was under way ends without its
    // client.
    [Fact]
    public void A_fault_ends_the_connection()
    {
        Start();
        ConcurrentBag<Submission> pending = [];
        _node.Complete = pending.Add;
        Submit(1, 3);
        Wait(() => !pending.IsEmpty);
        _client.ToSend.Enqueue([99]);
        _loop!.Wake();
        Wait(() => _client.Closed > 0 && _client.Opened == 2);
        Submission submission = Assert.Single(pending);
        submission.CompleteDurable(Hash256.Zero);
        submission.Fail(SubmissionFailure.Stopping);
        _node.Complete = s => s.CompleteDurable(Hash256.Of("vertex"u8));
        Submit(7, 1);
        Assert.Equal(7UL, Receipts(1)[0].First);
        Assert.Equal(1, _metrics.StreamClients.Value);
    }

    public void Dispose()
    {
        _loop?.Dispose();
        _server?.Dispose();
    }

    private void Start(ApiTokens? tokens = null, TimeSpan? wait = null)
    {
        byte[] key = new byte[OpenSslMlDsa87.PublicKeyBytes];
        OpenSslMlDsa87.PublicKeyFromSeed(_seed, key);
        _server = new SubmitStream(_node, _metrics, tokens, new IPEndPoint(IPAddress.Loopback, 0), _seed, 4,
            wait ?? TimeSpan.FromSeconds(30));
        _loop = new StreamLoop(
            new StreamOptions
            {
                Listen = new IPEndPoint(IPAddress.Loopback, 0),
                PrivateKeySeed = new byte[32],
                MaxFrameBytes = 1 << 20,
                Name = "client",
                Targets = [new StreamTarget(key, _server.LocalEndPoint)],
            },
            _client);
        _loop.Start();
    }

    private static Action<Submission> FinalAt(ulong block) => submission =>
    {
        submission.CompleteDurable(Hash256.Of("vertex"u8));
        for (int i = 0; i < submission.Count; i++)
        {
            submission.SetState(i, new(TransactionStage.Finalized, 100 + (ulong)i, block, TransactionRejection.None));
        }

        submission.CompleteFinal();
    };

    private static IEnumerable<(StreamReceipt Kind, ulong First)> Told(StreamReceiptFrame[] receipts) =>
        receipts.Select(r => (r.Kind, r.First));

    private void Submit(ulong first, int count, StreamRequest request = StreamRequest.Submit) => Send(
        first, [.. Enumerable.Range(0, count).SelectMany(i => EnvelopeSamples.Entry(TransactionKind.Opaque, [(byte)i, 1]))],
        request);

    private void Send(ulong first, byte[] records, StreamRequest request = StreamRequest.Submit)
    {
        byte[] frame = [(byte)request, .. new byte[8], .. records];
        BinaryPrimitives.WriteUInt64LittleEndian(frame.AsSpan(1), first);
        _client.ToSend.Enqueue(frame);
        _loop!.Wake();
    }

    private StreamReceiptFrame[] Receipts(int count)
    {
        Wait(() => _client.Receipts.Count >= count);
        return [.. _client.Receipts];
    }

    private static void Wait(Func<bool> done) => Assert.True(SpinWait.SpinUntil(done, TimeSpan.FromSeconds(30)));

    private sealed class Client : IStreamOwner
    {
        private StreamLink? _link;
        private int _opened;
        private int _closed;

        public ConcurrentQueue<byte[]> ToSend { get; } = new();
        public ConcurrentQueue<StreamReceiptFrame> Receipts { get; } = new();
        public int Opened => Volatile.Read(ref _opened);
        public int Closed => Volatile.Read(ref _closed);

        void IStreamOwner.Opened(StreamLink link)
        {
            _link = link;
            Interlocked.Increment(ref _opened);
        }

        bool IStreamOwner.TryTake(StreamLink link, ReadOnlySpan<byte> frame)
        {
            Assert.True(SubmitStreamFrames.TryRead(frame, out StreamReceiptFrame receipt));
            Receipts.Enqueue(receipt);
            return true;
        }

        void IStreamOwner.Turn()
        {
            while (_link is not null && ToSend.TryDequeue(out byte[]? frame))
            {
                _link.TrySend(frame);
            }
        }

        void IStreamOwner.Closed(StreamLink link, CloseReason reason)
        {
            _link = null;
            Interlocked.Increment(ref _closed);
        }
    }
}
