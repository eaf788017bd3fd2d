using System.Security.Cryptography;
using Microsoft.Extensions.Logging;
using Validator.Core.Consensus;
using Validator.Core.Effects;
using Validator.Core.Execution;
using Validator.Core.Primitives;
using Validator.Core.Shell;
using Validator.Core.Wire;
using Validator.Host.Config;
using Validator.Host.Contracts;
using Validator.Host.Keys;
using Validator.Host.Pipeline;
using Validator.Host.Serving;
using Validator.Host.Storage;
using Validator.Net;
using Validator.Net.Buffers;
using Validator.Net.Quic;
using Validator.Net.Rings;

namespace Validator.Host.Node;

public sealed partial class ValidatorNode
{
    private const int MaxPendingPayloads = 2048;
    private const long MaxPendingPayloadBytes = 64L * 1024 * 1024;
    private const int MaxWaitingBatches = 128;

    /// <summary>
    /// What the network may fill before validation. Vertices stay where they came in, so the buffers that they may keep come on
    /// top.
    /// </summary>
    private const long ReceiveBytes = 128L * 1024 * 1024;
    private const long SendPoolBytes = 128L * 1024 * 1024;
    private const int LeastWindowBytes = 4 * 1024 * 1024;

    /// <summary>
    /// Creates the empty store of a new key's votes, for <c>init</c>. A node started without one signs nothing (PROTOCOL.md,
    /// section 6).
    /// </summary>
    /// <exception cref="Storage.StoreException">There is one already, or the folder cannot be written.</exception>
    public static void CreateVoteStore(StorageSection storage, Hash256 chainId, ReadOnlySpan<byte> consensusPublicKey) =>
        RocksVoteStore.Create(storage.VotesPath, Storage.StoreIdentity.Of(chainId, consensusPublicKey));

    /// <summary>Opens the stores, recovers, binds the UDP socket and starts all threads.</summary>
    /// <param name="context">Configuration, genesis and keys, all checked.</param>
    /// <exception cref="Storage.StoreException">A store is foreign, locked, corrupt, of another format, or its disk
    /// fails.</exception>
    /// <exception cref="KeyException">Another process with this validator's key was met while listening for one.</exception>
    /// <exception cref="OperationCanceledException">The start was called off.</exception>
    public static ValidatorNode Create(NodeContext context)
    {
        ILogger log = context.Logs.CreateLogger("validator");
        NodeStores stores = Recovery.Open(context, log);
        try
        {
            ListenForTwin(context, stores, log);
            context.Starting.ThrowIfCancellationRequested();
        }
        catch
        {
            stores.Dispose();
            throw;
        }

        return Create(context, stores, options => new QuicTransport(options), Environment.ProcessorCount);
    }

    private static void ListenForTwin(NodeContext context, NodeStores stores, ILogger log)
    {
        int seconds = context.Config.Consensus.TwinWatchSeconds;
        int self = stores.Epoch.IndexOf(context.Keys.ConsensusPublicKey);
        if (seconds == 0 || !stores.Standing.Signs || self < 0)
        {
            return;
        }

        using Parker parker = new();
        LinkTable links = new(context.Keys.TransportPublicKey, context.Metrics, context.Addresses, new PeerReports());
        links.Update(stores.Epoch);
        TransportOptions options = TransportOptionsOf(context, links, ReceivePoolOf(context), parker, null);
        string? met;
        try
        {
            met = TwinWatch.Listen(
                options, stores.Epoch.Committee, self, stores.Epoch.Number,
                stores.Recovered.Limit is { LaneIsLost: true } ? ulong.MaxValue : stores.Recovered.OwnTip.Height, TimeSpan.FromSeconds(seconds), log,
                context.Starting);
        }
        finally
        {
            CryptographicOperations.ZeroMemory(options.PrivateKeySeed);
        }

        if (met is not null)
        {
            throw new KeyException($"not started: {met}. Nothing was signed");
        }
    }

    /// <summary>Binds the socket and starts all threads. The node owns the stores from here on, failure included.</summary>
    internal static ValidatorNode Create(NodeContext context, NodeStores stores, Func<TransportOptions, ITransport> transport, int cores)
    {
        try
        {
            ValidatorNode node = new(context, stores, transport, new Topology(cores));
            node.Start();
            return node;
        }
        catch
        {
            stores.Dispose();
            throw;
        }
    }

