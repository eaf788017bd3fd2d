using System.Collections;
using System.CommandLine;
using System.Runtime.InteropServices;
using Microsoft.Extensions.Logging;
using Validator.Core.Primitives;
using Validator.Crypto.Simd;
using Validator.Host.Api;
using Validator.Host.Config;
using Validator.Host.Keys;
using Validator.Host.Logging;
using Validator.Host.Metrics;
using Validator.Host.Node;
using Validator.Net.Native;

namespace Validator.Host.Cli;

/// <summary><c>validator run</c>: checks everything, starts the node, serves, and stops within two seconds of a signal.</summary>
public static partial class RunCommand
{
    /// <summary>Requests under way get this long to finish once the node drains.</summary>
    private static readonly TimeSpan StopPatience = TimeSpan.FromMilliseconds(700);

    internal static Command Create()
    {
        Option<string> config = new("--config") { Description = "The node.toml", Required = true };
        Option<bool> check = new("--check") { Description = "Check configuration, genesis and keys, then end" };
        Option<bool> stdin = new("--stop-with-stdin") { Description = "Stop when standard input ends", Hidden = true };
        Option<int?> passphrase = SetupCommands.PassphraseOption("Open the keys with the passphrase");
        Option<string?> clock = new("--wall-clock-offset") { Description = "For tests: a file with seconds to add to the wall clock", Hidden = true };
        Command command = new("run", "Run a validator") { config, check, passphrase, stdin, clock };
        command.SetAction(parsed => CommandLine.Guard(() =>
        {
            // Before any key is read.
            Kernel.RefuseDumps();
            NodeConfig loaded = ConfigLoader.Load(parsed.GetValue(config)!, Environment.GetEnvironmentVariables());
            using StderrLogs logs = new(loaded.Node.LogLevel, loaded.Logging.Json);
            using SecretBuffer? secret = SetupCommands.ReadPassphrase(parsed.GetValue(passphrase));
            NodeContext context = Prepare(loaded, logs, secret);
            secret?.Dispose();
            if (File.Exists(loaded.Node.HaltedMarker))
            {
                Console.Error.WriteLine(
                    $"{loaded.Node.HaltedMarker}: this validator halted by safety ({File.ReadAllText(loaded.Node.HaltedMarker).Trim()}). Keep a copy"
                    + " of the data directory and settle with the other operators what happened; start again only then, after removing this file");
                return ExitCodes.Halted;
            }

            if (parsed.GetValue(check))
            {
                Console.WriteLine($"{parsed.GetValue(config)}: good; chain {context.ChainId}, member {loaded.Node.Id}");
                Console.WriteLine($"votes: {VoteStoreSetup.Describe(loaded.Storage)}");
                return ExitCodes.Success;
            }

            if (parsed.GetValue(clock) is { } offset)
            {
                Clock.FollowOffset(offset);
            }

            NodeConfig Again() => ConfigLoader.Load(parsed.GetValue(config)!, Environment.GetEnvironmentVariables());
            return RunAsync(context, NodeFactory.Start, parsed.GetValue(stdin), Again).GetAwaiter().GetResult();
        }));
        return command;
    }

    /// <summary>Reads genesis and keys and finds the own place.</summary>
    /// <exception cref="ConfigException">Genesis or the own name in it is at fault.</exception>
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

