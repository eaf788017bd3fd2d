using System.Buffers.Binary;
using System.Collections.Concurrent;
using System.Net;
using System.Text;
using Validator.Core.Primitives;
using Validator.Host.Contracts;
using Validator.Host.Storage;
using Validator.Net;
using Validator.Net.Streams;

namespace Validator.Host.Api;

/// <summary>
/// Clients over QUIC: submissions of many transactions come in, receipts by range go out, on a thread of its own. What the node
/// has no room for stays in the client's flow-control window, and each client has its own share of what waits. Nothing is
/// allocated per transaction.
/// </summary>
internal sealed class SubmitStream : IStreamOwner, IDisposable
{
    /// <summary>Limits of one client: submissions without their last receipt, and their bytes.</summary>
    private const int MostWaiting = 1024;
    private const long MostWaitingBytes = 16L * 1024 * 1024;

    /// <summary>
    /// A client that sends nothing and waits for nothing makes room for others after this long; sooner if it may not submit.
    /// </summary>
    private const long IdleMs = 60_000;
    private const long UnauthorizedMs = 5_000;
    private const long SweepMs = 1_000;

    /// <summary>Receipts that a client has not read; beyond this nothing more is taken from it.</summary>
    private const long MostUnreadBytes = 1024 * 1024;

    private readonly INodeGateway _node;
    private readonly NodeMetrics _metrics;
    private readonly ApiTokens? _tokens;
    private readonly StreamLoop _loop;
    private readonly ConcurrentQueue<News> _news = new();

    // Final, and not strong yet, in the order of blocks. Any thread reads how many.
    private readonly Queue<Waiting> _weak = new();
    private readonly long _waitMs;
    private int _weakCount;

    // Those whose submissions are gone; the stream's thread takes and puts them.
    private readonly Stack<Waiting> _idle = new();
    private readonly List<Session> _sessions = [];
    private long _sweepAt;
    private volatile bool _draining;
    private volatile bool _settled;
    private volatile int _turns;
    private readonly byte[] _frame = new byte[SubmitStreamFrames.MaxReceiptBytes];

    /// <summary>One client.</summary>
    private sealed class Session(StreamLink link)
    {
        public StreamLink Link { get; } = link;

        public bool Open { get; set; } = true;

        public bool MaySubmit { get; set; }

        public int Waiting { get; set; }

        /// <summary>When its last frame came, as Environment.TickCount64.</summary>
        public long Heard { get; set; } = Environment.TickCount64;

        public long WaitingBytes { get; set; }

        /// <summary>Read and checked, but there was no room for it: offered again.</summary>
        public Submission? Held { get; set; }
    }

    /// <summary>What the node's threads note of a submission, in the order in which it happened.</summary>
    private enum Step : byte
    {
        Durable,
        Ended,
        Released,
    }

    private readonly record struct News(Waiting Waiting, Step Step);

    /// <summary>
    /// A submission on its way through the node. The node's threads only note what happened; all else is the stream's thread's.
    /// Used again once its last note has been read.
    /// </summary>
    private sealed class Waiting(SubmitStream stream) : ISubmissionWatcher
    {
        public Session? Session { get; set; }

        public Submission? Submission { get; set; }

        public ulong First { get; set; }

        public bool ToldDurable { get; set; }

        /// <summary>Outcomes are told once they are strong.</summary>
        public bool Strong { get; set; }

        /// <summary>The newest block of the outcomes, and when they are told at the latest, as Environment.TickCount64.</summary>
        public (ulong Block, long Until) Weak { get; set; }

        public SubmissionFailure Failure { get; private set; }

        public void Durable() => stream.Note(this, Step.Durable);

        public void Final()
        {
            Failure = SubmissionFailure.None;
            stream.Note(this, Step.Ended);
        }

        public void Failed(SubmissionFailure failure)
        {
            Failure = failure;
            stream.Note(this, Step.Ended);
        }

        // No wake-up: there is time until it is needed again.
        public void Released() => stream._news.Enqueue(new News(this, Step.Released));
    }

