using System.Text;
using System.Text.Json;
using Microsoft.Extensions.Logging;
using Validator.Host.Logging;

namespace Validator.Tests.Host.Logging;

public class StderrLogsTests
{
    // Protects log collectors: one JSON object a line, named values as fields, and nothing below the level.
    [Fact]
    public void Writes_json_lines()
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

    // Protects the log from a moment without room: what did not get out is counted, and the next line is written again.
    [Fact]
    public void Goes_on_after_a_full_disk()
    {
        using FullAtFirst output = new();
        using (StderrLogs logs = new("info", json: false, output, TimeSpan.FromSeconds(30)))
        {
            ILogger log = logs.CreateLogger("node");
            log.LogInformation("lost");
            Assert.True(SpinWait.SpinUntil(() => logs.Dropped == 1, TimeSpan.FromSeconds(30)));
            log.LogInformation("kept");
        }

        string text = Encoding.UTF8.GetString(output.ToArray());
        Assert.Contains("kept", text, StringComparison.Ordinal);
        Assert.DoesNotContain("lost", text, StringComparison.Ordinal);
    }

    private sealed class FullAtFirst : MemoryStream
    {
        private bool _tried;

        public override void Write(ReadOnlySpan<byte> buffer) => Write(buffer.ToArray(), 0, buffer.Length);

        public override void Write(byte[] buffer, int offset, int count)
        {
            if (!_tried)
            {
                _tried = true;
                throw new IOException("No space left on device");
            }

            base.Write(buffer, offset, count);
        }
    }
}
