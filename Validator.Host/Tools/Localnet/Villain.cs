using System.Net;
using System.Security.Cryptography;
using System.Text.Json;
using Validator.Core.Primitives;
using Validator.Core.Wire;
using Validator.Host.Cli;
using Validator.Host.Config;
using Validator.Host.Contracts;
using Validator.Host.Keys;
using Validator.Host.Pipeline;
using Validator.Net;
using Validator.Net.Buffers;
using Validator.Net.Quic;
using Validator.Net.Rings;

namespace Validator.Host.Tools.Localnet;

/// <summary>
/// A member of a local cluster that lies: its transport and its keys in the place of its validator, which is not started. It does
/// nothing that a validator's own code could be made to do by a setting: <c>validator run</c> knows no such mode.
/// </summary>
internal sealed class Villain : IDisposable
{
    /// <summary>What <c>--villain</c> takes.</summary>
    public static readonly string[] Kinds = ["double-vote", "twin-vertex", DoubleProposal, "silence", "invalid-signature"];

    private const string DoubleProposal = "double-proposal";

    private static readonly TimeSpan s_pause = TimeSpan.FromSeconds(2);

    // A leader that is silent is replaced within half a second.
    private static readonly TimeSpan s_leaderPause = TimeSpan.FromMilliseconds(50);

    private readonly string _kind;
    private readonly string _name;
    private readonly LocalCluster _cluster;
    private readonly Hash256 _chainId;
    private readonly Genesis _genesis;
    private readonly ConsensusSigner? _signer;
    private readonly QuicTransport? _transport;
    private readonly Outbox? _outbox;
    private readonly Parker _parker = new();
    private readonly PinnedBufferPool _pool = new(32 << 20, 8 << 20);

    // The two of an epoch that it leads.
    private (ulong Epoch, PrePrepare First, PrePrepare Second)? _proposals;

    public Villain(LocalCluster cluster, NodeProcess self, string kind)
    {
        (_cluster, _kind, _name) = (cluster, kind, self.Name);
        _genesis = GenesisFile.Read(Path.Combine(cluster.Directory, "genesis.json"), out _chainId);
        if (kind == "silence")
        {
            return;
        }

        NodeConfig config = ConfigLoader.Load(Path.Combine(self.Directory, "node.toml"), new Dictionary<string, string>());
        using ValidatorKeys keys = ValidatorKeys.Read(config.Crypto, null);
        _signer = new ConsensusSigner(keys.ConsensusSeed.Span);
        byte[] seed = keys.TransportSeed.Span.ToArray();
        _transport = new QuicTransport(new TransportOptions
        {
            Listen = new IPEndPoint(IPAddress.Loopback, self.Ports.Quic),
            SelfIndex = Index(_genesis.Members),
            Peers = [.. _genesis.Members.Select(m => new TransportPeer(m.TransportKey, []))],
            PrivateKeySeed = seed,
            ReceivePool = new PinnedBufferPool(64 << 20, 8 << 20),
            Consumer = _parker,
            MaxFrameBytes = FrameLimits.MaxFrameBytes(Limits.MaxCommittee),
            WindowBytes = 16 << 20,
            ApplicationProtocol = "validator/1",
        });
        CryptographicOperations.ZeroMemory(seed);
        _outbox = _transport.CreateOutbox();
        _transport.Start();
    }

    /// <summary>As Environment.TickCount64; null before the first lie.</summary>
    public long? LiedAtMillis { get; private set; }

    /// <summary>Which of so many validators it is: the last, or who leads the second epoch from its beginning.</summary>
    public static int PlaceOf(string kind, int validators) => kind == DoubleProposal ? 1 : validators - 1;

    /// <summary>Blocks of an epoch in which it lies soon; null: the usual ones.</summary>
    public static ulong? EpochBlocksOf(string? kind) => kind == DoubleProposal ? 50 : null;

