using Validator.Core.Primitives;
using Validator.Core.Wire;
using Validator.Host.Contracts;
using Validator.Host.Storage;
using Validator.Net.Rings;

namespace Validator.Host.Pipeline;

/// <summary>Signs what Core hands over, in order, and passes everything on: own vertices to the ledger, the rest to the vote store.</summary>
internal sealed class SignerThread(
    ISigner signer, Hash256 chainId, SignatureCache cache, NodeMetrics metrics, IFaultSink faults)
    : PipelineThread("signer", faults)
{
    private const int MostPerRound = 64;

    private volatile bool _signs = true;

    public required SpscRing<VoteRecord> Input { get; init; }

    public required SpscRing<VoteRecord> ToVotes { get; init; }

    public required SpscRing<LedgerItem> ToLedger { get; init; }

    public required IWaker Votes { get; init; }

    public required IWaker Ledger { get; init; }

    public bool Signs => _signs;

    /// <summary>Nothing is signed from now on; what Core asks for is dropped. Any thread.</summary>
    public void StopSigning() => _signs = false;

    /// <summary>What Core asks for from now on is signed. Core's thread.</summary>
    public void SignAgain() => _signs = true;

    protected override bool HasWork => !Input.IsEmpty;

    protected override bool Work()
    {
        int done = 0;
        while (done < MostPerRound && Input.TryDequeue(out VoteRecord record))
        {
            done++;
            if (!Pass(ref record))
            {
                break;
            }
        }

        return done > 0;
    }

    private bool Pass(ref VoteRecord record)
    {
        if (record.Kind != RecordKind.Sign)
        {
            return Hand(ToVotes, record, Votes);
        }

        if (!_signs)
        {
            record.Batch?.Abandon(SubmissionFailure.Stopping);
            return true;
        }

        Sign(ref record);
        if (record.Header.Kind != MessageKind.Vertex)
        {
            return Hand(ToVotes, record, Votes);
        }

        byte[] signature = record.Signed!.Signature;
        HeldVertex vertex = record.Batch?.Hold(record.Vertex!, signature) ?? new HeldVertex(record.Vertex!, signature, VertexBody.Empty);
        record.Held = vertex.Retain();
        return Hand(ToLedger, new LedgerItem { Kind = LedgerItemKind.OwnVertex, Vertex = vertex, Own = record }, Ledger);
    }

    private void Sign(ref VoteRecord record)
    {
        Span<byte> preimage = stackalloc byte[SignedHeaderCodec.PreimageBytes];
        SignedHeaderCodec.WritePreimage(record.Header, chainId, preimage);
        byte[] signature = GC.AllocateUninitializedArray<byte>(Limits.SignatureBytes);
        signer.Sign(record.Header.Kind, preimage, signature);
        metrics.SignaturesMade.Add();
        Signed signed = new(record.Header, signature);
        cache.Add(SignatureCache.KeyOf(preimage, signature));
        record.Signed = signed;
        if (record.ViewChange is { } change)
        {
            record.ViewChange = new ViewChange
            {
                Signed = signed,
                Claims = change.Claims,
                Prepared = change.Prepared,
                Committed = change.Committed,
            };
        }

        if (record.NewView is { } newView)
        {
            record.NewView = new NewView
            {
                Signed = signed,
                ViewChanges = newView.ViewChanges,
                Prepared = newView.Prepared,
                Committed = newView.Committed,
            };
        }
    }
}
