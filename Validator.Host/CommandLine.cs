using System.CommandLine;
using System.CommandLine.Help;
using System.CommandLine.Invocation;
using System.CommandLine.Parsing;
using System.Globalization;
using Validator.Core.Primitives;
using Validator.Host.Cli;
using Validator.Host.Config;
using Validator.Host.Primitives;
using Validator.Host.Tools;

namespace Validator.Host;

/// <summary>All commands, their help with examples, and their exit codes.</summary>
public static class CommandLine
{
    private const string ExitCodeHelp = """
        Exit codes:
          0  done
          1  what was asked about is not so: no answer, not ready, refused, rejected, lost
          2  command line, configuration, genesis, or a file given on the command line
          3  database: foreign, locked, corrupt, full disk
          4  keys: missing, readable by others, not the ones genesis names
          5  stopped by safety, or not started after that
          70 broken invariant of our own (please report)
          74 standard output cannot be written
          75 not now, and trying again may do: port in use, too few descriptors, not final in time
          130 ended by a signal while starting, or by a second one

        Arguments are literal; after -- nothing is an option: validator submit -- -5

        Every key of node.toml: validator config
        """;

    public static int Run(string[] args)
    {
        // Arguments are literal: @FILE is not replaced by the file's content, and the letters of one word are not several
        // options.
        ParseResult parsed = Root().Parse(args, new ParserConfiguration { ResponseFileTokenReplacer = null, EnablePosixBundling = false });
        if (parsed.Action is ParseErrorAction errors)
        {
            errors.ShowHelp = false;
        }

        int code = CommandAction.Guard(() => Fault(parsed) is { } fault
            ? throw new ConfigException(fault)
            : parsed.Invoke(new InvocationConfiguration { EnableDefaultExceptionHandler = false, ProcessTerminationTimeout = null }));
        return parsed.Errors.Count > 0 ? ExitCodes.Usage : code;
    }

    /// <summary>What is wrong with an argument, whatever the command: it is empty, or no text.</summary>
    private static string? Fault(ParseResult parsed)
    {
        foreach (SymbolResult result in parsed.CommandResult.Children)
        {
            foreach (Token token in result is OptionResult option ? option.Tokens : result is ArgumentResult argument ? argument.Tokens : [])
            {
                string name = result is OptionResult given ? given.Option.Name : ((ArgumentResult)result).Argument.Name;
                if (token.Value.Length == 0 && result is OptionResult)
                {
                    return $"{name}: is empty";
                }

                // The library itself accepts signs, blanks and NULs around them.
                if (result is OptionResult { Option: { } number } && IsNumber(number.ValueType) && token.Value.AsSpan().ContainsAnyExceptInRange('0', '9'))
                {
                    return $"{name}: '{token.Value}' is not a number of digits alone";
                }

                // Bytes on the command line that are no UTF-8 arrive as this character.
                if (token.Value.Contains('\uFFFD', StringComparison.Ordinal))
                {
                    return $"{name}: is not UTF-8 text (or has U+FFFD, which stands for what is not); give the bytes with --file";
                }
            }
        }

        return null;
    }

    private static bool IsNumber(Type type) => Type.GetTypeCode(Nullable.GetUnderlyingType(type) ?? type) is >= TypeCode.SByte and <= TypeCode.UInt64;

    internal static RootCommand Root()
    {
        RootCommand root = new("A Byzantine-fault-tolerant validator: clients submit transactions, the cluster agrees on one order.")
        {
            SetupCommands.Init(),
            SetupCommands.Keygen(),
            SetupCommands.Genesis(),
            VoteCommands.Votes(),
            CommitteeCommands.Committee(),
            ForkCommands.Fork(),
            DbCommands.Db(),
            BackupCommands.Backup(),
            RunCommand.Create(),
            LoadCommands.Localnet(),
            LoadCommands.Load(),
            TokenCommand.Create(),
            AccountCommands.Account(),
            TrustCommands.Trust(),
            TrustCommands.Stake(),
            TrustCommands.Evidence(),
            ClientCommands.Submit(),
            TailCommand.Create(),
            ProofCommands.Proof(),
            DagCommands.Dag(),
            ClientCommands.Status(),
            ClientCommands.Health(),
            ClientCommands.Ready(),
            SupportBundle.Create(),
            InfoCommands.Config(),
            InfoCommands.SelfTest(),
            InfoCommands.Version(),
        };
        foreach (Option option in root.Options)
        {
            if (option is HelpOption help)
            {
                help.Action = new HelpWithExamples((HelpAction)help.Action!);
            }
            else if (option is VersionOption version)
            {
                version.Action = new PrintVersion();
            }
        }

        return root;
    }