    /// <summary>
    /// Lies every two seconds, or whenever it leads, until it is called off. The first lie comes once somebody listens.
    /// </summary>
    public async Task RunAsync(CancellationToken end)
    {
        while (_transport is not null && !end.IsCancellationRequested)
        {
            Listen();

            // The run's end must not cancel a request: it would be thrown for a fault. Requests have a time limit of their own.
            if (await _cluster.StatusAsync(_cluster.Honest[0], CancellationToken.None).ConfigureAwait(false) is { } status
                && status.Members == _genesis.Members.Length)
            {
                await LieAsync(status).ConfigureAwait(false);
            }

            await Task.Delay(_kind == DoubleProposal ? s_leaderPause : s_pause, end)
                .ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }

    public void Dispose()
    {
        _transport?.Dispose();
        _signer?.Dispose();
        _parker.Dispose();
    }

    private async Task LieAsync(NodeStatus status)
    {
        switch (_kind)
        {
            case DoubleProposal:
                if (!await ProposeTwiceAsync(status).ConfigureAwait(false))
                {
                    return;
                }

                break;
            case "double-vote":
                SignedHeader vote = new(
                    MessageKind.Commit, Index(_genesis.Members), status.Epoch, status.View, status.FinalSequence + 8, Draw());
                Send(Channel.Control, Sign(vote));
                Send(Channel.Control, Sign(vote with { Digest = Draw() }));
                break;
            case "twin-vertex":
                SendVertex(status.Epoch);
                SendVertex(status.Epoch);
                break;
            default:
                SignedHeader honest = new(
                    MessageKind.Commit, Index(_genesis.Members), status.Epoch, status.View, status.FinalSequence + 8, Draw());
                Send(Channel.Control, new Signed(honest, RandomNumberGenerator.GetBytes(Limits.SignatureBytes)));
                break;
        }

        LiedAtMillis ??= Environment.TickCount64;
        _outbox!.Flush();
    }

    /// <summary>
    /// The first block of the epoch to all but one, and another one to that one; again until its view ends, since not all enter
    /// the epoch at once.
    /// </summary>
    /// <returns>False: it does not lead.</returns>
    private async Task<bool> ProposeTwiceAsync(NodeStatus status)
    {
        int self = Index(_genesis.Members);
        if (status.View > 0 || Committee.Of(_genesis.Members).Leader(status.Epoch, 0) != self)
        {
            return false;
        }

        if (_proposals?.Epoch != status.Epoch)
        {
            if (await ParentAsync(status).ConfigureAwait(false) is not { } parent)
            {
                return false;
            }

            _proposals = (status.Epoch, Propose(parent, later: 1), Propose(parent, later: 2));
        }

        NodeProcess[] honest = [.. _cluster.Honest.Where(node => node.Name != _name)];
        for (int i = 0; i < honest.Length; i++)
        {
            PrePrepare proposal = i < honest.Length - 1 ? _proposals.Value.First : _proposals.Value.Second;
            Send(Channel.Control, proposal, Array.FindIndex(_genesis.Members, m => m.Name == honest[i].Name));
        }

        return true;

        // Both are good: they order nothing and state what the block before them does.
        PrePrepare Propose(Parent parent, ulong later)
        {
            Block block = BlockCodec.Seal(
                status.Epoch, parent.Sequence + 1, parent.Hash, parent.TimestampMicros + later, parent.ExecutedSequence,
                parent.ExecutedRoot, Hash256.Zero, new LaneTip[_genesis.Members.Length]);
            Signed signed = Sign(new SignedHeader(MessageKind.PrePrepare, self, status.Epoch, 0, block.Sequence, block.Hash));
            return new PrePrepare(signed.Header, signed.Signature, block);
        }
    }

    /// <summary>The last block of the epoch before; null where it is not to be had.</summary>
    private async Task<Parent?> ParentAsync(NodeStatus status)
    {
        string path = $"/v1/blocks/{status.FinalSequence}";
        if (await _cluster.GetAsync(_cluster.Honest[0], path, CancellationToken.None).ConfigureAwait(false) is not { } body)
        {
            return null;
        }

        using JsonDocument document = AnswerJson.Parse(body);
        JsonElement block = document.RootElement;
        Parent parent = new(
            block.GetProperty("sequence").GetUInt64(), HashOf("hash"), block.GetProperty("timestamp_micros").GetUInt64(),
            block.GetProperty("executed_sequence").GetUInt64(), HashOf("executed_root"));
        return block.GetProperty("epoch").GetUInt64() + 1 == status.Epoch ? parent : null;

        Hash256 HashOf(string name) => Hash256.TryParse(block.GetProperty(name).GetString(), out Hash256 hash) ? hash : default;
    }

    /// <summary>The lane's first slot, with another transaction each time.</summary>
    private void SendVertex(ulong epoch)
    {
        byte[] transaction = RandomNumberGenerator.GetBytes(32), payload = new byte[PayloadWriter.Size(transaction.Length)];
        PayloadWriter.Append(payload, TransactionKind.Opaque, transaction);
        Hash256 id = Hash256.Of([(byte)TransactionKind.Opaque, .. transaction]);
        VertexHeader header = VertexCodec.Seal(
            epoch, Index(_genesis.Members), 1, Hash256.Zero, new LaneTip[_genesis.Members.Length], Hash256.Of(id.ToArray()),
                (uint)payload.Length, 1);
        byte[] signature = Sign(VertexCodec.HeaderToSign(header)).Signature;
        byte[] head = new byte[FrameSender.VertexHeadBytes(_genesis.Members.Length)];
        Require.That(FrameCodec.WriteVertexHead(header, signature, head) == head.Length);
        Send(Channel.Payload, [.. head, .. payload]);
    }

    private Signed Sign(in SignedHeader header)
    {
        byte[] preimage = new byte[SignedHeaderCodec.PreimageBytes], signature = new byte[Limits.SignatureBytes];
        SignedHeaderCodec.WritePreimage(header, _chainId, preimage);
        _signer!.Sign(header.Kind, preimage, signature);
        return new Signed(header, signature);
    }

    /// <param name="to">A member; null: all.</param>
    private void Send(Channel channel, IMessage message, int? to = null)
    {
        byte[] frame = new byte[FrameCodec.EncodedSize(message)];
        FrameCodec.Write(message, frame);
        Send(channel, frame, to);
    }

    private void Send(Channel channel, byte[] frame, int? to = null)
    {
        if (!_pool.TryRent(frame.Length, out PooledBuffer? buffer))
        {
            return;
        }

        frame.CopyTo(buffer.Span);
        if (!(to is { } member ? _outbox!.TrySend(member, channel, buffer) : _outbox!.TryBroadcast(channel, buffer)))
        {
            buffer.Release();
        }
    }

    /// <summary>What it is told does not matter to it.</summary>
    private void Listen()
    {
        while (_transport!.Events.TryDequeue(out TransportEvent received))
        {
            received.Buffer?.Release();
        }
    }

    private int Index(Member[] members) => Array.FindIndex(members, m => m.Name == _name);

    private static Hash256 Draw() => new(RandomNumberGenerator.GetBytes(Hash256.Size));

    private sealed record Parent(
        ulong Sequence, Hash256 Hash, ulong TimestampMicros, ulong ExecutedSequence, Hash256 ExecutedRoot);
}
