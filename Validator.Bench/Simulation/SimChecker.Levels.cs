using Validator.Core.Primitives;
using Validator.Core.Trust;

namespace Validator.Bench.Simulation;

/// <summary>Rule S2 seen from outside: who has really executed what a level says that much weight has.</summary>
public sealed partial class SimChecker
{
    private readonly ulong[] _everDurable = new ulong[cluster.World.Places];

    /// <summary>Executed up to there, and on disk, whatever becomes of the disk later.</summary>
    public void OnDurable(SimNode node, ulong sequence) => _everDurable[node.Index] = Math.Max(_everDurable[node.Index], sequence);

    /// <summary>Each member counts once, and a faulty one may show anything.</summary>
    public void OnLevel(SimNode node, FinalityLevel level, ulong sequence)
    {
        if (IsByzantine(node.Index))
        {
            return;
        }

        Member[] members = cluster.EpochOf(node.Core.Epoch).Members;
        ulong weight = 0;
        foreach (Member member in members)
        {
            int place = SimKeys.PlaceOf(member);
            weight += IsByzantine(place) || _everDurable[place] >= sequence ? member.Weight : 0;
        }

        // From the weights themselves, not as Core reckons it.
        ulong total = TotalOf(members);
        (ulong percent, Fault met) = level switch
        {
            FinalityLevel.Strong82 => (82UL, Fault.Strong82),
            FinalityLevel.Strong75 => (75UL, Fault.Strong75),
            _ => (0UL, Fault.Strong67),
        };
        if ((100 * weight) < percent * total || 3 * weight <= 2 * total)
        {
            throw Fail(node, "strong finality", $"block {sequence} is {level} by weight {weight} of {total}");
        }

        cluster.World.Met(met);
    }
}
