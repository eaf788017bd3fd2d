using System.Globalization;
using Validator.Core.Primitives;
using Validator.Host.Primitives;

namespace Validator.Host.Tools.Localnet;

/// <summary>What /proc says about a process. Zeros where there is no /proc or no such process.</summary>
/// <param name="CpuSeconds">User and system time of all its threads so far.</param>
/// <param name="ResidentBytes">Resident set now.</param>
/// <param name="PeakResidentBytes">Largest resident set so far.</param>
/// <param name="WrittenBytes">Bytes that it caused to be sent to the storage layer.</param>
public readonly record struct ProcessSample(double CpuSeconds, long ResidentBytes, long PeakResidentBytes, long WrittenBytes)
{
    // sysconf(_SC_CLK_TCK) is 100 on every Linux that .NET supports: proc(5) and the kernel's USER_HZ.
    private const double TicksPerSecond = 100;

    public static ProcessSample Of(int processId)
    {
        try
        {
            string directory = $"/proc/{processId.ToString(CultureInfo.InvariantCulture)}";
            string stat = InputFile.ReadText($"{directory}/stat");

            // The name in field 2 may hold spaces: fields are counted from after its bracket, where field 3 begins.
            string[] fields = stat[(stat.LastIndexOf(')') + 2)..].Split(' ');
            double cpu = (Number(fields[11]) + Number(fields[12])) / TicksPerSecond;
            string status = InputFile.ReadText($"{directory}/status");
            return new ProcessSample(
                cpu,
                FieldOf(status, "VmRSS:") * 1024,
                FieldOf(status, "VmHWM:") * 1024,
                FieldOf(ReadOrEmpty($"{directory}/io"), "write_bytes:"));
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return default;
        }
    }

    private static string ReadOrEmpty(string path)
    {
        try
        {
            return InputFile.ReadText(path);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return "";
        }
    }

    private static long FieldOf(string text, string name)
    {
        foreach (ReadOnlySpan<char> line in text.AsSpan().EnumerateLines())
        {
            if (line.StartsWith(name, StringComparison.Ordinal))
            {
                ReadOnlySpan<char> value = line[name.Length..].Trim();
                int unit = value.IndexOf(' ');
                return Number(unit < 0 ? value : value[..unit]);
            }
        }

        return 0;
    }

    private static long Number(ReadOnlySpan<char> text) =>
        StrictNumber.TryRead(text, out long value) ? value : 0;
}
