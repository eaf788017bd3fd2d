using System.Diagnostics;
using System.Net;
using Validator.Net;
using Validator.Net.Buffers;
using Validator.Net.Discovery;
using Validator.Net.Native;
using Validator.Net.Quic;
using Validator.Net.Rings;

namespace Validator.Tests.Net;

/// <summary>A transport on a free loopback port with a consumer that the test drives itself.</summary>
internal sealed class TransportNode : IDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);

    internal readonly Parker Parker = new();
    internal readonly PinnedBufferPool Pool;
    internal readonly PinnedBufferPool SendPool = new(128 * 1024 * 1024, 1024 * 1024);
    internal readonly QuicTransport Transport;
    internal readonly Outbox Outbox;

    private TransportNode(TransportOptions options, PinnedBufferPool pool)
    {
        Pool = pool;
        Transport = new QuicTransport(options with { Consumer = Parker, ReceivePool = pool });
        Outbox = Transport.CreateOutbox();
    }

    internal static byte[] Seed(int index)
    {
        byte[] seed = new byte[OpenSslMlDsa87.SeedBytes];
        seed.AsSpan().Fill((byte)(index + 1));
        return seed;
    }

    internal static byte[] PublicKey(int index)
    {
        byte[] key = new byte[OpenSslMlDsa87.PublicKeyBytes];
        OpenSslMlDsa87.PublicKeyFromSeed(Seed(index), key);
        return key;
    }

    /// <summary>Member index of a committee whose addresses are not known yet; keySeed other than index cheats.</summary>
    internal static TransportNode Create(int index, int count, Func<TransportOptions, TransportOptions>? change = null, int? keySeed = null)
    {
        var peers = new TransportPeer[count];
        for (int i = 0; i < count; i++) peers[i] = new TransportPeer(PublicKey(i == index && keySeed is not null ? keySeed.Value : i), []);
        var pool = new PinnedBufferPool(64 * 1024 * 1024, 1024 * 1024);
        var options = new TransportOptions
        {
            Listen = new IPEndPoint(IPAddress.Loopback, 0),
            SelfIndex = index,
            Peers = peers,
            PrivateKeySeed = Seed(keySeed ?? index),
            ReceivePool = pool,
            Consumer = null!,
        };
        if (change is not null) options = change(options);
        return new TransportNode(options, options.ReceivePool);
    }

    /// <summary>A committee that knows each other's addresses, started.</summary>
    internal static TransportNode[] Cluster(int count, Func<TransportOptions, TransportOptions>? change = null)
    {
        var nodes = new TransportNode[count];
        for (int i = 0; i < count; i++) nodes[i] = Create(i, count, change);
        foreach (TransportNode node in nodes)
        {
            for (int i = 0; i < count; i++) node.Knows(i, nodes[i]);
            node.Transport.Start();
        }
        return nodes;
    }

    internal void Knows(int peer, TransportNode node) =>
        Transport.SetAddresses(peer, [PeerAddress.From(node.Transport.LocalEndPoint)]);

    /// <summary>Consumes until the condition holds; frames go to the handler, which must not keep them.</summary>
    internal void Until(Func<bool> condition, Action<TransportEvent>? handler = null) => Until([this], condition, (_, e) => handler?.Invoke(e));

    internal static void Until(TransportNode[] nodes, Func<bool> condition, Action<TransportNode, TransportEvent>? handler = null)
    {
        long start = Stopwatch.GetTimestamp();
        while (!condition())
        {
            bool any = false;
            foreach (TransportNode node in nodes)
            {
                while (node.Transport.Events.TryDequeue(out TransportEvent e))
                {
                    any = true;
                    handler?.Invoke(node, e);
                    e.Buffer?.Release();
                }
            }
            if (any) continue;
            Assert.True(Stopwatch.GetElapsedTime(start) < Patience, "nothing came of it within 30 s");
            Thread.Sleep(1);
        }
    }

    /// <summary>A frame of that length whose bytes follow from the tag.</summary>
    internal PooledBuffer Frame(int length, int tag)
    {
        Assert.True(SendPool.TryRent(length, out PooledBuffer? buffer));
        Fill(buffer.Span, tag);
        return buffer;
    }

    internal static void Fill(Span<byte> bytes, int tag)
    {
        for (int i = 0; i < bytes.Length; i++) bytes[i] = (byte)(i * 31 + tag + (i >> 8));
    }

    internal static bool Matches(ReadOnlySpan<byte> bytes, int tag)
    {
        for (int i = 0; i < bytes.Length; i++)
        {
            if (bytes[i] != (byte)(i * 31 + tag + (i >> 8))) return false;
        }
        return true;
    }

    public void Dispose()
    {
        Transport.Dispose();
        Parker.Dispose();
    }
}
