using System.Net;
using System.Net.Sockets;

namespace Validator.Host.Localnet;

/// <summary>The loopback ports of one local validator.</summary>
/// <param name="Quic">UDP.</param>
/// <param name="Api">TCP.</param>
/// <param name="Metrics">TCP.</param>
public readonly record struct NodePorts(int Quic, int Api, int Metrics)
{
    /// <summary>
    /// Ports that are free now, all different. Another process may take one before it is used: the validator then says so
    /// and does not start.
    /// </summary>
    public static NodePorts[] Find(int count)
    {
        List<Socket> held = [];
        try
        {
            NodePorts[] ports = new NodePorts[count];
            for (int i = 0; i < count; i++)
            {
                ports[i] = new NodePorts(
                    Hold(held, SocketType.Dgram, ProtocolType.Udp),
                    Hold(held, SocketType.Stream, ProtocolType.Tcp),
                    Hold(held, SocketType.Stream, ProtocolType.Tcp));
            }

            return ports;
        }
        finally
        {
            held.ForEach(s => s.Dispose());
        }
    }

    private static int Hold(List<Socket> held, SocketType type, ProtocolType protocol)
    {
        Socket socket = new(AddressFamily.InterNetwork, type, protocol);
        held.Add(socket);
        socket.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        return ((IPEndPoint)socket.LocalEndPoint!).Port;
    }
}