    /// <summary>By the command's words.</summary>
    private static readonly Dictionary<string, string> Examples = new(StringComparer.Ordinal)
    {
        ["validator"] = """
              validator init --validators 4 --out cluster
              validator run --config cluster/node-1/node.toml
              validator localnet --rate 5000 --duration 1m
            """,
        ["init"] = """
              validator init --validators 4 --out cluster
              validator init --validators 4 --out cluster --base-port 20000
            """,
        ["keygen"] = """
              validator keygen --name alice --out alice/keys
              validator keygen --name alice --out alice/keys --passphrase-fd 3 3<passphrase
            """,
        ["genesis build"] = """
              validator genesis build --network test --member alice.json --member bob.json --member carol.json --member dave.json --out genesis.json
            """,
        ["genesis verify"] = """
              validator genesis verify genesis.json
            """,
        ["votes create"] = """
              validator votes create --config /etc/validator/node.toml --never-signed
            """,
        ["votes mark-restored"] = """
              validator votes mark-restored --config /etc/validator/node.toml
            """,
        ["run"] = """
              validator run --config /etc/validator/node.toml
              VALIDATOR_NETWORK__QUIC_PORT=9101 validator run --config node.toml
              validator run --config node.toml --check
              validator run --config node.toml --passphrase-fd 3 3<passphrase
            """,
        ["token"] = """
              validator token --role submit,read --name shop --out /etc/validator/tokens
            """,
        ["localnet"] = """
              validator localnet
              validator localnet --validators 7 --rate 5000 --duration 1m --report report.json
              validator localnet --signed --accounts 64 --rate 2000 --size 64
            """,
        ["load"] = """
              validator load --api http://127.0.0.1:8080 --api http://127.0.0.1:8081 --rate 1000
            """,
        ["submit"] = """
              validator submit "hello" --wait
              validator submit --file payment.bin --api http://127.0.0.1:8080
              validator submit "pay bob" --key alice.key --wait
              validator submit --kind 1 --file signed.bin
              validator submit "hello" --config /etc/validator/node.toml
            """,
        ["account new"] = """
              validator account new --out alice.key
              validator account new --out alice.key --passphrase-fd 3 3<passphrase
            """,
        ["account sign"] = """
              validator account sign "pay bob" --key alice.key --chain-id $(validator status | jq -r .chain_id) --nonce 7 --out signed.bin
            """,
        ["tail"] = """
              validator tail --from 0
              validator tail --text --reconnect 1h
            """,
        ["proof get"] = """
              validator proof get 3f1c...e9 --out payment.proof
            """,
        ["proof verify"] = """
              validator proof verify payment.proof --genesis genesis.json --transaction payment.bin
              validator proof verify payment.proof --genesis genesis.json --epoch-end-out epoch.end
              validator proof get 3f1c...e9 --from-epoch 8 --out later.proof
              validator proof verify later.proof --genesis genesis.json --from-epoch-end epoch.end
            """,
        ["dag vertices"] = """
              validator dag vertices --from-time 2026-03-01T00:00:00Z --to-time 2026-03-01T00:01:00Z
              validator dag vertices --author node-2 --from-height 100 --to-height 120
            """,
        ["backup keygen"] = """
              validator backup keygen --out offline/backup.key
            """,
        ["backup create"] = """
              validator backup create --config /etc/validator/node.toml
            """,
        ["backup verify"] = """
              validator backup verify --config /etc/validator/node.toml
              validator backup verify --config /etc/validator/node.toml --key offline/backup.key --chain /var/tmp/check
            """,
        ["backup restore"] = """
              validator backup restore --config /etc/validator/node.toml --key offline/backup.key
              validator backup restore --config /etc/validator/node.toml --key offline/backup.key --to-time 2026-03-10T12:00:00Z
            """,
        ["status"] = """
              validator status --api http://127.0.0.1:8080
              validator status --config /etc/validator/node.toml
            """,
        ["ready"] = """
              validator ready --wait 1m
              validator ready --config /etc/validator/node.toml
            """,
    };

    private sealed class HelpWithExamples(HelpAction inner) : SynchronousCommandLineAction
    {
        public override bool ClearsParseErrors => true;

        public override int Invoke(ParseResult parseResult)
        {
            int code = inner.Invoke(parseResult);
            TextWriter output = parseResult.InvocationConfiguration.Output;
            Command command = parseResult.CommandResult.Command;
            string words = command.Parents.OfType<Command>().SingleOrDefault() is { } above and not RootCommand
                ? $"{above.Name} {command.Name}" : command.Name;
            if (Examples.TryGetValue(command is RootCommand ? "validator" : words, out string? examples))
            {
                output.WriteLine("Examples:");
                output.WriteLine(examples);
                output.WriteLine();
            }

            if (command is RootCommand)
            {
                output.WriteLine(ExitCodeHelp);
            }

            return code;
        }
    }

    private sealed class PrintVersion : SynchronousCommandLineAction
    {
        public override bool ClearsParseErrors => true;

        public override int Invoke(ParseResult parseResult)
        {
            parseResult.InvocationConfiguration.Output.WriteLine(BuildInfo.Version);
            return ExitCodes.Success;
        }
    }
}
