using Validator.Core.Execution;
using Validator.Core.Primitives;
using Validator.Core.Trust;
using Validator.Core.Wire;

namespace Validator.Bench.Simulation;

/// <summary>The trust state beside the rest of what is executed: the real one, in worlds that have it.</summary>
public partial class SimNode
{
    private TrustState? _trust;

    public TrustState? Trust => _trust;

    /// <summary>As the disk has it.</summary>
    private TrustState? ReadTrust()
    {
        TrustState? trust = TrustState.ForGenesis(Cluster.Genesis);
        Require.That(Disk.Trust is not { } chunks || (trust is not null && trust.Load(chunks)));
        return trust;
    }

    private void ExecuteSystem(ulong transaction, CommitteeState committee, Block block)
    {
        if (SimVertex.ProofOf(transaction) is { } proof)
        {
            if (_trust is not null)
            {
                UInt128 slashable = SimChecker.SlashableOf(
                    _trust, Cluster.EpochOf(proof.First.Epoch).Members, proof.First.Sender);
                ulong treasury = _trust.Stake.Treasury;
                ProofRefusal refusal = _trust.Apply(proof, block.TimestampMicros);
                Cluster.Check.OnProof(this, block, proof, refusal, slashable, _trust.Stake.Treasury - treasury);
            }
        }
        else if (SimVertex.ChangeOf(transaction) is { } change)
        {
            Cluster.Check.OnChange(committee.Apply(change, block.Sequence, _trust, block.TimestampMicros));
        }
    }

    private void ExecuteStake(ulong envelope)
    {
        if (_trust is null || Cluster.World.OperationOf(envelope) is not { } operation)
        {
            return;
        }

        StakeRefusal refusal = _trust.Apply(SimEnvelopes.IdOf(SimEnvelopes.AccountOf(envelope)), operation.Encode());
        Cluster.World.Met(refusal == StakeRefusal.None ? Fault.StakeMoved : Fault.RefusedStake);
    }

    /// <summary>With the block's write.</summary>
    private void WriteTrust(Block block, CommitteeState committee)
    {
        if (_trust is not null)
        {
            Disk.Trust = [.. _trust.Chunks()];
            Cluster.Check.AfterTrust(this, block, committee, _trust);
        }
    }
}
