using System.Buffers.Binary;
using System.Net;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;
using Validator.Core.Primitives;
using Validator.Core.Wire;
using Validator.Crypto.Simd;
using Validator.Host.Cli;
using Validator.Host.Config;
using Validator.Host.Contracts;
using Validator.Host.Keys;
using Validator.Host.Node;
using Validator.Host.Pipeline;
using Validator.Host.Storage;
using Validator.Net;
using Validator.Net.Discovery;
using Validator.Net.Native;

namespace Validator.Tests.Host.Node;

/// <summary>Validators of one process with stores in a temporary folder.</summary>
internal sealed class TestCluster : IAsyncDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("validator-node-").FullName;
    private readonly Func<TransportOptions, ITransport> _transport;
    private readonly Func<NodeContext, NodeStores> _stores;
    private readonly ValidatorKeys[] _keys;
    private readonly int[] _ports;

    /// <param name="outsiders">Validators that genesis does not have, behind the others.</param>
    public TestCluster(
        int members, Func<NodeContext, NodeStores> stores, Func<TransportOptions, ITransport> transport, ulong epochLength = 0, int outsiders = 0)
    {
        _stores = stores;
        _transport = transport;
        _keys = Enumerable.Range(0, members + outsiders).Select(KeysOf).ToArray();
        _ports = FreePorts.Find(members + outsiders);
        Member[] all = Enumerable.Range(0, members).Select(MemberOf).ToArray();
        Genesis = new Genesis("test", (ulong)DateTimeOffset.UtcNow.ToUnixTimeMilliseconds() * 1000, new GenesisParameters { EpochLengthBlocks = epochLength }, all);
        ChainId = GenesisCodec.ChainId(Genesis);
        Nodes = new ValidatorNode?[members + outsiders];
    }

    public Member MemberOf(int validator) =>
        new($"node-{validator + 1}", _keys[validator].ConsensusPublicKey, _keys[validator].TransportPublicKey, 1);

    /// <summary>Other keys for a validator that is not running.</summary>
    public void ChangeKeys(int validator) => _keys[validator] = KeysOf(validator + 100);

    /// <summary>The change as a submission to one node, signed by others as members of its epoch.</summary>
    public Submission Change(CommitteeChange change, int to, params int[] signers)
    {
        List<CertificateVote> signatures = [];
        foreach (int signer in signers)
        {
            int sender = Nodes[to]!.Epoch.IndexOf(_keys[signer].ConsensusPublicKey);
            byte[] preimage = new byte[SignedHeaderCodec.PreimageBytes];
            SignedHeaderCodec.WritePreimage(CommitteeChangeCodec.HeaderToSign(change, sender), ChainId, preimage);
            byte[] signature = new byte[Limits.SignatureBytes];
            using ConsensusSigner key = new(_keys[signer].ConsensusSeed.Span);
            key.Sign(MessageKind.CommitteeChange, preimage, signature);
            signatures.Add(new CertificateVote(sender, signature));
        }

        byte[] encoded = CommitteeChangeCodec.Encode(new SignedCommitteeChange(change, [.. signatures.OrderBy(s => s.Sender)]));
        byte[] framed = [.. BitConverter.GetBytes(encoded.Length), 2, .. encoded];
        Assert.Equal(FramingError.None, SubmissionReader.TryCreate(framed, Nodes[to]!, true, out Submission? made, out _));
        return made!;
    }

    public Genesis Genesis { get; }

    public Hash256 ChainId { get; }

    public ValidatorNode?[] Nodes { get; }

    public string DataOf(int member) => Path.Combine(_folder, $"node-{member + 1}");

    public NodeContext ContextOf(int member)
    {
        NodeConfig config = new()
        {
            Node = new NodeSection($"node-{member + 1}", DataOf(member)),
            Network = new NetworkSection("127.0.0.1", _ports[member]),
            Storage = new StorageSection(Path.Combine(DataOf(member), "db"), 16, 8),
        };
        PeerAddressBook addresses = new([.. _ports.Select((port, i) => ($"node-{i + 1}", PeerAddress.From(new IPEndPoint(IPAddress.Loopback, port))))]);
        ValidatorKeys keys = _keys[member] with { };
        return new NodeContext(config, Genesis, ChainId, keys, addresses, new NodeMetrics(), Logs());
    }

    // Both tables of threads, beside each other: one loop, and a thread for each stage.
    private static int CoresOf(int member) => member % 2 == 0 ? 2 : 5;

    public void Start(int member)
    {
        NodeContext context = ContextOf(member);
        Nodes[member] = ValidatorNode.Create(context, _stores(context), _transport, CoresOf(member));
    }

    public async Task StopAsync(int member)
    {
        if (Nodes[member] is { } node)
        {
            Nodes[member] = null;
            await node.DisposeAsync();
        }
    }

    public async ValueTask DisposeAsync()
    {
        for (int i = 0; i < Nodes.Length; i++)
        {
            await StopAsync(i);
        }

        Directory.Delete(_folder, recursive: true);
    }

    /// <summary>A board in the genesis' epoch, with links as genesis numbers its members.</summary>
    public static EpochBoard BoardOf(Genesis genesis, ulong epoch = 0)
    {
        EpochBoard board = new(genesis.Members[0].ConsensusKey, epoch => [.. Enumerable.Range(0, epoch.Members.Length)]);
        board.Enter(EpochConfiguration.First(genesis, Hash256.Of("chain"u8)) with { Number = epoch });
        return board;
    }

    /// <summary>Stores on disk; the vote store is made where there is none, as <c>init</c> does.</summary>
    public static NodeStores OpenStores(NodeContext context)
    {
        string path = context.Config.Storage.VotesPath;
        if (!RocksVoteStore.Exists(path))
        {
            RocksVoteStore.Create(path, StoreIdentity.Of(context.ChainId, context.Keys.ConsensusPublicKey));
        }

        return Recovery.Open(context, NullLogger.Instance);
    }

    /// <summary>A submission of opaque transactions that name their author and number.</summary>
    public static Submission Submission(int author, int first, int count, bool wantsFinal)
    {
        byte[] framed = new byte[count * (Limits.TransactionFramingBytes + 8)];
        for (int i = 0; i < count; i++)
        {
            Span<byte> one = framed.AsSpan(i * (Limits.TransactionFramingBytes + 8));
            BinaryPrimitives.WriteUInt32LittleEndian(one, 8);
            BinaryPrimitives.WriteInt32LittleEndian(one[5..], author);
            BinaryPrimitives.WriteInt32LittleEndian(one[9..], first + i);
        }

        Assert.Equal(FramingError.None, SubmissionReader.TryCreate(framed, new Api.FakeNode(), wantsFinal, out Submission? made, out _));
        return made!;
    }

    /// <summary>Reads a node's final transactions until there are so many.</summary>
    public static async Task<List<(ulong Index, Hash256 Id)>> ReadFinalAsync(INodeGateway node, int count, TimeSpan limit)
    {
        using CancellationTokenSource timeout = new(limit);
        using IFinalizedReader reader = node.OpenFinalized(0);
        using FinalizedPage page = new();
        List<(ulong, Hash256)> all = [];
        while (all.Count < count)
        {
            page.Clear();
            if (reader.Read(page) == 0)
            {
                Assert.True(await reader.WaitAsync(timeout.Token));
                continue;
            }

            foreach (FinalizedEntry entry in page.Entries)
            {
                all.Add((entry.Index, entry.Id));
            }
        }

        return all;
    }

    private static ILoggerFactory Logs() => Environment.GetEnvironmentVariable("VALIDATOR_TEST_LOG") is { Length: > 0 }
        ? LoggerFactory.Create(builder => builder.AddSimpleConsole(o => o.SingleLine = true).SetMinimumLevel(LogLevel.Debug))
        : NullLoggerFactory.Instance;

    private static ValidatorKeys KeysOf(int member)
    {
        byte[] Seed(byte purpose) => Enumerable.Range(0, 32).Select(i => (byte)((i * 7) + (member * 31) + purpose)).ToArray();
        byte[] PublicOf(byte[] seed)
        {
            byte[] key = new byte[Limits.PublicKeyBytes];
            OpenSslMlDsa87.PublicKeyFromSeed(seed, key);
            return key;
        }

        byte[] consensus = Seed(1);
        byte[] transport = Seed(2);
        return new ValidatorKeys(Secret(consensus), PublicOf(consensus), Secret(transport), PublicOf(transport));
    }

    private static SecretBuffer Secret(byte[] bytes)
    {
        SecretBuffer secret = new(bytes.Length);
        bytes.CopyTo(secret.Span);
        return secret;
    }
}
