using System.CommandLine;
using System.Text.Json;
using Validator.Core.Primitives;
using Validator.Core.Wire;
using Validator.Crypto.Simd;
using Validator.Host.Api;
using Validator.Host.Config;
using Validator.Host.Keys;
using Validator.Host.Pipeline;
using Validator.Host.Primitives;

namespace Validator.Host.Cli;

/// <summary>committee show, propose, sign and submit: how operators change who decides (PROTOCOL.md, rule E4).</summary>
internal static class CommitteeCommands
{
    public static Command Committee() => new("committee", "Show the committee, and change it with the signatures of a quorum")
    {
        ClientCommands.Get("show", "Print the committee, and the next one where a change is pending", "/v1/committee"),
        new Command("propose", "Write a change for the members to sign; it holds in the epoch that is now")
        {
            Propose("join", "Add a member", member: true, name: false, weight: false),
            Propose("leave", "Let a member go", member: false, name: true, weight: false),
            Propose("weight", "Change a member's voting weight", member: false, name: true, weight: true),
            Propose("keys", "Give a member other keys", member: true, name: false, weight: false),
        },
        Sign(),
        Submit(),
    };

    private static Command Propose(string kind, string description, bool member, bool name, bool weight)
    {
        Option<string> file = new("--member") { Description = "The member file that keygen wrote: name, weight and public keys", Required = true };
        Option<string> named = new("--name") { Description = "The member's name", Required = true };
        Option<uint> weighs = new("--weight") { Description = "From the next epoch on", Required = true };
        Option<string> output = new("--out") { Description = "The change file to write", DefaultValueFactory = _ => "change.json" };
        ApiTarget api = new();
        Command command = new(kind, description) { output };
        foreach (Option option in new (Option Option, bool Takes)[] { (file, member), (named, name), (weighs, weight) }.Where(o => o.Takes).Select(o => o.Option))
        {
            command.Add(option);
        }

        api.AddTo(command);
        command.SetAction(parsed => ClientCommands.Call(() =>
        {
            (Hash256 chainId, JsonElement committee) = Ask(api, parsed);
            ulong epoch = committee.GetProperty("epoch").GetUInt64();
            Member? given = member ? GenesisFile.ReadMember(parsed.GetValue(file)!) : null;
            CommitteeChange change = kind switch
            {
                "join" => CommitteeChange.Join(epoch, given!),
                "leave" => CommitteeChange.Leave(epoch, parsed.GetValue(named)!),
                "weight" => CommitteeChange.SetWeight(epoch, parsed.GetValue(named)!, parsed.GetValue(weighs)),
                _ => CommitteeChange.SetKeys(epoch, given!.Name, given.ConsensusKey, given.TransportKey),
            };
            if ((IndexOf(committee, m => m.GetProperty("name").GetString() == change.Name) < 0) != (change.Kind == CommitteeChangeKind.Join)
                || (change.HasWeight && change.Weight == 0))
            {
                throw new ConfigException(
                    change.HasWeight && change.Weight == 0 ? "--weight: at least 1" : $"the committee of epoch {epoch} has {(change.Kind == CommitteeChangeKind.Join ? "a" : "no")} member '{change.Name}'");
            }

            new ChangeFile(chainId, change, []).Write(parsed.GetValue(output)!);
            Console.WriteLine($"{parsed.GetValue(output)}: {kind} {change.Name}, valid in epoch {epoch} alone. Members sign with: validator committee sign");
            return ExitCodes.Success;
        }));
        return command;
    }

