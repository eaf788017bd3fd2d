using System.Diagnostics;
using Validator.Host.Tools.Localnet;

namespace Validator.Tests.Processes;

/// <summary>
/// A network of this test's own: a namespace with a device for each validator, on a bridge in a further one, which this process
/// reaches by a device of its own. All of it goes with the namespaces.
/// </summary>
internal sealed class Namespaces : IDisposable
{
    private static int _count;

    private readonly string _prefix = $"vt{Environment.ProcessId}-{Interlocked.Increment(ref _count)}";
    private readonly string _subnet = $"10.{64 + (Environment.ProcessId % 128)}.{((Environment.ProcessId >> 7) + _count) % 256}";
    private readonly string _subnet6 = $"fd00:{Environment.ProcessId & 0xffff:x}:{_count:x}:";
    private readonly int _validators;

    public Namespaces(int validators)
    {
        _validators = validators;
        try
        {
            Ip($"netns add {Hub}");
            Ip($"-n {Hub} link add bridge type bridge");
            Ip($"-n {Hub} link set bridge up");
            Ip($"link add {Hub} type veth peer name home netns {Hub}");
            Ip($"-n {Hub} link set dev home master bridge up");
            Ip($"addr add {_subnet}.254/24 dev {Hub}");
            Ip($"link set {Hub} up");
            for (int i = 0; i < validators; i++)
            {
                Ip($"netns add {Name(i)}");
                Ip($"-n {Hub} link add v{i} type veth peer name eth0 netns {Name(i)}");
                Ip($"-n {Hub} link set dev v{i} master bridge up");
                Ip($"-n {Name(i)} link set lo up");
                Ip($"-n {Name(i)} addr add {Address(i)}/24 dev eth0");
                Ip($"-n {Name(i)} addr add {_subnet6}:{i + 1:x}/64 dev eth0 nodad");
                Ip($"-n {Name(i)} addr add {SecondAddress6(i)}/64 dev eth0 nodad");
                // Each packet by itself, as on a wire: as one large one they would pass where each is too long.
                Ip($"-n {Name(i)} link set dev eth0 gso_max_segs 1");
                Ip($"-n {Name(i)} link set eth0 up");
            }
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    private string Hub => _prefix;

    public string Address(int validator) => $"{_subnet}.{validator + 1}";

    /// <summary>Not the one that the kernel takes by itself.</summary>
    public string SecondAddress6(int validator) => $"{_subnet6}:{0x100 + validator:x}";

    /// <summary>Where and how each is started.</summary>
    public (string Host, Executable Executable)[] Place(Executable executable) =>
        [.. Enumerable.Range(0, _validators).Select(i => (Address(i), new Executable(["ip", "netns", "exec", Name(i), .. executable.Command])))];

    /// <summary>A node.toml made for loopback, with its listening addresses in here.</summary>
    public string Configure(string text, string host) => text
        .Replace("\"127.0.0.1", $"\"{host}")
        .Replace("[api]\n", "[api]\ninsecure = true\nconnections_per_address = 0\nrequests_per_second = 0\nwaiting_per_address = 0\nsubscribers_per_address = 0\n");

    /// <summary>What a device of the validator's carries, each way; of its own machine's validators: lo.</summary>
    public void SetMtu(int validator, int bytes, string device = "eth0") => Ip($"-n {Name(validator)} link set {device} mtu {bytes}");

    public void Down(int validator) => Ip($"-n {Name(validator)} link set eth0 down");

    public void Dispose()
    {
        for (int i = 0; i < _validators; i++)
        {
            Run($"netns del {Name(i)}", out _);
        }

        Run($"netns del {Hub}", out _);
    }

    /// <summary>What keeps this machine from it; null: nothing.</summary>
    public static string? Missing()
    {
        if (!Environment.IsPrivilegedProcess)
        {
            return "Network namespaces need root.";
        }

        string name = $"vt{Environment.ProcessId}-try";
        try
        {
            return Run($"netns add {name}", out string output) && Run($"netns del {name}", out output) ? null : $"No network namespaces here: {output}";
        }
        catch (System.ComponentModel.Win32Exception)
        {
            return "ip is missing (Debian: iproute2).";
        }
    }

    private string Name(int validator) => $"{_prefix}-{validator + 1}";

    private static void Ip(string arguments) => Assert.True(Run(arguments, out string output), $"ip {arguments}: {output}");

    private static bool Run(string arguments, out string output)
    {
        using Process process = Process.Start(new ProcessStartInfo("ip", arguments) { RedirectStandardError = true })!;
        output = process.StandardError.ReadToEnd();
        process.WaitForExit();
        return process.ExitCode == 0;
    }
}

/// <summary>Needs network namespaces; skipped, saying so, where there are none.</summary>
[AttributeUsage(AttributeTargets.Method)]
public sealed class NamespaceFactAttribute : FactAttribute
{
    public NamespaceFactAttribute() => Skip = Namespaces.Missing();
}

/// <inheritdoc cref="NamespaceFactAttribute"/>
[AttributeUsage(AttributeTargets.Method)]
public sealed class NamespaceTheoryAttribute : TheoryAttribute
{
    public NamespaceTheoryAttribute() => Skip = Namespaces.Missing();
}
