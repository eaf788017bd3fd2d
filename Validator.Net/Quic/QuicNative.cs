using System.Net;
using System.Net.Sockets;
using System.Runtime.InteropServices;

namespace Validator.Net.Quic;

// Mirrors eng/native/quic_shim.h; eng/native/abi_check.c asserts the same sizes and offsets.

[StructLayout(LayoutKind.Sequential)]
internal unsafe struct QuicAddress
{
    public fixed byte Ip[16];
    public uint Scope;
    public ushort Port;
    public ushort IsV6;

    public static QuicAddress From(IPEndPoint endPoint)
    {
        var result = new QuicAddress { Port = (ushort)endPoint.Port };
        IPAddress address = endPoint.Address;
        if (address.AddressFamily == AddressFamily.InterNetworkV6)
        {
            result.IsV6 = 1;
            result.Scope = (uint)address.ScopeId;
        }
        address.TryWriteBytes(new Span<byte>(result.Ip, 16), out _);
        return result;
    }

    public readonly IPEndPoint ToEndPoint()
    {
        fixed (byte* ip = Ip) return new IPEndPoint(IsV6 != 0 ? new IPAddress(new ReadOnlySpan<byte>(ip, 16), Scope) : new IPAddress(new ReadOnlySpan<byte>(ip, 4)), Port);
    }
}

[StructLayout(LayoutKind.Sequential)]
internal unsafe struct QuicConfig
{
    public byte* Seed;
    public byte* PeerKeys;
    public byte* Alpn;
    public uint AlpnLength;
    public uint Peers;
    public int Self;
    public uint MaxPending;
    public uint MaxDatagram;
    public uint Congestion;
    public uint Pacing;
    public uint Clients;
    public ulong Window;
    public ulong IdleNanoseconds;
    public ulong KeepAliveNanoseconds;
    public ulong HandshakeNanoseconds;
    public ulong RaiseNanoseconds;
    public QuicAddress Listen;
}

internal enum QuicEventKind : uint
{
    Up = 1,
    Closed = 2,
    Failed = 3,

    /// <summary>A dialled connection: nothing that was sent is acknowledged, or its peer now comes from elsewhere.</summary>
    Stalled = 4,

    /// <summary>It goes on after all.</summary>
    Revived = 5,

    /// <summary>The other side has another address, and has answered there.</summary>
    Moved = 6,

    /// <summary>Packets above 1,200 bytes do not get through; Detail 1: this machine refused them.</summary>
    Smaller = 7,
}

[StructLayout(LayoutKind.Sequential)]
internal struct QuicEvent
{
    public QuicEventKind Kind;
    public int Peer;
    public ulong Handle;
    public CloseReason Reason;
    public uint Dialled;
    public ulong Detail;
    public QuicAddress Remote;
}

[StructLayout(LayoutKind.Sequential)]
internal unsafe struct QuicRx
{
    public byte* Base;
    public ulong Mask;
    public ulong Head;
    public ulong Tail;
}

[StructLayout(LayoutKind.Sequential)]
internal struct QuicTx
{
    public ulong Pushed;
    public ulong Acked;
}

/// <summary>What one connection has received and had acknowledged, in the shim's memory.</summary>
[StructLayout(LayoutKind.Sequential)]
internal unsafe struct QuicView
{
    private const int Channels = 3;
    private fixed ulong _rx[4 * Channels];
    private fixed ulong _tx[2 * Channels];

    public static QuicRx* Rx(QuicView* view, int channel) => (QuicRx*)view + channel;

    public static QuicTx* Tx(QuicView* view, int channel) => (QuicTx*)((QuicRx*)view + Channels) + channel;
}

[StructLayout(LayoutKind.Sequential)]
internal unsafe struct QuicCounters
{
    public long DatagramsIn, DatagramsOut, Malformed, Unknown, Retries, BadTokens, Refused, Resets, WrongKeys, Limited, Elsewhere, Moved, Smaller, Larger;
    public fixed long Unsent[PathStatistics.Kinds];
    public fixed int UnsentErrno[PathStatistics.Kinds];
    public fixed int UnsentPeer[PathStatistics.Kinds];
}

[StructLayout(LayoutKind.Sequential)]
internal struct QuicConnectionStats
{
    public long BytesIn, BytesOut, PacketsIn, PacketsOut, PacketsLost, RttNanoseconds, LatestRttNanoseconds, DatagramBytes;
}

internal static unsafe partial class QuicNative
{
    internal const int Abi = 5;

    /// <summary>Addresses known of a peer.</summary>
    internal const int Hints = 3;

    private const string Library = "validator_native";

    [LibraryImport(Library, EntryPoint = "vq_abi")]
    internal static partial int GetAbi();

    [LibraryImport(Library, EntryPoint = "vq_now")]
    internal static partial ulong Now();

    [LibraryImport(Library, EntryPoint = "vq_open")]
    internal static partial nint Open(QuicConfig* config, QuicAddress* bound, byte* error, nuint errorSize);

    [LibraryImport(Library, EntryPoint = "vq_free")]
    internal static partial void Free(nint endpoint);

    [LibraryImport(Library, EntryPoint = "vq_wake")]
    internal static partial void Wake(nint endpoint);

    [LibraryImport(Library, EntryPoint = "vq_wait")]
    internal static partial int Wait(nint endpoint, ulong untilNanoseconds);

    [LibraryImport(Library, EntryPoint = "vq_receive")]
    internal static partial int Receive(nint endpoint, int rounds);

    [LibraryImport(Library, EntryPoint = "vq_flush")]
    internal static partial int Flush(nint endpoint);

    [LibraryImport(Library, EntryPoint = "vq_next_timer")]
    internal static partial ulong NextTimer(nint endpoint);

    [LibraryImport(Library, EntryPoint = "vq_poll")]
    internal static partial int Poll(nint endpoint, QuicEvent* events, int capacity);

    [LibraryImport(Library, EntryPoint = "vq_dial")]
    internal static partial ulong Dial(nint endpoint, int peer, QuicAddress* address);

    [LibraryImport(Library, EntryPoint = "vq_close")]
    internal static partial void Close(nint endpoint, ulong handle, ulong code);

    [LibraryImport(Library, EntryPoint = "vq_forbid")]
    internal static partial void Forbid(nint endpoint, int peer);

    [LibraryImport(Library, EntryPoint = "vq_set_peer")]
    internal static partial void SetPeer(nint endpoint, int peer, byte* key);

    [LibraryImport(Library, EntryPoint = "vq_know")]
    internal static partial void Know(nint endpoint, int peer, uint place, QuicAddress* address);

    [LibraryImport(Library, EntryPoint = "vq_shut_out")]
    internal static partial void ShutOut(nint endpoint, int peer, ulong untilNanoseconds);

    [LibraryImport(Library, EntryPoint = "vq_get_view")]
    internal static partial QuicView* GetView(nint endpoint, ulong handle);

    [LibraryImport(Library, EntryPoint = "vq_push")]
    internal static partial int Push(nint endpoint, ulong handle, uint channel, byte* data, ulong length);

    [LibraryImport(Library, EntryPoint = "vq_consume")]
    internal static partial void Consume(nint endpoint, ulong handle, uint channel, ulong length);

    [LibraryImport(Library, EntryPoint = "vq_get_counters")]
    internal static partial void GetCounters(nint endpoint, QuicCounters* counters);

    [LibraryImport(Library, EntryPoint = "vq_get_stats")]
    internal static partial int GetStats(nint endpoint, ulong handle, QuicConnectionStats* stats);
}
