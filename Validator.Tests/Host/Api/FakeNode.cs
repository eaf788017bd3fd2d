using System.Buffers.Binary;
using Validator.Core.Primitives;
using Validator.Core.Trust;
using Validator.Core.Wire;
using Validator.Host.Contracts;
using Validator.Host.Pipeline;
using Validator.Host.Storage;
using Validator.Tests.Host.Storage;

namespace Validator.Tests.Host.Api;

/// <summary>A node of the API's tests: takes what it is told to take, and has as many final transactions as it is told.</summary>
internal sealed class FakeNode : INodeGateway
{
    private readonly Lock _lock = new();
    private TaskCompletionSource _advanced = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private ulong _next;

    public SubmitRefusal Refusal { get; set; }

    public Stall? Stall { get; set; }

    public bool HasTrust => Trust is not null;

    public TrustSummary? Trust { get; set; }

    public List<StoredTrustEvent> Events { get; } = [];

    public AccountStake? StakeOf(Hash256 account) => Trust is null ? null
        : new AccountStake(7, 2, [new StakePosition("node-1", 40, 2, null), new StakePosition("node-2", 5, 0, 9)]);

    public List<StoredTrustEvent> TrustEvents(in Hash256 subject, EventPlace before, int most) =>
        [.. Find(subject, before).Take(most)];

    public AccountPage StakeHistory(in Hash256 account, EventPlace before, int most) =>
        AccountHistory.Read(Find, account, before, most);

    private IEnumerable<StoredTrustEvent> Find(Hash256 subject, EventPlace before) => Events.Where(e => e.At.CompareTo(before) < 0
        && (subject.IsZero || subject == RocksLedger.GroupOf(e.Event.Kind) || subject == e.Event.Account
            || (e.Event.Member.Length > 0 && subject == RocksLedger.SubjectOf(e.Event.Member))));

    /// <summary>Four members, of which one is banned, and one of the others has done something.</summary>
    public static TrustSummary SampleTrust() => new(
        new TrustParameters { Weights = WeightMode.Additive, EpochReward = 10 }, 3, 70, 1_000_000,
        [
            new TrustedMember("node-1", 10_000, Ratio.One, Ratio.One, new PoolView(40, 0, 2), Banned: false),
            new TrustedMember("node-2", 10_000, Ratio.One / 4, Ratio.One, new PoolView(30, 5, 0), Banned: false),
            new TrustedMember("node-3", 10_000, Ratio.One, Ratio.One / 2, new PoolView(30, 0, 0), Banned: false),
            new TrustedMember("node-4", 0, 0, 0, new PoolView(10, 0, 0), Banned: true),
        ],
        new PoolView(3, 2, 1), 4, 50, 500, 1, 9, new TrustCounts());

    public string[] MemberNames(ulong epoch, int members) =>
        [.. Enumerable.Range(1, Math.Max(4, members)).Select(i => $"node-{i}")];

    /// <summary>How a taken submission ends; by default durable, or final from index 100 on.</summary>
    public Action<Submission> Complete { get; set; } = DefaultCompletion;

    public List<byte[]> Submitted { get; } = [];

    public string NotReadyReason { get; set; } = "";

    public int TransactionBytes { get; set; } = 100;

    public Dictionary<Hash256, TransactionState> Known { get; } = [];

    public StoredVertex? Vertex { get; set; }

    public StoredBlock? Block { get; set; }

    public int MaxSubmissionBytes => Limits.MaxVertexPayloadBytes;

    /// <summary>Without reuse: a submission that is used after its release is caught.</summary>
    public SubmissionPool Submissions { get; } = new(reuse: false);

    public ClientKeys Keys { get; } = new(8);

    /// <summary>Its envelopes are those of this chain.</summary>
    public static readonly Hash256 ChainId = Hash256.Of("chain"u8);

    Hash256 INodeGateway.ChainId => ChainId;

    public Dictionary<Hash256, AccountState> Accounts { get; } = [];

    public FramingError CheckSystem(ReadOnlySpan<byte> change) => FramingError.ChangeMalformed;

    public EpochConfiguration Epoch { get => field ?? throw new NotSupportedException(); set; } = null!;

    /// <summary>False where signatures are no subject.</summary>
    public bool ChecksEnvelopes { get; init; } = true;

    public int FirstInvalidEnvelope(ReadOnlyMemory<byte> payload, EnvelopeIndex envelopes)
    {
        if (!ChecksEnvelopes)
        {
            return -1;
        }

        using PreparedAccounts accounts = new(8);
        return new EnvelopeVerifier(accounts, ChainId).FirstInvalid(payload, envelopes);
    }

