using System.Net;
using System.Net.Sockets;
using System.Runtime.InteropServices;
using System.Text;

namespace Validator.Net.Discovery;

/// <summary>What a name stands for.</summary>
/// <param name="Addresses">Best first; empty when none was found.</param>
/// <param name="Error">Why there is none, in words; null when there is one.</param>
public sealed record NameAnswer(IPAddress[] Addresses, string? Error);

/// <summary>What is read instead of /etc/resolv.conf and /etc/hosts; null: those.</summary>
internal readonly record struct NameFiles(string? ResolvConf, string? Hosts)
{
    public static NameFiles OfEnvironment() => new(Of("VALIDATOR_RESOLV_CONF"), Of("VALIDATOR_HOSTS"));

    private static string? Of(string variable) => Environment.GetEnvironmentVariable(variable) is { Length: > 0 } path ? path : null;
}

/// <summary>
/// The one place where names become addresses, for peers' hints and for every client in the binary: the hosts file, then DNS as resolv.conf
/// says, by c-ares (eng/native/names.c). NSS modules are not asked: the C library of a static binary cannot load another one's.
/// </summary>
public static partial class NameResolver
{
    /// <summary>No more of an answer is taken.</summary>
    private const int MaxAddresses = 16;
    private const int MaxNameLength = 255;

    /// <summary>Names asked for at once; each takes a thread while it waits.</summary>
    private static readonly SemaphoreSlim s_atOnce = new(8);

    /// <summary>Never throws for what the name or its servers say. A limit of 10 s holds for each name.</summary>
    /// <param name="family">InterNetwork, InterNetworkV6, or Unspecified for both.</param>
    /// <exception cref="OperationCanceledException">The caller gave up.</exception>
    public static Task<NameAnswer> FindAsync(string name, AddressFamily family, CancellationToken cancellation = default) =>
        FindAsync(name, family, NameFiles.OfEnvironment(), cancellation);

    internal static async Task<NameAnswer> FindAsync(string name, AddressFamily family, NameFiles files, CancellationToken cancellation = default)
    {
        if (IPAddress.TryParse(name, out IPAddress? literal)) return new NameAnswer([literal], null);
        if (name.Length is 0 or > MaxNameLength || name.Any(c => c is <= ' ' or > '~')) return new NameAnswer([], "is no host name");
        // Absolute by its last dot, and asked of nobody all the same (RFC 6761, section 6.3): c-ares would ask.
        string absolute = name.TrimEnd('.');
        if (absolute.Equals("localhost", StringComparison.OrdinalIgnoreCase) || absolute.EndsWith(".localhost", StringComparison.OrdinalIgnoreCase)) name = absolute;
        await s_atOnce.WaitAsync(cancellation).ConfigureAwait(false);
        Task<NameAnswer> asked;
        try
        {
            // A thread of its own: one of the pool's that waits for a silent server is one that nobody else has.
            asked = Task.Factory.StartNew(() => AskInTurn(name, family, files), CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default);
        }
        catch (Exception e) when (e is TaskSchedulerException or OutOfMemoryException)
        {
            s_atOnce.Release();
            return new NameAnswer([], "no thread can be made to ask with");
        }
        return await asked.WaitAsync(cancellation).ConfigureAwait(false);
    }

    private static NameAnswer AskInTurn(string name, AddressFamily family, NameFiles files)
    {
        try
        {
            return Ask(name, family, files);
        }
        finally
        {
            s_atOnce.Release();
        }
    }

    private static unsafe NameAnswer Ask(string name, AddressFamily family, NameFiles files)
    {
        const int limitMilliseconds = 10_000;
        int wanted = family switch
        {
            AddressFamily.InterNetwork => 4,
            AddressFamily.InterNetworkV6 => 6,
            _ => 0,
        };
        FoundAddress* found = stackalloc FoundAddress[MaxAddresses];
        int status, count;
        fixed (byte* host = Text(name), resolvConf = FileOf(files.ResolvConf), hosts = FileOf(files.Hosts))
        {
            count = Resolve(host, wanted, resolvConf, hosts, limitMilliseconds, found, MaxAddresses, &status);
        }
        if (count == 0) return new NameAnswer([], Marshal.PtrToStringUTF8(ReasonOf(status))!);
        var addresses = new IPAddress[count];
        for (int i = 0; i < count; i++)
        {
            addresses[i] = found[i].IsV6 != 0
                ? new IPAddress(new ReadOnlySpan<byte>(found[i].Ip, 16), found[i].Scope)
                : new IPAddress(new ReadOnlySpan<byte>(found[i].Ip, 4));
        }
        return new NameAnswer(addresses, null);
    }

    private static byte[]? FileOf(string? path) => path is null ? null : Text(path);

    private static byte[] Text(string text) => Encoding.UTF8.GetBytes(text + '\0');

    /// <summary>Mirrors validator_name_address in eng/native/names.h.</summary>
    [StructLayout(LayoutKind.Sequential)]
    private unsafe struct FoundAddress
    {
        public fixed byte Ip[16];
        public uint Scope;
        public uint IsV6;
    }

    [LibraryImport("validator_native", EntryPoint = "validator_resolve")]
    private static unsafe partial int Resolve(
        byte* name, int family, byte* resolvConf, byte* hosts, int limitMilliseconds, FoundAddress* addresses, int capacity, int* status);

    [LibraryImport("validator_native", EntryPoint = "validator_resolve_reason")]
    private static partial nint ReasonOf(int status);
}
