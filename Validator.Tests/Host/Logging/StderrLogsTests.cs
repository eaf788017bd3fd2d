using System.Text;
using System.Text.Json;
using Microsoft.Extensions.Logging;
using Validator.Host.Logging;

namespace Validator.Tests.Host.Logging;

public class StderrLogsTests
{
    // Protects log collectors: one JSON object a line, named values as fields, and nothing below the level.
    [Fact]
    public void WritesJsonLines()
    {
        using MemoryStream output = new();
        using (StderrLogs logs = new("info", json: true, output, TimeSpan.FromSeconds(30)))
        {
            ILogger log = logs.CreateLogger("node");
            log.LogInformation("view {View} of {Leader}\n", 7UL, "node-2");
            log.LogDebug("unseen");
            log.LogError(new IOException("disk"), "failed");
        }

        string[] lines = Encoding.UTF8.GetString(output.ToArray()).TrimEnd('\n').Split('\n');
        Assert.Equal(2, lines.Length);
        JsonElement first = JsonDocument.Parse(lines[0]).RootElement;
        Assert.Equal(("info", "node", 7UL, "node-2"), (
            first.GetProperty("level").GetString(), first.GetProperty("logger").GetString(),
            first.GetProperty("view").GetUInt64(), first.GetProperty("leader").GetString()));
        Assert.Contains("disk", JsonDocument.Parse(lines[1]).RootElement.GetProperty("error").GetString(), StringComparison.Ordinal);
    }
}
