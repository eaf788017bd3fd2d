using System.Text.Json;
using System.Text.Json.Serialization;

namespace Validator.Bench.Macro;

/// <summary>The part of localnet's report that is used here, under the same names.</summary>
internal sealed record LocalnetFigures
{
    public double OfferedTps { get; init; }
    public double FinalizedTps { get; init; }
    public long Submitted { get; init; }
    public long Accepted { get; init; }
    public long Rejected { get; init; }
    public long TimedOut { get; init; }
    public long Finalized { get; init; }
    public long Lost { get; init; }
    public long Duplicated { get; init; }
    public long Diverged { get; init; }
    public LatencyFigures FinalityMs { get; init; } = new();
    public long ViewChanges { get; init; }
    public long Blocks { get; init; }
    public double RssMbMax { get; init; }
    public double CpuS { get; init; }
    public double CpuLoadS { get; init; }
    public long BytesWritten { get; init; }
    public long Syncs { get; init; }
    public long Datagrams { get; init; }
    public double VoteCommitP99Ms { get; init; }
    public double RoundTripP99Ms { get; init; }
}

internal sealed record LatencyFigures
{
    public double P50 { get; init; }
    public double P99 { get; init; }
    public double Max { get; init; }
}

/// <summary>One rung of the ladder, as it is written to the results.</summary>
internal sealed record Rung
{
    public const int TransactionBytes = 512;

    public int Rate { get; init; }
    public int Seconds { get; init; }
    public LocalnetFigures Localnet { get; init; } = new();

    /// <summary>From the start of four processes with empty databases until all answer ready.</summary>
    public double ReadyMs { get; init; }

    /// <summary>Context switches of the four validators.</summary>
    public long Switches { get; init; }

    /// <summary>Cores that other programs used meanwhile, or that the hypervisor gave away.</summary>
    public double OtherCores { get; init; }

    /// <summary>Faults that localnet reports, other than low throughput or refusals.</summary>
    public string[] Failures { get; init; } = [];

    /// <summary>Validators' processor microseconds per finalized transaction, all four together.</summary>
    public double CpuMicros => PerTransaction(Localnet.CpuS * 1e6);

    public double GeneratorMicros => PerTransaction(Localnet.CpuLoadS * 1e6);

    /// <summary>Validators' processor milliseconds per final block, all four together.</summary>
    [JsonIgnore]
    public double BlockMillis => PerBlock(Localnet.CpuS * 1e3);

    /// <summary>Of the four validators, per final block.</summary>
    [JsonIgnore]
    public double SwitchesPerBlock => PerBlock(Switches);

    /// <summary>Synced writes of one validator per final block.</summary>
    [JsonIgnore]
    public double SyncsPerBlock => PerBlock(Localnet.Syncs / 4.0);

    /// <summary>Datagrams of the four validators to one another, per final block.</summary>
    [JsonIgnore]
    public double DatagramsPerBlock => PerBlock(Localnet.Datagrams);

    /// <summary>Bytes written by all four validators, per final block.</summary>
    [JsonIgnore]
    public double WrittenPerBlock => PerBlock(Localnet.BytesWritten);

    /// <summary>Written by all four validators, per payload byte finalized once.</summary>
    public double WrittenPerByte => PerTransaction(Localnet.BytesWritten) / TransactionBytes;

    /// <summary>True when it carried the offered load promptly.</summary>
    [JsonIgnore]
    public bool Sustained => Localnet.FinalizedTps >= 0.98 * Rate && Localnet.FinalityMs.P99 <= 500;

    [JsonIgnore]
    public bool Correct => Localnet.Lost + Localnet.Duplicated + Localnet.Diverged == 0 && Failures.Length == 0;

    private double PerBlock(double amount) => amount / Math.Max(1, Localnet.Blocks);

    private double PerTransaction(double amount) => Math.Round(amount / Math.Max(1, Localnet.Finalized), 2);
}

/// <summary>A whole ladder as written to the results.</summary>
internal sealed record LadderResult(Machine Machine, string Command, Rung[] Rungs, InProcessRates? InProcess)
{
    public void Write(string path) => File.WriteAllText(path, JsonSerializer.Serialize(this, LadderJson.Default.LadderResult) + "\n");
}

[JsonSourceGenerationOptions(WriteIndented = true, PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower)]
[JsonSerializable(typeof(LadderResult))]
[JsonSerializable(typeof(LocalnetFigures))]
internal sealed partial class LadderJson : JsonSerializerContext;