    private ValidatorNode(NodeContext context, NodeStores stores, Func<TransportOptions, ITransport> transport, Topology topology)
    {
        _topology = topology;
        _context = context;
        _stores = stores;
        _log = context.Logs.CreateLogger("validator");
        Genesis genesis = context.Genesis;
        NodeMetrics metrics = context.Metrics;
        const int links = NodeMetrics.MaxLinks;
        _threat = new ThreatWatch(
            context.Config.Consensus.Adaptive, LookAtThreat, link => _links!.OwnerOf(link),
            new LocalScoreFile(context.Config.Node.LocalScoresPath, _log), metrics, _log);
        metrics.LocalScore = _threat.ScoreOf;
        _links = new LinkTable([.. context.Keys.TransportPublicKey], metrics, context.Addresses, _reports)
        {
            Renamed = _threat.Forget,
        };
        _epochs = new EpochBoard([.. context.Keys.ConsensusPublicKey], _links.Update, context.Config.Node.Id);
        EpochContext epoch = _epochs.Enter(stores.Epoch);
        _threat.Restore();
        if (epoch.Self < 0)
        {
            _log.LogWarning(
                "{Name}, with these keys, is no member of epoch {Epoch}: it follows as far as members let it connect, and signs nothing before a"
                + " committee change names it", context.Config.Node.Id, epoch.Number);
        }

        _trust = new TrustView(stores.Executor);
        _trust.Begin();
        _trust.Publish(stores.Recovered.LastFinal?.TimestampMicros ?? genesis.TimestampMicros);
        _courier = new EvidenceCourier(_trust, _epochs, MembersOf, this, _log);
        _evidence = new EvidenceStore(context.Config.Node, _epochs, _log)
        {
            Kept = _courier.Add,
            ProofOf = sequence => stores.Ledger.FindFinal(sequence)?.Certificate,
        };
        stores.Recovered.Evidence.AddRange(_evidence.ReadAll(new BatchedVerifier(context.ChainId)));
        CoreShell<OwnPayload> shell = ShellOf(context, stores, epoch);
        ValidatorCore core = shell.Core;
        _cache = new VertexCache(context.Config.Storage.VertexCacheMb * 1024L * 1024);
        stores.Ledger.Recent = hash => _cache.Find(hash);
        _receivePool = ReceivePoolOf(context);
        _key = new ConsensusSigner(context.Keys.ConsensusSeed.Span);
        SignatureCache signatures = new();
        TokenTable<PendingVertex> pending = FreePlaces.TableOf<PendingVertex>(MaxPendingPayloads);
        _envelopes = new EnvelopeVerifiers(_accounts, context.ChainId);
        TransportOptions options = TransportOptionsOf(context, _links, _receivePool, _topology.NetworkToValidation.Consumer, LogTransport) with
        {
            EventRingCapacity = _topology.NetworkToValidation.Capacity,
            OutboxCapacity = _topology.CoreToNetwork.Capacity,
            Loop = _topology.Network.Loop.Parker,
        };
        _transport = transport(options);
        _links.Attach(_transport);
        CryptographicOperations.ZeroMemory(options.PrivateKeySeed);
        metrics.Transport = _transport.Statistics;
        _sendPool = new PinnedBufferPool(SendPoolBytes, options.MaxFrameBytes, FrameLimits.MaxFrameBytes(epoch.Members.Length));
        metrics.Pools = (_receivePool, _sendPool);
        FrameSender SenderOf() => new(_transport.CreateOutbox(), _sendPool);
        ValidationContext validation = new(
            genesis, _epochs, context.ChainId, signatures, _cache, pending, new PayloadBudget(MaxPendingPayloadBytes), _receivePool, _accounts,
            metrics, new PeerFaults(links, _transport.Punish, _threat.Note));
        FrameValidator ValidatorOf() => new(validation, new BatchedVerifier(context.ChainId));
        FetchIntake fetches = new(links, _topology.ValidationToFetch);
        _workers = [.. _topology.Workers.Select(stage => new ValidationWorker(ValidatorOf(), fetches, stage, this))];
        _validation = new ValidationScheduler(ValidatorOf(), _transport.Events, fetches, _topology, this);
        _disk = new DiskWatch(context.Config.Storage, context.Config.Node.DataDir, _log)
        {
            Changed = () =>
            {
                _topology.Batcher.Loop.Parker.Wake();
                _topology.Core.Loop.Parker.Wake();
            },
        };
        FinalClock finals = new();
        ClientBatcherOptions limits = new() { MaxPayloadBytes = (int)genesis.Parameters.MaxVertexPayloadBytes };
        _batcher = new ClientBatcher(limits, _batches, _topology, this)
        {
            Finals = finals,
            Pool = _sendPool,
            DiskHasRoom = () => _disk.Level == DiskLevel.Ample,
        };
        _votes = new VoteStage(stores.Votes, SenderOf(), metrics, _topology, this)
        {
            Renew = stores.RenewVotes,
            Resume = stores.ResumeVotes,
        };
        _strong = new StrongClock(metrics.StrongSeconds, () => _finality.Reached(StrongLevel));
        _ledger = new LedgerStage(stores.Ledger, _cache, _recent, _signal, metrics, this, _epochs, stores.Executor, stores.Epoch, _topology)
        {
            Votes = _votes,
            Batcher = _batcher,
            Strong = _strong,
            Finals = finals,
            Trust = _trust,
        };
        _signer = new SignerStage(_key, context.ChainId, signatures, metrics, _topology, this);
        _execution = new ExecutionStage(
            stores.Executor, stores.Epoch, new VertexSource(_cache, stores.Ledger), (ulong)context.Config.Storage.SnapshotBlocks, _topology, this)
        {
            Current = () => _ledger.Epoch,
            Trust = _trust,
            Threat = _threat,
        };
        _fetch = new FetchService(
            fetches, SenderOf(), _transport, new VertexSource(_cache, stores.Ledger), stores.Ledger, _evidence, metrics, _topology, this)
        {
            Snapshots = new SnapshotServer(stores.Ledger, genesis.Parameters.WindowBlocks, genesis.Members),
        };
        if (stores.Ledger is RocksLedger store)
        {
            _ = new PruneStage(store, RetentionOf(context), _log, _topology, this);
        }

        _core = new CoreStage(shell, epoch, _links, _reports, SenderOf(), metrics, _log, _topology, this)
        {
            Epochs = _epochs,
            Ledger = _ledger,
            Validation = [_validation, .. _workers],
            LaterVotes = stores.LaterVotes,
            Vertices = pending,
            Batches = _batches,
            Batcher = _batcher,
            Halted = () => _disk.Level == DiskLevel.Full,
            Signer = _signer,
            Evidence = _evidence,
            Finality = _finality,
            Strong = _strong,
            Threat = _threat,
            Storage = context.Config.Storage,
            LaneHeight = stores.Recovered.OwnTip.Height,
            PendingVertices = stores.Recovered.Vertices.Count,
        };
        if (_evidence.ReadRecovered() is { } recovered)
        {
            _core.Forks.Restore(recovered);
        }

        _clock = new ClockWatch(_ledger, () => Behind() == 0, _log);
        _progress = new ProgressWatch(TimeSpan.FromSeconds(context.Config.Consensus.StallSeconds), LookAtProgress, metrics, _log);
        stores.Recovered.Blocks.ForEach(_fetch.Remember);
        _signal.Advance(stores.Executor.NextIndex);
        if (!core.Signs && epoch.Self >= 0)
        {
            _signer.StopSigning();
        }

        _batcher.EnterEpoch(epoch.Number, core.Authors, headBytes: FrameSender.VertexHeadBytes(epoch.Members.Length));
        VertexSource vertices = new(_cache, stores.Ledger);
        RememberDurable(stores, epoch, vertices);
        foreach (Hash256 hash in stores.Unordered)
        {
            _ledger.TakeBack(Again(vertices, hash));
        }

        VertexSource backlog = new(_cache, stores.Ledger);
        IEnumerator<Hash256> carried = stores.Ledger.Carried().GetEnumerator();
        _batcher.Continue(() => carried.MoveNext() ? Again(backlog, carried.Current) : null);
    }

