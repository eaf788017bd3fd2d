using System.Runtime.InteropServices;
using System.Text.Json;
using System.Text.Json.Serialization;
using Validator.Host.Config;
using Validator.Host.Storage;
using Validator.Host.Tools.Localnet;

namespace Validator.Host.Tools.Load;

/// <summary>
/// A run's figures as written by <c>--report</c>. Null: not known to the writer (a plain <c>load</c> does not see the validators'
/// processes).
/// </summary>
public sealed record LoadReport
{
    public int Validators { get; init; }
    public ulong Seed { get; init; }
    public ulong Run { get; init; }
    public double OfferedTps { get; init; }
    public double FinalizedTps { get; init; }
    public long Submitted { get; init; }
    public long Accepted { get; init; }
    public long Rejected { get; init; }
    public long RejectedLate { get; init; }
    public long TimedOut { get; init; }
    public long Finalized { get; init; }
    public long Lost { get; init; }
    public long Duplicated { get; init; }
    public long Diverged { get; init; }
    public FinalityFigures FinalityMs { get; init; } = new(0, 0, 0);

    /// <summary>Where the load waited for strong finality: until validators said so.</summary>
    public FinalityFigures? StrongMs { get; init; }
    public long? Strong { get; init; }
    public long? NotStrong { get; init; }
    public long? ViewChanges { get; init; }
    public long? Blocks { get; init; }

    /// <summary>Largest resident set that any one validator had.</summary>
    public double? RssMbMax { get; init; }

    /// <summary>Processor seconds of all validators, from the load's start to its end.</summary>
    public double? CpuS { get; init; }

    /// <summary>Processor seconds of the generator in the same time.</summary>
    public double CpuLoadS { get; init; }

    /// <summary>All validators: bytes that they caused to be written to storage.</summary>
    public long? BytesWritten { get; init; }

    /// <summary>All validators: group commits that were synced.</summary>
    public long? Syncs { get; init; }

    /// <summary>Datagrams that the validators sent one another; counted to the second.</summary>
    public long? Datagrams { get; init; }

    /// <summary>99 of 100 group commits of votes took no longer, sync included; linear within the histogram's buckets.</summary>
    public double? VoteCommitP99Ms { get; init; }

    /// <summary>99 of 100 samples of QUIC's round trips between validators were no longer.</summary>
    public double? RoundTripP99Ms { get; init; }

    /// <summary>99 of 100 transactions had, so long after a validator took them, the level that wait=strong asks for.</summary>
    public double? StrongFinalityP99Ms { get; init; }
    public long? BinaryBytes { get; init; }

    /// <summary>Of a cluster with trust: what became of the member that lied, or of the last one.</summary>
    public TrustFigures? Trust { get; init; }

    /// <summary>Of a cluster with trust: what its validators saw twice.</summary>
    public ForkFigures? Forks { get; init; }
    public string Framework { get; init; } = "";

    /// <summary>The figures that the generator itself knows.</summary>
    public static LoadReport From(LoadOptions options, LoadResult result) => new()
    {
        Validators = options.Targets.Length,
        Seed = options.Seed,
        Run = options.Run,
        OfferedTps = options.Rate,
        FinalizedTps = Math.Round(result.FinalizedPerSecond, 1),
        Submitted = result.Submitted,
        Accepted = result.Accepted,
        Rejected = result.Rejected,
        RejectedLate = result.RejectedLate,
        TimedOut = result.TimedOut,
        Finalized = result.Finalized,
        Lost = result.Lost,
        Duplicated = result.Duplicated,
        Diverged = result.Diverged,
        FinalityMs = FinalityFigures.Of(result.Finality),
        StrongMs = options.Strong ? FinalityFigures.Of(result.StrongFinality) : null,
        Strong = options.Strong ? result.Strong : null,
        NotStrong = options.Strong ? result.NotStrong : null,
        CpuLoadS = Math.Round(result.GeneratorCpuSeconds, 2),
        Framework = RuntimeInformation.FrameworkDescription
            + (System.Runtime.CompilerServices.RuntimeFeature.IsDynamicCodeSupported ? "" : ", Native AOT"),
    };

    /// <exception cref="ConfigException">The file cannot be written.</exception>
    public void Write(string path)
    {
        try
        {
            DurableFile.Write(path, [.. JsonSerializer.SerializeToUtf8Bytes(this, LoadReportJson.Default.LoadReport), (byte)'\n']);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new ConfigException($"--report: {path}: {e.Message}");
        }
    }
}

/// <summary>Milliseconds.</summary>
public sealed record FinalityFigures(double P50, double P99, double Max)
{
    public static FinalityFigures Of(LatencyHistogram histogram) => new(
        Math.Round(histogram.PercentileMicros(50) / 1000.0, 2),
        Math.Round(histogram.PercentileMicros(99) / 1000.0, 2),
        Math.Round(histogram.MaxMicros / 1000.0, 2));
}

[JsonSourceGenerationOptions(
    WriteIndented = true, PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower, AllowDuplicateProperties = false)]
[JsonSerializable(typeof(LoadReport))]
internal sealed partial class LoadReportJson : JsonSerializerContext;
