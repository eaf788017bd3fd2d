using Validator.Core.Primitives;

namespace Validator.Core.Wire.Validation;

/// <summary>Rule L1's stateless checks of a vertex, all but the signatures: its own, and those of its envelopes.</summary>
public static class VertexValidation
{
    /// <summary>
    /// Checks the payload against its header and against what genesis allows, and leaves ids, offsets, envelopes, a committee
    /// change and a proof of an offence in <paramref name="scratch"/>; their signatures are the caller's to check
    /// (<see cref="EnvelopeIndex"/>, <see cref="SignatureChecks.OfChange"/>, <see cref="OffenceProof"/>).
    /// </summary>
    public static DecodeError CheckPayload(
        VertexHeader header, ReadOnlySpan<byte> payload, GenesisParameters parameters, TransactionScratch scratch)
    {
        if (payload.Length != header.PayloadBytes)
        {
            return DecodeError.PayloadSize;
        }

        if (header.PayloadBytes > parameters.MaxVertexPayloadBytes)
        {
            return DecodeError.PayloadTooLarge;
        }

        if (header.TransactionCount > Limits.MaxVertexTransactions)
        {
            return DecodeError.TransactionCount;
        }

        if (!scratch.TryCompute(payload, (int)header.TransactionCount, out Hash256 root, out DecodeError error))
        {
            return error;
        }

        error = CheckKinds(payload, header.Epoch, parameters.Trust is not null, scratch);
        if (error != DecodeError.None)
        {
            return error;
        }

        return root == header.TransactionRoot ? DecodeError.None : DecodeError.TransactionRootDiffers;
    }

    private static DecodeError CheckKinds(ReadOnlySpan<byte> payload, ulong epoch, bool hasTrust, TransactionScratch scratch)
    {
        scratch.Change = null;
        scratch.Proof = null;
        EnvelopeIndex envelopes = scratch.Envelopes;
        DecodeError error = envelopes.Begin(payload, scratch.AccountKeys);
        ReadOnlySpan<int> offsets = scratch.Offsets;
        for (int i = 0; i < offsets.Length && error == DecodeError.None; i++)
        {
            error = (TransactionKind)payload[offsets[i]] switch
            {
                TransactionKind.Opaque => DecodeError.None,
                TransactionKind.Envelope when !hasTrust && EnvelopeCodec.IsStake(payload[(offsets[i] + 1)..]) =>
                    DecodeError.EnvelopeMalformed,
                TransactionKind.Envelope => envelopes.Add(payload, offsets[i] + 1, scratch.Lengths[i] - 1),
                _ => TakeSystem(payload.Slice(offsets[i] + 1, scratch.Lengths[i] - 1), epoch, hasTrust, scratch),
            };
        }

        return error == DecodeError.None ? envelopes.Finish() : error;
    }

    /// <summary>
    /// Alone in its vertex, so that execution knows from the first byte of a payload whether to read the rest (rule E4).
    /// </summary>
    private static DecodeError TakeSystem(ReadOnlySpan<byte> bytes, ulong epoch, bool hasTrust, TransactionScratch scratch)
    {
        if (scratch.Offsets.Length != 1)
        {
            return DecodeError.ChangeNotAlone;
        }

        DecodeError error;
        if (hasTrust && OffenceProofCodec.IsProof(bytes))
        {
            scratch.Proof = OffenceProofCodec.TryRead(bytes, out OffenceProof? proof, out error) ? proof : null;
            return error;
        }

        if (!CommitteeChangeCodec.TryRead(bytes, out SignedCommitteeChange? change, out error))
        {
            return error;
        }

        scratch.Change = change;
        return change.Change.Epoch == epoch ? DecodeError.None : DecodeError.ChangeOfOtherEpoch;
    }
}
