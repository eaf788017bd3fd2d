using System.Collections;
using System.CommandLine;
using Microsoft.Extensions.Logging;
using Validator.Core.Primitives;
using Validator.Crypto.Simd;
using Validator.Host.Api;
using Validator.Host.Config;
using Validator.Host.Contracts;
using Validator.Host.Keys;
using Validator.Host.Logging;
using Validator.Host.Pipeline;
using Validator.Host.Primitives;
using Validator.Net;
using Validator.Net.Native;

namespace Validator.Host.Cli;

/// <summary><c>validator run</c>: checks everything, starts the node, serves, and stops within two seconds of a signal.</summary>
public static class RunCommand
{
    /// <summary>Requests under way get this long to finish once the node drains.</summary>
    private static readonly TimeSpan StopPatience = TimeSpan.FromMilliseconds(700);

    /// <summary>And the last receipts to reach clients over QUIC.</summary>
    private static readonly TimeSpan ReceiptPatience = TimeSpan.FromMilliseconds(300);

    internal static Command Create()
    {
        Option<string> config = new("--config") { Description = "The node.toml", Required = true };
        Option<bool> check = new("--check") { Description = "Check all that a start needs, ports and stores too, change nothing, and end" };
        Option<bool> stdin = new("--stop-with-stdin") { Description = "Stop when standard input ends", Hidden = true };
        Option<int?> passphrase = SetupCommands.PassphraseOption("Open the keys with the passphrase");
        Option<string?> clock = new("--wall-clock-offset") { Description = "For tests: a file with seconds to add to the wall clock", Hidden = true };
        Command command = new("run", "Run a validator") { config, check, passphrase, stdin, clock };
        command.SetAction(parsed => CommandAction.Guard(() =>
        {
            using RunSignals signals = new(tied: parsed.GetValue(stdin));

            // Before any key is read.
            Kernel.RefuseDumps();
            NodeConfig loaded = ConfigLoader.Load(parsed.GetValue(config)!, Environment.GetEnvironmentVariables());
            if (DescriptorBudget.Own.Check(loaded.Api.MaxConnections) is { } notice)
            {
                loaded = loaded with { Notices = [.. loaded.Notices, notice] };
            }

            RequireThreads();
            using StderrLogs logs = new(loaded.Node.LogLevel, loaded.Logging.Json);
            using SecretBuffer? secret = SetupCommands.ReadPassphrase(parsed.GetValue(passphrase));
            NodeContext context = Prepare(loaded, logs, secret);
            secret?.Dispose();
            if (File.Exists(loaded.Node.HaltedMarker))
            {
                StderrLogs.Say(
                    $"{loaded.Node.HaltedMarker}: this validator halted by safety ({InputFile.ReadText(loaded.Node.HaltedMarker).Trim()}). Keep a copy"
                    + " of the data directory and settle with the other operators what happened; start again only then, after removing this file");
                return ExitCodes.Halted;
            }

            if (parsed.GetValue(check))
            {
                using (context.Keys)
                {
                    Preflight.Check(context);
                }

                Console.WriteLine($"{parsed.GetValue(config)}: good; chain {context.ChainId}, member {loaded.Node.Id}");
                Console.WriteLine($"votes: {VoteStoreSetup.Describe(loaded.Storage)}");
                foreach (string warning in loaded.Notices)
                {
                    Console.WriteLine($"warning: {warning}");
                }

                return ExitCodes.Success;
            }

            if (parsed.GetValue(clock) is { } offset)
            {
                Clock.FollowOffset(offset);
            }

            NodeConfig Again() => ConfigLoader.Load(parsed.GetValue(config)!, Environment.GetEnvironmentVariables());
            if (parsed.GetValue(stdin))
            {
                StdinWatch.Start(() => signals.Stop("standard input ended"));
            }

            return RunAsync(context, NodeFactory.Start, signals, Again, parsed.GetValue(config)).GetAwaiter().GetResult();
        }));
        return command;
    }

    /// <summary>
    /// A thread of the runtime or of RocksDB that cannot be made would end the process in the middle of the start.
    /// </summary>
    /// <exception cref="ConfigException">There are too few.</exception>
    private static void RequireThreads()
    {
        // The node has some 20, the databases 2, Kestrel and the runtime some 10, and validation and the pool one for each
        // processor.
        int needed = 32 + (2 * Environment.ProcessorCount), spare = Kernel.SpareThreads(needed);
        if (spare < needed)
        {
            throw new ConfigException(
                $"this process may have {spare} threads more, and a validator needs {needed}: raise the limit (TasksMax= or LimitNPROC= of the unit, ulimit -u, or the container's pids)");
        }
    }

