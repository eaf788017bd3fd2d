using Validator.Core.Primitives;

namespace Validator.Core.Trust;

/// <summary>How much of the committee is bound to a final block (PROTOCOL.md, rules S2 and S3). In ascending order.</summary>
public enum FinalityLevel : byte
{
    /// <summary>Covered by a proof of finality; of nobody it is known that it has executed the block.</summary>
    Final,

    /// <summary>A quorum has executed it: 67 % of the weight, rounded.</summary>
    Strong67,

    /// <summary>75 %.</summary>
    Strong75,

    /// <summary>82 %.</summary>
    Strong82,
}

/// <summary>What weight a level takes.</summary>
public static class FinalityLevels
{
    public const int Count = (int)FinalityLevel.Strong82 + 1;

    /// <summary>A share of all weight is rounded up, and never less than a quorum. 0 for what is no more than final.</summary>
    public static ulong WeightOf(FinalityLevel level, Committee committee) =>
        level switch
        {
            FinalityLevel.Strong82 => Share(82, committee),
            FinalityLevel.Strong75 => Share(75, committee),
            FinalityLevel.Strong67 => committee.Quorum,
            _ => 0,
        };

    /// <summary>What a client that waits for strong finality waits for.</summary>
    public static FinalityLevel AskedAt(ThreatLevel threat) => threat switch
    {
        ThreatLevel.High => FinalityLevel.Strong82,
        ThreatLevel.Elevated => FinalityLevel.Strong75,
        _ => FinalityLevel.Strong67,
    };

    private static ulong Share(ulong percent, Committee committee) => Math.Max(committee.Quorum, ((percent * committee.Total) + 99) / 100);
}
