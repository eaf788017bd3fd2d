using System.Diagnostics;
using Validator.Core.Effects;
using Validator.Core.Primitives;
using Validator.Core.Shell;
using Validator.Core.Wire;
using Validator.Host.Contracts;
using Validator.Host.Primitives;
using Validator.Host.Storage;
using Validator.Net.Rings;

namespace Validator.Host.Pipeline;

/// <summary>
/// The disk and the network of <see cref="OwnRecords{TPayload}"/>: everything that waited goes into one synced write, and only
/// after it to the network and back to Core. When the write fails nothing leaves, and the process ends.
/// </summary>
internal sealed class VoteStage(IVoteStore first, FrameSender sender, NodeMetrics metrics, Topology topology, IFaultSink faults)
    : PipelineStage(topology.Votes, faults), IOwnRecordPorts<OwnPayload>, IOwnRecordWriter<OwnPayload>
{
    /// <summary>Executed blocks between two sweeps of what lies behind them.</summary>
    private const ulong ForgetEvery = 64;

    private OwnRecords<OwnPayload>? _records;
    private IVoteStore _store = first;
    private ulong _forgotten;
    private ulong _durablyExecuted;

    /// <summary>Replaces the lost store by an empty one that begins with the epoch.</summary>
    public Func<ulong, IVoteStore>? Renew { get; init; }

    /// <summary>Hands over the kept store, whose votes were of a later epoch than the ledger.</summary>
    public Func<IVoteStore>? Resume { get; init; }

    /// <summary>Records behind this block are no longer needed: its execution is on disk. Ledger thread.</summary>
    public void DurablyExecuted(ulong sequence) => Volatile.Write(ref _durablyExecuted, sequence);

    public override bool HasWork => !topology.SignerToVotes.IsEmpty || !topology.LedgerToVotes.IsEmpty;

    public override bool Work()
    {
        OwnRecords<OwnPayload> records = _records ??= new OwnRecords<OwnPayload>(this);
        int added = 0;
        while (!records.IsFull && (topology.SignerToVotes.TryTake(out OwnRecord record) || topology.LedgerToVotes.TryTake(out record)))
        {
            records.Add(record);
            added++;
        }

        return added > 0 && records.Commit();
    }

    void IOwnRecordPorts<OwnPayload>.Add(in OwnRecord record) => record.WriteTo(this);

    void IOwnRecordWriter<OwnPayload>.WriteBlock(Block block) => _store.AddBlock(block);

    void IOwnRecordWriter<OwnPayload>.WritePrepared(Certificate certificate) => _store.AddPreparedCertificate(certificate);

    void IOwnRecordWriter<OwnPayload>.WriteEntered(NewView newView) => _store.AddNewView(newView);

    void IOwnRecordWriter<OwnPayload>.WriteEpoch(ulong epoch, EpochEntry entry)
    {
        switch (entry)
        {
            case EpochEntry.Renews:
                Require.That(Renew is not null);
                _store = Renew(epoch);
                break;
            case EpochEntry.Resumes:
                Require.That(Resume is not null);
                _store = Resume();
                break;
            default:
                // Rides in the next commit: the next start forgets them as well.
                _store.ForgetEpochsBelow(epoch);
                break;
        }
    }

    void IOwnRecordWriter<OwnPayload>.WriteSigned(in OwnRecord record)
    {
        byte[] body = EncodeBody(record.Message);
        _store.AddSigned(record.Signed, body);
        metrics.VoteBytesWritten.Add(SignedCodec.EncodedSize + body.Length);
    }

    private static byte[] EncodeBody(IMessage message)
    {
        byte[] body = [];
        switch (message)
        {
            case PrePrepare proposal:
                body = new byte[BlockCodec.EncodedSize(proposal.Block.Cut.Length)];
                BlockCodec.Write(proposal.Block, body);
                break;
            case ViewChange change:
                body = new byte[ViewChangeCodec.EncodedSize(change)];
                ViewChangeCodec.Write(change, body);
                break;
            case NewView newView:
                body = new byte[NewViewCodec.EncodedSize(newView)];
                NewViewCodec.Write(newView, body);
                break;
        }

        return body;
    }

    bool IOwnRecordPorts<OwnPayload>.Sync()
    {
        ulong executed = Volatile.Read(ref _durablyExecuted);
        if (executed >= _forgotten + ForgetEvery)
        {
            _store.ForgetBelow(executed);
            _forgotten = executed;
        }

        long start = Stopwatch.GetTimestamp();
        if (!_store.Commit(out string? error))
        {
            Faults.Fail(ExitCodes.Store, $"vote store: {error}; no vote leaves that is not on disk, so the node stops");
            return false;
        }

        metrics.VoteCommitSeconds.ObserveSince(start);
        metrics.VoteSyncs.Add();

        // A halt meanwhile: what was signed before it is on disk, and stays here.
        return !Faults.Faulted;
    }

    void IOwnRecordPorts<OwnPayload>.Send(in OwnRecord record)
    {
        sender.BroadcastSigned(record);
        record.Payload.Held?.Release();
    }

    void IOwnRecordPorts<OwnPayload>.Flush() => sender.Flush();

    void IOwnRecordPorts<OwnPayload>.Answer(in OwnRecord record)
    {
        Hand(topology.VotesToCore, Input.Signed(record.Message, record.Header.Epoch));
        record.Payload.Batch?.CompleteDurable(record.Header.Digest);
    }
}
