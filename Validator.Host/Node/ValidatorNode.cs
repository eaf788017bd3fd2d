using Microsoft.Extensions.Logging;
using Validator.Core.Consensus;
using Validator.Core.Effects;
using Validator.Core.Execution;
using Validator.Core.Primitives;
using Validator.Core.Shell;
using Validator.Core.Wire;
using Validator.Host.Config;
using Validator.Host.Contracts;
using Validator.Host.Pipeline;
using Validator.Host.Primitives;
using Validator.Host.Serving;
using Validator.Host.Storage;
using Validator.Net;
using Validator.Net.Buffers;
using Validator.Net.Rings;

namespace Validator.Host.Node;

/// <summary>
/// One running validator: the threads, the rings between them, the stores and the transport. Frames come in through
/// validation to Core; Core's effects go through signer, vote store and ledger to the network; execution answers Core and
/// the API.
/// </summary>
public sealed partial class ValidatorNode : IValidatorNode, IFaultSink
{
    private readonly NodeContext _context;
    private readonly ILogger _log;
    private readonly NodeStores _stores;
    private readonly ITransport _transport;
    private readonly VertexCache _cache;
    private readonly PinnedBufferPool _receivePool;
    private readonly PinnedBufferPool _sendPool;
    private readonly RecentTransactions _recent = new();
    private readonly FinalSignal _signal = new();
    private readonly FinalityBoard _finality = new();
    private readonly StrongClock _strong;
    private readonly ThreatWatch _threat;
    private readonly ClientBatcher _batcher;
    private readonly CoreStage _core;
    private readonly SignerStage _signer;
    private readonly VoteStage _votes;
    private readonly LedgerStage _ledger;
    private readonly ExecutionStage _execution;
    private readonly ValidationScheduler _validation;
    private readonly ValidationWorker[] _workers;
    private readonly FetchService _fetch;
    private readonly EvidenceStore _evidence;
    private readonly EvidenceCourier _courier;
    private readonly TrustView _trust;
    private readonly DiskWatch _disk;
    private readonly ClockWatch _clock;
    private readonly ProgressWatch _progress;
    private readonly ConsensusSigner _key;
    private readonly PreparedAccounts _accounts = new();
    private readonly EnvelopeVerifiers _envelopes;
    private readonly EpochBoard _epochs;
    private readonly LinkTable _links;
    private readonly PeerReports _reports = new();
    private readonly TokenTable<ClientBatch> _batches = FreePlaces.TableOf<ClientBatch>(MaxWaitingBatches);
    private readonly Topology _topology;
    private readonly TaskCompletionSource<int> _stopped = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly Lock _lifecycle = new();
    private volatile bool _faulted;
    private bool _disposed;

    /// <summary>Bytes of pooled buffers in use, and how many of those belong to recent vertices: at rest all of them.</summary>
    internal (long InUse, long Cached) Buffers => (_receivePool.RentedBytes + _sendPool.RentedBytes, _cache.PooledBytes);

    public Task<int> Stopped => _stopped.Task;

    bool IFaultSink.Faulted => _faulted;

    /// <summary>The UDP address that peers reach us at.</summary>
    public System.Net.IPEndPoint LocalEndPoint => _transport.LocalEndPoint;

    /// <summary>
    /// Reports a failure that ends the node. Nothing more is signed, stored or sent from the moment it returns; the exit
    /// code is that of the first report.
    /// </summary>
    void IFaultSink.Fail(int exitCode, string message, Exception? cause)
    {
        _faulted = true;
        _log.LogCritical(cause, "{Message}", message);
        _stopped.TrySetResult(exitCode);
    }

    /// <summary>
    /// Stops taking part: within 2 s. Submissions without an outcome are failed; what is durable stays durable.
    /// </summary>
    public async ValueTask DisposeAsync()
    {
        lock (_lifecycle)
        {
            if (_disposed)
            {
                return;
            }

            _disposed = true;
        }

        await Task.Run(Stop);
    }

    public Action<string>? CopyLedger => _stores.Ledger is RocksLedger ledger ? ledger.CopyTo : null;

    public FinalContent? ReadFinal(ulong sequence)
    {
        if ((_stores.Ledger as RocksLedger)?.ReadContent(sequence) is not { } read)
        {
            return null;
        }

        (FinalRecord final, (VertexHeader, byte[], byte[])[] vertices) = read;
        Certificate? own = final.Certificate?.Sequence == sequence ? final.Certificate : null;
        return new FinalContent(
            final.Block, own, Array.ConvertAll(vertices, static v => new VertexContent(v.Item1, v.Item2, v.Item3)));
    }

    public void Drain() => _batcher.Close();

    public void SetPeers(PeerAddressBook addresses) => _links.SetAddresses(addresses);

    private void Start()
    {
        _transport.Start();
        foreach (StageLoop loop in _topology.Loops)
        {
            loop.Start(this, loop == _topology.Network.Loop ? _transport.Rounds : null);
        }

        _disk.Start();
        _clock.Start();
        _progress.Start();
        _courier.Start();
        _threat.Start();
    }

    private void Stop()
    {
        _batcher.Close();
        _disk.Dispose();
        _clock.Dispose();
        _progress.Dispose();
        _threat.Dispose();
        _courier.Dispose();
        bool ended = true;
        foreach (StageLoop loop in _topology.Loops)
        {
            ended &= loop.Stop(ended ? 500 : 50);
        }

        _transport.Stop();
        _signal.Close();
        if (ended)
        {
            KeepEvidence();
            FailPending(_faulted ? SubmissionFailure.StorageFailed : SubmissionFailure.Stopping);
            _transport.Dispose();
            foreach (StageLoop loop in _topology.Loops)
            {
                loop.Dispose();
            }

            _key.Dispose();
            _epochs.Dispose();
            _accounts.Dispose();
            _stores.Dispose();
        }
        else
        {
            // A thread hangs in the disk: closing the stores under it would crash. The process ends anyway.
            _log.LogWarning("stopped while the disk was busy; everything acknowledged is on disk");
        }

        _stopped.TrySetResult(ExitCodes.Success);
    }

    /// <summary>A halt stops all threads at once, including the one that writes evidence.</summary>
    private void KeepEvidence()
    {
        while (_core.ToFetch.TryTakeBack(out IMessage? message))
        {
            if (message is Evidence evidence)
            {
                _evidence.Keep(evidence);
            }
        }
    }

    /// <summary>Completes every submission that is still under way, wherever the threads left it.</summary>
    private void FailPending(SubmissionFailure failure)
    {
        _batcher.FailPending(failure);
        _ledger.FailPending(failure);
        foreach (ClientBatch batch in _batches.Remaining())
        {
            batch.Fail(failure);
        }

        while (_core.ToSigner.TryTakeBack(out OwnRecord record))
        {
            record.Payload.Batch?.Fail(failure);
        }

        while (_topology.SignerToLedger.TryTake(out LedgerItem item))
        {
            item.Payload.Batch?.Fail(failure);
        }
    }
}
