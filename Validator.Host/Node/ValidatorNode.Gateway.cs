using System.Diagnostics;
using Validator.Core.Primitives;
using Validator.Core.Trust;
using Validator.Core.Wire;
using Validator.Core.Wire.Validation;
using Validator.Host.Contracts;
using Validator.Host.Pipeline;
using Validator.Host.Primitives;
using Validator.Host.Serving;
using Validator.Host.Storage;
using Validator.Net;

namespace Validator.Host.Node;

/// <summary>What HTTP sees of the node. Called from thread-pool threads; reads counters, snapshots and the ledger only.</summary>
public sealed partial class ValidatorNode
{
    public Hash256 ChainId => _context.ChainId;

    public int MaxSubmissionBytes => _batcher.MaxPayloadBytes;

    public TimeSpan RetryAfter => TimeSpan.FromSeconds(1);

    public ulong NextFinalIndex => _signal.NextIndex;

    public ulong FirstFinalIndex => _stores.Ledger.FirstKept.Index;

    public ulong FirstBlock => _stores.Ledger.FirstKept.Sequence;

    public SubmissionPool Submissions { get; } = new();

    public ClientKeys Keys { get; } = new();

    public int FirstInvalidEnvelope(ReadOnlyMemory<byte> payload, EnvelopeIndex envelopes)
    {
        _context.Metrics.EnvelopesVerified.Add(envelopes.Entries.Length);
        // A node that stops refuses submissions, whether it signs or not.
        int invalid = _disposed ? -1 : _envelopes.FirstInvalid(payload, envelopes);
        _context.Metrics.EnvelopesFailed.Add(invalid < 0 ? 0 : 1);
        return invalid;
    }

    public bool IsReady(out string reason)
    {
        Committee committee = _epochs.Current.Committee;
        Stall? stall = _progress.Stall;
        reason = _faulted ? "stopped by a failure"
            : _disposed ? "stopping"
            : stall is not null ? stall.Reason
            : ConnectedWeight() < committee.Quorum ? StallDetector.NoQuorumConnected(LookAtMembers(_epochs.Current, 0), committee.Quorum)
            : Behind() is > MostBehind and ulong behind ? $"{behind} blocks behind what more than F weight reports"
            : _disk.Reason;
        return reason.Length == 0;
    }

    /// <summary>Within some seconds of blocks.</summary>
    private const ulong MostBehind = 128;

    private static readonly TimeSpan s_mostBetweenRounds = TimeSpan.FromSeconds(5);

    public bool IsHealthy(out string reason)
    {
        reason = _faulted ? "stopped by a failure" : "";
        foreach (StageLoop loop in _topology.Loops)
        {
            // Deleting old blocks takes its time.
            if (loop != _topology.Prune.Loop && loop.SinceAdvance > s_mostBetweenRounds)
            {
                reason = $"the {loop.At} thread has not advanced for {loop.SinceAdvance.TotalSeconds:0} s";
            }
        }

        TimeSpan network = _transport.Statistics.SinceLoop;
        if (network > s_mostBetweenRounds)
        {
            reason = $"the network thread has not advanced for {network.TotalSeconds:0} s";
        }

        return reason.Length == 0;
    }

    /// <summary>
    /// Blocks that peers of more than F weight, of which one at least is honest, say are final, and that are not executed here.
    /// </summary>
    private ulong Behind()
    {
        EpochContext epoch = _epochs.Current;
        Committee committee = epoch.Committee;
        Span<ulong> reported = stackalloc ulong[committee.Count];
        for (int i = 0; i < reported.Length; i++)
        {
            int link = epoch.LinkOf(i);
            reported[i] = i != epoch.Self && _core.PeerUp(link) ? _reports.Progress(link).FinalSequence : 0;
        }

        ulong best = 0;
        foreach (ulong candidate in reported)
        {
            ulong weight = 0;
            for (int i = 0; i < reported.Length; i++)
            {
                weight += reported[i] >= candidate ? committee.Weight(i) : 0;
            }

            best = candidate > best && weight > committee.Faulty ? candidate : best;
        }

        ulong executed = _ledger.Executed.Sequence;
        return best > executed ? best - executed : 0;
    }

