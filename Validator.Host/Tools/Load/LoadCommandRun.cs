using System.Net;
using System.Net.Sockets;
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
            Genesis? genesis = genesisPath is null ? null : GenesisFile.Read(genesisPath, out _);
            NodeStatus?[] statuses = await StatusesAsync(options, interrupted.Token).ConfigureAwait(false);
            if (genesis is not null)
            {
                StreamTarget[] streams = await StreamsAsync(
                    options.Targets, statuses, genesis, genesisPath!, interrupted.Token).ConfigureAwait(false);
                options = options with { Streams = streams };
            }

            ulong from = NextIndex(options.Targets, statuses);
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
        catch (Exception e) when (e is HttpRequestException or TimeoutException or IOException or SocketException or JsonException)
        {
            output.WriteLine(HttpHandlers.Reason(e));
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

    /// <summary>Asks each target who and where it is.</summary>
    private static async Task<NodeStatus?[]> StatusesAsync(LoadOptions options, CancellationToken cancellation)
    {
        using HttpClient http = options.Client();
        http.Timeout = s_patience;
        NodeStatus?[] statuses = new NodeStatus?[options.Targets.Length];
        for (int i = 0; i < statuses.Length; i++)
        {
            byte[] json = await http.GetByteArrayAsync(new Uri(options.Targets[i], "/v1/status"), cancellation).ConfigureAwait(false);
            statuses[i] = JsonSerializer.Deserialize(json, ApiJson.Default.NodeStatus);
        }

        return statuses;
    }

    /// <summary>Finds each target's key in genesis.</summary>
    /// <exception cref="ConfigException">A target is no member.</exception>
    private static async Task<StreamTarget[]> StreamsAsync(
        Uri[] targets, NodeStatus?[] statuses, Genesis genesis, string genesisPath, CancellationToken cancellation)
    {
        StreamTarget[] streams = new StreamTarget[targets.Length];
        for (int i = 0; i < targets.Length; i++)
        {
            string name = statuses[i]?.Node ?? "";
            Member member = Array.Find(genesis.Members, m => m.Name == name)
                ?? throw new ConfigException($"{targets[i]} is '{name}', which {genesisPath} does not name");

            // Of a name's addresses, the one at which the API answers.
            using Socket reached = await HttpHandlers
                .ConnectAsync(targets[i].Host, targets[i].Port, cancellation).ConfigureAwait(false);
            streams[i] = new StreamTarget(member.TransportKey, (IPEndPoint)reached.RemoteEndPoint!);
        }

        return streams;
    }

    /// <summary>The furthest of the targets' next global indices: from there on every stream has all of this run.</summary>
    /// <exception cref="IOException">They are of several chains.</exception>
    private static ulong NextIndex(Uri[] targets, NodeStatus?[] statuses)
    {
        int other = Array.FindIndex(statuses, s => s?.ChainId != statuses[0]?.ChainId);
        return other < 0
            ? statuses.Max(s => s?.NextFinalIndex ?? 0)
            : throw new IOException($"{targets[other]} is of chain {statuses[other]?.ChainId}, and {targets[0]} of {statuses[0]?.ChainId}");
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
