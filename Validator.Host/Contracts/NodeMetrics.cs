using Validator.Core.Effects;
using Validator.Core.Primitives;
using Validator.Core.Wire;

namespace Validator.Host.Contracts;

/// <summary>
/// What convicts a validator, and from <see cref="InvalidSignature"/> on what this one alone holds against it; the <c>kind</c>
/// label of <c>cretoai_byzantine_violations_total</c>.
/// </summary>
public enum Violation : byte
{
    /// <summary>Two proposals or votes in one slot.</summary>
    EquivocatingVote,

    /// <summary>Two vertices in one lane slot.</summary>
    EquivocatingVertex,

    /// <summary>Two of Stop, ViewChange or NewView in one slot.</summary>
    EquivocatingViewChange,

    /// <summary>In a message that it sent; proves nothing to others.</summary>
    InvalidSignature,

    /// <summary>A frame that no codec accepts; likewise.</summary>
    Malformed,

    /// <summary>Work waited too long in a view that it led; likewise.</summary>
    Timeout,
}

/// <summary>
/// Every count that the node keeps, in fields: no lookup by name on a data path. States (view, sequence, peers) come from <see
/// cref="NodeStatus"/> at the scrape.
/// </summary>
public sealed class NodeMetrics
{
    private static readonly double[] LatencyBounds =
        [0.001, 0.0025, 0.005, 0.01, 0.02, 0.03, 0.05, 0.075, 0.1, 0.15, 0.2, 0.3, 0.5, 0.75, 1, 2, 5, 10];

    private static readonly double[] BatchBounds = [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024];

    /// <summary>
    /// The most links there are. A change adds one key and ends one at most, and a member that left stays for one epoch more, so
    /// three above the largest committee suffice. The others keep a freed link from getting a new owner too soon.
    /// </summary>
    public const int MaxLinks = Limits.MaxCommittee + 32;

    private readonly Counter[,] _violations;

    private readonly string?[] _linkNames = new string?[MaxLinks];

    public NodeMetrics()
    {
        int kinds = Enum.GetValues<Violation>().Length;
        _violations = new Counter[_linkNames.Length, kinds];
        for (int i = 0; i < _linkNames.Length * kinds; i++)
        {
            _violations[i / kinds, i % kinds] = new Counter();
        }

        Rejected = NewCounters(Enum.GetValues<Reason>().Length);
        MalformedFrames = NewCounters(_linkNames.Length);
    }

    /// <summary>Log lines that standard error did not take.</summary>
    public Func<long> LogLinesDropped { get; set; } = static () => 0;

    /// <summary>The local score of a link's owner, 1 to 0.</summary>
    public Func<int, double> LocalScore { get; set; } = static _ => 1;

    /// <summary>
    /// The only values of a label that names a validator: members' names, each with its links, since a member may have had other
    /// keys.
    /// </summary>
    public IEnumerable<(string Name, int[] Links)> Members => Enumerable.Range(0, _linkNames.Length)
        .GroupBy(link => Volatile.Read(ref _linkNames[link]), (name, links) => (name, links.ToArray()))
        .Where(group => group.name is not null)!;

    /// <summary>Sets whose the counts of a link are from now on. Core's thread, or before the start.</summary>
    public void NameLink(int link, string name)
    {
        if (_linkNames[link] is not null && _linkNames[link] != name)
        {
            MalformedFrames[link] = new Counter();
            for (int kind = 0; kind < _violations.GetLength(1); kind++)
            {
                _violations[link, kind] = new Counter();
            }
        }

        Volatile.Write(ref _linkNames[link], name);
    }

    /// <summary>Own client transactions: seconds from acceptance to execution.</summary>
    public Histogram FinalitySeconds { get; } = new(LatencyBounds);

    /// <summary>The same, until the block has the level that wait=strong asks for.</summary>
    public Histogram StrongSeconds { get; } = new(LatencyBounds);

    /// <summary>Vertices of all lanes that a final block ordered.</summary>
    public Counter VerticesFinalized { get; } = new();
    public Counter VerticesAuthored { get; } = new();
    public Counter TransactionsFinalized { get; } = new();

    /// <summary>Ordered and dropped by execution: repeats and the like.</summary>
    public Counter TransactionsRejected { get; } = new();
    public Counter BlocksFinalized { get; } = new();

    /// <summary>Blocks that this validator proposed.</summary>
    public Counter BlocksProposed { get; } = new();
    public Counter ViewChanges { get; } = new();

    /// <summary>Timeouts that made this validator send Stop.</summary>
    public Counter ViewTimeouts { get; } = new();

    /// <summary>Stalls by their first <see cref="StallCause"/>, and how long they lasted.</summary>
    public Counter[] Stalls { get; } = NewCounters(Enum.GetValues<StallCause>().Length);
    public Counter[] StalledMicros { get; } = NewCounters(Enum.GetValues<StallCause>().Length);

    /// <summary>Refused by Core, by <see cref="Reason"/>.</summary>
    public Counter[] Rejected { get; }
    public Counter Votes { get; } = new();

    /// <summary>Undecodable frames, by link.</summary>
    public Counter[] MalformedFrames { get; }

