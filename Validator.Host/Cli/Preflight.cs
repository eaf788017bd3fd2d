using System.Net;
using System.Net.Sockets;
using System.Runtime.InteropServices;
using Validator.Host.Api;
using Validator.Host.Config;
using Validator.Host.Contracts;
using Validator.Host.Pipeline;
using Validator.Host.Primitives;
using Validator.Host.Storage;

namespace Validator.Host.Cli;

/// <summary>
/// <c>run --check</c>: does what a start does, except serving, and leaves no trace: nothing is created, locked or written, so it
/// may run as another user than the validator. What it finds good, the next start accepts, unless the world changes in between.
/// </summary>
internal static partial class Preflight
{
    private const int Write = 2;

    /// <summary>Throws what a start would.</summary>
    public static void Check(NodeContext context)
    {
        NodeConfig config = context.Config;
        if (config.Api.Tokens.Length > 0)
        {
            ApiTokens.Read(config.Api.Tokens);
        }

        ApiCertificate.Read(config.Api)?.Dispose();
        RequireWritable("node.data_dir", config.Node.DataDir);
        RequireWritable("storage.path", config.Storage.Path);
        StoreIdentity identity = StoreIdentity.Of(context.ChainId, context.Keys.ConsensusPublicKey);
        if (VoteStoreSetup.Mark(config.Storage) is null)
        {
            RocksVoteStore.Probe(config.Storage.VotesPath, identity);
        }

        RocksLedger.Probe(config.Storage.LedgerPath, identity, takesOver: RocksVoteStore.Exists(config.Storage.VotesPath));
        IPAddress api = IPAddress.Parse(config.Api.Host);
        RequireFree("network.quic_port", ProtocolType.Udp, new IPEndPoint(IPAddress.Parse(config.Network.Host), config.Network.QuicPort));
        RequireFree("api.listen", ProtocolType.Tcp, new IPEndPoint(api, config.Api.Port));
        if (config.Api.Quic)
        {
            RequireFree("api.quic", ProtocolType.Udp, new IPEndPoint(api, config.Api.Port));
        }

        if (config.Metrics.Enabled)
        {
            RequireFree("metrics.port", ProtocolType.Tcp, new IPEndPoint(IPAddress.Parse(config.Metrics.Host), config.Metrics.Port));
        }
    }

    /// <summary>The folder, or the nearest above it that is there, in which a start would make it.</summary>
    private static void RequireWritable(string key, string folder)
    {
        string? at = folder;
        while (!Path.Exists(at))
        {
            at = Path.GetDirectoryName(at);
        }

        if (at is null || !Directory.Exists(at) || Access(at, Write) != 0)
        {
            throw new StoreException(
                StoreFault.Unwritable, $"{key}: {folder}: {(Directory.Exists(at) ? $"{at} cannot be written: {Marshal.GetLastPInvokeErrorMessage()}" : $"{at} is no folder")}");
        }
    }

    private static void RequireFree(string key, ProtocolType protocol, IPEndPoint address)
    {
        if (address.Port == 0)
        {
            return;
        }

        try
        {
            bool tcp = protocol == ProtocolType.Tcp;
            using Socket socket = new(address.AddressFamily, tcp ? SocketType.Stream : SocketType.Dgram, protocol);
            if (address.Address.Equals(IPAddress.IPv6Any))
            {
                socket.DualMode = true;
            }

            socket.Bind(address);
            if (tcp)
            {
                socket.Listen();
            }
        }
        catch (SocketException e) when (OutsideFaults.Tell(e) is { } told)
        {
            throw new OutsideException(told.Code, $"{key}: {address} ({protocol.ToString().ToUpperInvariant()}): {told.Message}");
        }
    }

    [LibraryImport("validator_native", EntryPoint = "access", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int Access(string path, int mode);
}
