using System.Net;
using System.Runtime.InteropServices;
using System.Text.Json;
using Validator.Core.Primitives;
using Validator.Host.Api;
using Validator.Host.Cli;
using Validator.Host.Config;
using Validator.Host.Contracts;
using Validator.Host.Primitives;
using Validator.Net.Streams;

namespace Validator.Host.Tools.Load;

/// <summary>The whole of <c>validator load</c>: sends to validators that run already, and judges what it sees.</summary>
public static class LoadCommandRun
{
    /// <returns>The exit code.</returns>
    public static async Task<int> RunAsync(LoadOptions options, string? reportPath, TextWriter output)
    {
        using CancellationTokenSource interrupted = new();
        using PosixSignalRegistration onInterrupt = PosixSignalRegistration.Create(PosixSignal.SIGINT, Interrupt);
        using PosixSignalRegistration onTerminate = PosixSignalRegistration.Create(PosixSignal.SIGTERM, Interrupt);
        try
        {
            ulong from = await NextIndexAsync(options.Targets, interrupted.Token).ConfigureAwait(false);
            using LoadRun run = new(options, from, ownTrafficOnly: false);
            Task<LoadResult> running = run.RunAsync(interrupted.Token);
            await ShowAsync(run, running, output).ConfigureAwait(false);
            LoadResult result = await running.ConfigureAwait(false);
            LoadReport report = LoadReport.From(options, result);
            List<string> failures = LoadVerdict.Failures(options, result, rejectionsAllowed: false);
            Summary.Write(output, report, failures, result);
            if (reportPath is not null)
            {
                report.Write(reportPath);
            }

            return result.Interrupted ? ExitCodes.Interrupted : failures.Count == 0 ? ExitCodes.Success : ExitCodes.Failed;
        }
        catch (Exception e) when (e is HttpRequestException or TimeoutException or IOException or JsonException)
        {
            output.WriteLine(e.Message);
            return ExitCodes.Failed;
        }
        catch (OperationCanceledException)
        {
            output.WriteLine("interrupted before the load began");
            return ExitCodes.Interrupted;
        }

        void Interrupt(PosixSignalContext context)
        {
            context.Cancel = true;
            interrupted.Cancel();
        }
    }

    /// <summary>Asks each target who it is, and finds its key in genesis.</summary>
    /// <exception cref="ConfigException">Genesis is at fault, or a target is no member.</exception>
    public static StreamTarget[] Streams(string[] targets, string genesisPath)
    {
        Genesis genesis = GenesisFile.Read(genesisPath, out _);
        using HttpClient http = new(HttpHandlers.Create());
        return Array.ConvertAll(targets, target =>
        {
            Uri api = new(target);
            byte[] json = http.GetByteArrayAsync(new Uri(api, "/v1/status")).GetAwaiter().GetResult();
            string name = JsonSerializer.Deserialize(json, ApiJson.Default.NodeStatus)?.Node ?? "";
            Member member = Array.Find(genesis.Members, m => m.Name == name)
                ?? throw new ConfigException($"{target} is '{name}', which {genesisPath} does not name");
            return new StreamTarget(member.TransportKey, new IPEndPoint(HttpHandlers.ResolveAsync(api.Host, CancellationToken.None).GetAwaiter().GetResult()[0], api.Port));
        });
    }

    /// <summary>The furthest of the targets' next global indices: from there on every stream has all of this run.</summary>
    private static async Task<ulong> NextIndexAsync(Uri[] targets, CancellationToken cancellation)
    {
        using HttpClient http = new(HttpHandlers.Create());
        http.Timeout = TimeSpan.FromSeconds(5);
        ulong next = 0;
        string? chain = null;
        foreach (Uri target in targets)
        {
            byte[] json = await http.GetByteArrayAsync(new Uri(target, "/v1/status"), cancellation).ConfigureAwait(false);
            NodeStatus? status = JsonSerializer.Deserialize(json, ApiJson.Default.NodeStatus);
            next = Math.Max(next, status?.NextFinalIndex ?? 0);
            chain ??= status?.ChainId;
            if (chain != status?.ChainId)
            {
                throw new IOException($"{target} is of chain {status?.ChainId}, and {targets[0]} of {chain}");
            }
        }

        return next;
    }

    private static async Task ShowAsync(LoadRun run, Task running, TextWriter output)
    {
        long before = 0;
        while (await Task.WhenAny(running, Task.Delay(1000)).ConfigureAwait(false) != running)
        {
            LatencyHistogram recent = new();
            foreach (TargetTally tally in run.Tallies)
            {
                tally.TakeRecentFinality(recent);
            }

            long finalized = run.Tallies.Sum(t => t.Finalized);
            output.WriteLine(
                $"{run.Elapsed.TotalSeconds,5:F0} s  submitted {run.Tallies.Sum(t => t.Submitted)}  final {finalized}  {finalized - before} tx/s  "
                + $"p50 {recent.PercentileMicros(50) / 1000.0:F1} ms  p99 {recent.PercentileMicros(99) / 1000.0:F1} ms");
            before = finalized;
        }
    }
}
