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

        BenchmarkSwitcher.FromAssembly(typeof(Program).Assembly).Run(args);
    }
}
