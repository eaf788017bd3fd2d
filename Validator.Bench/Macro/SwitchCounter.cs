using System.Globalization;

namespace Validator.Bench.Macro;

/// <summary>
/// Context switches of a process's children, read from /proc a few times a second while they live: what a thread did after the
/// last reading is not counted.
/// </summary>
internal sealed class SwitchCounter : IDisposable
{
    private static readonly TimeSpan Period = TimeSpan.FromMilliseconds(200);

    private readonly Dictionary<string, long> _ofThread = [];
    private readonly ManualResetEventSlim _stop = new();
    private readonly Thread _thread;

    public SwitchCounter(int parent)
    {
        string children = string.Create(CultureInfo.InvariantCulture, $"/proc/{parent}/task/{parent}/children");
        _thread = new Thread(() => Loop(children)) { IsBackground = true, Name = "switches" };
        _thread.Start();
    }

    /// <summary>Ends it.</summary>
    /// <returns>Voluntary and forced ones, of all threads that were seen; 0 where the kernel does not tell.</returns>
    public long Stop()
    {
        _stop.Set();
        _thread.Join();
        return _ofThread.Values.Sum();
    }

    public void Dispose()
    {
        Stop();
        _stop.Dispose();
    }

    /// <param name="thread">Its folder in /proc.</param>
    /// <exception cref="IOException">It has ended.</exception>
    public static long OfThread(string thread) => File.ReadLines(thread + "/status")
        .Where(line => line.Contains("_ctxt_switches:", StringComparison.Ordinal))
        .Sum(line => long.Parse(line.AsSpan(line.IndexOf(':') + 1).Trim(), CultureInfo.InvariantCulture));

    private void Loop(string children)
    {
        do
        {
            try
            {
                foreach (string child in File.ReadAllText(children).Split(' ', StringSplitOptions.RemoveEmptyEntries))
                {
                    Read(child);
                }
            }
            catch (IOException)
            {
                // It has ended, or its children have; what was read stands.
            }
        }
        while (!_stop.Wait(Period));
    }

    private void Read(string process)
    {
        foreach (string thread in Directory.EnumerateDirectories($"/proc/{process}/task"))
        {
            try
            {
                _ofThread[thread] = OfThread(thread);
            }
            catch (IOException)
            {
                // This thread has ended; what was read of it stands.
            }
        }
    }
}
