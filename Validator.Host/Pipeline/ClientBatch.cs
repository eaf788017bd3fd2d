using System.Buffers.Binary;
using Validator.Core.Primitives;
using Validator.Core.Shell;
using Validator.Core.Wire;
using Validator.Host.Contracts;
using Validator.Host.Storage;
using Validator.Net.Buffers;

namespace Validator.Host.Pipeline;

/// <summary>
/// The submissions that go into one own vertex. Filled under the batcher's lock, then sealed once; after that it moves from
/// thread to thread with its vertex, one owner at a time.
/// </summary>
internal sealed class ClientBatch(int maxPayloadBytes = Limits.MaxVertexPayloadBytes) : IClientBatch<Submission>
{
    private readonly List<Submission> _submissions = [];

    // One for the outcome that is to be told, one while it is told that all is durable, which another thread may do.
    private int _holds = 1;
    private int _ended;

    // Where each account's key is: a submission and its place there. Sorted, as a payload wants them.
    private SortedList<Hash256, (Submission From, int Key)>? _accounts;
    private VertexBody? _body;

    // Until its first vertex has been written around the payload: after that the buffer may be on its way to peers.
    private PooledBuffer? _unframed;

    public int PayloadBytes { get; private set; }

    public int TransactionCount { get; private set; }

    /// <summary>
    /// The own vertex of an ended epoch that holds these transactions and that no block ordered: it goes with the write that
    /// makes the next one durable. Zero for none.
    /// </summary>
    public Hash256 Replaces { get; set; }

    public bool IsSealed { get; private set; }

    /// <summary>When the first submission came, monotonic microseconds.</summary>
    public long OpenedMicros { get; set; }

    /// <summary>Set by <see cref="Seal"/>; gone once the batch has been abandoned.</summary>
    public ReadOnlySpan<byte> Payload => _body!.Payload.Span;

    /// <summary>32 bytes each.</summary>
    public ReadOnlySpan<byte> Ids => _body!.Ids.Span;

    /// <summary>BLAKE3 over the ids.</summary>
    public Hash256 Root { get; private set; }

    public bool IsEmpty => _submissions.Count == 0;

    /// <summary>
    /// The content of an earlier own vertex: its clients are gone, or wait elsewhere. Takes over the caller's reference.
    /// </summary>
    public static ClientBatch Of(HeldVertex vertex) => new()
    {
        IsSealed = true,
        Replaces = vertex.Header.Hash,
        PayloadBytes = vertex.Payload.Length,
        TransactionCount = (int)vertex.Header.TransactionCount,
        _body = vertex.Body,
        Root = vertex.Header.TransactionRoot,
    };

    public bool Fits(Submission submission) =>
        (IsEmpty || !(submission.IsSystem || _submissions[0].IsSystem))
        && PayloadBytes + submission.FramedBytes + NewKeyBytes(submission) <= maxPayloadBytes
        && TransactionCount + submission.Count <= Limits.MaxVertexTransactions;

    /// <summary>Takes a reference to the submission until all is told, and its payload until <see cref="Seal"/>.</summary>
    public void Add(Submission submission)
    {
        submission.AddReference();
        _submissions.Add(submission);
        PayloadBytes += submission.FramedBytes + NewKeyBytes(submission);
        for (int key = 0; key < submission.Accounts.Length; key++)
        {
            (_accounts ??= []).TryAdd(submission.Accounts[key], (submission, key));
        }

        TransactionCount += submission.Count;
    }

    /// <summary>
    /// Builds payload and ids, and releases the submissions' buffers. The payload has room in front of it for the rest of its
    /// frame, so that it can be sent in place.
    /// </summary>
    /// <param name="pool">Null, or full: arrays are used.</param>
    /// <param name="headBytes">Of a vertex's frame before its payload, in this epoch.</param>
    public void Seal(PinnedBufferPool? pool = null, int headBytes = 0)
    {
        Memory<byte> payload = VertexBody.Room(headBytes + PayloadBytes, pool, out _unframed)[headBytes..];
        Memory<byte> ids = VertexBody.Room(TransactionCount * Hash256.Size, pool, out PooledBuffer? idBuffer);
        Gather(payload.Span, ids.Span);
        _body = new VertexBody(payload, ids, _unframed, idBuffer);
        _accounts = null;
        IsSealed = true;
        Root = Hash256.Of(Ids);
    }

    private void Gather(Span<byte> payload, Span<byte> ids)
    {
        int at = 0;
        foreach ((Submission from, int key) in _accounts?.Values ?? [])
        {
            from.AccountEntry(key).CopyTo(payload[at..]);
            at += PayloadWriter.AccountKeyBytes;
        }

        int index = 0;
        foreach (Submission submission in _submissions)
        {
            submission.Framed.CopyTo(payload[at..]);
            at += submission.Framed.Length;
            submission.Ids.CopyTo(ids[(index * Hash256.Size)..]);
            index += submission.Count;
            submission.GiveUpPayload();
        }
    }