    /// <summary>Reads genesis and keys and finds this validator's place.</summary>
    /// <exception cref="ConfigException">Genesis is at fault, or does not name this validator.</exception>
    /// <exception cref="KeyException">The keys are.</exception>
    public static NodeContext Prepare(NodeConfig config, ILoggerFactory logs, SecretBuffer? passphrase = null)
    {
        Genesis genesis = GenesisFile.Read(config.Node.GenesisPath, out Hash256 chainId);
        Member? self = Array.Find(genesis.Members, m => m.Name == config.Node.Id);
        if (self is null && !config.Node.OutsideGenesis)
        {
            throw new ConfigException(
                $"node.id: genesis ({config.Node.GenesisPath}) has no member '{config.Node.Id}'; it has {string.Join(", ", genesis.Members.Take(8).Select(m => m.Name))}."
                + " For one that joins later: node.outside_genesis = true");
        }

        ValidatorKeys keys = ValidatorKeys.Read(config.Crypto, passphrase);
        if (!config.Node.OutsideGenesis)
        {
            keys.RequireMember(self!, config.Crypto);
        }

        NodeMetrics metrics = new();
        if (logs is StderrLogs stderr)
        {
            metrics.LogLinesDropped = () => stderr.Dropped;
        }

        return new NodeContext(
            config, genesis, chainId, keys, PeerHints.Read(config.Network.Peers, genesis, config.Node.OutsideGenesis), metrics, logs);
    }

    /// <summary>Runs until a signal, the end of standard input, or the node's own end.</summary>
    /// <param name="reread">Reads the configuration again; null: SIGHUP is ignored.</param>
    /// <param name="configuration">Path of node.toml, for backups; null: none are made.</param>
    /// <returns>The exit code.</returns>
    internal static async Task<int> RunAsync(
        NodeContext context, Func<NodeContext, IValidatorNode> start, RunSignals signals, Func<NodeConfig>? reread = null,
        string? configuration = null)
    {
        ILogger log = context.Logs.CreateLogger("validator");
        foreach (string notice in context.Config.Notices)
        {
            HostLog.LogNotice(log, notice);
        }

        signals.BeginStart();
        IValidatorNode started;
        try
        {
            started = start(context with { Starting = signals.Starting });
        }
        catch (OperationCanceledException) when (signals.Starting.IsCancellationRequested)
        {
            HostLog.LogCalledOff(log, await signals.Stopped.ConfigureAwait(false));
            return ExitCodes.Interrupted;
        }

        signals.Started();
        await using IValidatorNode node = started;
        byte[] seed = GC.AllocateUninitializedArray<byte>(KeyFile.SeedBytes, pinned: true);
        context.Keys.TransportSeed.Span.CopyTo(seed);
        using BackupServing? backups = configuration is null ? null : BackupServing.Start(context, node, configuration, log);
        context.Keys.Dispose();
        HttpServers servers;
        try
        {
            servers = await HttpServers.StartAsync(node, context.Metrics, context.Config, context.Logs).ConfigureAwait(false);
        }
        catch (Exception e) when (OutsideFaults.Tell(e) is { } told)
        {
            throw new OutsideException(told.Code, $"api.listen or metrics.port: {told.Message}");
        }

        await using (servers)
        {
            using SubmitStream? stream = OpenStream(context, node, servers.ApiAddress.Port, seed);
            HostLog.LogStarted(
                log, context.Config.Node.Id, context.ChainId.ToString(), BuildInfo.Version, servers.ApiAddress.ToString(),
                servers.MetricsAddress?.ToString() ?? "off", context.Config.Network.QuicPort);
            using ServiceManager manager = new(node);
            Reloader reloader = new(
                context.Config, context.Genesis, reread ?? (() => context.Config), node, servers, context.Logs, log);
            servers.OnReload = reloader.Reload;
            servers.Backups = backups?.Backups;
            signals.OnReload = () =>
            {
                manager.Reloading();
                reloader.Reload();
                manager.Reloaded();
            };
            await Task.WhenAny(signals.Stopped, node.Stopped).ConfigureAwait(false);
            int code = node.Stopped.IsCompleted ? await node.Stopped.ConfigureAwait(false) : ExitCodes.Success;
            HostLog.LogStopping(log, signals.Stopped.IsCompleted ? await signals.Stopped.ConfigureAwait(false) : "the node ended by itself", code);
            manager.Stopping();
            backups?.Dispose();
            node.Drain();
            stream?.Drain();
            await servers.StopAsync(StopPatience).ConfigureAwait(false);

            // It reports what it knows of every submission that it has; clients over QUIC hear it before their connections close.
            await node.DisposeAsync().ConfigureAwait(false);
            stream?.Finish(ReceiptPatience);
            return code;
        }
    }

    /// <summary>The submit stream has the API's address and the number of its port.</summary>
    private static SubmitStream? OpenStream(NodeContext context, IValidatorNode node, int port, byte[] seed)
    {
        ILogger log = context.Logs.CreateLogger("validator");
        ApiSection api = context.Config.Api;
        try
        {
            return !api.Quic ? null : new SubmitStream(
                node, context.Metrics, api.Tokens.Length > 0 ? ApiTokens.Read(api.Tokens) : null,
                new System.Net.IPEndPoint(System.Net.IPAddress.Parse(api.Host), port), seed, api.QuicClients,
                new ApiOptions().WaitTimeout,
                entry => HostLog.LogClients(log, entry.Level >= TransportLogLevel.Warning ? LogLevel.Warning : LogLevel.Information, entry.Message));
        }
        catch (IOException e) when (OutsideFaults.Tell(e) is { } told)
        {
            throw new OutsideException(told.Code, $"api.quic: {told.Message}");
        }
        finally
        {
            System.Security.Cryptography.CryptographicOperations.ZeroMemory(seed);
        }
    }
}
