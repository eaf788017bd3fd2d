using Validator.Core.Effects;
using Validator.Core.Wire;

namespace Validator.Bench.Simulation;

/// <summary>
/// Rules D1 to D4 seen from outside: what an honest validator calls a fork has a liar behind it, ends as soon as the chain, the
/// view or the epoch has resolved it, and is never final on both sides.
/// </summary>
public sealed partial class SimChecker
{
    // By node: what is open there in this life, and how far it had accepted blocks when that was found.
    private readonly List<(Fork Fork, int Incarnation, ulong Known)>[] _forks =
        [.. Enumerable.Range(0, cluster.World.Places).Select(_ => new List<(Fork, int, ulong)>())];

    public void OnFork(SimNode node, Fork fork)
    {
        if (IsByzantine(node.Index))
        {
            return;
        }

        List<(Fork Fork, int Incarnation, ulong Known)> open = _forks[node.Index];
        open.RemoveAll(o => o.Incarnation != node.Incarnation);
        int at = open.FindIndex(o => o.Fork.IsSameAs(fork));
        if ((at < 0) != (fork.Outcome == ForkOutcome.Active) || fork.First == fork.Second)
        {
            throw Fail(node, "forks", $"{fork} is found twice, or ends and was not found");
        }

        if (at < 0)
        {
            if (fork.Member >= 0 && !IsByzantine(cluster.PlaceOf(fork.Epoch, fork.Member)))
            {
                throw Fail(node, "innocent convicted", $"{fork} by an honest member");
            }

            (ulong epoch, _, ulong accepted, _) = _accepted[node.Index];
            open.Add((fork, node.Incarnation, Math.Max(node.Core.FinalSequence, epoch == fork.Epoch ? accepted : 0)));
            if (fork.Kind != ForkKind.Certificates)
            {
                // Certificates fork in one of some hundred worlds.
                cluster.World.Met(fork.Kind == ForkKind.LaneTwin ? Fault.ForkOfLane : Fault.ForkOfProposals);
            }

            return;
        }

        open.RemoveAt(at);
        CheckEnd(node, fork);
        cluster.World.Met(Fault.ForkResolved);
    }

    /// <summary>After each step: what is over is no longer open.</summary>
    private void CheckForks(SimNode node)
    {
        if (!cluster.World.ChecksRules)
        {
            return;
        }

        List<(Fork Fork, int Incarnation, ulong Known)> open = _forks[node.Index];
        ulong final = node.Core.FinalSequence;
        foreach ((Fork fork, int incarnation, ulong known) in open)
        {
            if (incarnation != node.Incarnation)
            {
                continue;
            }

            bool over = fork.Epoch != node.Core.Epoch || fork.Kind switch
            {
                ForkKind.LaneTwin => IsOrdered(fork, final) || final > known,
                ForkKind.TwoProposals => final >= fork.Sequence || node.Core.View > fork.View,
                _ => final >= fork.Sequence,
            };
            if (over)
            {
                throw Fail(node, "forks", $"{fork} stays open at block {final} of epoch {node.Core.Epoch}");
            }
        }
    }

    private void CheckEnd(SimNode node, Fork fork)
    {
        ulong final = node.Core.FinalSequence;
        bool right = fork.Outcome switch
        {
            ForkOutcome.Ordered => IsOrdered(fork, final),
            ForkOutcome.LaneClosed => !IsOrdered(fork, final),
            ForkOutcome.ViewEnded => node.Core.View > fork.View && final < fork.Sequence,
            ForkOutcome.Final => final >= fork.Sequence,
            ForkOutcome.Failed => cluster.World.HaltsAreDue,
            _ => true,
        };
        if (!right)
        {
            throw Fail(node, "forks", $"{fork} did not end so");
        }
    }

    /// <summary>A final block of its epoch has a cut beyond the slot.</summary>
    private bool IsOrdered(Fork fork, ulong final)
    {
        // One that is later than what others made final is not in the list yet.
        Block? last = final == 0 || (int)final > _chain.Count ? null : _chain[(int)final - 1];
        return last?.Epoch == fork.Epoch && last.Cut[fork.Member].Height >= fork.Sequence;
    }
}
