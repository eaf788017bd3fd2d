using BenchmarkDotNet.Configs;
using BenchmarkDotNet.Jobs;
using BenchmarkDotNet.Running;
using BenchmarkDotNet.Toolchains.InProcess.Emit;
using BenchmarkDotNet.Toolchains.NativeAot;

namespace Validator.Bench.Micro;

/// <summary>
/// `make bench-micro`: BenchmarkDotNet with short runs (three warm-ups, three measurements) in this process, so that all of it
/// ends within minutes and nothing is built meanwhile. `--job medium` and the like run longer. `--aot` also runs the same
/// compiled ahead of time, for benchmarks that need no native library of ours.
/// </summary>
internal static class MicroRun
{
    public static int Run(string[] args)
    {
        Job job = Job.ShortRun.WithToolchain(InProcessEmitToolchain.Instance);
        IConfig config = args.Contains("--job") ? DefaultConfig.Instance : DefaultConfig.Instance.AddJob(job);
        if (args.Contains("--aot"))
        {
            args = [.. args.Where(arg => arg != "--aot")];
            config = config.AddJob(Job.ShortRun.WithToolchain(
                NativeAotToolchain.CreateBuilder().UseNuGet().IlcInstructionSet("x86-64-v3").TargetFrameworkMoniker("net10.0").ToToolchain()));
        }

        return BenchmarkSwitcher.FromAssembly(typeof(Program).Assembly).Run(args, config).All(s => !s.HasCriticalValidationErrors) ? 0 : 1;
    }
}
