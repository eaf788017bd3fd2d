using Validator.Bench.Simulation;

namespace Validator.Bench;

internal static class Program
{
    private static int Main(string[] args)
    {
        if (args is ["sim", .. var arguments])
        {
            return SimConsole.Run(arguments);
        }

        if (args is ["chaos", .. var chaos])
        {
            return Macro.ChaosCommand.RunAsync(chaos).GetAwaiter().GetResult();
        }

        if (args is ["soak", .. var soak])
        {
            return Macro.SoakCommand.RunAsync(soak).GetAwaiter().GetResult();
        }

        if (args is ["macro", .. var ladder])
        {
            return Macro.Ladder.Run(ladder);
        }

        if (args is ["crypto"])
        {
            Micro.CryptoTable.Run();
            return 0;
        }

        if (args is ["dudect", ..])
        {
            Micro.DudectTable.Run(args.Length > 1 ? double.Parse(args[1], System.Globalization.CultureInfo.InvariantCulture) : 20);
            return 0;
        }

        if (args is ["log", .. var log])
        {
            double seconds = log.Length > 0 ? double.Parse(log[0], System.Globalization.CultureInfo.InvariantCulture) : 5;
            Micro.LogTable.Run(seconds, log.Length > 1 ? log[1] : null);
            return 0;
        }

        if (args is ["guard", .. var guard])
        {
            return Macro.Guard.Run(guard);
        }

        return Micro.MicroRun.Run(args is ["micro", .. var micro] ? micro : args);
    }
}