    /// <summary>What it can prove, with the ends of epochs.</summary>
    public TransactionProof? Proof { get; set; }

    /// <summary>What of <see cref="Known"/> it cannot prove any more.</summary>
    public bool ProofGone { get; set; }

    public TransactionProof? FindProof(in Hash256 id, out bool gone)
    {
        gone = ProofGone;
        return Proof?.Id == id ? Proof with { Ends = [] } : null;
    }

    public IEnumerable<ProofEpochEnd> ReadEpochEnds(ulong from, ulong to) => Proof!.Ends.Take((int)to).Skip((int)from);

    public AccountState? FindAccount(in Hash256 account) => Accounts.TryGetValue(account, out AccountState state) ? state : null;

    public FinalityBoard Finality { get; } = new();

    public FinalityLevel StrongLevel { get; set; } = FinalityLevel.Strong67;

    public bool FinalIsStrong { get; set; }

    public TimeSpan RetryAfter => TimeSpan.FromMilliseconds(1500);

    public ulong NextFinalIndex
    {
        get
        {
            lock (_lock)
            {
                return _next;
            }
        }
    }

    public ulong FirstFinalIndex { get; set; }

    public ulong FirstBlock { get; set; } = 1;

    public void Finalize(ulong next)
    {
        lock (_lock)
        {
            _next = next;
            _advanced.TrySetResult();
            _advanced = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        }
    }

    public bool IsReady(out string reason)
    {
        reason = NotReadyReason;
        return reason.Length == 0;
    }

    public bool IsHealthy(out string reason)
    {
        reason = "";
        return true;
    }

    public SubmitRefusal RefusalOf(int bytes) => Refusal is SubmitRefusal.NonceTooOld ? SubmitRefusal.None : Refusal;

    public SubmitRefusal TrySubmit(Submission submission)
    {
        if (Refusal == SubmitRefusal.None)
        {
            submission.AddReference();
            Submitted.Add(submission.Framed.ToArray());
            Complete(submission);
            submission.Release();
        }

        return Refusal;
    }

    public NodeStatus GetStatus() => new()
    {
        Node = "node-1",
        ChainId = new string('0', 64),
        Ready = NotReadyReason.Length == 0,
        Reason = NotReadyReason,
        Signing = true,
        View = 3,
        Peers = [new PeerStatus { Name = "node-2", Connected = true, RttMs = 0.25 }],
    };

    public bool TryFindTransaction(in Hash256 id, out TransactionState state) => Known.TryGetValue(id, out state);

    public StoredVertex? FindVertex(in Hash256 hash) => Vertex is { } vertex && vertex.Header.Hash == hash ? vertex
        : Chain.FindVertexHeader(hash) is { } header ? new StoredVertex(header, [], []) : null;

    public StoreReading[] Stores { get; set; } = [];

    /// <summary>What queries find.</summary>
    public DagModel Chain { get; set; } = new();

    public DagQueries Dag => new(Chain);

    public StoredBlock? FindBlock(ulong sequence) => Block is { } block && block.Block.Sequence == sequence ? block : null;

    public IFinalizedReader OpenFinalized(ulong fromIndex) => new Reader(this, fromIndex);

    /// <summary>The bytes that the transaction with this index has.</summary>
    public byte[] Transaction(ulong index)
    {
        byte[] bytes = new byte[TransactionBytes];
        BinaryPrimitives.WriteUInt64LittleEndian(bytes, index);
        return bytes;
    }

    private static void DefaultCompletion(Submission submission)
    {
        submission.CompleteDurable(Hash256.Of("vertex"u8));
        for (int i = 0; i < submission.Count; i++)
        {
            submission.SetState(i, new TransactionState(TransactionStage.Finalized, 100 + (ulong)i, 7, TransactionRejection.None));
        }

        submission.CompleteFinal();
    }

    private sealed class Reader(FakeNode node, ulong from) : IFinalizedReader
    {
        public ulong NextIndex { get; private set; } = from;

        public int Read(FinalizedPage page)
        {
            int added = 0;
            for (ulong end = node.NextFinalIndex; NextIndex < end && !page.IsFull; NextIndex++, added++)
            {
                byte[] bytes = node.Transaction(NextIndex);
                page.Add(NextIndex, 1 + (NextIndex / 10), Hash256.Of(bytes), 0, bytes);
            }

            return added;
        }

        public async ValueTask<bool> WaitAsync(CancellationToken cancellation)
        {
            while (true)
            {
                Task advanced;
                lock (node._lock)
                {
                    if (NextIndex < node._next)
                    {
                        return true;
                    }

                    advanced = node._advanced.Task;
                }

                await advanced.WaitAsync(cancellation);
            }
        }

        public void Dispose()
        {
        }
    }
}
