using Microsoft.Extensions.Logging;
using Validator.Core.Effects;
using Validator.Core.Primitives;
using Validator.Core.Shell;
using Validator.Core.Trust;
using Validator.Core.Wire;
using Validator.Host.Contracts;
using Validator.Host.Primitives;
using Validator.Host.Storage;
using Validator.Net;

namespace Validator.Host.Pipeline;

/// <summary>
/// Where Core's effects go, by way of <see cref="CoreShell{TPayload}"/>: rings of other threads, and the network.
/// </summary>
internal sealed partial class CoreStage
{
    bool IShellPorts<OwnPayload>.Goes() => !Faults.Faulted;

    void IShellPorts<OwnPayload>.Own(in OwnRecord record)
    {
        if (record.Accepted is { } block)
        {
            ToFetch.Put(block);
        }
        else if (record.IsToSign)
        {
            CountSigned(record.Header);
        }

        if (record.Vertex is { } vertex)
        {
            Volatile.Write(ref _laneHeight, vertex.Height);
            Volatile.Write(ref _pendingVertices, _pendingVertices + 1);
        }

        ToSigner.Put(record);
    }

    OwnPayload IShellPorts<OwnPayload>.TakeBatch(ulong token)
    {
        ClientBatch? batch = token == 0 ? null : Batches.Take(token);
        Require.That(token == 0 || batch is not null);
        return new OwnPayload(batch);
    }

    void IShellPorts<OwnPayload>.StoreVertex(ulong token)
    {
        PendingVertex? pending = Vertices.Take(token);
        Require.That(pending is not null);
        Volatile.Write(ref _pendingVertices, _pendingVertices + 1);
        PutInLedger(LedgerItem.Vertex(pending.Take()));
    }

    void IShellPorts<OwnPayload>.DropVertex(ulong token, Reason reason)
    {
        metrics.Rejected[(int)reason].Add();
        Vertices.Take(token)?.Drop();
    }

    void IShellPorts<OwnPayload>.DropBatch(ulong token)
    {
        metrics.Rejected[(int)Reason.NotSigning].Add();
        Batches.Take(token)?.Abandon(SubmissionFailure.Stopping);
    }

    void IShellPorts<OwnPayload>.Send(int to, IMessage message)
    {
        metrics.FetchesSent.Add(message is FetchRequest ? 1 : 0);
        sender.Send(_epoch.LinkOf(to), Channel.Control, message);
    }

    void IShellPorts<OwnPayload>.Credit() => Batcher.Grant();

    void IShellPorts<OwnPayload>.Execute(Block block, Certificate certificate, VertexHeader[] order)
    {
        Volatile.Write(ref _pendingVertices, _pendingVertices - order.Length);
        ToExecution.Put(new ExecuteItem(block, certificate, order));
    }

    void IShellPorts<OwnPayload>.StoreEpochEnd(EpochEnd end)
    {
        log.LogInformation("peers no longer keep a snapshot of epoch {Epoch}, which ended with block {Block}: on to the next", Core.Epoch, end.Last.Sequence);
        PutInLedger(LedgerItem.EpochEnd(end));
    }

    void IShellPorts<OwnPayload>.StoreManifest(SnapshotManifest manifest)
    {
        log.LogInformation(
            "peers no longer keep block {Next}: fetching the snapshot at block {Sequence}", Core.FinalSequence + 1, manifest.Sequence);
        PutInLedger(LedgerItem.Manifest(manifest));
    }

    void IShellPorts<OwnPayload>.StoreChunk(SnapshotChunk chunk) => PutInLedger(LedgerItem.Chunk(chunk));

    void IShellPorts<OwnPayload>.DropSnapshot() => PutInLedger(LedgerItem.DropSnapshot());

    void IShellPorts<OwnPayload>.Install(SnapshotManifest manifest)
    {
        log.LogInformation("the snapshot at block {Sequence} is here and goes in place", manifest.Sequence);
        Volatile.Write(ref _pendingVertices, 0);
        PutInLedger(LedgerItem.Install(manifest));
    }

