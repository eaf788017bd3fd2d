using Validator.Core.Primitives;

namespace Validator.Core.Wire.Validation;

/// <summary>Rule L1's stateless checks of a vertex, all but the signatures: its own, and those of its envelopes.</summary>
public static class VertexValidation
{
    /// <summary>
    /// Checks the payload against its header and against what genesis allows, and leaves ids, offsets and envelopes in
    /// <paramref name="scratch"/>; the envelopes' signatures are the caller's to check. Kind 2 is refused: this protocol version
    /// has no rules to verify it by, and a vertex is valid only if its transactions are.
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

        error = CheckKinds(payload, scratch);
        if (error != DecodeError.None)
        {
            return error;
        }

        return root == header.TransactionRoot ? DecodeError.None : DecodeError.TransactionRootDiffers;
    }

    private static DecodeError CheckKinds(ReadOnlySpan<byte> payload, TransactionScratch scratch)
    {
        EnvelopeIndex envelopes = scratch.Envelopes;
        DecodeError error = envelopes.Begin(payload, scratch.AccountKeys);
        ReadOnlySpan<int> offsets = scratch.Offsets;
        for (int i = 0; i < offsets.Length && error == DecodeError.None; i++)
        {
            error = (TransactionKind)payload[offsets[i]] switch
            {
                TransactionKind.Opaque => DecodeError.None,
                TransactionKind.Envelope => envelopes.Add(payload, offsets[i] + 1, scratch.Lengths[i] - 1),
                _ => DecodeError.TransactionKindUnsupported,
            };
        }

        return error == DecodeError.None ? envelopes.Finish() : error;
    }
}
