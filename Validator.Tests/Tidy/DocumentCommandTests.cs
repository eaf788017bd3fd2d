using System.CommandLine;
using System.Reflection;
using System.Text.RegularExpressions;
using Validator.Host;

namespace Validator.Tests.Tidy;

/// <summary>
/// Commands in documents. A block without a language is commands, which <c>QuickStartTests</c>, <c>OperationsTests</c> and
/// <c>RunbookTests</c> run; what cannot run here is marked <c>text</c> and counted.
/// </summary>
public sealed class DocumentCommandTests
{
    /// <summary>All commands of the binary.</summary>
    internal static RootCommand Table =>
        (RootCommand)typeof(CommandLine).GetMethod("Root", BindingFlags.NonPublic | BindingFlags.Static)!.Invoke(null, null)!;

    // Protects: nobody adds a block that no test runs without saying so here. toml is the node.toml that OperationsTests start
    // with.
    [Theory]
    [InlineData("README.md", "commands commands commands")]
    [InlineData("docs/API.md", "text")]
    [InlineData("docs/CONTAINER.md", "text yaml")]
    [InlineData("docs/DEPLOYMENT.md", "text text text text text text text")]
    [InlineData("docs/OPERATIONS.md", "commands commands commands toml commands commands commands")]
    public void Blocks_are_run_or_marked(string file, string kinds) => Assert.Equal(kinds, string.Join(' ', Blocks(file).Select(b => b.Kind)));

    // Protects: what documents tell to run with make or as a script is there.
    [Fact]
    public void Targets_and_scripts_exist()
    {
        string[] makefile = SourceTree.Lines("Makefile");
        List<string> missing = [];
        foreach (string file in SourceTree.Files.Where(f => f.EndsWith(".md", StringComparison.Ordinal)))
        {
            foreach (string command in Commands(file))
            {
                Match make = Regex.Match(command, @"^make ([a-z][a-z0-9-]*)"), script = Regex.Match(command, @"^(?:bash )?((?:eng|perf|Validator\.\w+)/[\w/.-]+\.sh)\b");
                if ((make.Success && !makefile.Any(l => l.StartsWith($"{make.Groups[1].Value}:", StringComparison.Ordinal)))
                    || (script.Success && !File.Exists(Path.Combine(SourceTree.Root, script.Groups[1].Value))))
                {
                    missing.Add($"{file}: {command}");
                }
            }
        }

        Assert.Equal([], missing);
    }

    // Protects: every command of the binary that a document names exists, with its options.
    [Fact]
    public void Commands_of_the_binary_exist()
    {
        RootCommand root = Table;
        List<string> wrong = [];
        int seen = 0;
        foreach (string file in SourceTree.Files.Where(f => f.EndsWith(".md", StringComparison.Ordinal) && f != "CHANGELOG.md"))
        {
            foreach (string[] words in Commands(file).Select(c => c.Split('#')[0].Split(' ', StringSplitOptions.RemoveEmptyEntries)).Where(w => w is ["validator" or "artifacts/validator", ..]))
            {
                Command command = root;
                int at = 1;
                while (at < words.Length && command.Subcommands.FirstOrDefault(c => c.Name == words[at]) is { } inner)
                {
                    command = inner;
                    at++;
                }

                bool named = command != root || words.Length == 1 || words[1] == "COMMAND";
                bool known = words[at..].Where(w => w.StartsWith("--", StringComparison.Ordinal) && w != "--help").All(w => command.Options.Any(o => o.Name == w));
                seen++;
                if (!named || !known)
                {
                    wrong.Add($"{file}: {string.Join(' ', words)}");
                }
            }
        }

        Assert.Equal([], wrong);
        Assert.InRange(seen, 50, int.MaxValue);
    }

    /// <summary>Fenced blocks, indented ones too.</summary>
    internal static List<(string Kind, string[] Lines)> Blocks(string file)
    {
        List<(string, string[])> blocks = [];
        string? kind = null;
        List<string> lines = [];
        foreach (string line in SourceTree.Lines(file).Select(l => l.Trim()))
        {
            if (!line.StartsWith("```", StringComparison.Ordinal))
            {
                lines.Add(line);
            }
            else if (kind is null)
            {
                kind = line.Length == 3 ? "commands" : line[3..];
                lines = [];
            }
            else
            {
                blocks.Add((kind, [.. lines]));
                kind = null;
            }
        }

        Assert.Null(kind);
        return blocks;
    }

    /// <summary>Lines of command blocks, and code between backticks.</summary>
    private static IEnumerable<string> Commands(string file) => Blocks(file).Where(b => b.Kind == "commands").SelectMany(b => b.Lines).Where(l => l.Length > 0)
        .Concat(SourceTree.Lines(file).SelectMany(l => Regex.Matches(l, "(?<!`)`([^`]+)`(?!`)")).Select(m => m.Groups[1].Value.Trim()).Where(c => c.Length > 0));
}