    public SubmitRefusal RefusalOf(int bytes)
    {
        SubmitRefusal refusal = _faulted ? SubmitRefusal.NotReady : _core.Authors ? _batcher.RefusalOf(bytes) : NotAuthoring;
        return refusal is SubmitRefusal.None or SubmitRefusal.Full && _progress.Stall is not null ? SubmitRefusal.Stalled : refusal;
    }

    public SubmitRefusal TrySubmit(Submission submission) =>
        _faulted || _progress.Stall is not null ? RefusalOf(submission.FramedBytes)
        : _core.Authors ? _batcher.TrySubmit(submission) : NotAuthoring;

    private SubmitRefusal NotAuthoring => _core.Signs ? SubmitRefusal.LaneLost : SubmitRefusal.NotSigning;

    public NodeStatus GetStatus()
    {
        CountNetwork();
        bool ready = IsReady(out string reason);
        ulong view = _core.View;
        ulong final = _core.FinalSequence;
        (ulong executed, Hash256 root) = _ledger.Executed;
        EpochContext epoch = _epochs.Current;
        Committee committee = epoch.Committee;
        List<PeerStatus> peers = [];
        ulong furthest = final;
        for (int i = 0; i < committee.Count; i++)
        {
            if (i != epoch.Self)
            {
                peers.Add(PeerStatusOf(epoch, i));
                furthest = Math.Max(furthest, peers[^1].FinalSequence);
            }
        }

        return new NodeStatus
        {
            Node = _context.Config.Node.Id,
            ChainId = _context.ChainId.ToString(),
            Ready = ready,
            Reason = reason,
            Stall = _progress.Stall is { } stall ? new StallStatus(stall.CauseName, stall.Reason, stall.Seconds) : null,
            NothingFinalSeconds = _progress.NothingFinalSeconds,
            Signing = _core.Signs,
            ClockOffsetSeconds = _clock.OffsetMicros / 1e6,
            ReplacedElsewhere = (ulong)_transport.Statistics.Peers.Sum(p => p.ReplacedElsewhere),
            DiskFreeBytes = (ulong)Math.Max(0, _disk.FreeBytes),
            DiskFreeFiles = (ulong?)_disk.FreeFiles,
            Disk = _disk.Level.ToString().ToLowerInvariant(),
            View = view,
            Epoch = epoch.Number,
            SignsFrom = _core.SignsFrom,
            Members = committee.Count,
            ChangePending = _ledger.Epoch.Pending is not null,
            Leader = epoch.Members[committee.Leader(epoch.Number, view)].Name,
            FinalSequence = final,
            ExecutedSequence = executed,
            ExecutedRoot = root.ToString(),
            Adaptive = _threat.Status(committee.Total, FinalityLevels.WeightOf(StrongLevel, committee)),
            StrongSequences = new StrongSequences(
                _finality.Reached(FinalityLevel.Strong67), _finality.Reached(FinalityLevel.Strong75), _finality.Reached(FinalityLevel.Strong82)),
            LagBlocks = furthest - final,
            FirstFinalIndex = FirstFinalIndex,
            NextFinalIndex = _signal.NextIndex,
            LaneHeight = _core.LaneHeight,
            PendingTransactions = (ulong)(_batcher.PendingTransactions + _ledger.PendingOwnTransactions),
            PendingVertices = (ulong)Math.Max(0, _core.PendingVertices),
            TotalWeight = committee.Total,
            QuorumWeight = committee.Quorum,
            FaultyWeight = committee.Faulty,
            FewestThatCanHalt = committee.FewestThatHalt,
            FewestThatCanFork = committee.FewestThatFork,
            ConnectedWeight = ConnectedWeight(),
            Peers = [.. peers],
        };
    }

