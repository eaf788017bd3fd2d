using System.Buffers.Binary;
using Microsoft.Extensions.Logging.Abstractions;
using Validator.Core.Primitives;
using Validator.Core.Wire;
using Validator.Host.Api;
using Validator.Host.Config;
using Validator.Host.Contracts;
using Validator.Host.Pipeline;
using Validator.Host.Storage;

namespace Validator.Tests.Host.Tools.Load;

/// <summary>
/// Some validators' real APIs over one list that stands for the agreed order, with one hook to spoil a stream and one to
/// refuse a batch.
/// </summary>
internal sealed class FakeCluster : IAsyncDisposable
{
    private readonly List<byte[]> _order = [];
    private readonly List<HttpServers> _servers = [];

    /// <summary>What stream i gives in place of the n-th transaction (kind first).</summary>
    public Func<int, ulong, byte[], byte[][]> Spoil { get; set; } = (_, _, transaction) => [transaction];

    /// <summary>The id that stream i gives the n-th transaction, where its own is the third argument.</summary>
    public Func<int, ulong, Hash256, Hash256> Misname { get; set; } = (_, _, id) => id;

    public Func<int, SubmitRefusal> Refuse { get; set; } = _ => SubmitRefusal.None;

    public Uri[] Targets => [.. _servers.Select(s => s.ApiAddress)];

    public static async Task<FakeCluster> StartAsync(int validators)
    {
        FakeCluster cluster = new();
        NodeConfig config = new() { Api = new ApiSection(Port: 0), Metrics = new MetricsSection(Enabled: false) };
        for (int i = 0; i < validators; i++)
        {
            cluster._servers.Add(await HttpServers.StartAsync(
                new Node(cluster, i), new NodeMetrics(), config, NullLoggerFactory.Instance));
        }

        return cluster;
    }

    public async ValueTask DisposeAsync()
    {
        foreach (HttpServers server in _servers)
        {
            await server.StopAsync(TimeSpan.FromMilliseconds(200));
            await server.DisposeAsync();
        }
    }

    private sealed class Node(FakeCluster cluster, int self) : INodeGateway
    {
        public FinalityBoard Finality { get; } = new();

        public string[] MemberNames(ulong epoch, int members) => [.. Enumerable.Range(1, members).Select(i => $"node-{i}")];

        public Hash256 ChainId => Hash256.Of("load"u8);

        public int MaxSubmissionBytes => Limits.MaxVertexPayloadBytes;

        public SubmissionPool Submissions { get; } = new(reuse: false);

        public ClientKeys Keys { get; } = new();

        public FramingError CheckSystem(ReadOnlySpan<byte> change) => FramingError.ChangeMalformed;

        public EpochConfiguration Epoch => throw new NotSupportedException();

        public int FirstInvalidEnvelope(ReadOnlyMemory<byte> payload, Validator.Core.Wire.EnvelopeIndex envelopes)
        {
            using PreparedAccounts accounts = new(16);
            return new EnvelopeVerifier(accounts, Hash256.Of("load"u8)).FirstInvalid(payload, envelopes);
        }

        public AccountState? FindAccount(in Hash256 account) => null;

        public TransactionProof? FindProof(in Hash256 id, out bool gone) => throw new NotSupportedException();

        public IEnumerable<ProofEpochEnd> ReadEpochEnds(ulong from, ulong to) => throw new NotSupportedException();

        public TimeSpan RetryAfter => TimeSpan.FromSeconds(1);

        public ulong NextFinalIndex => 0;

        public ulong FirstFinalIndex => 0;

        public ulong FirstBlock => 1;

        public bool IsReady(out string reason)
        {
            reason = "";
            return true;
        }

        public bool IsHealthy(out string reason)
        {
            reason = "";
            return true;
        }

        public SubmitRefusal RefusalOf(int bytes) => SubmitRefusal.None;

        public SubmitRefusal TrySubmit(Submission submission)
        {
            SubmitRefusal refusal = cluster.Refuse(self);
            if (refusal != SubmitRefusal.None)
            {
                return refusal;
            }

            ReadOnlySpan<byte> framed = submission.Framed;
            lock (cluster._order)
            {
                for (int at = 0; at < framed.Length;)
                {
                    int end = at + Limits.TransactionFramingBytes + BinaryPrimitives.ReadInt32LittleEndian(framed[at..]);
                    cluster._order.Add(framed[(at + 4)..end].ToArray());
                    at = end;
                }
            }

            submission.CompleteDurable(Hash256.Zero);
            return SubmitRefusal.None;
        }

        public NodeStatus GetStatus() => new() { Node = $"node-{self + 1}", ChainId = Hash256.Of("load"u8).ToString(), Ready = true, Signing = true };

        public bool TryFindTransaction(in Hash256 id, out TransactionState state)
        {
            state = default;
            return false;
        }

        public StoredVertex? FindVertex(in Hash256 hash) => null;

        public StoredBlock? FindBlock(ulong sequence) => null;

        public DagQueries Dag => throw new NotSupportedException();

        public IFinalizedReader OpenFinalized(ulong fromIndex) => new Reader(cluster, self, fromIndex);
    }

    private sealed class Reader(FakeCluster cluster, int self, ulong from) : IFinalizedReader
    {
        private int _taken = (int)from;

        public ulong NextIndex { get; private set; } = from;

        public int Read(FinalizedPage page)
        {
            lock (cluster._order)
            {
                for (; _taken < cluster._order.Count && page.Count < FinalizedPage.MaxEntries / 2 && page.Bytes.Length < FinalizedPage.TargetBytes / 2; _taken++)
                {
                    foreach (byte[] given in cluster.Spoil(self, (ulong)_taken, cluster._order[_taken]))
                    {
                        page.Add(NextIndex++, 1, cluster.Misname(self, (ulong)_taken, Hash256.Of(given)), given[0], given.AsSpan(1));
                    }
                }
            }

            return page.Count;
        }

        public async ValueTask<bool> WaitAsync(CancellationToken cancellation)
        {
            await Task.Delay(5, cancellation);
            return true;
        }

        public void Dispose()
        {
            // Nothing is held.
        }
    }
}
