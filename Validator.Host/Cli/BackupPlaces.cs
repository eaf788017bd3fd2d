using System.CommandLine;
using Validator.Core.Primitives;
using Validator.Host.Backup;
using Validator.Host.Config;

namespace Validator.Host.Cli;

/// <summary>
/// Whose backups a command is about, and where they are: as a node.toml says; or, where it is lost too, as a target, genesis and
/// a name do, and environment variables for the rest of [backup].
/// </summary>
internal sealed class BackupPlaces
{
    private readonly Option<string?> _target =
        new("--target") { Description = "Instead of --config: where the backups are, as backup.target" };
    private readonly Option<string?> _genesis = new("--genesis") { Description = "With --target: the chain's genesis file" };
    private readonly Option<string?> _name = new("--name") { Description = "With --target: the validator's name" };
    private readonly Option<string?> _member = new("--member")
    {
        Description = "The validator's public member file, where its transport key is not the one that genesis names",
    };

    public Option<string?> Config { get; } = new("--config") { Description = "The node.toml of the validator" };

    /// <summary>Somebody else's backups of the same chain.</summary>
    public Option<string?> From { get; } = new("--from") { Description = "Another validator, by name, whose backups are used" };

    public void AddTo(Command command)
    {
        command.Add(Config);
        command.Add(_target);
        command.Add(_genesis);
        command.Add(_name);
        command.Add(From);
        command.Add(_member);
        command.Validators.Add(result =>
        {
            bool[] given = [result.GetResult(_target) is not null, result.GetResult(_genesis) is not null,
                result.GetResult(_name) is not null];
            if (result.GetResult(Config) is not null == given[0] || (given[0] && given.Contains(false)))
            {
                result.AddError($"backup {command.Name}: give --config, or else --target, --genesis and --name");
            }
        });
    }

    /// <exception cref="ConfigException">A file or an option is at fault.</exception>
    public Opened Open(ParseResult parsed)
    {
        NodeConfig config = parsed.GetValue(Config) is { } file
            ? ConfigLoader.Load(file, Environment.GetEnvironmentVariables())
            : ConfigLoader.Parse("--target", WithoutFile(parsed), Environment.GetEnvironmentVariables());
        Genesis genesis = GenesisFile.Read(config.Node.GenesisPath, out Hash256 chainId);
        BackupTargetUrl url = config.Backup.Target
            ?? throw new ConfigException("backup.target: node.toml says nowhere to look for backups");
        string name = parsed.GetValue(From) ?? config.Node.Id;
        byte[]? own = parsed.GetValue(_member) is { } member ? GenesisFile.ReadMember(member).TransportKey : null;
        IReadOnlyList<byte[]> keys = BackupSource.KeysOf(genesis, name, own);
        return keys.Count > 0
            ? new Opened(config, genesis, chainId, Targets.Open(config.Backup), new BackupPlace(chainId, name), keys)
            : throw new ConfigException(
                $"genesis ({config.Node.GenesisPath}) has no member '{name}', so nobody knows its transport key: give its"
                    + $" public file with --member");
    }

    private string WithoutFile(ParseResult parsed)
    {
        string Text(string? value) => "\"" + value!.Replace("\\", "\\\\", StringComparison.Ordinal)
            .Replace("\"", "\\\"", StringComparison.Ordinal) + "\"";
        return $"""
            [node]
            id = {Text(parsed.GetValue(_name))}
            data_dir = "."
            genesis = {Text(parsed.GetValue(_genesis))}
            [backup]
            target = {Text(parsed.GetValue(_target))}
            unencrypted = true
            """;
    }

    /// <param name="Keys">By which manifests may be signed.</param>
    internal sealed record Opened(
        NodeConfig Config, Genesis Genesis, Hash256 ChainId, IBackupTarget Target, BackupPlace Place, IReadOnlyList<byte[]> Keys)
            : IDisposable
    {
        public BackupCatalog Catalog => new(Target, Place, Keys);

        public void Dispose() => Target.Dispose();
    }
}
