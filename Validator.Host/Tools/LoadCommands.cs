using System.CommandLine;
using Validator.Core.Primitives;
using Validator.Host.Api;
using Validator.Host.Cli;
using Validator.Host.Tools.Load;
using Validator.Host.Tools.Localnet;

namespace Validator.Host.Tools;

/// <summary>localnet and load.</summary>
internal static class LoadCommands
{
    public static Command Localnet()
    {
        Option<int> validators = Number("--validators", "How many; default 4, with --trust 5", 0, 0, Limits.MaxCommittee);
        Option<bool> trust = new(
            "--trust")
        { Description = "Reputation, stake and weights are reckoned (docs/TRUST.md), in short epochs" };
        Option<string?> villain = new(
            "--villain")
        { Description = "With --trust: what one member does instead of its duty" };
        villain.AcceptOnlyFromAmong(Villain.Kinds);
        LoadSettings load = new();
        Option<string> transport = Transport();
        Option<string?> directory = new("--dir") { Description = "A new folder for the validators; kept. Default: a temporary one, removed" };
        Option<bool> keep = new("--keep") { Description = "Keep the temporary folder" };
        Option<string?> report = Report();
        Command command = new("localnet", "Start a cluster on this machine, load it, and check that nothing is lost, doubled or ordered differently")
        {
            validators, trust, villain, transport, load.Strong, load.Rate, load.Size, load.Signed, load.Accounts,
                load.Duration, load.Seed, directory, keep, report,
        };
        command.Validators.Add(result =>
        {
            if (result.GetValue(villain) is not null && (!result.GetValue(trust) || result.GetValue(validators) is > 0 and < 4))
            {
                result.AddError("localnet: --villain goes with --trust, and with four validators or more");
            }
        });
        command.SetAction(parsed => CommandAction.Guard(() => new LocalnetRun(
            new LocalnetOptions
            {
                Validators = parsed.GetValue(validators) is > 0 and var wanted ? wanted : parsed.GetValue(trust) ? 5 : 4,
                Trust = parsed.GetValue(trust),
                Villain = parsed.GetValue(villain),
                OverQuic = parsed.GetValue(transport) == "quic",
                Strong = parsed.GetValue(load.Strong),
                Rate = parsed.GetValue(load.Rate),
                Size = parsed.GetValue(load.Size),
                Accounts = parsed.GetValue(load.Signed) ? parsed.GetValue(load.Accounts) : 0,
                Duration = parsed.GetValue(load.Duration),
                Seed = parsed.GetValue(load.Seed),
                Directory = parsed.GetValue(directory),
                Keep = parsed.GetValue(keep),
                ReportPath = parsed.GetValue(report),
            },
            Console.Out,
            !Console.IsOutputRedirected).RunAsync().GetAwaiter().GetResult()));
        return command;
    }

    public static Command Load()
    {
        LoadSettings load = new();
        Option<string> transport = Transport();
        Option<string?> genesis = new("--genesis") { Description = "With --transport quic: the chain's genesis, for the validators' keys" };
        ApiTarget api = new(ApiRoles.Submit | ApiRoles.Read, many: true);
        Option<string?> report = Report();
        Command command = new("load", "Load validators that run already, and check their order")
        {
            transport, genesis, load.Strong, load.Rate, load.Size, load.Signed, load.Accounts, load.Duration, load.Seed, report,
        };
        api.AddTo(command);
        command.Validators.Add(result =>
        {
            if ((result.GetValue(transport) == "quic") != (result.GetValue(genesis) is not null))
            {
                result.AddError("load: --transport quic and --genesis go together");
            }
        });
        command.SetAction(parsed => ClientCommands.Call(() => LoadCommandRun.RunAsync(
            new LoadOptions
            {
                Targets = Array.ConvertAll(api.Addresses(parsed), t => new Uri(t)),
                Client = () => api.Client(parsed, Timeout.InfiniteTimeSpan),
                Token = api.Token(parsed),
                Strong = parsed.GetValue(load.Strong),
                Rate = parsed.GetValue(load.Rate),
                Size = parsed.GetValue(load.Size),
                Accounts = parsed.GetValue(load.Signed) ? parsed.GetValue(load.Accounts) : 0,
                Duration = parsed.GetValue(load.Duration),
                Seed = parsed.GetValue(load.Seed),
            },
            parsed.GetValue(genesis),
            parsed.GetValue(report),
            Console.Out).GetAwaiter().GetResult()));
        return command;
    }

    private static Option<string> Transport()
    {
        Option<string> transport = new("--transport") { Description = "How transactions are submitted: http or quic (the submit stream)", DefaultValueFactory = _ => "http" };
        return transport.AcceptOnlyFromAmong("http", "quic");
    }

    /// <summary>A folder in the report's place is found before the load, not after it.</summary>
    private static Option<string?> Report()
    {
        Option<string?> report = new("--report") { Description = "Write the numbers as JSON to this file" };
        report.Validators.Add(result =>
        {
            if (Directory.Exists(result.GetValueOrDefault<string?>()))
            {
                result.AddError($"--report: {result.GetValueOrDefault<string?>()}: is a folder");
            }
        });
        return report;
    }

    private static Option<int> Number(string name, string description, int fallback, int min, int max)
    {
        Option<int> option = new(name) { Description = description, DefaultValueFactory = _ => fallback };
        option.Validators.Add(result =>
        {
            if (CommandAction.Integer(result, fallback) is not { } value || value < min || value > max)
            {
                result.AddError($"{name}: expected {min} to {max}");
            }
        });
        return option;
    }

    private sealed class LoadSettings
    {
        public Option<int> Rate { get; } = Number("--rate", "Transactions per second, over all validators", 2000, 1, 1_000_000);

        public Option<int> Size { get; } = Number("--size", "Bytes of a transaction", 512, TransactionPattern.MinSize, Limits.MaxTransactionBytes);

        public Option<bool> Strong { get; } = new("--strong")
        {
            Description = "Submissions wait for strong finality, over either transport; how long is measured",
        };

        public Option<bool> Signed { get; } = new("--signed") { Description = "Send signed envelopes, signed before the load begins; --size is that of their data" };

        public Option<int> Accounts { get; } = Number("--accounts", "With --signed: how many accounts sign", 64, 1, 100_000);

        public Option<TimeSpan> Duration { get; } = CommandAction.Duration("--duration", "How long", TimeSpan.FromSeconds(30));

        public Option<ulong> Seed { get; } = new("--seed") { Description = "Of the payloads, which are new ones in each run all the same, and of the accounts", DefaultValueFactory = _ => 1 };
    }
}
