using System.Text.Json;
using Validator.Core.Effects;
using Validator.Core.Primitives;
using Validator.Host.Contracts;
using Validator.Host.Primitives;
using Validator.Host.Storage;

namespace Validator.Host.Pipeline;

/// <summary>A fork that has failed here (rule D4), over starts.</summary>
/// <param name="FoundMicros">Wall clock, microseconds since 1970.</param>
/// <param name="RecoveredMicros">When the operators' word was applied (rule R4); null: not yet.</param>
internal sealed record FailedFork(
    ulong Epoch, ulong View, ulong Sequence, Hash256 First, Hash256 Second, ulong FoundMicros, ulong? RecoveredMicros)
{
    /// <summary>As it is listed; null while nothing has ended it.</summary>
    public ForkSummary? Summary => RecoveredMicros is not { } end ? null : new ForkSummary(
        new Fork(ForkKind.Certificates, Epoch, -1, View, Sequence, First, Second, 0)
        {
            Outcome = ForkOutcome.Recovered,
            EndedMicros = (long)(end - Math.Min(end, FoundMicros)),
        },
        null, FoundMicros);
}

/// <summary>
/// The newest failed fork on disk, one small file beside its certificates. For operators; nothing that validators agree on.
/// </summary>
internal static class FailedForkFile
{
    private const int Format = 1;
    private const int MostBytes = 4096;

    /// <summary>Null where there is none.</summary>
    /// <exception cref="FormatException">The file is damaged.</exception>
    /// <exception cref="IOException">It cannot be read.</exception>
    /// <exception cref="UnauthorizedAccessException">It may not be.</exception>
    public static FailedFork? Read(string path)
    {
        if (!File.Exists(path))
        {
            return null;
        }

        FailedForkDocument? read;
        try
        {
            read = JsonSerializer.Deserialize(InputFile.Read(path, MostBytes), SmallFileJson.Default.FailedForkDocument);
        }
        catch (JsonException e)
        {
            throw new FormatException(e.Message);
        }

        return read is { Format: Format } && Hash256.TryParse(read.First, out Hash256 first)
            && Hash256.TryParse(read.Second, out Hash256 second)
            ? new FailedFork(read.Epoch, read.View, read.Sequence, first, second, read.FoundMicros, read.RecoveredMicros)
            : throw new FormatException($"is no file of a failed fork of format {Format}");
    }

    /// <exception cref="IOException">It cannot be written.</exception>
    /// <exception cref="UnauthorizedAccessException">It may not be.</exception>
    public static void Write(string path, FailedFork fork) =>
        DurableFile.Write(path, JsonSerializer.SerializeToUtf8Bytes(
            new FailedForkDocument
            {
                Format = Format,
                Epoch = fork.Epoch,
                View = fork.View,
                Sequence = fork.Sequence,
                First = fork.First.ToString(),
                Second = fork.Second.ToString(),
                FoundMicros = fork.FoundMicros,
                RecoveredMicros = fork.RecoveredMicros,
            },
            SmallFileJson.Default.FailedForkDocument));

    /// <summary>The operators' word is applied. Again: nothing changes.</summary>
    /// <returns>What could not be noted; null when it was, or there is nothing to note.</returns>
    public static string? NoteRecovered(string path, ulong wallMicros)
    {
        try
        {
            if (Read(path) is { RecoveredMicros: null } fork)
            {
                Write(path, fork with { RecoveredMicros = wallMicros });
            }

            return null;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or FormatException)
        {
            return $"{path}: {e.Message}";
        }
    }
}

internal sealed class FailedForkDocument
{
    public required int Format { get; init; }
    public required ulong Epoch { get; init; }
    public required ulong View { get; init; }
    public required ulong Sequence { get; init; }
    public required string First { get; init; }
    public required string Second { get; init; }
    public required ulong FoundMicros { get; init; }
    public ulong? RecoveredMicros { get; init; }
}