    /// <summary>Connections refused because the key is not a member's.</summary>
    public Counter ConnectionsRefused { get; } = new();

    /// <summary>The transport's counts of what it refused, dropped or slowed; brought up to date at a scrape.</summary>
    public Validator.Net.TransportStatistics? Transport { get; set; }

    /// <summary>The same of the clients' QUIC socket, where there is one.</summary>
    public Validator.Net.PathStatistics? ClientPaths { get; set; }

    /// <summary>Buffers of frames received, and of frames to be sent; set once.</summary>
    public (Validator.Net.Buffers.PinnedBufferPool Receive, Validator.Net.Buffers.PinnedBufferPool Send)? Pools { get; set; }
    public Counter NetworkBytesSent { get; } = new();
    public Counter NetworkBytesReceived { get; } = new();
    public Counter FetchesSent { get; } = new();
    public Counter FetchesServed { get; } = new();

    /// <summary>Signatures verified per batch, and how they turned out.</summary>
    public Histogram ValidationBatch { get; } = new(BatchBounds);
    public Histogram ValidationSeconds { get; } = new(LatencyBounds);

    /// <summary>QUIC's round trips: samples over time, all peers together.</summary>
    public Histogram RoundTripSeconds { get; } = new(LatencyBounds);
    public Counter SignaturesVerified { get; } = new();
    public Counter SignaturesFailed { get; } = new();

    /// <summary>
    /// Envelope signatures checked, in peers' vertices and in submissions; and vertices and submissions with a bad one.
    /// </summary>
    public Counter EnvelopesVerified { get; } = new();
    public Counter EnvelopesFailed { get; } = new();
    public Counter SignaturesMade { get; } = new();

    /// <summary>
    /// Votes and approvals as parts of certificates and committee changes: counted, and not, by <see cref="PartialSignature"/>.
    /// </summary>
    public Counter MultisigCollected { get; } = new();
    public Counter[] MultisigRejected { get; } = NewCounters(Enum.GetValues<PartialSignature>().Length);

    /// <summary>Those that reached the weight that they need, and how long that took since the first signature.</summary>
    public Counter MultisigCompleted { get; } = new();
    public Histogram MultisigAggregationSeconds { get; } = new(LatencyBounds);

    /// <summary>Batches with whole certificates or changes that came from elsewhere.</summary>
    public Histogram MultisigVerificationSeconds { get; } = new([0.0001, 0.00025, 0.0005, .. LatencyBounds]);

    /// <summary>Forks found, and those that a rule has resolved, by <see cref="ForkKind"/>; two that are final.</summary>
    public Counter[] ForksDetected { get; } = NewCounters(Enum.GetValues<ForkKind>().Length);
    public Counter[] ForksResolved { get; } = NewCounters(Enum.GetValues<ForkKind>().Length);
    public Counter ForksFailed { get; } = new();
    public Gauge ActiveForks { get; } = new();

    /// <summary>From when a fork was found until a rule had resolved it.</summary>
    public Histogram ForkResolutionSeconds { get; } = new([.. LatencyBounds, 60, 600]);

    /// <summary>One group commit of the vote store, and of the ledger: seconds, sync included.</summary>
    public Histogram VoteCommitSeconds { get; } = new(LatencyBounds);
    public Histogram LedgerCommitSeconds { get; } = new(LatencyBounds);
    public Counter VoteSyncs { get; } = new();
    public Counter LedgerSyncs { get; } = new();
    public Counter VoteBytesWritten { get; } = new();
    public Counter LedgerBytesWritten { get; } = new();

    /// <summary>Client requests: transactions taken, and those refused by <see cref="SubmitRefusal"/>.</summary>
    public Counter TransactionsAccepted { get; } = new();
    public Counter[] SubmissionsRefused { get; } = NewCounters(Enum.GetValues<SubmitRefusal>().Length);

    /// <summary>Accepted, then reported to the client as not ordered, since the validator left the committee.</summary>
    public Counter TransactionsLeft { get; } = new();

    /// <summary>Turned away before they reached the node, by <see cref="HttpRefusal"/>.</summary>
    public Counter[] HttpRefused { get; } = NewCounters(Enum.GetValues<HttpRefusal>().Length);

    /// <summary>Clients connected to the submit stream.</summary>
    public Gauge StreamClients { get; } = new();
    public Gauge StreamSubscribers { get; } = new();

    /// <summary>Stream subscribers closed because they read too slowly.</summary>
    public Counter StreamsClosedSlow { get; } = new();

    public BackupMetrics Backups { get; } = new();

    public Counter ByzantineViolations(int link, Violation kind) => _violations[link, (int)kind];

    /// <summary>One signature towards a certificate or a change.</summary>
    public void Count(PartialSignature outcome) =>
        (outcome == PartialSignature.Counted ? MultisigCollected : MultisigRejected[(int)outcome]).Add();

    private static Counter[] NewCounters(int count)
    {
        Counter[] counters = new Counter[count];
        for (int i = 0; i < count; i++)
        {
            counters[i] = new Counter();
        }

        return counters;
    }
}
