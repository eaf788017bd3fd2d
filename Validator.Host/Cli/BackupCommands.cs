using System.CommandLine;
using System.Globalization;
using Validator.Crypto.Simd;
using Validator.Host.Backup;
using Validator.Host.Config;
using Validator.Host.Contracts;
using Validator.Host.Keys;
using Validator.Host.Logging;
using Validator.Host.Primitives;
using Validator.Host.Storage;

namespace Validator.Host.Cli;

/// <summary>backup keygen, list, verify, restore and prune; create is in <see cref="BackupCreate"/>.</summary>
internal static class BackupCommands
{
    public static Command Backup() => new("backup", "Back up a validator's ledger, evidence and configuration, and restore them")
    {
        Keygen(), BackupCreate.Create(), List(), Verify(), Restore(), Prune(),
    };

    private static Command Keygen()
    {
        Option<string> output =
            new("--out") { Description = "The private key to write, with .pub added for the public one", Required = true };
        Option<int?> passphrase = SetupCommands.PassphraseOption("Encrypt the private key with the passphrase");
        Command command =
            new("keygen", "Make the key pair of backups: the private half stays offline, validators have the public one")
        {
            output, passphrase,
        };
        command.SetAction(parsed => CommandAction.Guard(() =>
        {
            string path = parsed.GetValue(output)!;
            using SecretBuffer? secret = SetupCommands.ReadPassphrase(parsed.GetValue(passphrase));
            BackupKeys.Create(path, path + ".pub", secret);
            Console.WriteLine(
                $"private: {path} (keep it, and a copy of it, away from every validator: without it no backup opens)");
            Console.WriteLine($"public:  {path}.pub (backup.encryption_key of every validator)");
            return ExitCodes.Success;
        }));
        return command;
    }

    private static Command List()
    {
        BackupPlaces places = new();
        Command command = new("list", "List the full backups in a target");
        places.AddTo(command);
        command.SetAction(parsed => CommandAction.Guard(() =>
        {
            using BackupPlaces.Opened opened = places.Open(parsed);
            List<CatalogEntry> entries = opened.Catalog.Read();
            foreach (CatalogEntry entry in entries)
            {
                string what = entry.Manifest is { } made
                    ? string.Create(
                        CultureInfo.InvariantCulture,
                        $"blocks {made.FirstBlock} to {made.LastBlock}, epoch {made.Epoch}, {made.NextIndex} transactions,"
                            + $" {made.Parts.Length} parts, {(made.Recipient is null ? "not encrypted" : "encrypted")}")
                    : entry.Fault ?? "not finished";
                Console.WriteLine(
                    string.Create(CultureInfo.InvariantCulture, $"{entry.Id}  {entry.Bytes / 1e6,10:N1} MB  {what}"));
            }

            Console.WriteLine(
                $"{entries.Count(e => e.Manifest is not null)} full backups of {opened.Place.Validator} in"
                + $" {opened.Config.Backup.Target}");
            return entries.Exists(e => e.Fault is not null) ? ExitCodes.Failed : ExitCodes.Success;
        }));
        return command;
    }

    private static Command Verify()
    {
        BackupPlaces places = new();
        Argument<string?> id = IdArgument("The backup; by default the newest");
        Option<string?> key = KeyOption();
        Option<int?> passphrase = SetupCommands.PassphraseOption("Open the private key with the passphrase");
        Option<string?> chain =
            new("--chain") { Description = "Unpack it into this new folder, check the chain from genesis on, and remove it" };
        Command command =
            new("verify", "Read a backup and check its signature and sums; with its key its content, with --chain every"
            + " certificate")
        {
            id, key, passphrase, chain,
        };
        places.AddTo(command);
        command.SetAction(parsed => CommandAction.Guard(() =>
        {
            using BackupPlaces.Opened opened = places.Open(parsed);
            BackupManifest manifest = Choose(opened, parsed.GetValue(id));
            using SecretBuffer? seed = ReadKey(parsed.GetValue(key), parsed.GetValue(passphrase));
            if (parsed.GetValue(chain) is { } folder)
            {
                BackupCheck.Chain(
                    manifest, seed, folder, opened.Genesis, opened.ChainId, opened.Target, opened.Place, Console.WriteLine);
            }
            else
            {
                BackupCheck.Parts(manifest, seed, opened.Target, opened.Place);
            }

            bool read = seed is not null || manifest.Recipient is null;
            Console.WriteLine(
                $"{manifest.Id}: signed by {manifest.Validator}, {manifest.Parts.Length} parts, up to block {manifest.LastBlock}:"
                + (read ? " all is as it was backed up"
                    : " every part is as it was stored (without --key what is in it was not read)"));
            return ExitCodes.Success;
        }));
        return command;
    }

