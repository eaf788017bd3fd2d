using Validator.Tests.Tidy;

namespace Validator.Tests.Processes;

/// <summary>
/// docs/OPERATIONS.md, every block of commands, as four operators follow them; <see cref="RunbookTests"/> does that of the
/// runbooks.
/// </summary>
[Collection(nameof(ProcessTests))]
public sealed class OperationsTests
{
    private readonly List<(string Kind, string[] Lines)> _blocks = DocumentCommandTests.Blocks("docs/OPERATIONS.md");

    // Protects operators: a committee is set up, lets a member go, and is restored, by the document's own lines. On the default
    // ports, since each operator has an address of its own.
    [Fact]
    public async Task Operations_can_be_followed_block_by_block()
    {
        using OperatorScript script = new();
        string[] operators = OperatorScript.Operators;
        string keygen = Take("validator keygen"), build = Take("validator genesis build"), verify = Take("validator genesis verify");
        string config = Take("[node]"), start = Take("validator votes create"), committee = Take("validator committee show");
        string restored = Take("validator votes mark-restored");
        Assert.Empty(_blocks);

        foreach (string name in operators)
        {
            script.As(name, Swap(keygen, name));
            script.As(name, $"cp etc/keys/{name}.json ../alice/");
        }

        script.As("alice", build);
        foreach (string name in operators)
        {
            script.As(name, "[ -f genesis.json ] || cp ../alice/genesis.json .; cp genesis.json etc/");
            script.As(name, verify);
            script.As(name, $"cat >etc/node.toml <<'END'\n{Swap(config, name)}\nEND");

            // The last line runs until it is stopped.
            Assert.EndsWith("\nvalidator run --config /etc/validator/node.toml", start, StringComparison.Ordinal);
            script.As(name, start[..start.LastIndexOf('\n')]);
            script.As(name, $"start {name}");
        }

        Ready(operators);
        string[] lines = committee.Split('\n');
        Assert.Equal(4, lines.Length);
        script.As("alice", $"{lines[0]}\n{lines[1]}");
        foreach (string name in operators[..3])
        {
            script.As(name, $"[ -f change.json ] || cp ../alice/change.json .\n{lines[2]}\n[ {name} = alice ] || cp change.json ../alice/");
        }

        script.As("alice", lines[3]);
        script.As("alice", "for i in {1..100}; do validator status --config etc/node.toml | grep -q '\"epoch\": *1\\b' && break; sleep 0.2; done; [ $i -lt 100 ]");
        Ready(operators[..3]);
        script.As("carol", "stop carol");
        script.As("carol", restored);
        script.As("carol", "ls var/db/votes.restored");
        await script.RunAsync(150);

        void Ready(string[] names) => Array.ForEach(names, n => script.As(n, "validator ready --wait 1m --config etc/node.toml"));
    }

    /// <summary>What names alice and another, the other way round.</summary>
    internal static string Swap(string text, string name) => text.Replace(name, "\0", StringComparison.Ordinal)
        .Replace("alice", name, StringComparison.Ordinal).Replace("\0", "alice", StringComparison.Ordinal);

    /// <summary>The block that begins so, once.</summary>
    private string Take(string begins)
    {
        int at = _blocks.FindIndex(b => b.Lines[0].StartsWith(begins, StringComparison.Ordinal));
        Assert.True(at >= 0, $"no block begins with {begins}");
        string text = string.Join('\n', _blocks[at].Lines);
        _blocks.RemoveAt(at);
        return text;
    }
}
