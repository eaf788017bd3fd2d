using Validator.Core.Consensus;
using Validator.Core.Primitives;
using Validator.Core.Wire;

namespace Validator.Bench.Simulation;

/// <summary>
/// More than F lose their votes, and operators help them: those who kept theirs state them, those who did not begin anew (rule
/// E9). Operators are slow, and not all of them answer.
/// </summary>
public sealed partial class SimWorld
{
    private readonly HashSet<int> _losers = [];
    private readonly Dictionary<int, Hash256> _requests = [];
    private readonly Dictionary<int, List<VoteStatement>> _answers = [];
    private ulong _drawnRequests;

    // The losses come as an epoch ends, when those who keep their votes do not know it yet.
    private bool _lossAtEnd;
    private bool _endIsHidden;

    /// <summary>All who lost their votes sign again.</summary>
    public bool AllRevived => _losers.All(i => Cluster.Nodes[i].HasVotes);

    /// <summary>Some lost their votes, and were to begin anew.</summary>
    public bool VotesWereLost => _losers.Any(i => Cluster.Nodes[i].LostVotes);

    /// <summary>
    /// Honest ones, and of the honest who are left there is one in each quorum. Not where an epoch may end with another committee
    /// than it has: then none begin anew (rule E9).
    /// </summary>
    private void DrawLosers()
    {
        bool committeeMayChange = Changes
            || (Genesis.Parameters.Trust is { } trust && (trust.Weights != WeightMode.Fixed || Byzantine.Count > 0));
        if (committeeMayChange || Wiped >= 0 || Twin >= 0 || RolledBack >= 0 || Committee.Count < 2 || !_revivals.Chance(0.4))
        {
            return;
        }

        List<int> honest = [.. Enumerable.Range(0, Committee.Count).Where(i => !Byzantine.Contains(i))];
        ulong kept = 0;
        honest.ForEach(i => kept += Committee.Weight(i));
        while (honest.Count > 1)
        {
            int at = _revivals.Below(honest.Count);
            int loser = honest[at];
            honest.RemoveAt(at);
            kept -= Committee.Weight(loser);
            if (kept <= Committee.Total - Committee.Quorum)
            {
                break;
            }

            _losers.Add(loser);
        }
    }

    private void ScheduleLosses(long when)
    {
        if (_losers.Count == 0)
        {
            return;
        }

        _heldUntil = when;
        _lossAtEnd = Genesis.Parameters.EpochLengthBlocks > 0 && _revivals.Chance(0.6);
        foreach (int loser in _losers.Order())
        {
            bool ledgerToo = _revivals.Chance(0.3);
            Cluster.Schedule(when + _revivals.Between(0, 1_500_000), () => LoseVotes(Cluster.Nodes[loser], ledgerToo));
        }

        if (_revivals.Chance(0.5))
        {
            // Those who keep theirs are in different views.
            int away = _revivals.Below(Committee.Count);
            Cluster.Schedule(when - _revivals.Between(0, 300_000), () => CutLinks((from, to) => from == away || to == away, _revivals.Between(500_000, 5_000_000)));
        }

        Cluster.Schedule(when + _revivals.Between(500_000, 3_000_000), Revive);
    }

    /// <summary>A loser has committed to an epoch's last block: those who keep their votes hear no more for a while.</summary>
    private void AfterCommit(SimNode node, in SignedHeader header)
    {
        if (!_lossAtEnd || _endIsHidden || _faultsOver || !_losers.Contains(node.Index) || node.LostVotes
            || node.Disk.Blocks.GetValueOrDefault(header.Digest) is not { EndsEpoch: true })
        {
            return;
        }

        _endIsHidden = true;
        CutLinks((_, to) => !_losers.Contains(to) && !Byzantine.Contains(to), 4_000_000);
    }

    /// <summary>It is in the next epoch: soon all that know of it have lost everything.</summary>
    public void AfterEpoch(SimNode node)
    {
        if (!_endIsHidden || _faultsOver || !_losers.Contains(node.Index) || node.LostVotes)
        {
            return;
        }

        Cluster.Schedule(Cluster.Now + _revivals.Between(0, 400_000), () => LoseVotes(node, ledgerToo: true));
    }

    private void LoseVotes(SimNode node, bool ledgerToo)
    {
        if (node.LostVotes)
        {
            return;
        }

        Met(Fault.VotesLostByMany);
        if (node.Running)
        {
            Cluster.CrashAndRestart(node);
        }

        node.LoseVotes(ledgerToo);
    }

    /// <summary>
    /// One round: each who lost its votes asks, some of those who kept theirs answer, and with enough answers it begins anew.
    /// </summary>
    private void Revive()
    {
        if (AllRevived && _losers.All(i => Cluster.Nodes[i].LostVotes))
        {
            return;
        }

        long pause = _revivals.Between(1, 300_000);
        foreach (int loser in _losers.Order().Where(i => !Cluster.Nodes[i].HasVotes && !_requests.ContainsKey(i)))
        {
            _requests[loser] = Hash256.Of(BitConverter.GetBytes(++_drawnRequests));
            _answers[loser] = [];
        }

        foreach (SimNode node in Cluster.Nodes.Where(n => !Byzantine.Contains(n.Index) && n.HasVotes && (_faultsOver || _revivals.Chance(0.6))))
        {
            Cluster.Schedule(Cluster.Now + pause, () => State(node));
            pause += _revivals.Between(1, 300_000);
        }

        Cluster.Schedule(Cluster.Now + pause, () =>
        {
            foreach (int loser in _losers.Order().Where(i => _requests.ContainsKey(i) && (_faultsOver || _revivals.Chance(0.7))))
            {
                BeginAnew(Cluster.Nodes[loser]);
            }

            Cluster.Schedule(Cluster.Now + _revivals.Between(200_000, 2_000_000), Revive);
        });
    }

    /// <summary>Stopped, it binds itself, then says so, and starts again.</summary>
    private void State(SimNode node)
    {
        if (_requests.Count == 0)
        {
            return;
        }

        if (node.Running)
        {
            Cluster.CrashAndRestart(node, _revivals.Between(1_000, 500_000));
        }

        // As the refusal says, where there was one.
        ulong least = _answers.Values.SelectMany(a => a).Select(s => s.FirstView + 1).DefaultIfEmpty().Max();
        if (node.StateVotes([.. _requests.OrderBy(r => r.Key).Select(r => r.Value)], _faultsOver || _revivals.Chance(0.5) ? least : 0) is not { } statement)
        {
            return;
        }

        foreach (int loser in _requests.Keys.Where(i => i != node.Index))
        {
            _answers[loser].Add(statement);
        }
    }

    private void BeginAnew(SimNode node)
    {
        if (node.HasVotes)
        {
            // Its epoch came (rule E5).
            _requests.Remove(node.Index);
            return;
        }

        if (node.Running)
        {
            Cluster.CrashAndRestart(node, _revivals.Between(1_000, 200_000));
        }

        if (node.Revive(_requests[node.Index], _answers[node.Index]))
        {
            Met(Fault.VotesRecreated);
            _requests.Remove(node.Index);
        }
        else
        {
            Met(Fault.RevivalRefused);
        }
    }
}
