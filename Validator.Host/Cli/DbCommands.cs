using System.CommandLine;
using System.Globalization;
using Validator.Core.Consensus;
using Validator.Core.Execution;
using Validator.Core.Primitives;
using Validator.Core.Wire;
using Validator.Host.Config;
using Validator.Host.Pipeline;
using Validator.Host.Primitives;
using Validator.Host.Storage;

namespace Validator.Host.Cli;

/// <summary>db inspect, db verify and db migrate: for a stopped validator, and without its keys' passphrase.</summary>
internal static class DbCommands
{
    private const long ReadingBytes = 64 << 20;

    public static Command Db() => new("db", "Look into the databases of a stopped validator") { Inspect(), Verify(), Migrate() };

    private static Command Inspect()
    {
        Option<string> config = ConfigOption();
        Command command = new("inspect", "Tell what the databases hold") { config };
        command.SetAction(parsed => CommandAction.Guard(() =>
        {
            Place place = Place.Of(parsed.GetValue(config)!);
            using RocksLedger ledger = place.OpenLedger();
            if (place.OpenVotes() is { } votes)
            {
                using (votes)
                {
                    PrintVotes(votes, place, place.EpochOf(ledger));
                }
            }

            LedgerSummary summary = ledger.Summarize();
            Console.WriteLine($"ledger: {place.Storage.LedgerPath}, format {ledger.Format}, {Size(place.Storage.LedgerPath)}");
            Console.WriteLine($"  blocks {summary.First.Sequence} to {summary.Newest.Sequence}, root {summary.Root}");
            Console.WriteLine($"  transactions {summary.First.Index} to {summary.Newest.Index}, the last not included");
            Console.WriteLine($"  snapshots at {(summary.Snapshots.Length == 0 ? "none" : string.Join(", ", summary.Snapshots))}");
            Console.WriteLine(summary.FetchesSnapshot ? "  a snapshot is being fetched" : "  no snapshot is being fetched");
            (ulong certificates, ulong bytes) = summary.Certificates;
            Console.WriteLine(string.Create(
                CultureInfo.InvariantCulture,
                $"  {certificates:N0} certificates, {bytes / 1e6:N1} MB; they prove the blocks between"));
            foreach ((string family, ulong keys) in summary.Families)
            {
                Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"  {family,-16} {keys,14:N0} keys"));
            }

            return ExitCodes.Success;
        }));
        return command;
    }

    private static Command Verify()
    {
        Option<string> config = ConfigOption();
        Command command = new("verify", "Read everything and check it against itself: checksums, chain, payloads, executed state") { config };
        command.SetAction(parsed => CommandAction.Guard(() =>
        {
            Place place = Place.Of(parsed.GetValue(config)!);
            int damaged = 0;
            void Found(string what)
            {
                damaged++;
                Console.WriteLine($"damaged: {what}");
            }

            using RocksLedger ledger = place.OpenLedger();
            EpochConfiguration epoch = place.EpochOf(ledger);
            if (place.OpenVotes() is { } votes)
            {
                using (votes)
                {
                    if (AreLater(votes, epoch) is { } later)
                    {
                        Console.WriteLine($"votes: {place.Storage.VotesPath}: {later}");
                    }
                    else
                    {
                        // Throws on a record that is not whole.
                        votes.Recover(epoch.Number, epoch.Members.Length, new RecoveredState());
                        Console.WriteLine($"votes: {place.Storage.VotesPath}: every record is whole");
                    }
                }
            }

            ulong blocks = ledger.Verify(Found);
            Recovery.Restore(Executor.ForGenesis(place.Genesis, place.ChainId), ledger, epoch);
            Console.WriteLine($"ledger: {place.Storage.LedgerPath}: {blocks} blocks read, {(damaged == 0 ? "all whole" : $"{damaged} faults. {StoreErrors.LedgerSteps(place.Storage.LedgerPath)}")}");
            return damaged == 0 ? ExitCodes.Success : ExitCodes.Store;
        }));
        return command;
    }

    private static Command Migrate()
    {
        Option<string> config = ConfigOption();
        Option<bool> dryRun = new("--dry-run") { Description = "Say what would be done" };
        Command command = new("migrate", "Bring the databases to the format that this binary reads") { config, dryRun };
        command.SetAction(parsed => CommandAction.Guard(() =>
        {
            Place place = Place.Of(parsed.GetValue(config)!);
            bool dry = parsed.GetValue(dryRun);
            List<string> steps = RocksVoteStore.Exists(place.Storage.VotesPath) ? RocksVoteStore.Migrate(place.Storage.VotesPath, place.Identity, dry) : [];
            if (StoreDirectory.Exists(place.Storage.LedgerPath))
            {
                steps.AddRange(RocksLedger.Migrate(place.Storage.LedgerPath, place.Identity, ReadingBytes, dry));
            }

            steps.ForEach(s => Console.WriteLine((dry ? "would be done: " : "done: ") + s));
            Console.WriteLine(steps.Count == 0
                ? $"votes and ledger have format {StoreIdentity.FormatVersion}, which is this binary's: nothing {(dry ? "would be" : "was")} done"
                : dry ? $"keep a copy of {place.Storage.Path} before" : $"votes and ledger have format {StoreIdentity.FormatVersion} now");
            return ExitCodes.Success;
        }));
        return command;
    }

    private static void PrintVotes(RocksVoteStore votes, Place place, EpochConfiguration epoch)
    {
        RecoveredState state = new();
        Console.WriteLine($"votes: {place.Storage.VotesPath}, format {votes.Format}, {Size(place.Storage.VotesPath)}");
        if (AreLater(votes, epoch) is { } later)
        {
            Console.WriteLine($"  {later}");
            return;
        }

        votes.Recover(epoch.Number, epoch.Members.Length, state);
        foreach (IGrouping<MessageKind, Signed> kind in state.Signed.Select(s => s.Message).GroupBy(m => m.Header.Kind).OrderBy(g => g.Key))
        {
            SignedHeader newest = kind.Last().Header;
            Console.WriteLine($"  {kind.Key}: {kind.Count()}, the newest at view {newest.View}, sequence {newest.Sequence}");
        }

        if (state.Limit is { } limit)
        {
            Console.WriteLine(limit.IsOfLostVotes
                ? $"  made anew in this epoch, from view {limit.FirstView} on{(limit.LaneIsLost ? ": no vertex is authored in it" : "")}"
                : $"  bound by a statement to sign nothing but Stop in views below {limit.FirstView}");
        }

        Console.WriteLine($"  own lane's newest vertex: height {state.OwnTip.Height}; votes below block {state.ForgottenBelow} are forgotten");
    }

    /// <summary>Where the ledger is lost, or an older copy, its epoch does not say how to read the votes.</summary>
    private static string? AreLater(RocksVoteStore votes, EpochConfiguration epoch) =>
        votes.Epoch() is var later && later > epoch.Number
            ? $"of epoch {later}, and the ledger is in epoch {epoch.Number}: they are read when it is there again, and nothing is signed before"
            : null;

    private static string Size(string folder)
    {
        long bytes = new DirectoryInfo(folder).EnumerateFiles().Sum(f => f.Length);
        return string.Create(CultureInfo.InvariantCulture, $"{bytes / 1e6:N1} MB");
    }

    private static Option<string> ConfigOption() => new("--config") { Description = "The node.toml", Required = true };

    /// <summary>Whose databases they are, as the configuration and genesis say.</summary>
    private sealed record Place(StorageSection Storage, Genesis Genesis, Hash256 ChainId, StoreIdentity Identity)
    {
        /// <summary>The epoch of the executed state.</summary>
        public EpochConfiguration EpochOf(RocksLedger ledger) => ledger.ReadEpoch(Genesis, ChainId);

        public static Place Of(string path)
        {
            NodeConfig config = ConfigLoader.Load(path, Environment.GetEnvironmentVariables());
            Genesis genesis = GenesisFile.Read(config.Node.GenesisPath, out Hash256 chainId);
            Member? member = Array.Find(genesis.Members, m => m.Name == config.Node.Id);
            if (!config.Node.OutsideGenesis)
            {
                return member is not null
                    ? new Place(config.Storage, genesis, chainId, StoreIdentity.Of(chainId, member.ConsensusKey))
                    : throw new ConfigException($"node.id: genesis ({config.Node.GenesisPath}) has no member '{config.Node.Id}'");
            }

            // The vote store says which keys it has; no key file is opened just to look.
            StoreIdentity? owner = RocksVoteStore.Exists(config.Storage.VotesPath) ? RocksVoteStore.OwnerOf(config.Storage.VotesPath, chainId) : null;
            return owner is not null ? new Place(config.Storage, genesis, chainId, owner)
                : throw new StoreException(StoreFault.Missing, $"{config.Storage.VotesPath}: there is no vote store of this chain, which says whose the ledger is");
        }

        /// <summary>Null where there is none, which is printed.</summary>
        public RocksVoteStore? OpenVotes()
        {
            if (RocksVoteStore.Exists(Storage.VotesPath))
            {
                return RocksVoteStore.Open(Storage.VotesPath, Identity);
            }

            Console.WriteLine($"votes: none in {Storage.VotesPath}");
            return null;
        }

        public RocksLedger OpenLedger() => StoreDirectory.Exists(Storage.LedgerPath)
            ? RocksLedger.Open(Storage.LedgerPath, Identity, Genesis.Members.Length, Genesis.Parameters.DedupWindow, ReadingBytes, ReadingBytes, creates: false)
            : throw new StoreException(StoreFault.Missing, $"{Storage.LedgerPath}: there is no ledger. It is created at the first start.");
    }
}
