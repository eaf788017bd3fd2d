using System.CommandLine;
using Validator.Core.Consensus;
using Validator.Core.Primitives;
using Validator.Core.Wire;
using Validator.Host.Config;
using Validator.Host.Pipeline;
using Validator.Host.Primitives;

namespace Validator.Host.Cli;

/// <summary>fork inspect, propose, sign and apply: the way out of two conflicting certificates (OPERATIONS.md).</summary>
internal static class ForkCommands
{
    public static Command Fork()
    {
        return new Command("fork", "What was signed twice, and what became of it; and a way out where two branches are final:"
            + " operators of quorum weight name the one that goes on")
        {
            List(), Inspect(), Propose(), Sign(), Apply(),
        };
    }

    private static Command List() => ClientCommands.Get(
        "list", "Print the forks that a validator has seen since its start, and what became of them", "/v1/forks");

    private static Command Inspect()
    {
        Option<string> config = ConfigOption();
        Option<string> output = OutOption("fork.branch");
        Option<int?> passphrase = PassphraseOption();
        Command command = new("inspect", "Write what this stopped validator holds of its chain, for whoever makes the proposal")
        {
            config, output, passphrase,
        };
        command.SetAction(StoppedCommand.With(config, passphrase, (parsed, context) =>
        {
            ForkBranch branch = ForkRepair.Inspect(context);
            OperatorFile.Write(parsed.GetValue(output)!, ForkBranchCodec.Encode(branch));
            Console.WriteLine($"{parsed.GetValue(output)}: {Describe(branch)}");
            string marker = context.Config.Node.HaltedMarker;
            Console.WriteLine(
                File.Exists(marker)
                    ? $"It halted: {InputFile.ReadText(marker).Trim()}; certificates are in {context.Config.Node.EvidencePath}"
                : "It did not halt.");
            TellFailed(context.Config.Node.FailedForkPath);
            Console.WriteLine(
                "Next, with the reports of one validator of each branch at least: validator fork propose --branch FILE FILE");
            return ExitCodes.Success;
        }));
        return command;
    }

    private static Command Propose()
    {
        Option<string[]> branches = new("--branch")
        {
            Description = "What 'fork inspect' wrote, of one validator of each branch at least",
            Required = true,
            AllowMultipleArgumentsPerToken = true,
        };
        Option<string?> choose = new("--choose")
        {
            Description = "The validator whose branch goes on; by default that of the latest epoch, then the longest, the"
                + " heaviest, and the one with the lowest hash",
        };
        Option<bool> lost = new("--votes-lost")
        {
            Description = "Say that there is no fork, and that those who still have their votes are too few for 'votes recreate':"
                + " the epoch ends, and all sign in the next",
        };
        Option<string> output = OutOption("fork.proposal");
        Command command = new("propose", "Compare the branches of a fork, and write which goes on, for operators to sign")
        {
            branches, choose, lost, output,
        };
        command.SetAction(parsed => CommandAction.Guard(() =>
        {
            ForkBranch[] reports = Array.ConvertAll(parsed.GetValue(branches)!, ReadBranch);
            if (Array.Find(reports, r => r.ChainId != reports[0].ChainId) is { } foreign)
            {
                throw new ConfigException($"the report of {foreign.Name} is of chain {foreign.ChainId}, and that of"
                    + $" {reports[0].Name} of {reports[0].ChainId}");
            }

            ForkBranch[] found = ForkChoice.Branches(reports);
            int chosen = Chosen(found, reports, parsed.GetValue(choose));
            ForkRefusal refusal = ForkChoice.Propose(found, chosen, out ForkProposal? proposal, parsed.GetValue(lost));
            if (proposal is null)
            {
                Console.Error.WriteLine(Explain(refusal));
                return ExitCodes.Failed;
            }

            OperatorFile.Write(parsed.GetValue(output)!, ForkRecoveryCodec.Encode(new ForkRecovery(proposal, [], [])));
            for (int i = 0; i < found.Length; i++)
            {
                ulong own = found[i].Head.Sequence - proposal.AgreedSequence;
                Console.WriteLine($"{(i == chosen ? "goes on  " : "abandoned")}  {Describe(found[i])}; {own} blocks of its own");
            }

            Tell(proposal);
            Console.WriteLine(
                $"{parsed.GetValue(output)}: for all operators. Each compares it with the others, and runs:"
                + " validator fork sign --proposal FILE");
            return ExitCodes.Success;
        }));
        return command;
    }

    private static Command Sign()
    {
        Option<string> config = ConfigOption();
        Option<string> proposal = new("--proposal") { Description = "What 'fork propose' wrote", Required = true };
        Option<string?> instead = new("--instead-of")
        {
            Description = "Say that the proposal with this digest, which was signed here, will never be used",
        };
        Option<string> output = OutOption("fork.approval");
        Option<int?> passphrase = PassphraseOption();
        Command command = new("sign",
            "Check a proposal against this stopped validator's ledger, sign it, and sign nothing more in the epoch that it ends")
        {
            config, proposal, instead, output, passphrase,
        };
        command.SetAction(StoppedCommand.With(config, passphrase, (parsed, context) =>
        {
            Hash256? before = parsed.GetValue(instead) is not { } text ? null
                : Hash256.TryParse(text, out Hash256 hash) ? hash
                    : throw new ConfigException($"--instead-of {text}: is no digest of 64 hexadecimal digits");
            ForkRecovery signed = ForkRepair.Sign(context, ReadRecovery(parsed.GetValue(proposal)!), before, out string told);
            OperatorFile.Write(parsed.GetValue(output)!, ForkRecoveryCodec.Encode(signed));
            Tell(signed.Proposal);
            Console.WriteLine(told);
            Console.WriteLine(
                $"{parsed.GetValue(output)}: for all operators. With those of quorum weight each runs:"
                + " validator fork apply --approval FILE FILE");
            return ExitCodes.Success;
        }));
        return command;
    }

