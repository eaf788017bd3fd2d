using System.Runtime.InteropServices;
using Validator.Core.Primitives;
using Validator.Core.Wire;
using Validator.Core.Wire.Validation;
using Validator.Crypto.Simd;
using Validator.Host.Contracts;
using Validator.Host.Keys;
using Validator.Host.Storage;

namespace Validator.Host.Pipeline;

/// <summary>What commands need of a validator that does not run: its ledger, committees, signatures.</summary>
internal static class StoppedNode
{
    private const long ReadingBytes = 8 << 20;

    /// <summary>Opens a ledger of this chain, whichever key wrote it, with little memory.</summary>
    /// <param name="creates">Make it where there is none.</param>
    /// <exception cref="StoreException">It is in use, foreign or damaged, or its disk fails.</exception>
    public static RocksLedger OpenLedger(NodeContext context, string path, bool creates = false) =>
        OpenLedger(context.Genesis, StoreIdentity.Of(context.ChainId, context.Keys.ConsensusPublicKey), path, creates);

    /// <summary>The same; it gets this identity.</summary>
    public static RocksLedger OpenLedger(Genesis genesis, StoreIdentity identity, string path, bool creates = false) =>
        RocksLedger.Open(
            path, identity, genesis.Members.Length, genesis.Parameters.DedupWindow, ReadingBytes, ReadingBytes,
            takeOver: static () => true, creates: creates);

    /// <summary>One verdict for each check.</summary>
    /// <param name="members">Whose signatures they are.</param>
    public static bool[] Verify(in Hash256 chainId, Member[] members, List<SignatureCheck> checks)
    {
        bool[] valid = new bool[checks.Count];
        Verify(chainId, members, CollectionsMarshal.AsSpan(checks), valid);
        return valid;
    }

    /// <summary>The same in place: a <see cref="VerifySignatures"/>.</summary>
    public static void Verify(in Hash256 chainId, Member[] members, ReadOnlySpan<SignatureCheck> checks, Span<bool> valid)
    {
        PreparedVerificationKey[] keys = Array.ConvertAll(members, m => PreparedVerificationKey.Create(m.ConsensusKey));
        try
        {
            new BatchedVerifier(chainId).Verify(new CommitteeKeys(keys), checks, valid);
        }
        finally
        {
            Array.ForEach(keys, k => k.Dispose());
        }
    }

    /// <summary>A signature with the consensus key.</summary>
    public static byte[] Sign(ValidatorKeys own, in Hash256 chainId, in SignedHeader header)
    {
        byte[] preimage = new byte[SignedHeaderCodec.PreimageBytes];
        SignedHeaderCodec.WritePreimage(header, chainId, preimage);
        byte[] signature = new byte[Limits.SignatureBytes];
        using ConsensusSigner signer = new(own.ConsensusSeed.Span);
        signer.Sign(header.Kind, preimage, signature);
        return signature;
    }
}