    /// <summary>Its vertex; the caller owns one reference.</summary>
    public HeldVertex Hold(VertexHeader header, byte[] signature)
    {
        VertexBody body = _body!.Retain();
        int head = FrameSender.VertexHeadBytes(header.Parents.Length);
        if (_unframed is not { } buffer || buffer.Length - body.Payload.Length != head)
        {
            return new HeldVertex(header, signature, body);
        }

        _unframed = null;
        Require.That(FrameCodec.WriteVertexHead(header, signature, buffer.Span) == head);
        return new HeldVertex(header, signature, body, buffer);
    }

    /// <summary>
    /// A committee change or a proof of an offence, alone in its vertex.
    /// </summary>
    public bool IsSystem => First.Length > sizeof(uint) && First[sizeof(uint)] == (byte)TransactionKind.System;

    /// <summary>Of a committee change: the epoch that it is signed for (FORMATS.md, "Committee change").</summary>
    public ulong? ChangeEpoch => IsSystem && !OffenceProofCodec.IsProof(First[Limits.TransactionFramingBytes..])
        ? BinaryPrimitives.ReadUInt64LittleEndian(First[(Limits.TransactionFramingBytes + 8)..]) : null;

    /// <summary>From the first transaction on.</summary>
    private ReadOnlySpan<byte> First => IsSealed ? Payload : IsEmpty ? default : _submissions[0].Framed;

    /// <summary>Its epoch ended before it was ordered, and nothing more becomes of it.</summary>
    public void CompleteEpochEnded()
    {
        if (TryEnd())
        {
            TransactionState over = new(TransactionStage.Rejected, 0, 0, TransactionRejection.EpochEnded);
            foreach (Submission submission in _submissions)
            {
                for (int i = 0; i < submission.Count; i++)
                {
                    submission.SetState(i, over);
                }

                submission.CompleteFinal();
            }

            LetGo();
        }

        Release();
    }

    private int NewKeyBytes(Submission submission)
    {
        int keys = submission.Accounts.Length;
        for (int key = 0; _accounts is not null && key < submission.Accounts.Length; key++)
        {
            keys -= _accounts.ContainsKey(submission.Accounts[key]) ? 1 : 0;
        }

        return keys * PayloadWriter.AccountKeyBytes;
    }

    /// <summary>By the thread that synced it, while another may tell the outcome.</summary>
    public void CompleteDurable(in Hash256 vertexHash)
    {
        if (!TryHold())
        {
            return;
        }

        foreach (Submission submission in _submissions)
        {
            submission.CompleteDurable(vertexHash);
        }

        LetGo();
    }

    /// <param name="vertexHash">Of the vertex that was ordered: what is final is durable, whoever tells it first.</param>
    /// <param name="states">One per transaction, in payload order.</param>
    /// <param name="finality">Told the seconds since acceptance, once per transaction.</param>
    /// <param name="strong">Measures the same until the block is strong.</param>
    public void CompleteFinal(
        in Hash256 vertexHash, ReadOnlySpan<TransactionState> states, Histogram finality, StrongClock strong)
    {
        Require.That(states.Length == TransactionCount);
        if (TryEnd())
        {
            int index = 0;
            foreach (Submission submission in _submissions)
            {
                for (int i = 0; i < submission.Count; i++)
                {
                    submission.SetState(i, states[index++]);
                }

                submission.CompleteDurable(vertexHash);
                submission.CompleteFinal();
                finality.ObserveSince(submission.AcceptedTimestamp, submission.Count);
                strong.Add(states[0].BlockSequence, submission.AcceptedTimestamp, submission.Count);
            }

            LetGo();
        }

        Release();
    }

    public void TellLeft() => Fail(SubmissionFailure.LeftCommittee);

    /// <summary>Tells the waiting clients, once. The transactions stay, for another vertex.</summary>
    public void Fail(SubmissionFailure failure)
    {
        if (!TryEnd())
        {
            return;
        }

        foreach (Submission submission in _submissions)
        {
            submission.Fail(failure);
        }

        LetGo();
    }

    /// <summary>Tells the waiting clients; the batch is abandoned.</summary>
    public void Abandon(SubmissionFailure failure)
    {
        Fail(failure);
        Release();
    }

    /// <summary>True once: for who tells the outcome, whatever becomes of the batch.</summary>
    private bool TryEnd() => Interlocked.Exchange(ref _ended, 1) == 0;

    private bool TryHold()
    {
        int holds = Volatile.Read(ref _holds);
        while (holds > 0)
        {
            int seen = Interlocked.CompareExchange(ref _holds, holds + 1, holds);
            if (seen == holds)
            {
                return true;
            }

            holds = seen;
        }

        return false;
    }

    /// <summary>Who is last releases the submissions: nothing more is told.</summary>
    private void LetGo()
    {
        if (Interlocked.Decrement(ref _holds) > 0)
        {
            return;
        }

        foreach (Submission submission in _submissions)
        {
            submission.Release();
        }

        _submissions.Clear();
    }

    private void Release()
    {
        _body?.Release();
        _body = null;
        _unframed = null;
    }
}
