using System.Diagnostics;

namespace Validator.Tests.Model;

public sealed class ModelTests
{
    // Protects the rules themselves: agreement in small bounds, exhaustively, and a search that finds each planted mistake.
    [Fact]
    public async Task Spin_finds_no_disagreement_and_every_planted_mistake()
    {
        DirectoryInfo root = new(AppContext.BaseDirectory);
        while (!File.Exists(Path.Combine(root.FullName, "Validator.sln")))
        {
            root = root.Parent!;
        }

        using Process run = Process.Start(new ProcessStartInfo("bash", [Path.Combine(root.FullName, "Validator.Tests/Model/run.sh"), "quick"])
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        })!;
        Task<string> table = run.StandardOutput.ReadToEndAsync();
        Task<string> errors = run.StandardError.ReadToEndAsync();
        await run.WaitForExitAsync();
        Assert.True(run.ExitCode == 0, await table + await errors);
    }
}
