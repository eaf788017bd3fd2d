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
    private static readonly TimeSpan s_patience = TimeSpan.FromSeconds(5);

    /// <param name="genesisPath">Given, transactions go over the targets' submit streams, whose keys it has.</param>
    /// <returns>The exit code.</returns>
    public static async Task<int> RunAsync(LoadOptions options, string? genesisPath, string? reportPath, TextWriter output)
    {
        using CancellationTokenSource interrupted = new();
        using PosixSignalRegistration onInterrupt = PosixSignalRegistration.Create(PosixSignal.SIGINT, Interrupt);
        using PosixSignalRegistration onTerminate = PosixSignalRegistration.Create(PosixSignal.SIGTERM, Interrupt);
        try
        {
            if (genesisPath is not null)
            {
                options = options with { Streams = await StreamsAsync(options, genesisPath, interrupted.Token).ConfigureAwait(false) };
            }

            ulong from = await NextIndexAsync(options, interrupted.Token).ConfigureAwait(false);
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
        catch (OperationCanceledException) when (interrupted.IsCancellationRequested)
        {
            output.WriteLine("interrupted before the load began");
            return ExitCodes.Interrupted;
        }
        catch (OperationCanceledException)
        {
            output.WriteLine($"no answer within {s_patience.TotalSeconds:0} s from one of {string.Join(' ', options.Targets)}");
            return ExitCodes.Failed;
        }

        void Interrupt(PosixSignalContext context)
        {
            context.Cancel = true;
            interrupted.Cancel();
        }
    }

    /// <summary>Asks each target who it is, and finds its key in genesis.</summary>
    /// <exception cref="ConfigException">Genesis is at fault, or a target is no member.</exception>
    private static async Task<StreamTarget[]> StreamsAsync(LoadOptions options, string genesisPath, CancellationToken cancellation)
    {
        Genesis genesis = GenesisFile.Read(genesisPath, out _);
        using HttpClient http = options.Client();
        http.Timeout = s_patience;
        List<StreamTarget> streams = [];
        foreach (Uri target in options.Targets)
        {
            byte[] json = await http.GetByteArrayAsync(new Uri(target, "/v1/status"), cancellation).ConfigureAwait(false);
            string name = JsonSerializer.Deserialize(json, ApiJson.Default.NodeStatus)?.Node ?? "";
            Member member = Array.Find(genesis.Members, m => m.Name == name)
                ?? throw new ConfigException($"{target} is '{name}', which {genesisPath} does not name");
            IPAddress[] addresses = await HttpHandlers.ResolveAsync(target.Host, cancellation).ConfigureAwait(false);
            streams.Add(new StreamTarget(member.TransportKey, new IPEndPoint(addresses[0], target.Port)));
        }

        return [.. streams];
    }

    /// <summary>The furthest of the targets' next global indices: from there on every stream has all of this run.</summary>
    private static async Task<ulong> NextIndexAsync(LoadOptions options, CancellationToken cancellation)
    {
        using HttpClient http = options.Client();
        http.Timeout = s_patience;
        ulong next = 0;
        string? chain = null;
        foreach (Uri target in options.Targets)
        {
            byte[] json = await http.GetByteArrayAsync(new Uri(target, "/v1/status"), cancellation).ConfigureAwait(false);
            NodeStatus? status = JsonSerializer.Deserialize(json, ApiJson.Default.NodeStatus);
            next = Math.Max(next, status?.NextFinalIndex ?? 0);
            chain ??= status?.ChainId;
            if (chain != status?.ChainId)
            {
                throw new IOException($"{target} is of chain {status?.ChainId}, and {options.Targets[0]} of {chain}");
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
