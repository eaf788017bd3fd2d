using Validator.Core.Primitives;

namespace Validator.Core.Wire.Validation;

/// <summary>Rule L1's stateless checks of a vertex, all but its signature.</summary>
public static class VertexValidation
{
    /// <summary>
    /// Checks the payload against its header and against what genesis allows, and leaves ids and offsets in
    /// <paramref name="scratch"/>. Kinds 1 and 2 are refused: this protocol version has no rules to verify them by, and a
    /// vertex is valid only if its transactions are.
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

        foreach (int offset in scratch.Offsets)
        {
            if (payload[offset] != (byte)TransactionKind.Opaque)
            {
                return DecodeError.TransactionKindUnsupported;
            }
        }

        return root == header.TransactionRoot ? DecodeError.None : DecodeError.TransactionRootDiffers;
    }
}
