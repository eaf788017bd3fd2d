using System.Diagnostics;
using System.Globalization;
using System.Text;

namespace Validator.Tests.Processes;

/// <summary>
/// A shell script in which operators follow a document's lines. Each has a folder, and an address for a machine, with the ports
/// that are the default. The first line that fails ends it.
/// </summary>
internal sealed class OperatorScript : IDisposable
{
    public static readonly string[] Operators = ["alice", "bob", "carol", "dave"];

    private readonly TempFolder _folder = new();
    private readonly string _net = $"127.{Random.Shared.Next(10, 250)}.{Random.Shared.Next(250)}.";
    private readonly StringBuilder _script = new();

    public OperatorScript()
    {
        File.WriteAllLines(Path.Combine(_folder.Path, "hosts"), Operators.Select(o => $"{AddressOf(o)} {o}.example"));
        _script.Append($$"""
            set -ex
            trap 'kill -9 $(jobs -p) 2>/dev/null; wait' EXIT
            export VALIDATOR_HOSTS=$PWD/hosts
            binary="{{BinaryWords}}"
            validator() { $binary "$@"; }
            declare -A pid
            as() {
                me=$1
                cd {{_folder.Path}}/$1
                export VALIDATOR_NETWORK__LISTEN_ADDR=$2:9000 VALIDATOR_API__LISTEN=$2:8080 VALIDATOR_METRICS__BIND=$2
            }
            start() { $binary run --config {{_folder.Path}}/$1/etc/node.toml >>{{_folder.Path}}/$1/log 2>&1 & pid[$1]=$!; }
            stop() { kill $2 ${pid[$1]}; wait ${pid[$1]} || [ "$2" = -9 ]; }
            mkdir -p {alice,bob,carol,dave}/{etc,var}

            """);
    }

    private static string BinaryWords => string.Join(' ', ProcessCluster.Binary.Command);

    /// <summary>Adds lines as they are, for no operator.</summary>
    public void Add(string lines) => _script.Append(lines).Append('\n');

    /// <summary>Adds lines, with the machine's paths and addresses in the place of those that documents have.</summary>
    public void As(string name, string lines)
    {
        string at = Path.Combine(_folder.Path, name);
        string own = lines
            .Replace("/etc/validator", $"{at}/etc", StringComparison.Ordinal)
            .Replace("/var/lib/validator", $"{at}/var", StringComparison.Ordinal)
            .Replace("/usr/bin/validator", BinaryWords, StringComparison.Ordinal)
            .Replace("http://127.0.0.1:", $"http://{AddressOf(name)}:", StringComparison.Ordinal)
            .Replace("NODE.TOML", "etc/node.toml", StringComparison.Ordinal)
            .Replace("STORAGE_PATH", "var/db", StringComparison.Ordinal);
        _script.Append(CultureInfo.InvariantCulture, $"as {name} {AddressOf(name)}\n{own}\n");
    }

    /// <summary>Runs it to its end, which must be a good one.</summary>
    public async Task RunAsync(int seconds)
    {
        string file = Path.Combine(_folder.Path, "script");
        await File.WriteAllTextAsync(file, _script.Append("echo all done\n").ToString());
        ProcessStartInfo process = new("timeout", ["-k", "5", $"{seconds}", "bash", "-c", $"exec 2>&1; . {file}"])
        {
            WorkingDirectory = _folder.Path,
        };
        (int code, string output) = await ProcessCluster.RunAsync(process);
        Assert.True(code == 0 && output.Contains("\nall done\n", StringComparison.Ordinal), $"exit code {code}\n{output}");
    }

    public void Dispose() => _folder.Dispose();

    private string AddressOf(string name) => $"{_net}{Array.IndexOf(Operators, name) + 1}";
}
