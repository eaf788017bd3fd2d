using Validator.Net.Quic;

namespace Validator.Net;

/// <summary>Why the system did not take a datagram. The names are metric labels; the numbers are those of quic_shim.h.</summary>
public enum SendFailure
{
    /// <summary>EMSGSIZE: longer than this machine's network device carries.</summary>
    TooLarge = 0,

    /// <summary>No route there, or the network is down.</summary>
    Unreachable = 1,

    /// <summary>EPERM, EACCES: a firewall of this machine.</summary>
    Denied = 2,

    /// <summary>ENOBUFS, ENOMEM.</summary>
    NoRoom = 3,

    /// <summary>The local address that the other side used is gone.</summary>
    NoAddress = 4,

    Other = 5,
}

/// <summary>
/// What happened to the paths of one socket's connections: written by its thread once a second, read from anywhere.
/// </summary>
public sealed unsafe class PathStatistics
{
    internal const int Kinds = (int)SendFailure.Other + 1;

    private readonly long[] _unsent = new long[Kinds];
    private long _elsewhere, _moved, _smaller, _larger;

    /// <summary>Datagrams of standing connections that came from another address than the connection's.</summary>
    public long Elsewhere => Volatile.Read(ref _elsewhere);

    /// <summary>Connections that went on at another address, after it had answered there.</summary>
    public long Moved => Volatile.Read(ref _moved);

    /// <summary>Connections that went on with shorter packets, since those above 1,200 bytes no longer got through.</summary>
    public long Smaller => Volatile.Read(ref _smaller);

    /// <summary>Those of them that later went back to longer packets.</summary>
    public long Larger => Volatile.Read(ref _larger);

    /// <summary>Datagrams that the system did not take.</summary>
    public long Unsent(SendFailure why) => Volatile.Read(ref _unsent[(int)why]);

    internal void Publish(in QuicCounters counters)
    {
        Volatile.Write(ref _elsewhere, counters.Elsewhere);
        Volatile.Write(ref _moved, counters.Moved);
        Volatile.Write(ref _smaller, counters.Smaller);
        Volatile.Write(ref _larger, counters.Larger);
        for (int i = 0; i < Kinds; i++) Volatile.Write(ref _unsent[i], counters.Unsent[i]);
    }
}