    private static Command Apply()
    {
        Option<string> config = ConfigOption();
        Option<string[]> approvals = new("--approval")
        {
            Description = "What 'fork sign' wrote, of operators of quorum weight",
            Required = true,
            AllowMultipleArgumentsPerToken = true,
        };
        Option<bool> since = new("--signed-nothing-since")
        {
            Description = "For a validator whose votes are lost or contradicted: say that its key has signed nothing of a later"
                + " epoch than the one that ends, and that no other process signs with it",
        };
        Option<int?> passphrase = PassphraseOption();
        Command command = new("apply",
            "Go on in the branch that operators of quorum weight signed; what this validator has of another is authored again")
        {
            config, approvals, since, passphrase,
        };
        command.SetAction(StoppedCommand.With(config, passphrase, (parsed, context) =>
        {
            (string, ForkRecovery)[] signed = Array.ConvertAll(parsed.GetValue(approvals)!, path => (path, ReadRecovery(path)));
            bool done = ForkRepair.Apply(context, signed, parsed.GetValue(since), out string told);
            (done ? Console.Out : Console.Error).WriteLine(told);
            return done ? ExitCodes.Success : ExitCodes.Failed;
        }));
        return command;
    }

    /// <summary>The fork that this validator halted by, and whether it has ended.</summary>
    private static void TellFailed(string path)
    {
        try
        {
            if (FailedForkFile.Read(path) is { } fork)
            {
                string end = fork.Summary is { } ended ? $"ended by operators after {ended.Fork.EndedMicros / 1e6:F1} s"
                    : "both are final, and the fork is not resolved";
                Console.WriteLine($"Fork of certificates in epoch {fork.Epoch}, at view {fork.View}, sequence {fork.Sequence}:"
                    + $" {fork.First} and {fork.Second}, found {DateTime.UnixEpoch.AddMicroseconds(fork.FoundMicros):u}: {end}");
            }
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or FormatException)
        {
            Console.Error.WriteLine($"{path}: {e.Message}");
        }
    }

    private static ForkBranch ReadBranch(string path) =>
        ForkBranchCodec.TryRead(OperatorFile.Read(path, most: ForkBranchCodec.MaxBytes), out ForkBranch? branch,
            out DecodeError error)
            ? branch : throw new ConfigException($"{path}: is no report of 'fork inspect' ({error})");

    private static ForkRecovery ReadRecovery(string path) =>
        ForkRecoveryCodec.TryRead(OperatorFile.Read(path, most: ForkRecoveryCodec.MaxBytes), out ForkRecovery? recovery,
            out DecodeError error)
            ? recovery : throw new ConfigException(
                $"{path}: is no proposal of 'fork propose', and not what 'fork sign' wrote ({error})");

    private static int Chosen(ForkBranch[] found, ForkBranch[] reports, string? name)
    {
        if (name is null)
        {
            return 0;
        }

        ForkBranch report = Array.Find(reports, r => r.Name == name)
            ?? throw new ConfigException(
                $"--choose {name}: there is no report of it; there are {string.Join(", ", reports.Select(r => r.Name))}");
        return Array.FindIndex(found, b => b.HashAt(report.Head.Sequence) == report.Head.Hash);
    }

    private static string Describe(ForkBranch branch) =>
        $"{branch.Name}: block {branch.Head.Sequence} of epoch {branch.Head.Epoch}, {branch.Head.Hash}, certified by weight"
            + $" {branch.Weight}";

    private static void Tell(ForkProposal proposal)
    {
        Console.WriteLine($"proposal {ForkRecoveryCodec.Digest(proposal)}");
        Console.WriteLine($"last common block {proposal.AgreedSequence} {proposal.AgreedHash}");
        Console.WriteLine($"goes on after block {proposal.Head.Sequence} {proposal.Head.Hash}, with block"
            + $" {proposal.Last.Sequence}, which ends epoch {proposal.Last.Epoch}");
        Console.WriteLine($"executed root {proposal.Last.ExecutedRoot}, next committee {proposal.Last.NextCommittee}");
        foreach (BranchHead head in proposal.Abandoned)
        {
            Console.WriteLine($"abandoned: block {head.Sequence} {head.Hash} and those before it, down to"
                + $" {proposal.AgreedSequence + 1}; their transactions are authored again");
        }
    }

    private static string Explain(ForkRefusal refusal) => refusal switch
    {
        ForkRefusal.OneBranch => "nothing was written: all reports are of one branch. Where a validator halted, get a report of"
            + " one that it conflicts with; where nearly all lost their votes, repeat with --votes-lost",
        ForkRefusal.SeveralBranches =>
            "nothing was written: the reports are not of one branch, so that this is a fork: leave out --votes-lost",
        ForkRefusal.NoCommonBlock =>
            "nothing was written: the branches have no block in common as far back as the reports go. Get reports of validators"
                + " that keep more blocks, or that are of this chain",
        ForkRefusal.LaterEpoch =>
            "nothing was written: another branch is in a later epoch than that one, and what was signed there would count in"
                + " the epoch after the fork. Choose that branch",
        _ => $"nothing was written: more than {ForkRecoveryCodec.MostAbandoned} branches would be abandoned",
    };

    private static Option<string> ConfigOption() => new("--config") { Description = "The node.toml", Required = true };

    private static Option<string> OutOption(string name) =>
        new("--out") { Description = "The file to write", DefaultValueFactory = _ => name };

    private static Option<int?> PassphraseOption() => SetupCommands.PassphraseOption("Open the keys with the passphrase");
}
