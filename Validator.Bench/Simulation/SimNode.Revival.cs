using Validator.Core.Consensus;
using Validator.Core.Primitives;
using Validator.Core.Wire;

namespace Validator.Bench.Simulation;

/// <summary>What operators do to a stopped validator after votes were lost (rule E9).</summary>
public partial class SimNode
{
    /// <summary>Its votes are not those of its beginning.</summary>
    public bool LostVotes { get; private set; }

    /// <summary>The vote store is gone, or the whole disk.</summary>
    public void LoseVotes(bool ledgerToo)
    {
        if (ledgerToo)
        {
            Wipe();
        }
        else
        {
            Disk.LoseVotes();
            _forgotten = 0;
        }

        HasVotes = false;
        LostVotes = true;
        Cluster.Check.OnVotesLost(this);
    }

    /// <summary>
    /// Binds itself, durably, and says what it has signed; null where its votes are of a later epoch than its ledger.
    /// </summary>
    public VoteStatement? StateVotes(Hash256[] requests, ulong least)
    {
        Require.That(!Running);
        EpochConfiguration epoch = CurrentEpoch();
        int self = Cluster.MemberOf(epoch.Number, Index);
        if (!HasVotes || self < 0 || epoch.Number < Disk.VotesEpoch || !Disk.Open(Cluster.Keys, Index, Cluster.ChainId, out _))
        {
            return null;
        }

        RecoveredState votes = Recovered();
        Block final = votes.LastFinal ?? epoch.Start;
        VoteStatement statement = Revival.State(
            votes, epoch, self, Cluster.ChainId, requests, final, votes.LastFinalCertificate, least);
        Disk.Limits[epoch.Number] = Revival.BindingOf(statement, votes.Limit);
        Cluster.Trace(Index, $"states: signed up to view {statement.SignedView}, bound below {statement.FirstView}");
        return statement;
    }

    /// <summary>Makes a new vote store from what others stated, if that suffices.</summary>
    public bool Revive(Hash256 request, IEnumerable<VoteStatement> statements)
    {
        Require.That(!Running && !HasVotes);
        EpochConfiguration epoch = CurrentEpoch();
        RevivalPlan plan = Revival.Weigh(epoch, Cluster.MemberOf(epoch.Number, Index), request, statements, Disk.LedgerHasTip);
        Cluster.Trace(Index, $"votes begin anew: {plan.Refusal}, epoch {epoch.Number}, from view {plan.Limit.FirstView}, certificate {plan.Certificate?.Sequence}, listed {plan.Accepted.Entries.Length}, lane {(Disk.LedgerHasTip ? "known" : "lost")}");
        if (plan.Refusal != RevivalRefusal.None)
        {
            return false;
        }

        Disk.BeginAnew(plan);
        _forgotten = 0;
        HasVotes = true;
        return true;
    }
}
