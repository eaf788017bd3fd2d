using System.Diagnostics;
using System.Text.Json;
using Validator.Host.Cli;

namespace Validator.Tests.Processes;

[Collection(nameof(ProcessTests))]
public sealed class ChrootTests
{
    // Protects the static binary: alone in an empty folder, without /proc, /dev, /etc or a library, it prints its version,
    // makes a chain, runs a validator that finalizes a transaction, and ends cleanly.
    [ChrootFact]
    public async Task The_binary_runs_alone_in_an_empty_folder()
    {
        using TempFolder folder = new();
        File.Copy(ProcessCluster.Binary.File, Path.Combine(folder.Path, "validator"));
        Assert.Contains("native", (await RunAsync(folder, "version")).Output, StringComparison.Ordinal);

        // What the runtime has of OpenSSL is decided when it is linked, in silence.
        string selfTest = (await RunAsync(folder, "selftest")).Output;
        Assert.All(new[] { "chacha20-poly1305", "sha3", "ml-dsa" }, part => Assert.Matches($"runtime {part} +ok", selfTest));

        // Without /dev/null closed streams are pipes without another end.
        using (Process closed = Process.Start("/bin/sh", ["-c", "exec chroot \"$1\" /validator selftest 0<&- 1>&- 2>&-", "sh", folder.Path]))
        {
            await closed.WaitForExitAsync();
            Assert.Equal(0, closed.ExitCode);
        }

        NodePorts ports = FreeRow();
        (int code, string output) = await RunAsync(folder, "init", "--validators", "1", "--out", "/chain", "--base-port", $"{ports.Quic}");
        Assert.True(code == 0, output);

        string api = $"http://127.0.0.1:{ports.Api}";
        using Process node = Start(folder, "run", "--config", "/chain/node-1/node.toml");
        Task<string> log = node.StandardError.ReadToEndAsync();
        try
        {
            await ProcessCluster.UntilAsync("the validator is ready", ProcessCluster.Patience, async () =>
            {
                Assert.False(node.HasExited, node.HasExited ? await log : "");
                return (await RunAsync(folder, "ready", "--api", api)).Code == 0;
            });
            (code, output) = await RunAsync(folder, "submit", "alone in here", "--wait", "--api", api);
            Assert.True(code == 0, output);
            using JsonDocument answer = JsonDocument.Parse(output);
            Assert.Equal("finalized", answer.RootElement.GetProperty("status").GetString());
            (code, output) = await RunAsync(folder, "tail", "--from", "0", "--count", "1", "--text", "--api", api);
            Assert.Equal((0, "alone in here"), (code, output.Trim()));
        }
        finally
        {
            if (!node.HasExited)
            {
                ProcessCluster.Send(node.Id, ProcessCluster.Signal.Terminate);
            }
        }

        using CancellationTokenSource patience = new(TimeSpan.FromSeconds(20));
        await node.WaitForExitAsync(patience.Token);
        Assert.True(node.ExitCode == 0, await log);
    }

    private static Process Start(TempFolder folder, params string[] arguments) => Process.Start(
        new ProcessStartInfo("chroot", [folder.Path, "/validator", .. arguments])
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        })!;

    private static async Task<(int Code, string Output)> RunAsync(TempFolder folder, params string[] arguments)
    {
        using Process process = Start(folder, arguments);
        Task<string> errors = process.StandardError.ReadToEndAsync();
        string output = await process.StandardOutput.ReadToEndAsync();
        await process.WaitForExitAsync();
        return (process.ExitCode, process.ExitCode == 0 ? output : output + await errors);
    }

    /// <summary>
    /// Three ports in a row, as --base-port wants them, below the range that the system hands out by itself and above that of
    /// FreePorts.
    /// </summary>
    private static NodePorts FreeRow()
    {
        int first = 20_000 + (Environment.ProcessId % 3_000 * 3);
        return new NodePorts(first, first + 1, first + 2);
    }
}

/// <summary>Needs root for chroot, and the published binary; skipped, saying so, where either is missing.</summary>
[AttributeUsage(AttributeTargets.Method)]
public sealed class ChrootFactAttribute : FactAttribute
{
    public ChrootFactAttribute()
    {
        if (!Environment.IsPrivilegedProcess)
        {
            Skip = "chroot needs root.";
        }
        else if (ProcessCluster.Binary.File.EndsWith(".dll", StringComparison.Ordinal))
        {
            Skip = "There is no published binary; make publish builds it.";
        }
    }
}
