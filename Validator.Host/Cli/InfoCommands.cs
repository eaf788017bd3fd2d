using System.CommandLine;
using System.Runtime.InteropServices;
using System.Security.Cryptography;
using Validator.Core.Primitives;
using Validator.Crypto.Simd;
using Validator.Crypto.Simd.SelfTest;
using Validator.Host.Config;
using Validator.Host.Keys;
using Validator.Host.Primitives;
using Validator.Net.Native;

namespace Validator.Host.Cli;

/// <summary>version, selftest and the reference of node.toml.</summary>
internal static class InfoCommands
{
    public static Command Version()
    {
        Command command = new("version", "Print the version, the commit and what is inside");
        command.SetAction(_ =>
        {
            Console.WriteLine($"validator  {BuildInfo.Version}");
            Console.WriteLine($"commit     {BuildInfo.Commit}");
            Console.WriteLine($"framework  {RuntimeInformation.FrameworkDescription} ({(BuildInfo.IsAot ? "native" : "JIT")})");
            Console.WriteLine($"isa        {CpuPaths.Best}");
            Console.WriteLine($"rocksdb    {BuildInfo.RocksDb}");
            Console.WriteLine($"openssl    {BuildInfo.OpenSsl}");
            Console.WriteLine($"ngtcp2     {BuildInfo.Ngtcp2}");
            return ExitCodes.Success;
        });
        return command;
    }

    public static Command Config()
    {
        Command command = new("config", "Print every key of node.toml: default, meaning, environment variable");
        command.SetAction(_ =>
        {
            string section = "";
            foreach (SettingKey key in SettingKey.All)
            {
                string own = key.Path[..key.Path.IndexOf('.')];
                if (own != section)
                {
                    Console.WriteLine($"{(section.Length > 0 ? "\n" : "")}[{own}]");
                    section = own;
                }

                string value = key.Default.Length == 0 || key.Kind != TomlKind.String ? key.Default : $"\"{key.Default}\"";
                Console.WriteLine($"# {key.Help}");
                Console.WriteLine($"# {key.Variable}");
                Console.WriteLine($"{key.Path[(own.Length + 1)..]} = {value}");
            }

            return ExitCodes.Success;
        });
        return command;
    }

    public static Command SelfTest()
    {
        Option<string?> vectors = new("--vectors") { Description = "Also check the official vector files in this folder" };
        Command command = new("selftest", "Check hashing and signing on this machine, and print the code paths that it takes") { vectors };
        command.SetAction(parse =>
        {
            if (parse.GetValue(vectors) is { } place && !Directory.Exists(place))
            {
                throw new ConfigException($"--vectors: {place}: is no folder");
            }

            bool good = CryptoSelfTest.Run(Console.Out) & Check("openssl ml-dsa-87", SignAndVerify) & Runtime();
            good &= parse.GetValue(vectors) is not { } folder || OfficialVectors.Run(folder, Console.Out);
            return good ? ExitCodes.Success : ExitCodes.Internal;
        });
        return command;
    }

    private static bool Check(string name, Func<bool> check)
    {
        bool good = check();
        Console.WriteLine($"{name,-10} {(good ? "ok" : "FAILED: this build does not work on this processor")}");
        return good;
    }

    /// <summary>
    /// What the runtime has of OpenSSL. It silently leaves out what OpenSSL was built without. A static binary brings its own, so
    /// anything missing is a fault of the build. Under the JIT it is the system's.
    /// </summary>
    private static bool Runtime()
    {
        bool good = true;
#pragma warning disable SYSLIB5006 // asked whether it is there, and not used
        (string Name, bool Has)[] parts =
        [
            ("chacha20-poly1305", ChaCha20Poly1305.IsSupported), ("sha3", SHA3_256.IsSupported), ("shake", Shake256.IsSupported), ("ml-dsa", MLDsa.IsSupported),
        ];
#pragma warning restore SYSLIB5006
        foreach ((string name, bool has) in parts)
        {
            Console.WriteLine($"runtime {name,-18} {(has ? "ok" : BuildInfo.IsAot ? "FAILED: this build lacks it" : "not in this system's OpenSSL")}");
            good &= has || !BuildInfo.IsAot;
        }

        return good;
    }

    private static bool SignAndVerify()
    {
        byte[] seed = new byte[KeyFile.SeedBytes];
        byte[] message = "validator selftest"u8.ToArray();
        byte[] signature = new byte[Limits.SignatureBytes];
        using OpenSslMlDsa87 key = OpenSslMlDsa87.FromSeed(seed);
        key.Sign("t"u8, message, signature);
        bool good = key.Verify("t"u8, message, signature);
        message[0] ^= 1;
        return good && !key.Verify("t"u8, message, signature);
    }
}
