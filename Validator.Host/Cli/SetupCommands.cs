using System.CommandLine;
using System.Globalization;
using Validator.Core.Primitives;
using Validator.Core.Wire;
using Validator.Crypto.Simd;
using Validator.Host.Config;
using Validator.Host.Keys;
using Validator.Host.Primitives;
using Validator.Host.Storage;

namespace Validator.Host.Cli;

/// <summary>init, keygen, genesis build and genesis verify.</summary>
internal static class SetupCommands
{
    public static Command Init()
    {
        Option<int> validators = new("--validators") { Description = "How many", DefaultValueFactory = _ => 4 };
        Option<string> output = new("--out") { Description = "A new folder", Required = true };
        Option<string> network = new("--network") { Description = "The chain's name", DefaultValueFactory = _ => "local" };
        Option<int> basePort = new("--base-port")
        {
            Description = "First of three loopback ports in a row for each validator: QUIC, API, metrics; 0 finds free ones",
            DefaultValueFactory = _ => 0,
        };
        validators.Validators.Add(result =>
        {
            if (CommandAction.Integer(result, 4) is null or < 1 or > Limits.MaxCommittee)
            {
                result.AddError($"--validators: expected 1 to {Limits.MaxCommittee}");
            }
        });
        basePort.Validators.Add(result =>
        {
            if (CommandAction.Integer(result, 0) is null or (not 0 and (< 1024 or > 65000)))
            {
                result.AddError("--base-port: expected 1024 to 65000, or 0 for free ports");
            }
        });
        Option<ulong> epoch = EpochLength();
        Option<int?> passphrase = PassphraseOption("Encrypt every key with the passphrase");
        Command command = new("init", "Write everything for a trial on this machine: genesis, keys, vote stores, a node.toml each")
        {
            validators, output, network, basePort, epoch, passphrase,
        };
        command.SetAction(parsed => CommandAction.Guard(() =>
        {
            using SecretBuffer? secret = ReadPassphrase(parsed.GetValue(passphrase));
            return Init(
                parsed.GetValue(validators), parsed.GetValue(output)!, parsed.GetValue(network)!, parsed.GetValue(basePort), parsed.GetValue(epoch), secret);
        }));
        return command;
    }

    private static Option<ulong> EpochLength() => new("--epoch-length")
    {
        Description = "Blocks in an epoch, after which lost votes heal; 0: epochs end with a committee change alone",
        DefaultValueFactory = _ => InitOptions.DefaultEpochLength,
    };

    public static Command Keygen()
    {
        Option<string> name = new("--name") { Description = "The validator's name in genesis", Required = true };
        Option<string> output = new("--out") { Description = "Folder for consensus.key and transport.key", Required = true };
        Option<uint> weight = new("--weight") { Description = "Voting weight to ask for", DefaultValueFactory = _ => 1 };
        name.Validators.Add(result =>
        {
            if (result.Tokens.Count > 0 && !GenesisCodec.IsName(result.Tokens[0].Value))
            {
                result.AddError($"--name: expected 1 to {Limits.MaxNameBytes} characters of a-z 0-9 . - _");
            }
        });
        Option<int?> passphrase = PassphraseOption("Encrypt both keys with the passphrase");
        Command command = new("keygen", "Make a validator's two keys, and a public member file for genesis build")
        {
            name, output, weight, passphrase,
        };
        command.SetAction(parsed => CommandAction.Guard(() =>
        {
            string folder = parsed.GetValue(output)!;
            string member = Path.Combine(folder, parsed.GetValue(name)! + ".json");
            using SecretBuffer? secret = ReadPassphrase(parsed.GetValue(passphrase));
            CryptoSection files = new(folder);
            using FilesInTheMaking making = BeginKeys(files, member);
            using ValidatorKeys keys = ValidatorKeys.Create(files, secret);
            GenesisFile.WriteMember(
                member, new Member(parsed.GetValue(name)!, keys.ConsensusPublicKey, keys.TransportPublicKey, parsed.GetValue(weight)));
            making.Done();
            Console.WriteLine($"private: {Path.Combine(folder, "consensus.key")}, {Path.Combine(folder, "transport.key")} (never send these)");
            Console.WriteLine($"public:  {member} (give this to whoever builds genesis)");
            return ExitCodes.Success;
        }));
        return command;
    }

    /// <summary>Two keys and their public file, all or none.</summary>
    private static FilesInTheMaking BeginKeys(CryptoSection files, string member)
    {
        try
        {
            FilesInTheMaking.Clear(files.KeyPath);
            string[] paths = [files.ConsensusKeyFile, files.TransportKeyFile, member];
            if (Array.Find(paths, File.Exists) is { } taken)
            {
                throw new KeyException($"{taken}: exists already; a key is never overwritten. Choose another folder, or move it away");
            }

            ValidatorKeys.MakeFolder(files);
            return FilesInTheMaking.Begin(files.KeyPath, Array.ConvertAll(paths, p => Path.GetFileName(p)));
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new KeyException($"{files.KeyPath}: cannot be written: {e.Message}");
        }
    }

