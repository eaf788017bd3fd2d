using System.Globalization;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;
using Validator.Core.Primitives;
using Validator.Core.Trust;
using Validator.Core.Wire;
using Validator.Host.Config;
using Validator.Host.Contracts;
using Validator.Host.Pipeline;

namespace Validator.Tests.Host.Pipeline;

/// <summary>What a validator holds against others, over restarts.</summary>
public sealed class LocalScoreTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();
    private readonly NodeMetrics _metrics = new();
    private string[] _owners = ["node-1", "node-2", "node-3"];

    private string File => _folder.File("evidence/local-scores.json");

    public void Dispose() => _folder.Dispose();

    // Protects a validator that is restarted from trusting a liar anew: scores come back by key, wherever the link is now, and
    // whoever has another key begins anew.
    [Fact]
    public void Scores_outlive_a_restart_by_key()
    {
        using (ThreatWatch before = Start())
        {
            before.Note(1, LocalFault.InvalidSignature);
            before.Note(1, LocalFault.Timeout);
            before.Note(2, LocalFault.Malformed);
            before.Convict("node-1", Vote(7));
        }

        _owners = ["node-2", "node-9", "node-1"];
        using ThreatWatch after = Start();
        Assert.Equal(0.7, after.ScoreOf(0), 2);
        Assert.Equal(1, after.ScoreOf(1));
        Assert.Equal(1, after.ScoreOf(2));
        ThreatGauge gauge = new(1);
        gauge.Restore(0, new LocalFileReader(File).Of("node-1"), 0, 1);
        gauge.Look([new ThreatMember(0, 1, true), new ThreatMember(-1, 1, true)], 0, 1);
        Assert.Equal(ThreatLevel.High, gauge.Level);
    }

    // Protects against a file that says that nothing was ever forgiven, or all: time goes on while the validator is stopped, and
    // a clock that was set back takes no part.
    [Theory]
    [InlineData(0, 0.6)]
    [InlineData(600, 0.8)]
    [InlineData(-600, 0.6)]
    [InlineData(86_400, 1)]
    public void Half_is_forgiven_in_ten_minutes_away(int secondsAway, double score)
    {
        long wall = DateTimeOffset.UtcNow.ToUnixTimeMilliseconds() * 1000 - (secondsAway * 1_000_000L);
        ulong penalty = 2 * (ulong)Ratio.OfThousandths(200);
        Put(Member("node-2", penalty.ToString(CultureInfo.InvariantCulture)), wall);
        using ThreatWatch watch = Start();
        Assert.Equal(score, watch.ScoreOf(1), 2);
    }

    // Protects the start from whatever lies in the file's place: it is told, nothing is held against anybody, and the next fault
    // is kept as ever.
    [Theory]
    [InlineData("")]
    [InlineData("null")]
    [InlineData("{")]
    [InlineData("\0\0\0\0")]
    [InlineData("{\"format\":1,\"wall_micros\":5}")]
    [InlineData("{\"format\":2,\"wall_micros\":5,\"members\":[]}")]
    [InlineData("{\"format\":1,\"wall_micros\":-5,\"members\":[]}")]
    [InlineData("{\"format\":1,\"wall_micros\":5,\"members\":[null]}")]
    [InlineData("MEMBER -1")]
    [InlineData("MEMBER 99999999999999")]
    [InlineData("MEMBER 1e3")]
    [InlineData("TWICE")]
    [InlineData("LONG")]
    public void Damage_is_told_and_forgotten(string what)
    {
        string member = Member("node-2", what.StartsWith("MEMBER ", StringComparison.Ordinal) ? what[7..] : "500000000");
        switch (what.Split(' ')[0])
        {
            case "MEMBER":
                Put(member, 5);
                break;
            case "TWICE":
                Put($"{member},{member}", 5);
                break;
            case "LONG":
                Put(string.Join(',', Enumerable.Range(0, 9000).Select(i => Member($"node-{i}", "5"))), 5);
                break;
            default:
                Directory.CreateDirectory(Path.GetDirectoryName(File)!);
                System.IO.File.WriteAllText(File, what);
                break;
        }

        LinesOf log = new();
        using (ThreatWatch watch = Start(log))
        {
            Assert.Contains("is forgotten", Assert.Single(log.Lines));
            Assert.All(Enumerable.Range(0, 3), link => Assert.Equal(1, watch.ScoreOf(link)));
            watch.Note(2, LocalFault.Malformed);
        }

        using ThreatWatch after = Start(log);
        Assert.Single(log.Lines);
        Assert.Equal(0.8, after.ScoreOf(2), 2);
    }

    // Protects the threat level's account of who lies: what was done in a slot counts once, whether it was seen here, executed
    // from somebody else's proof, or both in either order; and what a restart executes of long ago is no news.
    [Fact]
    public void A_proven_offence_counts_once_wherever_it_was_proven()
    {
        using (ThreatWatch watch = Start())
        {
            watch.Convict("node-1", Vote(7));
            watch.Convict("node-1", Vote(7), 3_000_000);
            watch.Convict("node-2", Vote(8), 3_000_000);
            watch.Convict("node-2", Vote(8) with { Kind = MessageKind.PrePrepare });
            watch.Convict("node-2", Vote(9));
            watch.Convict("node-3", Vote(7), ThreatGauge.ProvenMicros);
            watch.Convict("stranger", Vote(7));
        }

        long[] counted =
            [.. Enumerable.Range(0, 3).Select(link => _metrics.ByzantineViolations(link, Violation.EquivocatingVote).Value)];
        Assert.Equal([1, 2, 0], counted);
        Assert.NotNull(new LocalFileReader(File).Of("node-1").ProvenAgoMicros);
        Assert.NotNull(new LocalFileReader(File).Of("node-2").ProvenAgoMicros);
    }

    private static SignedHeader Vote(ulong sequence) => new(MessageKind.Prepare, 0, 0, 0, sequence, Hash256.Of([1]));

    private ThreatWatch Start(ILogger? log = null)
    {
        log ??= NullLogger.Instance;
        ThreatWatch watch = new(
            AdaptiveMode.Report, () => ([], 0), link => link < _owners.Length ? (_owners[link], KeyOf(_owners[link])) : null,
            new LocalScoreFile(File, log), _metrics, log);
        for (int link = 0; link < _owners.Length; link++)
        {
            // As the table of links does for each that it names.
            watch.Forget(link);
        }

        watch.Restore();
        return watch;
    }

    private void Put(string members, long wallMicros)
    {
        Directory.CreateDirectory(Path.GetDirectoryName(File)!);
        System.IO.File.WriteAllText(
            File, string.Create(CultureInfo.InvariantCulture, $"{{\"format\":1,\"wall_micros\":{wallMicros},\"members\":[{members}]}}"));
    }

    private static string Member(string name, string penalty) =>
        $"{{\"name\":\"{name}\",\"key\":\"{KeyOf(name)}\",\"penalty\":{penalty}}}";

    private static Hash256 KeyOf(string name) => Hash256.Of(System.Text.Encoding.UTF8.GetBytes(name));

    private sealed class LinesOf : ILogger
    {
        public List<string> Lines { get; } = [];

        public IDisposable? BeginScope<TState>(TState state)
            where TState : notnull => null;

        public bool IsEnabled(LogLevel logLevel) => true;

        public void Log<TState>(
            LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter) =>
            Lines.Add(formatter(state, exception));
    }

    private sealed class LocalFileReader(string file)
    {
        public LocalStanding Of(string name) =>
            new LocalScoreFile(file, NullLogger.Instance).Read().Scores.Single(s => s.Name == name).Standing;
    }
}
