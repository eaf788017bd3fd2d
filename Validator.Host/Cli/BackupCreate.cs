using System.CommandLine;
using System.Net;
using System.Net.Http;
using System.Text.Json;
using Validator.Core.Primitives;
using Validator.Crypto.Simd;
using Validator.Host.Api;
using Validator.Host.Backup;
using Validator.Host.Config;
using Validator.Host.Contracts;
using Validator.Host.Keys;
using Validator.Host.Logging;
using Validator.Host.Pipeline;
using Validator.Host.Primitives;
using Validator.Host.Storage;

namespace Validator.Host.Cli;

/// <summary>
/// backup create: a stopped validator's ledger is copied by this process, a running one is asked to do it (its admin API).
/// </summary>
internal static class BackupCreate
{
    private static readonly TimeSpan s_poll = TimeSpan.FromMilliseconds(200);

    public static Command Create()
    {
        ApiTarget api = new(ApiRoles.Admin, "The node.toml of the validator");
        Option<int?> passphrase = SetupCommands.PassphraseOption("Open the keys of a stopped validator with the passphrase");
        Command command =
            new("create", "Make a full backup now; a running validator makes it itself, and goes on") { passphrase };
        // The validator at hand, and no other.
        command.Add(api.Config);
        command.SetAction(parsed => ClientCommands.Call(() =>
        {
            NodeConfig config = api.ConfigOf(parsed)!;
            if (config.Backup.Target is null)
            {
                throw new ConfigException("backup.target: node.toml says nowhere where backups go");
            }

            try
            {
                using StderrLogs logs = new(config.Node.LogLevel, config.Logging.Json);
                using SecretBuffer? secret = SetupCommands.ReadPassphrase(parsed.GetValue(passphrase));
                NodeContext context = RunCommand.Prepare(config, logs, secret);
                using (context.Keys)
                {
                    return Stopped(context, parsed.GetValue(api.Config)!);
                }
            }
            catch (StoreException e) when (e.Fault == StoreFault.Locked)
            {
                return Running(api, parsed);
            }
        }));
        return command;
    }

    /// <summary>What backups of a validator are made of.</summary>
    /// <exception cref="ConfigException">The public key of backups is at fault.</exception>
    public static BackupSource SourceOf(NodeContext context, string configuration, Action<string> copyLedger)
    {
        if (!context.Config.Backup.Unencrypted)
        {
            BackupKeys.ReadPublic(context.Config.Backup.EncryptionKey);
        }

        byte[] seed = GC.AllocateUninitializedArray<byte>(KeyFile.SeedBytes, pinned: true);
        context.Keys.TransportSeed.Span.CopyTo(seed);
        return new BackupSource(
            context.Config, context.Genesis, new BackupPlace(context.ChainId, context.Config.Node.Id),
            StoreIdentity.Of(context.ChainId, context.Keys.ConsensusPublicKey), configuration, BuildInfo.Version, copyLedger,
                seed,
            context.Keys.TransportPublicKey);
    }

    private static int Stopped(NodeContext context, string configuration)
    {
        string path = context.Config.Storage.LedgerPath;
        if (!StoreDirectory.Exists(path))
        {
            throw new StoreException(StoreFault.Missing, $"{path}: there is no ledger. It is created at the first start.");
        }

        using RocksLedger ledger = StoppedNode.OpenLedger(context, path);
        using IBackupTarget target = Targets.Open(context.Config.Backup);
        BackupJob job = new(SourceOf(context, configuration, ledger.CopyTo), target, Console.WriteLine);
        BackupManifest made = job.Run(CancellationToken.None);
        Console.WriteLine(
            $"{made.Id}: up to block {made.LastBlock}, {made.Parts.Length} parts, {job.StoredBytes} bytes in"
            + $" {context.Config.Backup.Target}");
        return ExitCodes.Success;
    }

    private static int Running(ApiTarget api, ParseResult parsed)
    {
        using HttpClient client = api.Client(parsed, TimeSpan.FromSeconds(30));
        string address = api.Address(parsed) + "/v1/admin/backup";
        long ended = Ask(client, HttpMethod.Get, address).Ended;
        Ask(client, HttpMethod.Post, address);
        Console.WriteLine($"the validator at {api.Address(parsed)} runs, and makes it");
        while (true)
        {
            Thread.Sleep(s_poll);
            BackupState state = Ask(client, HttpMethod.Get, address);
            if (state.Ended > ended && !state.Running)
            {
                return state.Error is { } error ? throw new BackupException($"the backup failed: {error}")
                    : Tell(state.LastId!);
            }
        }
    }

    private static int Tell(string id)
    {
        Console.WriteLine($"{id}: made");
        return ExitCodes.Success;
    }

    private static BackupState Ask(HttpClient client, HttpMethod method, string address)
    {
        using HttpRequestMessage request = new(method, address);
        using HttpResponseMessage response = client.Send(request);
        using StreamReader reader = new(response.Content.ReadAsStream());
        string text = reader.ReadToEnd();
        if (response.StatusCode is HttpStatusCode.Unauthorized or HttpStatusCode.Forbidden)
        {
            throw new ConfigException(
                "the validator runs, and only an admin may have it make a backup: give it api.tokens with a token of the role"
                + " admin"
                + " (validator token --role admin), or wait for backup.schedule, or stop it");
        }

        try
        {
            using JsonDocument json = AnswerJson.Parse(text);
            JsonElement root = json.RootElement;
            return response.IsSuccessStatusCode
                ? new BackupState(
                    root.GetProperty("running").GetBoolean(), root.GetProperty("last_id").GetString(), root.GetProperty("error")
                        .GetString(),
                    root.GetProperty("ended").GetInt64())
                : throw new BackupException($"the validator refuses: {root.GetProperty("detail").GetString()}");
        }
        catch (Exception e) when (e is JsonException or KeyNotFoundException or InvalidOperationException)
        {
            throw new BackupException($"{address}: the answer is no validator's");
        }
    }
}
