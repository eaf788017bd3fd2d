using Validator.Core.Primitives;
using Validator.Core.Wire;

namespace Validator.Bench.Simulation;

/// <summary>What operators do to a stopped validator after a fork (rules R3 and R4).</summary>
public partial class SimNode
{
    /// <summary>It signs nothing more in the epoch that the proposal ends.</summary>
    public void LeaveFor(ForkProposal proposal)
    {
        Require.That(!Running);
        Disk.VotesEpoch = proposal.Last.Epoch + 1;
        Disk.ForgottenBelow = 0;
        _forgotten = 0;
    }

    /// <summary>Goes on in the branch that was named.</summary>
    public void Apply(ForkRecovery recovery)
    {
        Require.That(!Running);
        Disk.Recovery = recovery;
    }

    /// <summary>Its operator starts it again after a halt.</summary>
    public void Release() => Halted = null;

    /// <summary>The ledger is of an abandoned branch: what it promised is authored again.</summary>
    /// <param name="carried">By vertices of that branch.</param>
    public void Return(IEnumerable<(Hash256 Vertex, ulong[] Transactions)> carried, IEnumerable<ulong> promised)
    {
        Require.That(!Running);
        LoseLedger();
        foreach ((Hash256 vertex, ulong[] transactions) in carried)
        {
            Disk.Unordered[vertex] = transactions;
        }

        AcceptedTransactions.UnionWith(promised);
    }
}
