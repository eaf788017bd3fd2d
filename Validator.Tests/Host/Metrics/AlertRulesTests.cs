using System.Diagnostics;
using Validator.Tests.Processes;

namespace Validator.Tests.Host.Metrics;

/// <summary>
/// deploy/prometheus, by Prometheus' own tool. That each metric exists is <see cref="StallTests"/>' to say, of a live validator.
/// </summary>
public class AlertRulesTests
{
    // Protects operators who load the rules as they are: they parse, stay silent on a validator that is well, and each fault
    // raises its alert.
    [ToolTheory("promtool")]
    [InlineData("check", "alerts.yml")]
    [InlineData("test", "alerts_test.yml")]
    public async Task Promtool_agrees(string what, string file)
    {
        using Process process = Process.Start(new ProcessStartInfo(Tool.Path("promtool"), [what, "rules", file])
        {
            WorkingDirectory = Path.Combine(Abuse.Root, "deploy", "prometheus"),
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        })!;
        string said = await process.StandardOutput.ReadToEndAsync() + await process.StandardError.ReadToEndAsync();
        await process.WaitForExitAsync();
        Assert.True(process.ExitCode == 0, said);
    }
}
