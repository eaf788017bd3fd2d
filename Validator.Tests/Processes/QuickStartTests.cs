using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Text;
using System.Text.RegularExpressions;

namespace Validator.Tests.Processes;

/// <summary>README's quick start and its API examples, line by line, as somebody new follows them.</summary>
[Collection(nameof(ProcessTests))]
public sealed partial class QuickStartTests
{
    private const int ReadmePort = 20_000;

    // Protects newcomers: every command of the two blocks is run as written, ends, and ends well, and what README shows of an
    // answer comes.
    [Fact]
    public async Task Readme_can_be_followed_line_by_line()
    {
        string readme = await File.ReadAllTextAsync(Path.Combine(Abuse.Root, "README.md"));
        string[] lines = [.. Block(readme, "## Quick start"), .. Block(readme, "## API")];
        string[] commands = [.. lines.Where(IsCommand)], shown = [.. lines.Where(l => !IsCommand(l) && l.Length > 0)];
        Assert.True(commands.Length >= 12 && shown.Length >= 3, string.Join('\n', lines));
        using TempFolder folder = new();
        int port = FreeRow(12);
        StringBuilder script = new("trap 'kill $(jobs -p) 2>/dev/null; wait' EXIT\n");
        string binary = string.Join(' ', ProcessCluster.Binary.Command);
        foreach (string line in commands.Where(l => !l.StartsWith("make publish", StringComparison.Ordinal)))
        {
            string own = Ports().Replace(line.Replace("artifacts/validator", binary, StringComparison.Ordinal), m =>
                (port + int.Parse(m.Value, CultureInfo.InvariantCulture) - ReadmePort).ToString(CultureInfo.InvariantCulture));
            script.Append(own).Append("\nprintf '\\n@@ %s %s\\n' $? \"").Append(line.Replace("\\", "\\\\").Replace("\"", "\\\"").Replace("$", "\\$").Replace("`", "\\`")).Append("\"\n");
        }

        ProcessStartInfo start = new("timeout", ["-k", "5", "180", "bash", "-c", script.ToString()]) { WorkingDirectory = folder.Path };
        (int code, string output) = await ProcessCluster.RunAsync(start);
        Assert.True(code == 0, output);
        string[] ends = [.. output.Split('\n').Where(l => l.StartsWith("@@ ", StringComparison.Ordinal))];
        Assert.True(ends.Length == commands.Length - 1, output);

        // curl's 28 is the end of the time that the line itself gives it.
        Assert.All(ends, end => Assert.True(end.StartsWith("@@ 0 ", StringComparison.Ordinal) || (end.StartsWith("@@ 28 curl", StringComparison.Ordinal) && end.Contains("--max-time", StringComparison.Ordinal)), end + "\n" + output));
        foreach (string answer in shown)
        {
            // Three points stand for what differs from chain to chain.
            string pattern = string.Join(".+?", answer.Split("...").Select(Regex.Escape));
            Assert.True(Regex.IsMatch(output, $"(?m)^{pattern}$"), $"{answer}\n{output}");
        }

        Assert.Contains("\nhello\nhello again\n", output, StringComparison.Ordinal);
    }

    private static bool IsCommand(string line) =>
        line.StartsWith("artifacts/validator ", StringComparison.Ordinal) || line.StartsWith("for ", StringComparison.Ordinal)
        || line.StartsWith("curl ", StringComparison.Ordinal) || line.StartsWith("make ", StringComparison.Ordinal) || line.StartsWith("kill ", StringComparison.Ordinal);

    private static string[] Block(string readme, string heading)
    {
        int at = readme.IndexOf($"\n{heading}\n", StringComparison.Ordinal);
        int begin = readme.IndexOf("```\n", at, StringComparison.Ordinal) + 4;
        return readme[begin..readme.IndexOf("```", begin, StringComparison.Ordinal)].Split('\n');
    }

    /// <summary>The first of so many ports in a row that nobody has.</summary>
    private static int FreeRow(int count)
    {
        for (int tries = 0; ; tries++)
        {
            int first = Random.Shared.Next(10_000, 19_900);
            List<Socket> held = [];
            try
            {
                for (int i = 0; i < count; i++)
                {
                    foreach ((SocketType type, ProtocolType protocol) in new[] { (SocketType.Stream, ProtocolType.Tcp), (SocketType.Dgram, ProtocolType.Udp) })
                    {
                        Socket socket = new(AddressFamily.InterNetwork, type, protocol);
                        held.Add(socket);
                        socket.Bind(new IPEndPoint(IPAddress.Loopback, first + i));
                    }
                }

                return first;
            }
            catch (SocketException) when (tries < 1000)
            {
                // Another row.
            }
            finally
            {
                held.ForEach(s => s.Dispose());
            }
        }
    }

    [GeneratedRegex(@"\b200\d\d\b")]
    private static partial Regex Ports();
}
