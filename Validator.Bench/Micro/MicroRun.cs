using BenchmarkDotNet.Configs;
using BenchmarkDotNet.Jobs;
using BenchmarkDotNet.Running;
using BenchmarkDotNet.Toolchains.InProcess.Emit;

namespace Validator.Bench.Micro;

/// <summary>
/// `make bench-micro`: BenchmarkDotNet with short runs (three warm-ups, three measurements) in this process, so that all of
/// it ends within minutes and nothing is built meanwhile. `--job medium` and the like run longer.
/// </summary>
internal static class MicroRun
{
    public static int Run(string[] args)
    {
        Job job = Job.ShortRun.WithToolchain(InProcessEmitToolchain.Instance);
        IConfig config = args.Contains("--job") ? DefaultConfig.Instance : DefaultConfig.Instance.AddJob(job);
        return BenchmarkSwitcher.FromAssembly(typeof(Program).Assembly).Run(args, config).All(s => !s.HasCriticalValidationErrors) ? 0 : 1;
    }
}
