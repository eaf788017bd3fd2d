using Validator.Core.Primitives;
using Validator.Core.Wire.Validation;
using Validator.Crypto.Simd;

namespace Validator.Host.Pipeline;

/// <summary>The signatures that a transaction's proof rests on, checked without a validator.</summary>
internal static class ProofSignatures
{
    /// <summary>What is wrong with the proof; None where nothing is and all signatures hold.</summary>
    public static ProofFault Verify(TransactionProofChecks proof, in Hash256 chainId)
    {
        if (proof.Fault != ProofFault.None)
        {
            return proof.Fault;
        }

        BatchedVerifier verifier = new(chainId);
        Dictionary<byte[], PreparedVerificationKey> known = new(SameBytes.Instance);
        try
        {
            foreach (CommitteeChecks part in proof.Signatures)
            {
                // Members stay over many epochs, and expanding a key costs more than checking a signature.
                CommitteeKeys keys = new(Array.ConvertAll(part.Members, m => Prepared(known, m.ConsensusKey)));
                bool[] valid = new bool[part.Checks.Length];
                verifier.Verify(keys, part.Checks, valid);
                if (valid.Contains(false))
                {
                    return ProofFault.BadSignature;
                }
            }

            return ProofFault.None;
        }
        finally
        {
            foreach (PreparedVerificationKey key in known.Values)
            {
                key.Dispose();
            }
        }
    }

    private static PreparedVerificationKey Prepared(Dictionary<byte[], PreparedVerificationKey> known, byte[] key)
    {
        if (!known.TryGetValue(key, out PreparedVerificationKey? prepared))
        {
            prepared = PreparedVerificationKey.Create(key);
            known.Add(key, prepared);
        }

        return prepared;
    }

    private sealed class SameBytes : IEqualityComparer<byte[]>
    {
        public static readonly SameBytes Instance = new();

        public bool Equals(byte[]? x, byte[]? y) => x.AsSpan().SequenceEqual(y);

        public int GetHashCode(byte[] bytes) => BitConverter.ToInt32(bytes);
    }
}