    /// <param name="seed">Of the transport key; cleared by the caller.</param>
    /// <param name="tokens">Null: whoever reaches the port may submit.</param>
    /// <param name="wait">How long a final outcome waits for being strong.</param>
    /// <exception cref="IOException">The port cannot be bound.</exception>
    public SubmitStream(INodeGateway node, NodeMetrics metrics, ApiTokens? tokens, IPEndPoint listen, byte[] seed, int maxClients,
        TimeSpan wait, Action<TransportLogEvent>? log = null)
    {
        _waitMs = (long)wait.TotalMilliseconds;
        _node = node;
        _metrics = metrics;
        _tokens = tokens;
        _loop = new StreamLoop(
            new StreamOptions
            {
                Listen = listen,
                PrivateKeySeed = seed,
                MaxClients = maxClients,
                MaxFrameBytes = SubmitStreamFrames.SubmitHeadBytes + node.MaxSubmissionBytes,
                Log = log,
            },
            this);
        metrics.ClientPaths = _loop.Paths;
        node.Finality.Rose += OnRise;
        _loop.Start();
    }

    public IPEndPoint LocalEndPoint => _loop.LocalEndPoint;

    /// <summary>
    /// Takes nothing from now on, and uses nothing of the node but its word on submissions that it has. Waits until the stream's
    /// thread knows.
    /// </summary>
    public void Drain()
    {
        _draining = true;
        int turns = _turns;
        UntilTurn(() => _turns != turns, TimeSpan.FromMilliseconds(200));
    }

    /// <summary>
    /// Waits until every client has its last receipts, or does not take them in time. The node has stopped, so there will be no
    /// more.
    /// </summary>
    public void Finish(TimeSpan limit)
    {
        _settled = false;
        UntilTurn(() => _settled, limit);
    }

    public void Dispose()
    {
        _node.Finality.Rose -= OnRise;
        _loop.Dispose();
    }

    private void OnRise()
    {
        if (Volatile.Read(ref _weakCount) > 0)
        {
            _loop.Wake();
        }
    }

    private void UntilTurn(Func<bool> holds, TimeSpan limit)
    {
        for (long start = Environment.TickCount64; !holds() && Environment.TickCount64 - start < limit.TotalMilliseconds;)
        {
            _loop.Wake();
            Thread.Sleep(5);
        }
    }

    void IStreamOwner.Opened(StreamLink link)
    {
        Session session = new(link) { MaySubmit = _tokens is null };
        link.Tag = session;
        _sessions.Add(session);
        _metrics.StreamClients.Value++;
    }

    void IStreamOwner.Closed(StreamLink link, CloseReason reason)
    {
        Session session = (Session)link.Tag!;
        session.Open = false;
        _sessions.Remove(session);
        session.Held?.Release();
        session.Held = null;
        _metrics.StreamClients.Value--;
    }

    bool IStreamOwner.TryTake(StreamLink link, ReadOnlySpan<byte> frame)
    {
        Session session = (Session)link.Tag!;
        session.Heard = Environment.TickCount64;
        if (frame[0] == (byte)StreamRequest.Token && _tokens is not null)
        {
            session.MaySubmit = (_tokens.RolesOf("Bearer " + Encoding.ASCII.GetString(frame[1..])) & ApiRoles.Submit) != 0;
        }
        else if (IsSubmission(frame[0]) && frame.Length > SubmitStreamFrames.SubmitHeadBytes)
        {
            bool strong = frame[0] == (byte)StreamRequest.SubmitStrong;
            ulong first = BinaryPrimitives.ReadUInt64LittleEndian(frame[1..]);
            return TrySubmit(session, first, frame[SubmitStreamFrames.SubmitHeadBytes..], strong);
        }
        else if (frame[0] != (byte)StreamRequest.Token)
        {
            link.Fail();
        }

        return true;
    }

