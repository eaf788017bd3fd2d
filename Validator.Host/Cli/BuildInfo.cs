using System.Reflection;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace Validator.Host.Cli;

/// <summary>What this binary was made of.</summary>
internal static unsafe partial class BuildInfo
{
    private const string Library = "validator_native";

    private static readonly string Informational =
        typeof(BuildInfo).Assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()?.InformationalVersion ?? "0.0.0";

    public static string Version => Informational.Split('+')[0];

    public static string Commit => Informational.Contains('+') ? Informational.Split('+')[1] : "unknown";

    public static bool IsAot => !RuntimeFeature.IsDynamicCodeSupported;

    /// <summary>From its headers when this was built: its C interface does not say.</summary>
    public static string RocksDb => typeof(BuildInfo).Assembly.GetCustomAttributes<AssemblyMetadataAttribute>()
        .FirstOrDefault(a => a.Key == "RocksDbVersion")?.Value ?? "unknown";

    public static string OpenSsl => Marshal.PtrToStringUTF8((nint)OpenSSL_version(0)) ?? "unknown";

    public static string Ngtcp2 => Marshal.PtrToStringUTF8((nint)ngtcp2_version(0)->Text) ?? "unknown";

    [LibraryImport(Library)]
    private static partial byte* OpenSSL_version(int type);

    [LibraryImport(Library)]
    private static partial Ngtcp2Info* ngtcp2_version(int leastVersion);

    /// <summary>ngtcp2_info: age, version number, version text.</summary>
    [StructLayout(LayoutKind.Sequential)]
    private struct Ngtcp2Info
    {
        public int Age;
        public int Number;
        public byte* Text;
    }
}
