using System.CommandLine;
using Validator.Core.Primitives;
using Validator.Core.Trust;
using Validator.Core.Wire;
using Validator.Crypto.Simd;
using Validator.Host.Api;
using Validator.Host.Config;
using Validator.Host.Primitives;
using Validator.Host.Storage;

namespace Validator.Host.Cli;

/// <summary>trust, stake and evidence: what execution knows of members, and what accounts and operators do about it.</summary>
internal static class TrustCommands
{
    public static Command Trust()
    {
        Argument<string?> member = new("member")
        {
            Description = "One member, with its history; default: all",
            Arity = ArgumentArity.ZeroOrOne,
        };
        return new Command("trust", "Reputation, uptime, stake and weights of the members")
        {
            ClientCommands.Get(
                "show", "Print what members are trusted by, and what their weights mean", member,
                parsed => parsed.GetValue(member) is { } name ? $"/v1/trust/{Uri.EscapeDataString(name)}" : "/v1/trust"),
        };
    }

    public static Command Evidence()
    {
        return new Command("evidence", "Proven offences, and proof of them")
        {
            Paged("list", "Print what was proven, and who was banned and came back, the newest first, by pages", "/v1/evidence"),
            SubmitEvidence(),
        };
    }

    public static Command Stake()
    {
        Argument<string> account = new("account") { Description = "64 hexadecimal digits: validator account show" };
        return new Command("stake", "An account's stake: show, transfer, deposit, withdraw, claim")
        {
            ClientCommands.Get(
                "show", "Print an account's balance, deposits and withdrawals, with its newest history", account,
                parsed => $"/v1/stake/{AccountOf("account", parsed.GetValue(account)!)}"),
            History(account),
            Operation("transfer", "Give units to another account", StakeOperationKind.Transfer),
            Operation(
                "deposit", "Deposit units to a member: they count for it, and are slashed with it", StakeOperationKind.Deposit),
            Operation(
                "withdraw", "Take a deposit back; it stays bound for some epochs, then claim it", StakeOperationKind.Withdraw),
            Operation(
                "claim", "Take rewards, and withdrawals that are no longer bound, to the balance", StakeOperationKind.Claim),
            Rewards(),
        };
    }

    private static Command Rewards() =>
        Paged("rewards", "Print what was paid to members, and what could not be, the newest first, by pages", "/v1/rewards");

    private static Command History(Argument<string> account) => Paged(
        "history", "Print all that was done to an account's stake, the newest first, a page at a time", account,
        parsed => $"/v1/stake/{AccountOf("account", parsed.GetValue(account)!)}");

    private static Command Paged(string name, string description, string path) => Paged(name, description, null, _ => path);

    private static Command Paged(string name, string description, Argument? argument, Func<ParseResult, string> path)
    {
        Option<string?> before = new("--before")
        {
            Description = "Only what was before this block, or before next_before of the page before; default: the newest",
        };
        Option<int> limit = new("--limit") { Description = "Entries, at most 1000", DefaultValueFactory = _ => 1000 };
        return ClientCommands.Get(
            name, description, argument, parsed =>
            {
                string? from = parsed.GetValue(before);
                return from is null || EventPlace.TryParse(from, out _)
                    ? $"{path(parsed)}?limit={parsed.GetValue(limit)}{(from is null ? "" : $"&before={from}")}"
                    : throw new ConfigException($"--before: expected a block, or next_before of the page before, not '{from}'");
            },
            before, limit);
    }

    private static Command Operation(string name, string description, StakeOperationKind kind)
    {
        Option<string> key = new("--key") { Description = "The account's key file, from validator account new", Required = true };
        Option<ulong> amount = new("--amount") { Description = "Units", Required = true };
        Option<string> to = new("--to") { Description = "The account that gets them: 64 hexadecimal digits", Required = true };
        Option<string> member = new("--member") { Description = "The member's name", Required = true };
        Option<ulong?> nonce = new("--nonce") { Description = "Default: one above the highest accepted" };
        Option<int?> passphrase = SetupCommands.PassphraseOption("Open the key with the passphrase");
        ApiTarget api = new(ApiRoles.Submit | ApiRoles.Read);
        Command command = new(name, description) { key, nonce, passphrase };
        if (kind != StakeOperationKind.Claim)
        {
            command.Add(amount);
            command.Add(kind == StakeOperationKind.Transfer ? to : member);
        }

        api.AddTo(command);
        command.SetAction(parsed => ClientCommands.Call(() =>
        {
            StakeOperation operation = kind switch
            {
                StakeOperationKind.Claim => new StakeOperation(kind),
                StakeOperationKind.Transfer =>
                    new StakeOperation(kind, parsed.GetValue(amount), To: AccountOf("--to", parsed.GetValue(to)!)),
                _ => new StakeOperation(kind, parsed.GetValue(amount), Member: MemberOf(parsed.GetValue(member)!)),
            };
            using MlDsa87Signer signer = AccountCommands.Open(parsed.GetValue(key)!, parsed.GetValue(passphrase));
            using HttpClient client = api.Client(parsed, TimeSpan.FromSeconds(5), ApiRoles.Submit | ApiRoles.Read);
            (Hash256 chainId, ulong next) = AccountCommands.Introduce(
                client, api.Address(parsed), signer, parsed.GetValue(nonce));
            byte[] envelope = AccountCommands.Sign(signer, chainId, next, operation.Encode(), EnvelopePurpose.Stake);
            return ClientCommands.SubmitFinal(api, parsed, TransactionKind.Envelope, envelope);
        }));
        return command;
    }

    private static Command SubmitEvidence()
    {
        Argument<string> file = new("file") { Description = "A file of the evidence folder of a validator's data directory" };
        Option<string> member = new(
            "--member")
        { Description = "The offender's public member file, from keygen: the key that signed", Required = true };
        ApiTarget api = new(ApiRoles.Submit | ApiRoles.Read);
        Command command = new(
            "submit", "Submit proof of an offence that a validator kept; a running one does it by itself") { file, member };
        api.AddTo(command);
        command.SetAction(parsed => ClientCommands.Call(() =>
        {
            string path = parsed.GetValue(file)!;
            byte[] bytes = OperatorFile.Read(path, "file", EvidenceCodec.EncodedSize);
            if (!EvidenceCodec.TryRead(bytes, Limits.MaxCommittee, out Evidence? evidence, out DecodeError error))
            {
                throw new ConfigException($"{path}: is no evidence: {error}");
            }

            OffenceProof proof = new(evidence, GenesisFile.ReadMember(parsed.GetValue(member)!).ConsensusKey);
            return ClientCommands.SubmitFinal(api, parsed, TransactionKind.System, OffenceProofCodec.Encode(proof));
        }));
        return command;
    }

    private static Hash256 AccountOf(string what, string text) => Hash256.TryParse(text, out Hash256 account)
        ? account : throw new ConfigException($"{what}: expected an account, 64 hexadecimal digits");

    private static string MemberOf(string name) => GenesisCodec.IsName(name)
        ? name : throw new ConfigException($"--member: '{name}' is no member's name");
}
