using Microsoft.Extensions.Logging.Abstractions;
using Validator.Core.Primitives;
using Validator.Core.Wire;
using Validator.Host;
using Validator.Host.Cli;
using Validator.Host.Config;
using Validator.Host.Contracts;
using Validator.Host.Primitives;
using Validator.Host.Storage;
using Validator.Tests.Host.Api;

namespace Validator.Tests.Host.Cli;

public class CommandLineTests
{
    // Protects scripts: each kind of fault has its own exit code.
    [Fact]
    public void Exit_codes_tell_what_was_wrong()
    {
        using TemporaryFolder folder = new();
        string cluster = folder.File("cluster");
        string config = Path.Combine(cluster, "node-1", "node.toml");
        Assert.Equal(2, CommandLine.Run(["frobnicate"]));
        Assert.Equal(2, CommandLine.Run(["init", "--validators", "0", "--out", cluster]));
        Assert.Equal(2, CommandLine.Run(["localnet", "--duration", "5x"]));
        Assert.Equal(2, CommandLine.Run(["ready", "--wait", "999999999h"]));
        Assert.Equal(2, CommandLine.Run(["tail", "--reconnect", "577h"]));
        Assert.Equal(2, CommandLine.Run(["localnet", "--rate", "x"]));
        foreach (string number in new[] { "7\0", " 7", "+7", "7 " })
        {
            Assert.Equal(2, CommandLine.Run(["localnet", "--rate", number, "--duration", "0s"]));
            Assert.Equal(2, CommandLine.Run(["tail", "--api", "http://127.0.0.1:1", "--from", number]));
            Assert.Equal(2, CommandLine.Run(["ready", "--api", "http://127.0.0.1:1", "--wait", number + "s"]));
        }

        Assert.Equal(2, CommandLine.Run(["init", "--base-port", "x", "--out", cluster]));
        Assert.Equal(2, CommandLine.Run(["keygen", "--name", "a b", "--out", cluster]));
        Assert.Equal(2, CommandLine.Run(["submit"]));
        Assert.Equal(2, CommandLine.Run(["run", "--config", config, "--check"]));
        Assert.Equal(0, CommandLine.Run(["init", "--validators", "4", "--out", cluster]));
        Assert.Equal(2, CommandLine.Run(["init", "--validators", "4", "--out", cluster]));
        Assert.Equal(0, CommandLine.Run(["run", "--config", config, "--check"]));
        Assert.Equal(0, CommandLine.Run(["genesis", "verify", Path.Combine(cluster, "genesis.json")]));
        Assert.Equal(1, CommandLine.Run(["health", "--api", "http://127.0.0.1:1"]));
        File.SetUnixFileMode(Path.Combine(cluster, "node-1", "keys", "consensus.key"), (UnixFileMode)0x1b4);
        Assert.Equal(4, CommandLine.Run(["run", "--config", config, "--check"]));
        Assert.Equal(0, CommandLine.Run(["--help"]));
        Assert.Equal(0, CommandLine.Run(["version"]));
    }

    // Protects separate operators: keygen on each side, genesis from the public files alone, the same chain for all.
    [Fact]
    public void Genesis_is_built_from_public_files()
    {
        using TemporaryFolder folder = new();
        List<string> build = ["genesis", "build", "--network", "test", "--out", folder.File("genesis.json")];
        foreach (string name in new[] { "a", "b", "c", "d" })
        {
            Assert.Equal(0, CommandLine.Run(["keygen", "--name", name, "--out", folder.File(name)]));
            File.Move(folder.File(name, name + ".json"), folder.File(name + ".json"));
            Directory.Delete(folder.File(name), recursive: true);
            build.AddRange(["--member", folder.File(name + ".json")]);
        }

        Assert.Equal(0, CommandLine.Run([.. build]));
        Genesis genesis = GenesisFile.Read(folder.File("genesis.json"), out _);
        Assert.Equal(["a", "b", "c", "d"], genesis.Members.Select(m => m.Name));
        Assert.Equal(2, CommandLine.Run([.. build]));
    }

    // Protects clients that sign offline: what account sign writes is an envelope that holds for its chain, under the key beside
    // it.
    [Fact]
    public void An_account_signs()
    {
        using TemporaryFolder folder = new();
        string key = folder.File("alice.key");
        Hash256 chain = Hash256.Of("chain"u8);
        Assert.Equal(0, CommandLine.Run(["account", "new", "--out", key]));
        Assert.Equal(4, CommandLine.Run(["account", "new", "--out", key]));
        Assert.Equal(0, CommandLine.Run(["account", "show", "--key", key]));
        string[] sign = ["account", "sign", "pay bob", "--key", key, "--nonce", "7", "--out", folder.File("signed")];
        Assert.Equal(2, CommandLine.Run([.. sign, "--chain-id", "x"]));
        Assert.Equal(0, CommandLine.Run([.. sign, "--chain-id", chain.ToString()]));
        byte[] signed = File.ReadAllBytes(folder.File("signed"));
        byte[] publicKey = File.ReadAllBytes(key + ".pub");
        Assert.True(EnvelopeCodec.TryRead(signed, out Envelope envelope));
        Assert.Equal(EnvelopeCodec.AccountOf(publicKey).ToArray(), envelope.Account.ToArray());
        Assert.Equal((7UL, "pay bob"), (envelope.Nonce, System.Text.Encoding.UTF8.GetString(envelope.Data)));
        byte[] preimage = new byte[EnvelopeCodec.PreimageBytes];
        EnvelopeCodec.WritePreimage(chain, envelope, preimage);
        Assert.True(Validator.Crypto.Simd.MlDsa87.Verify(publicKey, preimage, EnvelopeCodec.Context, envelope.Signature));
    }

