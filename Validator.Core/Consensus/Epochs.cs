using Validator.Core.Effects;
using Validator.Core.Primitives;
using Validator.Core.Wire;

namespace Validator.Core.Consensus;

/// <summary>How an epoch ends, and when a validator that lost its votes may sign again (PROTOCOL.md, section 12).</summary>
public sealed partial class ValidatorCore
{
    private bool _returnKnown;

    /// <summary>For the next epoch's core: what its blocks may state (rule P3). Oldest first.</summary>
    public IEnumerable<(ulong Sequence, Hash256 Root)> RecentRoots => _chain.RecentRoots;

    /// <summary>What a NewView without claims starts from.</summary>
    private Claim StartClaim => new(0, Configuration.Start.Sequence, Configuration.Start.Hash);

    /// <summary>Rule E3: with the last block executed, and its word on the next committee borne out, this epoch is over.</summary>
    private void EndEpoch()
    {
        if (!_close.Bears(_chain.Tip))
        {
            _step.Halt(Reason.ExecutionDiverged, _chain.Certificate, null);
            return;
        }

        _step.EndEpoch(_chain.Tip, _provenFrom);
    }

    /// <summary>
    /// Rule E5: a validator that lost its votes learns from where on it may sign. Any peers of quorum weight include an honest one
    /// that helped to end the epoch before the last in which it can have voted; those that report least suffice.
    /// </summary>
    private void LearnReturn()
    {
        if (_step.Signs || _returnKnown || Self < 0)
        {
            return;
        }

        if (_peers.EpochOfLowestQuorum() is { } lowest)
        {
            _returnKnown = true;
            _step.Emit(EffectKind.SignFrom).Epoch = Math.Max(lowest, Epoch) + 2;
        }
    }
}
