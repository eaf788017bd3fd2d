using System.Net;
using System.Net.Sockets;
using System.Runtime.InteropServices;
using System.Text;

namespace Validator.Net.Discovery;

/// <summary>The addresses of a name.</summary>
/// <param name="Addresses">Best first; empty when there are none.</param>
/// <param name="Error">Why there are none, as text; null when there are some.</param>
public sealed record NameAnswer(IPAddress[] Addresses, string? Error);

/// <summary>Files that are read instead of /etc/resolv.conf and /etc/hosts; null: those two.</summary>
internal readonly record struct NameFiles(string? ResolvConf, string? Hosts)
{
    public static NameFiles OfEnvironment() => new(Of("VALIDATOR_RESOLV_CONF"), Of("VALIDATOR_HOSTS"));

    private static string? Of(string variable) => Environment.GetEnvironmentVariable(variable) is { Length: > 0 } path ? path : null;
}

/// <summary>
/// The one place where names become addresses, for peers' hints and for every client in the binary: the hosts file, then DNS as
/// resolv.conf says, by c-ares (eng/native/names.c). NSS modules are not asked: a static binary cannot load modules of another C
/// library.
/// </summary>
public static partial class NameResolver
{
    /// <summary>The most addresses taken of an answer.</summary>
    private const int MaxAddresses = 16;
    private const int MaxNameLength = 255;

    /// <summary>Look-ups at once; each takes a thread while it waits.</summary>
    private static readonly SemaphoreSlim s_atOnce = new(8);

    /// <summary>Does not throw for bad names or failing servers. Each look-up is limited to 10 s.</summary>
    /// <param name="family">InterNetwork, InterNetworkV6, or Unspecified for both.</param>
    /// <exception cref="OperationCanceledException">The caller gave up.</exception>
    public static Task<NameAnswer> FindAsync(string name, AddressFamily family, CancellationToken cancellation = default) =>
        FindAsync(name, family, NameFiles.OfEnvironment(), cancellation);

    internal static async Task<NameAnswer> FindAsync(string name, AddressFamily family, NameFiles files, CancellationToken cancellation = default)
    {
        if (IPAddress.TryParse(name, out IPAddress? literal)) return new NameAnswer([literal], null);
        if (name.Length is 0 or > MaxNameLength || name.Any(c => c is <= ' ' or > '~')) return new NameAnswer([], "is no host name");
        // The last dot makes it absolute, and c-ares would ask a server; RFC 6761, section 6.3, says that nobody is asked.
        string absolute = name.TrimEnd('.');
        if (absolute.Equals("localhost", StringComparison.OrdinalIgnoreCase) || absolute.EndsWith(".localhost", StringComparison.OrdinalIgnoreCase)) name = absolute;
        await s_atOnce.WaitAsync(cancellation).ConfigureAwait(false);
        Task<NameAnswer> asked;
        try
        {
            // A thread of its own, so that waiting for a silent server takes none from the pool.
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
