using Validator.Core.Consensus;
using Validator.Core.Primitives;
using Validator.Core.Trust;
using Validator.Host.Contracts;
using Validator.Host.Pipeline;
using Validator.Host.Primitives;
using Validator.Host.Serving;

namespace Validator.Host.Node;

/// <summary>What <see cref="ProgressWatch"/> sees of the node.</summary>
public sealed partial class ValidatorNode
{
    /// <summary>A store's write takes some milliseconds, on a bad disk some hundred.</summary>
    private static readonly TimeSpan s_longestWrite = TimeSpan.FromSeconds(2);

    public Stall? Stall => _progress.Stall;

    private ProgressSample LookAtProgress()
    {
        EpochContext epoch = _epochs.Current;
        CoreProgress core = _core.Progress ?? default;
        ulong executed = _ledger.Executed.Sequence;

        // Where nothing is signed, own transactions wait for that, and no peer is at fault.
        bool own = _core.Signs && _batcher.PendingTransactions + _ledger.PendingOwnTransactions > 0;
        return new ProgressSample(
            executed,
            own || core.WorkPending || core.WorkPendingAtPeers || _core.FinalSequence > executed,
            LookAtMembers(epoch, core.SignsWithinMicros),
            epoch.Committee.Quorum,
            Fault(),
            _disk.Level == DiskLevel.Full ? _disk.Reason : StuckWrite(),
            Behind(),
            core.CatchesUp,
            core.TimestampMicros,
            Clock.WallMicros(),
            core.View,
            core.FruitlessViews,
            epoch.Members[epoch.Committee.Leader(epoch.Number, core.View)].Name,
            core.TimeoutMicros);
    }

    private (ThreatMember[] Members, long DelayMicros) LookAtThreat()
    {
        EpochContext epoch = _epochs.Current;
        ThreatMember[] members = new ThreatMember[epoch.Members.Length];
        for (int i = 0; i < members.Length; i++)
        {
            int link = epoch.LinkOf(i);
            bool self = i == epoch.Self;
            members[i] = new ThreatMember(self ? -1 : link, epoch.Committee.Weight(i), self || _core.PeerUp(link));
        }

        return (members, _core.Progress?.DelayMicros ?? 0);
    }

    private MemberView[] LookAtMembers(EpochContext epoch, long withinMicros)
    {
        long since = Clock.MonotonicMicros() - withinMicros;
        MemberView[] members = new MemberView[epoch.Members.Length];
        for (int i = 0; i < members.Length; i++)
        {
            int link = epoch.LinkOf(i);
            (long reportedAt, long signedAt) = _reports.HeardAt(link);
            bool self = i == epoch.Self;
            members[i] = new MemberView(
                epoch.Members[i].Name, epoch.Committee.Weight(i), self,
                Connected: self || _core.PeerUp(link),
                Reports: self || reportedAt >= since,
                Signs: self ? _core.Signs : _core.PeerUp(link) && signedAt >= since);
        }

        return members;
    }

    private string Fault() => _faulted ? "stopped by a failure" : IsHealthy(out string reason) || StuckWrite().Length > 0 ? "" : reason;

    private string StuckWrite()
    {
        foreach (StageLoop loop in (StageLoop[])[_topology.Votes.Loop, _topology.Ledger.Loop])
        {
            if (loop.SinceAdvance is var since && since > s_longestWrite)
            {
                return $"disk: a write of the {loop.Name} thread has not returned for {since.TotalSeconds:0} s";
            }
        }

        return "";
    }
}
