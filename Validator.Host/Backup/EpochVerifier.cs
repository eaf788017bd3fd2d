using System.Runtime.InteropServices;
using Validator.Core.Primitives;
using Validator.Core.Wire;
using Validator.Core.Wire.Validation;
using Validator.Crypto.Simd;
using Validator.Host.Pipeline;

namespace Validator.Host.Backup;

/// <summary>Checks signatures of one epoch's members.</summary>
internal sealed class EpochVerifier : IDisposable
{
    private readonly PreparedVerificationKey[] _keys;
    private readonly CommitteeKeys _committee;
    private readonly BatchedVerifier _verifier;

    public EpochVerifier(EpochConfiguration epoch, in Hash256 chainId)
    {
        Epoch = epoch;
        _keys = Array.ConvertAll(epoch.Members, m => PreparedVerificationKey.Create(m.ConsensusKey));
        _committee = new CommitteeKeys(_keys);
        _verifier = new BatchedVerifier(chainId);
    }

    public EpochConfiguration Epoch { get; }

    /// <summary>Whether a certificate of this epoch makes its block final: quorum weight, and every signature holds.</summary>
    public bool Proves(Certificate certificate, Block block)
    {
        List<SignatureCheck> checks = [];
        return certificate.Proves(block) && certificate.Epoch == Epoch.Number
            && SignatureChecks.OfCertificate(certificate, Epoch.Committee, checks) == DecodeError.None && Hold(checks);
    }

    public bool Hold(List<SignatureCheck> checks)
    {
        bool[] valid = new bool[checks.Count];
        _verifier.Verify(_committee, CollectionsMarshal.AsSpan(checks), valid);
        return !valid.Contains(false);
    }

    public void Dispose() => Array.ForEach(_keys, key => key.Dispose());
}
