using System.Diagnostics;
using System.Text;
using Validator.Tests.Tidy;

namespace Validator.Tests.Processes;

/// <summary>
/// docs/OPERATIONS.md, every block of commands, as four operators follow them: each has a folder, and an address for a machine.
/// </summary>
[Collection(nameof(ProcessTests))]
public sealed class OperationsTests
{
    private static readonly string[] Operators = ["alice", "bob", "carol", "dave"];

    private readonly List<(string Kind, string[] Lines)> _blocks = DocumentCommandTests.Blocks("docs/OPERATIONS.md");
    private readonly StringBuilder _script = new();

    // Protects operators: a committee is set up, loses half of its votes and gets over it, lets a member go, is restored and put
    // back to an older store, by the document's own lines. On the default ports, since each operator has an address of its own.
    [Fact]
    public async Task Operations_can_be_followed_block_by_block()
    {
        using TempFolder folder = new();
        string net = $"127.{Random.Shared.Next(10, 250)}.{Random.Shared.Next(250)}.";
        await File.WriteAllLinesAsync(Path.Combine(folder.Path, "hosts"), Operators.Select((o, i) => $"{net}{i + 1} {o}.example"));
        _script.Append($$"""
            set -ex
            trap 'kill -9 $(jobs -p) 2>/dev/null; wait' EXIT
            export VALIDATOR_HOSTS=$PWD/hosts
            binary="{{string.Join(' ', ProcessCluster.Binary.Command)}}"
            validator() { $binary "$@"; }
            declare -A pid
            as() {
                cd {{folder.Path}}/$1
                export VALIDATOR_NETWORK__LISTEN_ADDR=$2:9000 VALIDATOR_API__LISTEN=$2:8080 VALIDATOR_METRICS__BIND=$2
            }
            start() { $binary run --config etc/node.toml >>log 2>&1 & pid[$1]=$!; }
            stop() { kill $2 ${pid[$1]}; wait ${pid[$1]} || [ "$2" = -9 ]; }
            mkdir -p {alice,bob,carol,dave}/etc

            """);
        string keygen = Take("validator keygen"), build = Take("validator genesis build"), verify = Take("validator genesis verify"), config = Take("[node]");
        string start = Take("validator votes create"), committee = Take("validator committee show"), lost = Take("validator votes lost");
        string statement = Take("validator votes statement"), recreate = Take("validator votes recreate"), restored = Take("validator votes mark-restored");
        string rollback = Take("mv STORAGE_PATH STORAGE_PATH.new");
        string inspect = Take("validator fork inspect"), propose = Take("validator fork propose");
        string sign = Take("validator fork sign"), apply = Take("validator fork apply");
        Assert.Empty(_blocks);

        foreach (string name in Operators)
        {
            As(name, keygen);
            As(name, $"cp etc/keys/{name}.json ../alice/");
        }

        As("alice", build);
        foreach (string name in Operators)
        {
            As(name, "[ -f genesis.json ] || cp ../alice/genesis.json .; cp genesis.json etc/");
            As(name, verify);
            As(name, $"cat >etc/node.toml <<'END'\n{config}\nEND");

            // The last line runs until it is stopped.
            Assert.EndsWith("\nvalidator run --config /etc/validator/node.toml", start, StringComparison.Ordinal);
            As(name, start[..start.LastIndexOf('\n')]);
            As(name, $"start {name}");
        }

        Ready(Operators);
        foreach (string name in Operators)
        {
            // Each authors something: a ledger without own vertices does not prove that it was there before the loss.
            As(name, $"validator submit 'before, {name}' --wait --config etc/node.toml");
        }

        string[] gone = Operators[..2], kept = Operators[2..];
        foreach (string name in gone)
        {
            As(name, $"stop {name} -9; rm -r var/db/votes");
            As(name, lost);
            As(name, $"cp {name}.lost ../carol/; cp {name}.lost ../dave/");
        }

        foreach (string name in kept)
        {
            As(name, $"stop {name}");
            As(name, statement);
            As(name, $"cp {name}.statement ../alice/; cp {name}.statement ../bob/; start {name}");
        }

        foreach (string name in gone)
        {
            As(name, recreate);
            As(name, $"start {name}");
        }

        Ready(Operators);
        As("alice", "validator submit 'after the loss' --wait --config etc/node.toml");

        string[] lines = committee.Split('\n');
        Assert.Equal(4, lines.Length);
        As("alice", $"{lines[0]}\n{lines[1]}");
        foreach (string name in Operators[..3])
        {
            As(name, $"[ -f change.json ] || cp ../alice/change.json .\n{lines[2]}\n[ {name} = alice ] || cp change.json ../alice/");
        }

        As("alice", lines[3]);
        As("alice", "for i in {1..100}; do validator status --config etc/node.toml | grep -q '\"epoch\": *1\\b' && break; sleep 0.2; done; [ $i -lt 100 ]");
        Ready(Operators[..3]);
        As("bob", "stop bob; cp -a var/db var/db.before");
        As("bob", rollback);
        As("bob", "ls var/db/votes.restored");
        As("carol", "stop carol");
        As("carol", restored);
        As("carol", "ls var/db/votes.restored");

        // There is no fork, and each step says so; ForkTests has one.
        As("bob", inspect.Replace("alice", "bob", StringComparison.Ordinal));
        As("bob", "cp bob.branch alice.branch");
        As("bob", $"{propose} && exit 1 || [ $? = 1 ]");
        As("bob", $"{sign} && exit 1 || [ $? = 2 ]");
        As("bob", $"{apply} && exit 1 || [ $? = 2 ]");
        As("bob", "echo all done");

        ProcessStartInfo process = new("timeout", ["-k", "5", "150", "bash", "-c", $"exec 2>&1; {_script}"]) { WorkingDirectory = folder.Path };
        (int code, string output) = await ProcessCluster.RunAsync(process);
        Assert.True(code == 0 && output.Contains("all done", StringComparison.Ordinal), $"exit code {code}\n{output}");

        void Ready(string[] names) => Array.ForEach(names, n => As(n, "validator ready --wait 1m --config etc/node.toml"));

        // alice's lines with another's name, where that one's stand for alice; her paths are everybody's.
        void As(string name, string text)
        {
            string at = Path.Combine(folder.Path, name);
            string own = Swap(text, name)
                .Replace("/etc/validator", $"{at}/etc", StringComparison.Ordinal).Replace("/var/lib/validator", $"{at}/var", StringComparison.Ordinal)
                .Replace("NODE.TOML", "etc/node.toml", StringComparison.Ordinal).Replace("STORAGE_PATH", "var/db", StringComparison.Ordinal);
            _script.Append($"as {name} {net}{Array.IndexOf(Operators, name) + 1}\n{own}\n");
        }

        // Lists of files and members are the same for all; what names one operator names the one that acts.
        string Swap(string text, string name) => text == keygen || text.Contains(config, StringComparison.Ordinal) ? text.Replace(name, "\0", StringComparison.Ordinal).Replace("alice", name, StringComparison.Ordinal).Replace("\0", "alice", StringComparison.Ordinal)
            : text == lost ? text.Replace("alice", name, StringComparison.Ordinal)
            : text == statement ? text.Replace("carol", name, StringComparison.Ordinal)
            : text;
    }

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