    private static Command Restore()
    {
        BackupPlaces places = new();
        Argument<string?> id = IdArgument("The backup; by default the newest");
        Option<string?> key = KeyOption();
        Option<int?> keyPassphrase =
            SetupCommands.PassphraseOption("Open the private key of backups, and the validator's keys, with the passphrase");
        Option<string?> files = new("--files-to")
        {
            Description = "Write node.toml, genesis.json and evidence into this new folder, and nothing else",
        };
        Option<ulong?> toIndex = new("--to-index")
        {
            Description = "Restore up to the block that holds the transaction with this global index; by default all that is"
                + " archived",
        };
        Option<string?> toTime =
            new("--to-time") { Description = "Restore up to the last block of this time, as 2026-03-10T12:00:00Z" };
        Command command =
            new("restore", "Bring back the ledger and the evidence of a stopped validator, verified from genesis on")
        {
            id, key, keyPassphrase, files, toIndex, toTime,
        };
        places.AddTo(command);
        command.Validators.Add(result =>
        {
            if (result.GetResult(places.Config) is null && result.GetResult(files) is null)
            {
                result.AddError("backup restore: needs --config, which says where the ledger goes; --files-to fetches a lost"
                    + " node.toml");
            }

            if (result.GetValue(toTime) is { } time && !TryTime(time, out _))
            {
                result.AddError($"--to-time: '{time}' is no time in UTC as 2026-03-10T12:00:00Z");
            }
        });
        command.SetAction(parsed => CommandAction.Guard(() =>
        {
            using BackupPlaces.Opened opened = places.Open(parsed);
            using SecretBuffer? secret = SetupCommands.ReadPassphrase(parsed.GetValue(keyPassphrase));
            using SecretBuffer? seed = parsed.GetValue(key) is { } path ? KeyFile.Read(path, KeyPurpose.Backup, secret) : null;
            if (parsed.GetValue(files) is { } folder)
            {
                BackupManifest newest = Choose(opened, parsed.GetValue(id));
                Restorer.ExtractFiles(newest, seed, folder, opened.Target, opened.Place);
                Console.WriteLine($"{folder}: node.toml, genesis.json and evidence of backup {newest.Id}");
                return ExitCodes.Success;
            }

            ulong? time = parsed.GetValue(toTime) is { } text && TryTime(text, out ulong micros) ? micros : null;
            RestoreGoal goal = new(parsed.GetValue(toIndex), time);
            BackupManifest? full = FullFor(opened, parsed.GetValue(id), goal);

            using StderrLogs logs = new(opened.Config.Node.LogLevel, opened.Config.Logging.Json);
            NodeContext context = RunCommand.Prepare(opened.Config, logs, secret);
            using (context.Keys)
            {
                new Restorer(context, opened.Target, opened.Place, Console.WriteLine).Run(full, seed, goal);
            }

            return ExitCodes.Success;
        }));
        return command;
    }

    private static bool TryTime(string text, out ulong micros)
    {
        bool read = DateTime.TryParseExact(
            text, "yyyy-MM-dd'T'HH:mm:ss'Z'", CultureInfo.InvariantCulture,
                DateTimeStyles.AssumeUniversal | DateTimeStyles.AdjustToUniversal,
            out DateTime time);
        micros = read && time > DateTime.UnixEpoch ? (ulong)(time - DateTime.UnixEpoch).Ticks / 10 : 0;
        return micros > 0;
    }

    /// <summary>The full backup to begin with; null where the archive itself begins with the first block.</summary>
    private static BackupManifest? FullFor(BackupPlaces.Opened opened, string? id, RestoreGoal goal)
    {
        if (id is not null)
        {
            BackupManifest named = Choose(opened, id);
            return goal.Fits(named) ? named
                : throw new ConfigException($"{id}: ends with block {named.LastBlock}, which is beyond that point");
        }

        bool whole = ArchiveList.Read(opened.Target, opened.Place).FirstOrDefault()?.First == 1;
        return whole && !opened.Catalog.Read().Exists(e => e.Manifest is { } made && goal.Fits(made)) ? null
            : opened.Catalog.Newest(goal.Fits);
    }

    private static Command Prune()
    {
        BackupPlaces places = new();
        Option<bool> dryRun = new("--dry-run") { Description = "Say what would be deleted" };
        Command command = new("prune", "Delete the full backups that backup.keep and backup.keep_days do not keep") { dryRun };
        places.AddTo(command);
        command.SetAction(parsed => CommandAction.Guard(() =>
        {
            using BackupPlaces.Opened opened = places.Open(parsed);
            bool dry = parsed.GetValue(dryRun);
            List<CatalogEntry> due = BackupRetention.Due(opened.Catalog.Read(), opened.Config.Backup, DateTime.UtcNow);
            foreach (CatalogEntry entry in due)
            {
                if (!dry)
                {
                    opened.Catalog.Delete(entry.Id);
                }

                Console.WriteLine(string.Create(
                    CultureInfo.InvariantCulture,
                        $"{(dry ? "would be deleted" : "deleted")}: {entry.Id}, {entry.Bytes / 1e6:N1} MB"));
            }

            Console.WriteLine($"{due.Count} backups");
            if (!dry)
            {
                Console.WriteLine(
                    $"{BackupRetention.PruneArchive(opened.Catalog, opened.Target, opened.Place)} segments of the archive");
            }

            return ExitCodes.Success;
        }));
        return command;
    }

    private static Argument<string?> IdArgument(string description) =>
        new("id") { Description = description, Arity = ArgumentArity.ZeroOrOne };

    private static Option<string?> KeyOption() => new("--key") { Description = "The private key of backups, from backup keygen" };

    private static SecretBuffer? ReadKey(string? path, int? passphrase)
    {
        using SecretBuffer? secret = SetupCommands.ReadPassphrase(passphrase);
        return path is null ? null : KeyFile.Read(path, KeyPurpose.Backup, secret);
    }

    private static BackupManifest Choose(BackupPlaces.Opened opened, string? id) =>
        id is null ? opened.Catalog.Newest(static _ => true)
        : BackupPlace.BegunOf(id) is not null ? opened.Catalog.Manifest(id)
        : throw new ConfigException($"'{id}': is no backup's id, as 'validator backup list' prints them");
}
