using System.CommandLine;
using System.Runtime.InteropServices;
using Validator.Core.Primitives;
using Validator.Crypto.Simd;
using Validator.Crypto.Simd.SelfTest;
using Validator.Host.Config;
using Validator.Host.Keys;
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
            bool good = CryptoSelfTest.Run(Console.Out) & Check("openssl ml-dsa-87", SignAndVerify);
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
