using System.CommandLine;
using System.CommandLine.Parsing;
using System.Text.RegularExpressions;
using Validator.Tests.Processes;

namespace Validator.Tests.Tidy;

/// <summary>docs/runbooks: that each alert has its place there, and each page what somebody needs at night.</summary>
public sealed partial class RunbookPageTests
{
    private const string Folder = "docs/runbooks/";

    private static readonly string[] Parts =
        ["What it means", "How to see it", "What to do", "How to know it is over", "When to call for help"];

    private static readonly string[] Pages = [.. SourceTree.Files
        .Where(f => f.StartsWith(Folder, StringComparison.Ordinal)).Select(f => Path.GetFileNameWithoutExtension(f))];

    // Protects who is woken by an alert: its link leads to a heading with its name, the list of alerts has it beside that page,
    // and no page speaks of an alert that is not there.
    [Fact]
    public void Each_alert_leads_to_its_runbook()
    {
        string[] rules = SourceTree.Lines("deploy/prometheus/alerts.yml");
        string[] names = [.. rules.Select(l => Regex.Match(l, @"^ +- alert: (\w+)$")).Where(m => m.Success).Select(m => m.Groups[1].Value)];
        string[] links = [.. rules.Select(l => Regex.Match(l, @"^ +runbook_url: file:///usr/share/doc/validator/runbooks/(\S+)$"))
            .Where(m => m.Success).Select(m => m.Groups[1].Value)];
        Assert.InRange(names.Length, 18, 100);
        Assert.Equal(names.Select(n => n.ToLowerInvariant()), links.Select(l => l.Split(".md#")[1]));
        Assert.Equal([], names.Zip(links).Where(l => !SourceTree.Lines(Folder + l.Second.Split('#')[0]).Contains($"### {l.First}")));
        string[] index = SourceTree.Lines(Folder + "README.md");
        Assert.Equal([], names.Zip(links).Where(l => !index.Any(
            line => line.Contains($"`{l.First}`", StringComparison.Ordinal) && line.Contains($"({l.Second.Split('#')[0]}", StringComparison.Ordinal))));
        Assert.Equal([], SourceTree.Files.Where(f => f.StartsWith(Folder, StringComparison.Ordinal)).SelectMany(SourceTree.Lines)
            .SelectMany(l => Alert().Matches(l)).Select(m => m.Groups[1].Value).Except(names));
    }

    // Protects readers in a hurry: each page has the same parts in the same order, and the list has each page.
    [Fact]
    public void Pages_have_the_same_parts()
    {
        string index = string.Join('\n', SourceTree.Lines(Folder + "README.md"));
        Assert.InRange(Pages.Length, 15, 100);
        foreach (string page in Pages.Where(p => p != "README"))
        {
            string[] headings = [.. SourceTree.Lines($"{Folder}{page}.md").Where(l => l.StartsWith("## ", StringComparison.Ordinal)).Select(l => l[3..])];
            Assert.Equal(Parts, headings.Where(h => h != "Before"));
            Assert.Contains($"({page}.md", index, StringComparison.Ordinal);
        }
    }

    // Protects: a page that is added is followed by a test too. Blocks that no machine of tests can run are marked, and few.
    [Fact]
    public void Pages_are_followed_by_a_test()
    {
        Assert.Equal(Pages.Order(StringComparer.Ordinal), RunbookTests.Watching.Concat(RunbookTests.Losing).Order(StringComparer.Ordinal));
        string[] kinds = [.. Pages.SelectMany(p => DocumentCommandTests.Blocks($"{Folder}{p}.md")).Select(b => b.Kind)];
        Assert.Equal(["commands", "text"], kinds.Distinct().Order(StringComparer.Ordinal));
        Assert.InRange(kinds.Count(k => k == "text"), 1, 9);
    }

    // Protects whoever types them: the binary takes each of its commands as it stands, with all options that it wants.
    [Fact]
    public void Commands_are_taken_as_they_stand()
    {
        ParserConfiguration literal = new() { ResponseFileTokenReplacer = null, EnablePosixBundling = false };
        List<string> wrong = [];
        int seen = 0;
        foreach (string line in Pages.SelectMany(p => DocumentCommandTests.Blocks($"{Folder}{p}.md")).SelectMany(b => b.Lines))
        {
            foreach (Match command in Command().Matches(line))
            {
                string[] words = [.. Word().Matches(command.Groups[1].Value).Select(m => m.Groups[1].Success ? m.Groups[1].Value : m.Value)];
                ParseResult parsed = DocumentCommandTests.Table.Parse(words, literal);
                seen++;
                if (parsed.Errors.Count > 0 || parsed.CommandResult.Command is RootCommand)
                {
                    wrong.Add($"{line}: {string.Join(", ", parsed.Errors.Select(e => e.Message))}");
                }
            }
        }

        Assert.Equal([], wrong);
        Assert.InRange(seen, 80, int.MaxValue);
    }

    [GeneratedRegex(@"(?:`|^### )(Validator[A-Z]\w+)")]
    private static partial Regex Alert();

    /// <summary>Up to a pipe, a redirection, or the end.</summary>
    [GeneratedRegex(@"(?:^|[;&|] )(?:/usr/bin/)?validator ([^|>;&]+)")]
    private static partial Regex Command();

    [GeneratedRegex("""
        "([^"]*)"|\S+
        """, RegexOptions.IgnorePatternWhitespace)]
    private static partial Regex Word();
}