    void IStreamOwner.Turn()
    {
        while (_news.TryDequeue(out News news))
        {
            Tell(news.Waiting, news.Step);
        }

        TellStrong(Environment.TickCount64);
        if (_draining)
        {
            _settled = _sessions.TrueForAll(s => s.Waiting == 0 && s.Link.UnacknowledgedBytes == 0);
            _turns = unchecked(_turns + 1);
        }

        Sweep(Environment.TickCount64);
    }

    private static bool IsSubmission(byte type) => type is (byte)StreamRequest.Submit or (byte)StreamRequest.SubmitStrong;

    /// <summary>
    /// What has become strong, or has waited long enough. A stopping node makes nothing stronger: what is final is told.
    /// </summary>
    private void TellStrong(long now)
    {
        while (_weak.TryPeek(out Waiting? waiting))
        {
            bool strong = _node.Finality.LevelOf(waiting.Weak.Block) >= _node.StrongLevel;
            if (!strong && now < waiting.Weak.Until && !_draining && waiting.Session!.Open)
            {
                return;
            }

            _weak.Dequeue();
            Interlocked.Exchange(ref _weakCount, _weak.Count);
            TellEnd(waiting.Session!, waiting, waiting.Submission!, strong);
        }
    }

    private void Sweep(long now)
    {
        if (now < _sweepAt)
        {
            return;
        }

        _sweepAt = now + SweepMs;
        foreach (Session session in _sessions)
        {
            if (session.Waiting == 0 && session.Held is null && now - session.Heard > (session.MaySubmit ? IdleMs : UnauthorizedMs))
            {
                session.Link.Fail();
            }
        }
    }

    private void Note(Waiting waiting, Step step)
    {
        _news.Enqueue(new News(waiting, step));
        _loop.Wake();
    }

    private bool TrySubmit(Session session, ulong first, ReadOnlySpan<byte> framed, bool strong)
    {
        if (_draining)
        {
            Refuse(session, first, session.Held?.Count ?? 0, StreamRefusal.NotReady, 0);
            session.Held?.Release();
            session.Held = null;
            return true;
        }

        if (session.Waiting >= MostWaiting || session.WaitingBytes >= MostWaitingBytes || session.Link.UnacknowledgedBytes >= MostUnreadBytes
            || _node.RefusalOf(framed.Length) == SubmitRefusal.Full)
        {
            return false;
        }

        Submission? submission = session.Held;
        session.Held = null;
        if (submission is null)
        {
            FramingError error = FramingError.None;
            int transaction = 0;
            StreamRefusal refusal = StreamRefusal.Unauthorized;
            if (session.MaySubmit)
            {
                error = SubmissionReader.TryCreate(framed, _node, wantsFinal: true, out submission, out transaction);
                refusal = RefusalOf(error);
            }

            if (submission is null)
            {
                Refuse(session, first, 0, refusal, transaction);
                return true;
            }
        }

        return Hand(session, first, submission, strong);
    }

    /// <summary>False: the node is full, and the submission is kept for the next try.</summary>
    private bool Hand(Session session, ulong first, Submission submission, bool strong)
    {
        if (submission.Watcher is null)
        {
            Waiting waiting = _idle.TryPop(out Waiting? idle) ? idle : new Waiting(this);
            (waiting.Session, waiting.Submission, waiting.First, waiting.ToldDurable) = (session, submission, first, false);
            waiting.Strong = strong || _node.FinalIsStrong;
            submission.Watcher = waiting;
        }

        int bytes = submission.FramedBytes;
        int count = submission.Count;
        SubmitRefusal refusal = _node.TrySubmit(submission);
        if (refusal == SubmitRefusal.Full)
        {
            session.Held = submission;
            return false;
        }

        if (refusal != SubmitRefusal.None)
        {
            _metrics.SubmissionsRefused[(int)refusal].Add();
            Refuse(session, first, count, RefusalOf(refusal), 0);
            submission.Release();
            return true;
        }

        _metrics.TransactionsAccepted.Add(count);
        session.Waiting++;
        session.WaitingBytes += bytes;
        return true;
    }

