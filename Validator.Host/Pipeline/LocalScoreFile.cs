using System.Text.Json;
using Microsoft.Extensions.Logging;
using Validator.Core.Primitives;
using Validator.Core.Trust;
using Validator.Host.Contracts;
using Validator.Host.Primitives;
using Validator.Host.Storage;

namespace Validator.Host.Pipeline;

/// <summary>What is held against a member, for the next start.</summary>
/// <param name="Key">BLAKE3 of its transport key: with another key it begins anew.</param>
internal readonly record struct LocalScore(string Name, Hash256 Key, LocalStanding Standing);

/// <summary>
/// Local scores on disk: one small file, written whole. It decides nothing that validators agree on, so whatever is wrong with it
/// is logged, and costs no more than what it held.
/// </summary>
internal sealed class LocalScoreFile(string path, ILogger log)
{
    private const int Format = 1;

    // 160 members of the longest name take a fifth of it.
    private const int MostBytes = 256 * 1024;

    private bool _failed;

    /// <summary>What was kept, and when by the wall clock; nothing where there is no file, or it is damaged.</summary>
    public (ulong WallMicros, List<LocalScore> Scores) Read()
    {
        try
        {
            if (File.Exists(path))
            {
                return Parse(InputFile.Read(path, MostBytes));
            }
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or JsonException or FormatException)
        {
            log.LogWarning("{File}: {Error}; what this validator held against others is forgotten, and counted anew", path, e.Message);
        }

        return (0, []);
    }

    public void Write(ulong wallMicros, IEnumerable<LocalScore> scores)
    {
        ScoresDocument document = new()
        {
            Format = Format,
            WallMicros = wallMicros,
            Members = [.. scores.Select(s => new ScoreDocument
            {
                Name = s.Name,
                Key = s.Key.ToString(),
                Penalty = s.Standing.Penalty,
                ProvenAgoMicros = s.Standing.ProvenAgoMicros,
            })],
        };
        try
        {
            DurableFile.Write(path, JsonSerializer.SerializeToUtf8Bytes(document, SmallFileJson.Default.ScoresDocument));
            _failed = false;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            if (!_failed)
            {
                log.LogWarning("{File} could not be written: {Error}; it is tried again", path, e.Message);
            }

            _failed = true;
        }
    }

    private static (ulong WallMicros, List<LocalScore> Scores) Parse(byte[] bytes)
    {
        ScoresDocument read = JsonSerializer.Deserialize(bytes, SmallFileJson.Default.ScoresDocument)
            ?? throw new FormatException("is empty");
        if (read.Format != Format || read.Members.Length > NodeMetrics.MaxLinks)
        {
            throw new FormatException($"is no file of local scores of format {Format}");
        }

        List<LocalScore> scores = [];
        foreach (ScoreDocument? member in read.Members)
        {
            if (member is null || !Hash256.TryParse(member.Key, out Hash256 key) || member.Penalty > Reputation.MostPenalty
                || scores.Exists(s => s.Key == key))
            {
                throw new FormatException("names a member twice, or what cannot be of one");
            }

            scores.Add(new LocalScore(member.Name, key, new LocalStanding(member.Penalty, member.ProvenAgoMicros)));
        }

        return (read.WallMicros, scores);
    }
}

internal sealed class ScoresDocument
{
    public required int Format { get; init; }

    /// <summary>When it was written; the clock may have been set since.</summary>
    public required ulong WallMicros { get; init; }
    public required ScoreDocument[] Members { get; init; }
}

internal sealed class ScoreDocument
{
    /// <summary>For whoever reads the file.</summary>
    public required string Name { get; init; }
    public required string Key { get; init; }

    /// <summary>Units of 2^-30, as when the file was written.</summary>
    public required ulong Penalty { get; init; }
    public ulong? ProvenAgoMicros { get; init; }
}