    void IShellPorts<OwnPayload>.Evidence(Evidence evidence)
    {
        SignedHeader header = evidence.First.Header;
        Threat.Convict(_epoch.Members[header.Sender].Name, header);
        log.LogWarning(
            "evidence against {Member}: two {Kind} at view {View}, sequence {Sequence}",
            _epoch.Members[header.Sender].Name, header.Kind, header.View, header.Sequence);
        ToFetch.Put(evidence);
        _fetchIsNeeded = true;
    }

    void IShellPorts<OwnPayload>.ViewChanged(ulong view, Reason reason)
    {
        metrics.ViewChanges.Add(reason == Reason.Entered ? 1 : 0);
        log.LogInformation("view {View}: {Reason}", view, reason);
    }

    void IShellPorts<OwnPayload>.LevelReached(FinalityLevel level, ulong sequence)
    {
        Finality.Raise(level, sequence);
        Strong.Look();
    }

    void IShellPorts<OwnPayload>.ForkChanged(Fork fork)
    {
        Forks.Note(fork, fork.Member < 0 ? null : _epoch.Members[fork.Member].Name);
        if (fork.Outcome == ForkOutcome.Failed)
        {
            Evidence.KeepFailed(fork, Clock.WallMicros());
        }
    }

    void IShellPorts<OwnPayload>.VoteTaken(PartialSignature outcome) => metrics.Count(outcome);

    void IShellPorts<OwnPayload>.CertificateMade(long micros)
    {
        metrics.MultisigCompleted.Add();
        metrics.MultisigAggregationSeconds.Observe(micros / 1e6);
    }

    void IShellPorts<OwnPayload>.Rejected(Reason reason, int from)
    {
        metrics.Rejected[(int)reason].Add();
        if (reason is not (Reason.VoteStoreContradicted or Reason.Duplicate or Reason.OldView or Reason.OldSequence))
        {
            log.LogDebug("refused: {Reason}, from {Peer}", reason, from);
        }
    }

    void IShellPorts<OwnPayload>.Halt(Reason reason, Certificate? certificate, Certificate? conflicting)
    {
        Evidence.KeepHalt(reason, certificate, conflicting);
        Faults.Fail(ExitCodes.Halted, $"halted by safety: {reason}; nothing more is signed, keep the data directory");
    }

    private void PutInLedger(in LedgerItem item)
    {
        _ledgerIsNeeded |= !item.Lingers;
        ToLedger.Put(item);
    }

    private void CountSigned(in SignedHeader header)
    {
        switch (header.Kind)
        {
            case MessageKind.PrePrepare:
                metrics.BlocksProposed.Add();
                metrics.Votes.Add();
                break;
            case MessageKind.Prepare or MessageKind.Commit:
                metrics.Votes.Add();
                break;
            case MessageKind.Stop:
                metrics.ViewTimeouts.Add();
                if (_epoch.LinkOf(_epoch.Configuration.Leader(header.View - 1)) is >= 0 and int link)
                {
                    Threat.Note(link, LocalFault.Timeout);
                }

                break;
        }
    }

    /// <summary>For good: the mark is durable before anybody is told, for the next start would trust the store again.</summary>
    void IShellPorts<OwnPayload>.Contradicted()
    {
        Signer.StopSigning();
        log.LogCritical(
            "a message signed with our consensus key is not in our vote store: another process uses the key, or the store was rolled"
            + " back; from now on this validator follows and signs nothing, after a restart too ({Marker})", Storage.ContradictedMarker);
        try
        {
            VoteStoreSetup.MarkContradicted(Storage, "a message with our signature is not in the vote store: follow, and sign nothing");
        }
        catch (StoreException e)
        {
            Faults.Fail(
                ExitCodes.Store,
                $"{e.Message}. The next start would sign again with a vote store that is not to be trusted: before it, make room or repair the"
                + " disk and run 'validator votes mark-restored'");
        }

        Volatile.Write(ref _signs, false);
        Volatile.Write(ref _authors, false);
    }
}