    private static ClientBatch Again(VertexSource vertices, in Hash256 hash)
    {
        HeldVertex? vertex = vertices.Find(hash);
        Require.That(vertex is not null, "what is to be authored again is kept");
        return ClientBatch.Of(vertex);
    }

    /// <summary>Of an epoch that is over; null where nobody keeps that.</summary>
    private Member[]? MembersOf(ulong epoch) => _stores.Ledger.MembersOf(_context.Genesis.Members, epoch);

    /// <summary>What was durable in own vertices before the start still is.</summary>
    private void RememberDurable(NodeStores stores, EpochContext epoch, VertexSource vertices)
    {
        IEnumerable<Hash256> own = stores.Recovered.Vertices.Where(v => v.Vertex.Author == epoch.Self).Select(v => v.Vertex.Hash);
        foreach (Hash256 hash in own.Concat(stores.Unordered).Concat(stores.Ledger.Carried()))
        {
            if (vertices.Find(hash) is not { } vertex)
            {
                continue;
            }

            for (int at = 0; at < vertex.Ids.Length; at += Hash256.Size)
            {
                _recent.Set(new Hash256(vertex.Ids[at..]), new TransactionState(TransactionStage.Durable, 0, 0, TransactionRejection.None));
            }

            vertex.Release();
        }
    }

