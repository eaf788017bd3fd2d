using System.Net;
using System.Net.Sockets;

namespace Validator.Host.Cli;

/// <summary>The ports of one validator on this machine.</summary>
/// <param name="Quic">UDP.</param>
/// <param name="Api">TCP; clients' QUIC has the same number over UDP.</param>
/// <param name="Metrics">TCP.</param>
public readonly record struct NodePorts(int Quic, int Api, int Metrics)
{
    /// <summary>
    /// Ports that are free now, all different. Another process may take one before it is used: the validator then says so
    /// and does not start.
    /// </summary>
    public static NodePorts[] Find(int count)
    {
        int[] free = FreePorts.Find(3 * count);
        return [.. free.Chunk(3).Select(p => new NodePorts(p[0], p[1], p[2]))];
    }
}

/// <summary>Loopback ports that nobody listens on.</summary>
public static class FreePorts
{
    // Below the ports that Linux gives to outgoing sockets (32768 on): one of those could take a free port before its owner binds
    // it.
    private const int First = 10_000;
    private const int End = 20_000;

    /// <summary>Ports that are free over both UDP and TCP, held all at once and so all different.</summary>
    /// <exception cref="SocketException">None is to be had.</exception>
    public static int[] Find(int count)
    {
        List<Socket> held = [];
        try
        {
            return [.. Enumerable.Range(0, count).Select(_ => FindOne(held))];
        }
        finally
        {
            held.ForEach(s => s.Dispose());
        }
    }

    private static int FindOne(List<Socket> held)
    {
        for (int tries = 1; ; tries++)
        {
            int port = Random.Shared.Next(First, End);
            int before = held.Count;
            try
            {
                Hold(held, SocketType.Dgram, ProtocolType.Udp, port);
                Hold(held, SocketType.Stream, ProtocolType.Tcp, port);
                return port;
            }
            catch (SocketException) when (tries < 1000)
            {
                held[before..].ForEach(s => s.Dispose());
                held.RemoveRange(before, held.Count - before);
            }
        }
    }

    private static void Hold(List<Socket> held, SocketType type, ProtocolType protocol, int port)
    {
        Socket socket = new(AddressFamily.InterNetwork, type, protocol);
        held.Add(socket);
        socket.Bind(new IPEndPoint(IPAddress.Loopback, port));
    }
}