        return new NodeContext(
            config, genesis, chainId, keys, PeerHints.Read(config.Network.Peers, genesis, config.Node.OutsideGenesis), new NodeMetrics(), logs);
    }

    /// <summary>Runs until a signal, the end of standard input, or the node's own end.</summary>
    /// <param name="reread">Reads the configuration again; null: SIGHUP is passed over.</param>
    /// <returns>The exit code.</returns>
    public static async Task<int> RunAsync(
        NodeContext context, Func<NodeContext, IValidatorNode> start, bool stopWithStdin, Func<NodeConfig>? reread = null)
    {
        ILogger log = context.Logs.CreateLogger("validator");
        TaskCompletionSource<string> stop = new(TaskCreationOptions.RunContinuationsAsynchronously);
        using PosixSignalRegistration terminate = PosixSignalRegistration.Create(PosixSignal.SIGTERM, OnSignal);
        using PosixSignalRegistration interrupt = PosixSignalRegistration.Create(PosixSignal.SIGINT, OnSignal);

        // From the first moment on: whoever sees the API answer may send it, and unhandled it would end the process.
        TaskCompletionSource<Action> reload = new(TaskCreationOptions.RunContinuationsAsynchronously);
        using PosixSignalRegistration hangUp = PosixSignalRegistration.Create(PosixSignal.SIGHUP, signal =>
        {
            signal.Cancel = true;
            reload.Task.ContinueWith(static ready => ready.Result(), CancellationToken.None, TaskContinuationOptions.OnlyOnRanToCompletion, TaskScheduler.Default);
        });
        foreach (string notice in context.Config.Notices)
        {
            LogNotice(log, notice);
        }

        await using IValidatorNode node = start(context);
        byte[] seed = GC.AllocateUninitializedArray<byte>(KeyFile.SeedBytes, pinned: true);
        context.Keys.TransportSeed.Span.CopyTo(seed);
        context.Keys.Dispose();
        HttpServers servers;
        try
        {
            servers = await HttpServers.StartAsync(node, context.Metrics, context.Config, context.Logs).ConfigureAwait(false);
        }
        catch (Exception e) when (e is IOException or System.Net.Sockets.SocketException)
        {
            Console.Error.WriteLine($"api.listen or metrics.port: {e.Message}");
            return ExitCodes.Usage;
        }

        await using (servers)
        {
            using SubmitStream? stream = OpenStream(context, node, servers.ApiAddress.Port, seed);
            LogStarted(
                log, context.Config.Node.Id, context.ChainId.ToString(), BuildInfo.Version, servers.ApiAddress.ToString(),
                servers.MetricsAddress?.ToString() ?? "off", context.Config.Network.QuicPort);
            using ServiceManager manager = new(node);
            Reloader reloader = new(
                context.Config, context.Genesis, reread ?? (() => context.Config), node, servers, context.Logs, log);
            servers.OnReload = reloader.Reload;
            reload.SetResult(() =>
            {
                manager.Reloading();
                reloader.Reload();
                manager.Reloaded();
            });
            if (stopWithStdin)
            {
                Localnet.StdinWatch.Start(() => stop.TrySetResult("standard input ended"));
            }

            await Task.WhenAny(stop.Task, node.Stopped).ConfigureAwait(false);
            int code = node.Stopped.IsCompleted ? await node.Stopped.ConfigureAwait(false) : ExitCodes.Success;
            LogStopping(log, stop.Task.IsCompleted ? await stop.Task.ConfigureAwait(false) : "the node ended by itself", code);
            manager.Stopping();
            node.Drain();
            await servers.StopAsync(StopPatience).ConfigureAwait(false);
            return code;
        }

        void OnSignal(PosixSignalContext signal)
        {
            // Ctrl-C reaches a terminal's whole group: a parent that has us tied to its pipe decides for us then.
            if (stopWithStdin && signal.Signal == PosixSignal.SIGINT)
            {
                signal.Cancel = true;
                return;
            }

            // A second signal means now.
            signal.Cancel = stop.TrySetResult(signal.Signal.ToString());
        }
    }

    /// <summary>The submit stream has the API's address and the number of its port.</summary>
    private static SubmitStream? OpenStream(NodeContext context, IValidatorNode node, int port, byte[] seed)
    {
        ApiSection api = context.Config.Api;
        try
        {
            return !api.Quic ? null : new SubmitStream(
                node, context.Metrics, api.Tokens.Length > 0 ? ApiTokens.Read(api.Tokens) : null,
                new System.Net.IPEndPoint(System.Net.IPAddress.Parse(api.Host), port), seed, api.QuicClients);
        }
        catch (IOException e)
        {
            throw new ConfigException($"api.quic: {e.Message}");
        }
        finally
        {
            System.Security.Cryptography.CryptographicOperations.ZeroMemory(seed);
        }
    }

    [LoggerMessage(Level = LogLevel.Warning, Message = "{Notice}")]
    private static partial void LogNotice(ILogger logger, string notice);

    [LoggerMessage(Level = LogLevel.Information, Message = "started {Node} of chain {Chain}, version {Version}: API {Api}, metrics {Metrics}, QUIC port {QuicPort}")]
    private static partial void LogStarted(ILogger logger, string node, string chain, string version, string api, string metrics, int quicPort);

    [LoggerMessage(Level = LogLevel.Information, Message = "stopping: {Cause}, exit code {Code}")]
    private static partial void LogStopping(ILogger logger, string cause, int code);
}