    /// <summary>
    /// The core goes on where the stores end. Where it finds that they are older than what we have signed, it marks them, as for
    /// a contradiction met later.
    /// </summary>
    private static CoreShell<OwnPayload> ShellOf(NodeContext context, NodeStores stores, EpochContext epoch)
    {
        bool signs = stores.Standing.Signs;
        CoreShell<OwnPayload> shell = new(
            context.Genesis, epoch.Configuration, epoch.Self, CoreSettingsOf(context.Config.Consensus), stores.Standing, stores.Recovered);
        if (signs && !stores.Standing.Signs)
        {
            VoteStoreSetup.MarkContradicted(context.Config.Storage, "what is final holds more of this validator than its stores do");
        }

        return shell;
    }

    /// <summary>Always keeps what peers within a window behind may still ask for.</summary>
    private static Retention RetentionOf(NodeContext context)
    {
        StorageSection storage = context.Config.Storage;
        ulong least = 2 * (context.Genesis.Parameters.WindowBlocks + 16);
        return storage.Archive
            ? new Retention(ulong.MaxValue, ulong.MaxValue)
            : new Retention(Math.Max((ulong)storage.RetainBlocks, least), (ulong)storage.RetainTransactions);
    }

    private static CoreSettings CoreSettingsOf(ConsensusSection section) => new()
    {
        ViewTimeoutMicros = section.ViewTimeoutMs * 1000L,
        BlockIntervalMicros = section.BlockIntervalMs * 1000L,
        MaxPendingVertices = section.MaxPendingVertices,
        MaxPendingBytes = (long)section.MaxPendingMb << 20,
        FastPath = section.FastPath,
    };

    // Buffers are a quarter larger than their content on average, and half at most.
    private static PinnedBufferPool ReceivePoolOf(NodeContext context)
    {
        long held = MaxPendingPayloadBytes + ((long)context.Config.Storage.VertexCacheMb << 20);
        return new PinnedBufferPool(
            ReceiveBytes + (held * 3 / 2), FrameLimits.MaxFrameBytes(Limits.MaxCommittee),
            FrameLimits.MaxFrameBytes(Math.Max(1, context.Genesis.Members.Length)));
    }

    private static TransportOptions TransportOptionsOf(
        NodeContext context, LinkTable links, PinnedBufferPool receivePool, IWaker consumer, Action<TransportLogEvent>? log)
    {
        // The committee may grow to its limit meanwhile; decoding checks what a frame may hold in its epoch.
        int frameBytes = FrameLimits.MaxFrameBytes(Limits.MaxCommittee);
        TransportPeer[] peers = links.Peers();
        byte[] seed = GC.AllocateUninitializedArray<byte>(KeyFile.SeedBytes, pinned: true);
        context.Keys.TransportSeed.Span.CopyTo(seed);
        return new TransportOptions
        {
            Listen = new System.Net.IPEndPoint(System.Net.IPAddress.Parse(context.Config.Network.Host), context.Config.Network.QuicPort),
            SelfIndex = links.Self,
            Peers = peers,
            MaxPeers = NodeMetrics.MaxLinks,
            PrivateKeySeed = seed,
            ReceivePool = receivePool,
            Consumer = consumer,
            MaxFrameBytes = frameBytes,
            WindowBytes = Math.Max(LeastWindowBytes, 2 * frameBytes),
            ApplicationProtocol = "validator/1",
            PeerRates = PeerRates.Default,
            CongestionControl = context.Config.Network.Congestion,
            RoundTrip = seconds => context.Metrics.RoundTripSeconds.Observe(seconds),
            Log = log,
        };
    }

    private void LogTransport(TransportLogEvent entry)
    {
        LogLevel level = entry.Level switch
        {
            TransportLogLevel.Debug => LogLevel.Debug,
            TransportLogLevel.Info => LogLevel.Information,
            _ => LogLevel.Warning,
        };
        string peer = entry.Peer < 0 ? "?" : _links.NameOf(entry.Peer) ?? "?";
        _log.Log(level, "network: {Peer}: {Message}", peer, entry.Message);
    }
}