    public FinalityBoard Finality => _finality;

    public FinalityLevel StrongLevel => FinalityLevels.AskedAt(_threat.Level);

    public bool FinalIsStrong => _threat.Enforces;

    public EpochConfiguration Epoch => _ledger.Epoch;

    ForkSummary[] INodeGateway.Forks => _core.Forks.List();

    public bool HasTrust => _context.Genesis.Parameters.Trust is not null;

    TrustSummary? INodeGateway.Trust => _trust.Summary();

    AccountStake? INodeGateway.StakeOf(Hash256 account) => _trust.Of(account);

    List<StoredTrustEvent> INodeGateway.TrustEvents(in Hash256 subject, EventPlace before, int most) =>
        [.. _stores.Ledger.FindEvents(subject, before).Take(most)];

    AccountPage INodeGateway.StakeHistory(in Hash256 account, EventPlace before, int most) =>
        AccountHistory.Read(_stores.Ledger.FindEvents, account, before, most);

    public FramingError CheckSystem(ReadOnlySpan<byte> transaction) =>
        OffenceProofCodec.IsProof(transaction) ? CheckProof(transaction) : CheckChange(transaction);

    private FramingError CheckProof(ReadOnlySpan<byte> transaction) =>
        !HasTrust ? FramingError.TrustOff
        : !OffenceProofCodec.TryRead(transaction, out OffenceProof? proof, out _) ? FramingError.ProofMalformed
        // Anybody can sign two messages with a key of his own: what would have no effect takes no vertex.
        : _trust.Judge(proof) != ProofRefusal.None ? FramingError.ProofWithoutEffect
        : _disposed || OffenceProofVerifier.Holds(proof, _accounts, _context.ChainId) ? FramingError.None
        : FramingError.ProofSignature;

    private FramingError CheckChange(ReadOnlySpan<byte> change)
    {
        if (!CommitteeChangeCodec.TryRead(change, out SignedCommitteeChange? signed, out _))
        {
            return FramingError.ChangeMalformed;
        }

        EpochContext epoch = _epochs.Current;
        if (signed.Change.Epoch != epoch.Number)
        {
            return FramingError.ChangeOfOtherEpoch;
        }

        NodeMetrics metrics = _context.Metrics;
        SignatureCollector approvals = new(JointStatement.Of(signed.Change), epoch.Committee, epoch.Committee.Quorum);
        BatchedVerifier verifier = new(_context.ChainId);
        long start = Stopwatch.GetTimestamp();
        PartialSignature[] outcomes = approvals.Take(
            signed.Signatures, (checks, valid) => verifier.Verify(epoch.Keys, checks, valid));
        metrics.MultisigVerificationSeconds.ObserveSince(start);
        Array.ForEach(outcomes, metrics.Count);
        bool good = approvals.IsComplete && Array.TrueForAll(outcomes, outcome => outcome == PartialSignature.Counted);
        metrics.MultisigCompleted.Add(good ? 1 : 0);
        return good ? FramingError.None : FramingError.ChangeUnsigned;
    }

    public bool TryFindTransaction(in Hash256 id, out TransactionState state)
    {
        bool known = _recent.TryFind(id, out TransactionState recent);
        if (known && recent.Stage == TransactionStage.Finalized)
        {
            state = recent;
            return true;
        }

        // It is durable in a vertex here, but may have been ordered before in another one.
        if (_stores.Ledger.TryFindTransaction(id, out state))
        {
            return true;
        }

        state = recent;
        return known;
    }

    public (ulong First, ulong Last)? NotIndexed => _stores.Ledger.NotIndexed;

    public StoredVertex? FindVertex(in Hash256 hash)
    {
        // Read from the ledger it is checked against its root: damage is logged, and not served.
        if (new VertexSource(_cache, _stores.Ledger).Find(hash) is not { } held)
        {
            return null;
        }

        StoredVertex vertex = new(held.Header, held.Signature, held.Payload.ToArray());
        held.Release();
        return vertex;
    }

