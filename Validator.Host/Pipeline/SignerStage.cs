using Validator.Core.Primitives;
using Validator.Core.Shell;
using Validator.Core.Wire;
using Validator.Host.Contracts;
using Validator.Host.Storage;
using Validator.Net.Rings;

namespace Validator.Host.Pipeline;

/// <summary>
/// Signs what Core hands over, in order, and passes everything on: own vertices to the ledger, the rest to the vote store.
/// </summary>
internal sealed class SignerStage(
    ISigner signer, Hash256 chainId, SignatureCache cache, NodeMetrics metrics, Topology topology, IFaultSink faults)
    : PipelineStage(topology.Signer, faults)
{
    private const int MostPerRound = 64;

    private volatile bool _signs = true;

    public bool Signs => _signs;

    /// <summary>Nothing is signed from now on; what Core asks for is dropped. Any thread.</summary>
    public void StopSigning() => _signs = false;

    /// <summary>What Core asks for from now on is signed. Core's thread.</summary>
    public void SignAgain() => _signs = true;

    public override bool HasWork => !topology.CoreToSigner.IsEmpty;

    public override bool HasRoom => Fits(topology.SignerToVotes) && Fits(topology.SignerToLedger);

    public override bool Work()
    {
        int done = 0;
        bool votes = false;
        while (done < MostPerRound && HasRoom && topology.CoreToSigner.TryTake(out OwnRecord record))
        {
            done++;
            votes |= record is { Accepted: null, Prepared: null } && !record.IsOwnVertex;
            if (!Pass(ref record))
            {
                break;
            }
        }

        // Once, when all are there: what is signed in one turn is synced in one write. What only rests beneath a signature waits
        // for one, as it would in the vote store.
        if (votes || topology.SignerToVotes.Ring.Count >= topology.SignerToVotes.Capacity / 2)
        {
            topology.SignerToVotes.Consumer.Wake();
        }

        return done > 0;
    }

    private bool Pass(ref OwnRecord record)
    {
        if (record.Next == OwnRecordStage.Signer)
        {
            if (!_signs)
            {
                record.Payload.Batch?.Abandon(SubmissionFailure.Stopping);
                return true;
            }

            Sign(ref record);
        }

        if (record.Next == OwnRecordStage.VoteStore)
        {
            // There is room: it was looked for.
            Require.That(topology.SignerToVotes.Ring.TryEnqueue(record));
            return true;
        }

        Require.That(record.Vertex is not null);
        byte[] signature = record.Signed.Signature;
        HeldVertex vertex = record.Payload.Batch?.Hold(record.Vertex, signature) ?? new HeldVertex(record.Vertex, signature, VertexBody.Empty);
        record.Payload = record.Payload with { Held = vertex.Retain() };
        return Hand(topology.SignerToLedger, LedgerItem.OwnVertex(vertex, record)) || Drop(record);
    }

    /// <summary>The node ends, and nobody will take it: its clients are told.</summary>
    private bool Drop(in OwnRecord record)
    {
        record.Payload.Batch?.Fail(Faults.Faulted ? SubmissionFailure.StorageFailed : SubmissionFailure.Stopping);
        return false;
    }

    private void Sign(ref OwnRecord record)
    {
        Span<byte> preimage = stackalloc byte[SignedHeaderCodec.PreimageBytes];
        SignedHeaderCodec.WritePreimage(record.Header, chainId, preimage);
        byte[] signature = GC.AllocateUninitializedArray<byte>(Limits.SignatureBytes);
        signer.Sign(record.Header.Kind, preimage, signature);
        metrics.SignaturesMade.Add();
        cache.Add(SignatureCache.KeyOf(preimage, signature));
        record.Sign(signature);
    }
}
