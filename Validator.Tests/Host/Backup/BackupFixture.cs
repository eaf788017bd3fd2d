using Validator.Core.Primitives;
using Validator.Crypto.Simd;
using Validator.Host.Backup;
using Validator.Host.Config;
using Validator.Host.Contracts;
using Validator.Host.Keys;
using Validator.Host.Pipeline;
using Validator.Host.Storage;
using Validator.Net.Quic;
using Validator.Tests.Host.Node;

namespace Validator.Tests.Host.Backup;

/// <summary>
/// A chain of four validators with short epochs, in this process, and what backups of its first one are made of. They stopped
/// after some thousand transactions, some epochs on.
/// </summary>
public sealed class BackupFixture : IAsyncLifetime
{
    private readonly TemporaryFolder _folder = new();

    internal TestCluster Cluster { get; } =
        new(4, TestCluster.OpenStores, options => new QuicTransport(options), epochLength: 16);

    /// <summary>A copy that was made while they ran, and the newest block then.</summary>
    internal string RunningCopy => _folder.File("copy");

    internal ulong AtCopy { get; private set; }

    internal ulong Last { get; private set; }

    public async Task InitializeAsync()
    {
        for (int i = 0; i < 4; i++)
        {
            Cluster.Start(i);
        }

        int sent = 0;
        while (sent < 2400 || Cluster.Nodes[0]!.Epoch.Number < 2)
        {
            await ClusterTests.FinalizeAsync(Cluster, sent, 40);
            sent += 40;
        }

        Task more = ClusterTests.FinalizeAsync(Cluster, sent, 1000);
        Cluster.Nodes[0]!.CopyLedger!(RunningCopy);
        AtCopy = Cluster.Nodes[0]!.GetStatus().ExecutedSequence;
        await more;
        await ClusterTests.FinalizeAsync(Cluster, sent + 1000, 40);
        for (int i = 0; i < 4; i++)
        {
            await Cluster.StopAsync(i);
        }

        using RocksLedger ledger = StoppedNode.OpenLedger(Context(), Context().Config.Storage.LedgerPath);
        Last = ledger.Newest.Sequence;
        Assert.True(ledger.ReadEpoch()!.Number >= 2);
    }

    public async Task DisposeAsync()
    {
        await Cluster.DisposeAsync();
        _folder.Dispose();
    }

    internal BackupPlace Place => new(Cluster.ChainId, "node-1");

    internal NodeContext Context(int member = 0) => Cluster.ContextOf(member);

    /// <summary>A validator elsewhere, with nothing but its keys and genesis.</summary>
    internal NodeContext Elsewhere(string path, int member = 0)
    {
        NodeContext context = Context(member);
        return context with
        {
            Config = context.Config with
            {
                Node = context.Config.Node with { DataDir = path },
                Storage = context.Config.Storage with { Path = Path.Combine(path, "db") },
            },
        };
    }

    internal BackupSection Settings(string target, string key = "", BackupCompression compression = BackupCompression.Gzip) =>
        new(
        BackupTargetUrl.Read(target, "/", out _), EncryptionKey: key, Unencrypted: key.Length == 0, Compression: compression,
            PartMb: 1, RateMb: 0);

    /// <summary>Backups into a folder, of a ledger's copy that lies ready.</summary>
    internal BackupSource Source(string work, BackupSection settings)
    {
        NodeContext context = Elsewhere(work);
        Directory.CreateDirectory(Path.Combine(work, "evidence"));
        File.WriteAllText(Path.Combine(work, "evidence", "seen.json"), "{}");
        File.WriteAllText(Path.Combine(work, "node.toml"), "# a configuration\n");
        string genesis = Path.Combine(work, "genesis.json");
        GenesisFile.Write(genesis, Cluster.Genesis);
        NodeConfig config = context.Config with { Backup = settings, Node = context.Config.Node with { GenesisPath = genesis } };
        byte[] seed = context.Keys.TransportSeed.Span.ToArray();
        return new BackupSource(
            config, Cluster.Genesis, Place, StoreIdentity.Of(Cluster.ChainId, context.Keys.ConsensusPublicKey),
                Path.Combine(work, "node.toml"), "test",
            folder => TemporaryFolder.Copy(RunningCopy, folder), seed, context.Keys.TransportPublicKey);
    }

    internal BackupManifest Make(string work, BackupSection settings, IBackupTarget target) =>
        new BackupJob(Source(work, settings), target, static _ => { }).Run(CancellationToken.None);

    /// <summary>A key pair in files.</summary>
    internal static SecretBuffer Key(string path)
    {
        BackupKeys.Create(path, path + ".pub", null);
        return KeyFile.Read(path, KeyPurpose.Backup);
    }
}
