using System.Net;
using System.Security.Cryptography;
using Validator.Core.Primitives;
using Validator.Core.Wire;
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
    public static readonly string[] Kinds = ["double-vote", "twin-vertex", "silence", "invalid-signature"];

    private static readonly TimeSpan s_pause = TimeSpan.FromSeconds(2);

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

    /// <summary>Lies every two seconds until it is called off. The first lie comes once somebody listens.</summary>
    public async Task RunAsync(CancellationToken end)
    {
        while (_transport is not null && !end.IsCancellationRequested)
        {
            Listen();

            // The run's end must not cancel a request: it would be thrown for a fault. Requests have a time limit of their own.
            if (await _cluster.StatusAsync(_cluster.Honest[0], CancellationToken.None).ConfigureAwait(false) is { } status
                && status.Members == _genesis.Members.Length)
            {
                Lie(status);
            }

            await Task.Delay(s_pause, end).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }

    public void Dispose()
    {
        _transport?.Dispose();
        _signer?.Dispose();
        _parker.Dispose();
    }

    private void Lie(NodeStatus status)
    {
        switch (_kind)
        {
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

        _outbox!.Flush();
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

    private void Send(Channel channel, IMessage message)
    {
        byte[] frame = new byte[FrameCodec.EncodedSize(message)];
        FrameCodec.Write(message, frame);
        Send(channel, frame);
    }

    private void Send(Channel channel, byte[] frame)
    {
        if (!_pool.TryRent(frame.Length, out PooledBuffer? buffer))
        {
            return;
        }

        frame.CopyTo(buffer.Span);
        if (!_outbox!.TryBroadcast(channel, buffer))
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
}
