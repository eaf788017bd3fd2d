using BenchmarkDotNet.Running;

namespace Validator.Bench;

internal static class Program
{
    private static void Main(string[] args)
    {
        if (args is ["crypto"])
        {
            Micro.CryptoTable.Run();
            return;
        }

        if (args is ["dudect", ..])
        {
            Micro.DudectTable.Run(args.Length > 1 ? double.Parse(args[1], System.Globalization.CultureInfo.InvariantCulture) : 20);
            return;
        }

        BenchmarkSwitcher.FromAssembly(typeof(Program).Assembly).Run(args);
    }
}