    // Protects keys: one is never written over, also where memory is the disk, and its folder is made as deep as it has to be.
    [Fact]
    public void A_key_is_never_written_over()
    {
        string folder = Path.Combine("/dev/shm", $"validator-test-{Guid.NewGuid():N}"), key = Path.Combine(folder, "a", "b", "alice.key");
        try
        {
            Assert.Equal(0, CommandLine.Run(["account", "new", "--out", key]));
            byte[] made = File.ReadAllBytes(key);
            Assert.Equal(4, CommandLine.Run(["account", "new", "--out", key]));
            Assert.Equal(made, File.ReadAllBytes(key));
            Assert.Equal(0, CommandLine.Run(["token", "--role", "read", "--out", Path.Combine(folder, "c", "tokens")]));
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    // Protects small trials from false confidence: fewer than four validators are told that no fault is tolerated.
    [Fact]
    public void Warns_below_four()
    {
        Assert.Contains("Use 4", Initializer.Warning(3), StringComparison.Ordinal);
        Assert.Null(Initializer.Warning(4));
    }

    // Protects the way from a node's own end to the process's exit code, with its listeners open in between.
    [Fact]
    public async Task Run_ends_with_the_nodes_exit_code()
    {
        using TemporaryFolder folder = new();
        string[] configs = Initializer.Run(new InitOptions
        {
            Validators = 1,
            Out = folder.File("c"),
            Ports = [new NodePorts(1, 0, 0)],
        });
        NodeConfig config = ConfigLoader.Load(configs[0], new System.Collections.Hashtable());
        StoppingNode node = new();
        using RunSignals signals = new(tied: false);
        int code = await RunCommand.RunAsync(RunCommand.Prepare(config, NullLoggerFactory.Instance), _ => node, signals);
        Assert.Equal((5, true, true), (code, node.Drained, node.Disposed));
    }

    private sealed class StoppingNode : IValidatorNode
    {
        private readonly FakeNode _inner = new();

        public bool Drained { get; private set; }

        public string[] MemberNames(ulong epoch, int members) => _inner.MemberNames(epoch, members);

        public bool Disposed { get; private set; }

        public Task<int> Stopped { get; } = Task.Delay(50).ContinueWith(_ => ExitCodes.Halted, TaskScheduler.Default);

        public Hash256 ChainId => Hash256.Zero;

        public int MaxSubmissionBytes => _inner.MaxSubmissionBytes;

        public SubmissionPool Submissions => _inner.Submissions;

        public ClientKeys Keys { get; } = new();

        public FramingError CheckSystem(ReadOnlySpan<byte> change) => FramingError.None;

        public EpochConfiguration Epoch => throw new NotSupportedException();

        public int FirstInvalidEnvelope(ReadOnlyMemory<byte> payload, Validator.Core.Wire.EnvelopeIndex envelopes) => -1;

        public AccountState? FindAccount(in Hash256 account) => null;

        public FinalityBoard Finality => _inner.Finality;

        public TransactionProof? FindProof(in Hash256 id, out bool gone) => throw new NotSupportedException();

        public IEnumerable<ProofEpochEnd> ReadEpochEnds(ulong from, ulong to) => throw new NotSupportedException();

        public TimeSpan RetryAfter => _inner.RetryAfter;

        public ulong NextFinalIndex => 0;

        public ulong FirstFinalIndex => 0;

        public ulong FirstBlock => 1;

        public void Drain() => Drained = true;

        public ValueTask DisposeAsync()
        {
            Disposed = true;
            return ValueTask.CompletedTask;
        }

        public bool IsReady(out string reason) => _inner.IsReady(out reason);

        public bool IsHealthy(out string reason)
        {
            reason = "";
            return true;
        }

        public SubmitRefusal RefusalOf(int bytes) => SubmitRefusal.Draining;

        public SubmitRefusal TrySubmit(Submission submission) => SubmitRefusal.Draining;

        public NodeStatus GetStatus() => _inner.GetStatus();

        public bool TryFindTransaction(in Hash256 id, out TransactionState state) => _inner.TryFindTransaction(id, out state);

        public StoredVertex? FindVertex(in Hash256 hash) => null;

        public StoredBlock? FindBlock(ulong sequence) => null;

        public DagQueries Dag => throw new NotSupportedException();

        public IFinalizedReader OpenFinalized(ulong fromIndex) => _inner.OpenFinalized(fromIndex);
    }
}
