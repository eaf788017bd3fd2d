using System.Diagnostics;
using Validator.Core.Effects;
using Validator.Core.Wire;
using Validator.Host.Contracts;
using Validator.Host.Primitives;
using Validator.Host.Storage;
using Validator.Net.Rings;

namespace Validator.Host.Pipeline;

/// <summary>
/// The one place from which signed messages leave for the first time: everything that waited goes into one synced write,
/// and only after it to the network and back to Core. When the write fails nothing leaves, and the process ends.
/// </summary>
internal sealed class VoteThread(IVoteStore first, FrameSender sender, NodeMetrics metrics, IFaultSink faults)
    : PipelineThread("vote-store", faults)
{
    private const int MostPerCommit = 256;

    /// <summary>Executed blocks between two sweeps of what lies behind them.</summary>
    private const ulong ForgetEvery = 64;

    private readonly List<VoteRecord> _waiting = new(MostPerCommit);
    private IVoteStore _store = first;
    private ulong _forgotten;
    private ulong _durablyExecuted;

    public required SpscRing<VoteRecord> FromSigner { get; init; }

    public required SpscRing<VoteRecord> FromLedger { get; init; }

    public required SpscRing<Input> ToCore { get; init; }

    /// <summary>Puts an empty store, of that epoch on, in the place of the one that was lost.</summary>
    public Func<ulong, IVoteStore>? Renew { get; init; }

    /// <summary>Gives the store of votes that were of a later epoch than the ledger.</summary>
    public Func<IVoteStore>? Resume { get; init; }

    /// <summary>Set once before the start.</summary>
    public IWaker? Core { get; set; }

    /// <summary>Records behind this block are no longer needed: its execution is on disk. Ledger thread.</summary>
    public void DurablyExecuted(ulong sequence) => Volatile.Write(ref _durablyExecuted, sequence);

    protected override bool HasWork => !FromSigner.IsEmpty || !FromLedger.IsEmpty;

    protected override bool Work()
    {
        int added = 0;
        while (added < MostPerCommit && (FromSigner.TryDequeue(out VoteRecord record) || FromLedger.TryDequeue(out record)))
        {
            Add(record);
            added++;
        }

        if (_waiting.Count > 0)
        {
            // A halt meanwhile: what was signed before it is on disk, and stays here.
            if (!Commit() || Faults.Faulted)
            {
                return false;
            }

            Release();
        }

        return added > 0;
    }

    private void Add(in VoteRecord record)
    {
        switch (record.Kind)
        {
            case RecordKind.Block:
                _store.AddBlock(record.Block!);
                break;
            case RecordKind.PreparedCertificate:
                _store.AddPreparedCertificate(record.Certificate!);
                break;
            case RecordKind.NewView:
                _store.AddNewView(record.NewView!);
                break;
            case RecordKind.EnterEpoch when record.Renew:
                _store = Renew!(record.Number);
                break;
            case RecordKind.EnterEpoch when record.Resume:
                _store = Resume!();
                break;
            case RecordKind.EnterEpoch:
                // Rides in the next commit: the next start forgets them as well.
                _store.ForgetEpochsBelow(record.Number);
                break;
            default:
                AddSigned(record);
                _waiting.Add(record);
                break;
        }
    }

    private void AddSigned(in VoteRecord record)
    {
        byte[] body = EncodeBody(record);
        _store.AddSigned(record.Signed!, body);
        metrics.VoteBytesWritten.Add(SignedCodec.EncodedSize + body.Length);
    }

    private static byte[] EncodeBody(in VoteRecord record)
    {
        byte[] body = [];
        switch (record.Header.Kind)
        {
            case MessageKind.PrePrepare:
                body = new byte[BlockCodec.EncodedSize(record.Block!.Cut.Length)];
                BlockCodec.Write(record.Block, body);
                break;
            case MessageKind.ViewChange:
                body = new byte[ViewChangeCodec.EncodedSize(record.ViewChange!)];
                ViewChangeCodec.Write(record.ViewChange!, body);
                break;
            case MessageKind.NewView:
                body = new byte[NewViewCodec.EncodedSize(record.NewView!)];
                NewViewCodec.Write(record.NewView!, body);
                break;
        }

        return body;
    }

    private bool Commit()
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
        return true;
    }

    private void Release()
    {
        foreach (ref readonly VoteRecord record in System.Runtime.InteropServices.CollectionsMarshal.AsSpan(_waiting))
        {
            sender.BroadcastSigned(record);
            record.Held?.Release();
        }

        sender.Flush();
        foreach (ref readonly VoteRecord record in System.Runtime.InteropServices.CollectionsMarshal.AsSpan(_waiting))
        {
            Input input = new() { Kind = InputKind.Signed, Epoch = record.Header.Epoch, From = -1, Number = record.Number, Message = record.Signed };
            Hand(ToCore, input, Core!);
            record.Batch?.CompleteDurable(record.Signed!.Header.Digest);
        }

        _waiting.Clear();
    }
}