    public static Command Genesis()
    {
        return new Command("genesis", "Build or check a chain's genesis, from public files only") { Build(), Verify() };
    }

    private static Command Build()
    {
        Option<string[]> members = new("--member") { Description = "A public member file from keygen; once for each validator", Required = true };
        Option<string> output = new("--out") { Description = "The genesis file to write", Required = true };
        Option<string> network = new("--network") { Description = "The chain's name", Required = true };
        Option<ulong> epoch = EpochLength();
        Option<string?> trust = new(
            "--trust")
        { Description = "A file with the trust part, JSON as docs/TRUST.md shows it: then trust is reckoned" };
        Command command = new("build", "Build genesis.json from member files; their order is the committee's")
        {
            members, output, network, epoch, trust,
        };
        command.SetAction(parsed => CommandAction.Guard(() =>
        {
            Member[] committee = Array.ConvertAll(parsed.GetValue(members)!, GenesisFile.ReadMember);
            Genesis genesis = new(
                parsed.GetValue(network)!,
                (ulong)(DateTime.UtcNow - DateTime.UnixEpoch).Ticks / 10,
                new GenesisParameters
                {
                    EpochLengthBlocks = parsed.GetValue(epoch),
                    Trust = parsed.GetValue(trust) is { } path ? GenesisFile.ReadTrust(path) : null,
                },
                committee);
            GenesisFile.Write(parsed.GetValue(output)!, genesis);
            return Describe(parsed.GetValue(output)!);
        }));
        return command;
    }

    private static Command Verify()
    {
        Argument<string> file = new("file") { Description = "A genesis.json" };
        Command command = new("verify", "Check a genesis file and print its chain id, to be compared by all operators") { file };
        command.SetAction(parsed => CommandAction.Guard(() => Describe(parsed.GetValue(file)!)));
        return command;
    }

    private static int Describe(string path)
    {
        Genesis genesis = GenesisFile.Read(path, out Hash256 chainId);
        Committee committee = genesis.ToCommittee();
        Console.WriteLine($"chain id  {chainId}");
        Console.WriteLine($"network   {genesis.Network}");
        Console.WriteLine($"start     {DateTime.UnixEpoch.AddTicks((long)genesis.TimestampMicros * 10).ToString("u", CultureInfo.InvariantCulture)}");
        Console.WriteLine($"weight    {committee.Total}, quorum {committee.Quorum}, faulty at most {committee.Faulty}");
        foreach (Member member in genesis.Members)
        {
            Console.WriteLine($"member    {member.Name} weight {member.Weight} consensus {Fingerprint(member.ConsensusKey)} transport {Fingerprint(member.TransportKey)}");
        }

        if (Initializer.Warning(genesis.Members.Length) is { } warning)
        {
            Console.Error.WriteLine($"warning: {warning}");
        }

        return ExitCodes.Success;
    }

    private static string Fingerprint(byte[] key) => Hash256.Of(key).ToString()[..16];

    /// <summary>A passphrase's descriptor, for the commands that make or open keys.</summary>
    internal static Option<int?> PassphraseOption(string purpose)
    {
        Option<int?> option = new("--passphrase-fd")
        {
            Description = $"{purpose} read to its end from this open file descriptor",
            HelpName = "N",
        };
        option.Validators.Add(result =>
        {
            if (result.GetValueOrDefault<int?>() < 0)
            {
                result.AddError("--passphrase-fd: expected the number of an open file descriptor");
            }
        });
        return option;
    }

    /// <exception cref="KeyException">The descriptor gives none.</exception>
    internal static SecretBuffer? ReadPassphrase(int? descriptor) => descriptor is { } fd ? Passphrase.Read(fd) : null;

    private static int Init(int validators, string output, string network, int basePort, ulong epochLength, SecretBuffer? passphrase)
    {
        if (basePort > 0 && basePort + (3 * validators) > 65536)
        {
            throw new ConfigException($"--base-port: {validators} validators need {3 * validators} ports; begin at {65536 - (3 * validators)} or below");
        }

        NodePorts[] ports = basePort > 0 ? Initializer.PortsFrom(basePort, validators) : NodePorts.Find(validators);
        string[] configs = Initializer.Run(new InitOptions
        {
            Validators = validators,
            Out = output,
            Network = network,
            Ports = ports,
            Passphrase = passphrase,
            Parameters = new GenesisParameters { EpochLengthBlocks = epochLength },
        });
        if (Initializer.Warning(validators) is { } warning)
        {
            Console.Error.WriteLine($"warning: {warning}");
        }

        Console.WriteLine("Start each of:");
        for (int i = 0; i < configs.Length; i++)
        {
            string unlock = passphrase is null ? string.Empty : " --passphrase-fd N";
            Console.WriteLine($"  validator run --config {configs[i]}{unlock}   # API http://127.0.0.1:{ports[i].Api}, metrics http://127.0.0.1:{ports[i].Metrics}/metrics");
        }

        return ExitCodes.Success;
    }
}