    public string[] MemberNames(ulong epoch, int members)
    {
        EpochConfiguration now = _ledger.Epoch;
        string[] names = epoch == now.Number ? Array.ConvertAll(now.Members, m => m.Name)
            : epoch == 0 ? Array.ConvertAll(_context.Genesis.Members, m => m.Name)
            : _stores.Ledger.FindNames(epoch);
        return names.Length >= members ? names : [.. names, .. Enumerable.Range(names.Length, members - names.Length).Select(i => $"member-{i}")];
    }

    public StoreReading[] Stores => [.. ((StoreReading?[])[_stores.Votes.Read(), _stores.Ledger.Read()]).OfType<StoreReading>()];

    public DagQueries Dag => field ??= new DagQueries(_stores.Ledger);

    public StoredBlock? FindBlock(ulong sequence) => _stores.Ledger.ShowBlock(sequence);

    public TransactionProof? FindProof(in Hash256 id, out bool gone) =>
        new TransactionProver(_stores.Ledger, ChainId).Prove(id, out gone);

    public IEnumerable<ProofEpochEnd> ReadEpochEnds(ulong from, ulong to) =>
        new TransactionProver(_stores.Ledger, ChainId).Ends(from, to, _context.Genesis.Members);

    public AccountState? FindAccount(in Hash256 account) => _stores.Ledger.FindAccount(account);

    public IFinalizedReader OpenFinalized(ulong fromIndex) => new FinalizedReader(_stores.Ledger, _signal, fromIndex);

    /// <summary>Brings the counters of the metrics page up to what the transport has counted.</summary>
    private void CountNetwork()
    {
        long sent = 0;
        long received = 0;
        foreach (PeerStatistics peer in _transport.Statistics.Peers)
        {
            sent += peer.BytesOut;
            received += peer.BytesIn;
        }

        lock (_lifecycle)
        {
            NodeMetrics metrics = _context.Metrics;
            metrics.NetworkBytesSent.Add(Math.Max(0, sent - metrics.NetworkBytesSent.Value));
            metrics.NetworkBytesReceived.Add(Math.Max(0, received - metrics.NetworkBytesReceived.Value));
            metrics.ConnectionsRefused.Add(Math.Max(0, _transport.Statistics.WrongKeys - metrics.ConnectionsRefused.Value));
        }
    }

    private PeerStatus PeerStatusOf(EpochContext epoch, int member)
    {
        int peer = epoch.LinkOf(member);
        if (peer < 0)
        {
            return new PeerStatus { Name = epoch.Members[member].Name, Connected = false };
        }

        PeerStatistics statistics = _transport.Statistics.Peers[peer];
        (ulong view, ulong final) = _reports.Progress(peer);
        return new PeerStatus
        {
            Name = epoch.Members[member].Name,
            Connected = statistics.IsUp,
            Address = string.Join(' ', _links.AddressesOf(peer)),
            View = view,
            FinalSequence = final,
            SignedSecondsAgo = _reports.HeardAt(peer).SignedAt is > 0 and long signedAt ? (Clock.MonotonicMicros() - signedAt) / 1e6 : null,
            RttMs = statistics.RttMicroseconds / 1000.0,
            BytesSent = (ulong)statistics.BytesOut,
            BytesReceived = (ulong)statistics.BytesIn,
            Dropped = (ulong)(statistics.FramesDropped(Channel.Control) + statistics.FramesDropped(Channel.Payload)
                + statistics.FramesDropped(Channel.Sync)),
            Connects = (ulong)statistics.Handshakes,
        };
    }

    private ulong ConnectedWeight()
    {
        EpochContext epoch = _epochs.Current;
        ulong weight = 0;
        for (int i = 0; i < epoch.Committee.Count; i++)
        {
            weight += i == epoch.Self || _core.PeerUp(epoch.LinkOf(i)) ? epoch.Committee.Weight(i) : 0;
        }

        return weight;
    }
}