    private static Command Sign()
    {
        Argument<string> file = new("file") { Description = "The change file; the signature is added to it" };
        Option<int?> passphrase = SetupCommands.PassphraseOption("Open the keys with the passphrase");
        ApiTarget api = new(config: "The node.toml of the member that signs; its API is asked, unless --api says another");
        Command command = new("sign", "Add a member's signature to a change, after reading what it says") { file, passphrase };
        api.AddTo(command);
        command.SetAction(parsed => ClientCommands.Call(() =>
        {
            string path = parsed.GetValue(file)!;
            ChangeFile change = ChangeFile.Read(path);
            (Hash256 chainId, JsonElement committee) = Ask(api, parsed);
            RequireCurrent(change, chainId, committee);
            NodeConfig loaded = api.ConfigOf(parsed)!;
            using SecretBuffer? secret = SetupCommands.ReadPassphrase(parsed.GetValue(passphrase));
            using ValidatorKeys keys = ValidatorKeys.Read(loaded.Crypto, secret);
            string own = Hash256.Of(keys.ConsensusPublicKey).ToString();
            int sender = IndexOf(committee, m => m.GetProperty("consensus_key_hash").GetString() == own);
            if (sender < 0)
            {
                throw new ConfigException($"{loaded.Crypto.ConsensusKeyFile}: is no member's key in epoch {change.Change.Epoch}");
            }

            byte[] signature = StoppedNode.Sign(keys, chainId, CommitteeChangeCodec.HeaderToSign(change.Change, sender));
            IEnumerable<CertificateVote> others = change.Signatures.Where(s => s.Sender != sender);
            change = change with { Signatures = [.. others, new CertificateVote(sender, signature)] };
            change.Write(path);
            Console.WriteLine($"{path}: {change.Change.Kind} {change.Change.Name}, signed by {change.Signatures.Count}");
            return ExitCodes.Success;
        }));
        return command;
    }

    private static Command Submit()
    {
        Argument<string[]> files = new("files") { Description = "The change file, or copies of it that different members have signed", Arity = ArgumentArity.OneOrMore };
        ApiTarget api = new(ApiRoles.Submit | ApiRoles.Read);
        Command command = new("submit", "Merge the signatures, say which count, submit the change and wait for it") { files };
        api.AddTo(command);
        command.SetAction(parsed => ClientCommands.Call(() =>
        {
            string[] names = parsed.GetValue(files)!;
            ChangeFile[] parts = Array.ConvertAll(names, ChangeFile.Read);
            CommitteeChange change = parts[0].Change;
            if (Array.Exists(parts, part => CommitteeChangeCodec.Digest(part.Change) != CommitteeChangeCodec.Digest(change)))
            {
                throw new ConfigException("the files hold different changes");
            }

            (Hash256 chainId, JsonElement committee) = Ask(api, parsed);
            RequireCurrent(parts[0], chainId, committee);
            SignatureCollector approvals = ApprovalMerge.Merge(
                JointStatement.Of(change), chainId, ApprovalMerge.MembersOf(committee),
                [.. names.Zip(parts, (name, part) => (name, part.Signatures))]);
            if (!approvals.IsComplete)
            {
                Console.Error.WriteLine("nothing was submitted: more members have to sign");
                return ExitCodes.Failed;
            }

            byte[] bytes = CommitteeChangeCodec.Encode(new SignedCommitteeChange(change, approvals.Result().Signatures));
            return ClientCommands.SubmitFinal(api, parsed, TransactionKind.System, bytes);
        }));
        return command;
    }

    private static void RequireCurrent(ChangeFile change, Hash256 chainId, JsonElement committee)
    {
        ulong epoch = committee.GetProperty("epoch").GetUInt64();
        if (change.ChainId != chainId || change.Change.Epoch != epoch)
        {
            throw new ConfigException(change.ChainId != chainId
                ? $"the change is for chain {change.ChainId}, and this is {chainId}"
                : $"the change is for epoch {change.Change.Epoch}, and this is {epoch}: propose and sign it again");
        }
    }

    private static int IndexOf(JsonElement committee, Func<JsonElement, bool> wanted)
    {
        int at = 0;
        foreach (JsonElement member in committee.GetProperty("members").EnumerateArray())
        {
            if (wanted(member))
            {
                return at;
            }

            at++;
        }

        return -1;
    }

    private static (Hash256 ChainId, JsonElement Committee) Ask(ApiTarget api, ParseResult parsed)
    {
        using HttpClient client = api.Client(parsed, TimeSpan.FromSeconds(5));
        using JsonDocument status = AccountCommands.Read(client, new HttpRequestMessage(HttpMethod.Get, $"{api.Address(parsed)}/v1/status"))
            ?? throw new HttpRequestException("the validator has no status");
        HttpRequestMessage question = new(HttpMethod.Get, $"{api.Address(parsed)}/v1/committee?keys=true");
        using JsonDocument committee = AccountCommands.Read(client, question)
            ?? throw new HttpRequestException("the validator shows no committee");
        return Hash256.TryParse(status.RootElement.GetProperty("chain_id").GetString(), out Hash256 chainId)
            ? (chainId, committee.RootElement.Clone())
            : throw new HttpRequestException("the validator names no chain");
    }
}