    private void Tell(Waiting waiting, Step step)
    {
        if (step == Step.Released)
        {
            waiting.Session = null;
            waiting.Submission = null;
            _idle.Push(waiting);
        }
        else if (waiting.Submission is { } submission)
        {
            // The outcome may be noted before another thread has noted that all is durable.
            if (!waiting.ToldDurable && submission.IsDurable)
            {
                waiting.ToldDurable = true;
                int bytes = SubmitStreamFrames.WriteDurable(_frame, waiting.First, submission.Count, submission.VertexHash);
                Send(waiting.Session!, bytes);
            }

            if (step == Step.Ended && waiting is { Strong: true, Failure: SubmissionFailure.None })
            {
                ulong newest = 0;
                foreach (TransactionState state in submission.States)
                {
                    newest = Math.Max(newest, state.BlockSequence);
                }

                waiting.Weak = (newest, Environment.TickCount64 + _waitMs);
                _weak.Enqueue(waiting);

                // Fenced: whoever raises a level after this sees that somebody waits, or it is seen here.
                Interlocked.Exchange(ref _weakCount, _weak.Count);
            }
            else if (step == Step.Ended)
            {
                TellEnd(waiting.Session!, waiting, submission, strong: true);
            }
        }
    }

    private void TellEnd(Session session, Waiting waiting, Submission submission, bool strong)
    {
        if (waiting.Failure != SubmissionFailure.None)
        {
            bool left = waiting.Failure == SubmissionFailure.LeftCommittee;
            _metrics.TransactionsLeft.Add(left ? submission.Count : 0);
            Refuse(session, waiting.First, submission.Count, left ? StreamRefusal.LeftCommittee : StreamRefusal.Failed, 0);
        }
        else
        {
            TellOutcomes(session, waiting.First, submission.States, strong);
        }

        session.Waiting--;
        session.WaitingBytes -= submission.FramedBytes;
        waiting.Submission = null;
        submission.Release();
    }

    /// <summary>
    /// A receipt for each run of transactions whose indices follow each other, or that were rejected for one reason.
    /// </summary>
    private void TellOutcomes(Session session, ulong first, ReadOnlySpan<TransactionState> states, bool strong)
    {
        int start = 0;
        for (int i = 1; i <= states.Length; i++)
        {
            TransactionState state = states[start];
            bool final = state.Stage == TransactionStage.Finalized;
            if (i < states.Length && (final ? states[i] == state with { Index = state.Index + (ulong)(i - start) } : states[i] == state))
            {
                continue;
            }

            Send(session, final
                ? SubmitStreamFrames.WriteFinal(_frame, first + (ulong)start, i - start, state.Index, state.BlockSequence, strong)
                : SubmitStreamFrames.WriteRejected(_frame, first + (ulong)start, i - start, state));
            start = i;
        }
    }

    private void Refuse(Session session, ulong first, int count, StreamRefusal reason, int transaction) =>
        Send(session, SubmitStreamFrames.WriteRefused(_frame, first, count, reason, transaction));

    private void Send(Session session, int bytes)
    {
        if (session.Open && !session.Link.TrySend(_frame.AsSpan(0, bytes)))
        {
            session.Link.Fail();
        }
    }

    private static StreamRefusal RefusalOf(SubmitRefusal refusal) => refusal switch
    {
        SubmitRefusal.NonceTooOld => StreamRefusal.NonceTooOld,
        SubmitRefusal.Stalled => StreamRefusal.Stalled,
        _ => StreamRefusal.NotReady,
    };

    private static StreamRefusal RefusalOf(FramingError error) => error switch
    {
        FramingError.TooLarge or FramingError.TransactionTooLarge => StreamRefusal.TooLarge,
        FramingError.KindNotAllowed => StreamRefusal.KindNotAllowed,
        FramingError.AccountKeyUnknown => StreamRefusal.AccountKeyNeeded,
        FramingError.EnvelopeSignature => StreamRefusal.BadSignature,
        _ => StreamRefusal.Malformed,
    };
}
