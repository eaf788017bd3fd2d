using Validator.Core.Effects;
using Validator.Core.Primitives;
using Validator.Core.Wire;

namespace Validator.Core.Consensus;

/// <summary>How an epoch ends, and when a validator that lost its votes may sign again (PROTOCOL.md, section 12).</summary>
public sealed partial class ValidatorCore
{
    // What the epoch's last block states when no change is pending.
    private readonly Hash256 _unchangedCommittee;

    // The pending change, and the digest that states it.
    private ulong _changeSequence = ulong.MaxValue;
    private Hash256 _changedCommittee;
    private bool _ended;

    // The next epoch goes on without us: what we would author now might wait for an order that never comes.
    private bool _leaving;
    private bool _returnKnown;

    /// <summary>This core has done its work: it halted, or the next epoch's goes on.</summary>
    private bool Over => _halted || _ended;

    /// <summary>For the next epoch's core: what its blocks may state (rule P3). Oldest first.</summary>
    public IEnumerable<(ulong Sequence, Hash256 Root)> RecentRoots =>
        _roots.Where(r => r.Key + _reach > _executed).OrderBy(r => r.Key).Select(r => (r.Key, r.Value));

    /// <summary>What a NewView without claims starts from.</summary>
    private Claim StartClaim => new(0, Configuration.Start.Sequence, Configuration.Start.Hash);

    private bool IsLast(Block block) => block.Epoch == Epoch && !block.NextCommittee.IsZero;

    private void NoteChange(PendingCommittee change)
    {
        Require.That(_changeSequence == ulong.MaxValue);
        _changeSequence = change.Sequence;
        _leaving = Self >= 0 && Member.Find(change.Members, Configuration.Members[Self].ConsensusKey) < 0;
        _changedCommittee = GenesisCodec.CommitteeDigest(Epoch + 1, change.Members);
    }

    /// <summary>
    /// Rule E1: what a block of this sequence and stated execution must name as the next committee; zero where the epoch goes on.
    /// Known to whoever has executed that far.
    /// </summary>
    private Hash256 NextCommittee(ulong sequence, ulong executed)
    {
        if (executed >= _changeSequence)
        {
            return _changedCommittee;
        }

        ulong length = Genesis.Parameters.EpochLengthBlocks;
        return length != 0 && sequence - Configuration.Start.Sequence == length ? _unchangedCommittee : Hash256.Zero;
    }

    /// <summary>Rule E3: with the last block executed, and its word on the next committee borne out, this epoch is over.</summary>
    private void EndEpoch()
    {
        if (NextCommittee(_final.Sequence, _final.ExecutedSequence) != _final.NextCommittee)
        {
            Halt(Reason.ExecutionDiverged, _finalCertificate, null);
            return;
        }

        Finish(_final);
    }

    private void Finish(Block last)
    {
        _ended = true;
        _signs = false;
        NextDeadline = long.MaxValue;
        ref Effect effect = ref Emit(EffectKind.EpochEnded);
        effect.Block = last;
        effect.ProvenFrom = _provenFrom;
    }

    /// <summary>
    /// Rule E5: a validator that lost its votes learns from where on it may sign. Any peers of quorum weight include an honest one
    /// that helped to end the epoch before the last in which it can have voted; those that report least suffice.
    /// </summary>
    private void LearnReturn()
    {
        if (_signs || _returnKnown || Self < 0)
        {
            return;
        }

        ulong best = ulong.MaxValue;
        foreach (PeerProgress candidate in _peers)
        {
            ulong weight = WeightOf(candidate.Epoch, static (peer, most) => peer.Known && peer.Epoch <= most);
            if (candidate.Known && weight >= Committee.Quorum)
            {
                best = Math.Min(best, candidate.Epoch);
            }
        }

        if (best != ulong.MaxValue)
        {
            _returnKnown = true;
            Emit(EffectKind.SignFrom).Epoch = Math.Max(best, Epoch) + 2;
        }
    }
}
