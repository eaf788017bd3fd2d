using System.Diagnostics;

namespace Validator.Host.Backup;

/// <summary>Lets so many bytes a second pass on average, so that votes are synced beside a backup. One thread.</summary>
/// <param name="bytesPerSecond">0: without limit.</param>
internal sealed class RateLimit(long bytesPerSecond)
{
    private readonly long _start = Stopwatch.GetTimestamp();
    private long _passed;

    /// <summary>Waits until what passed before was slow enough; then so many bytes more may pass.</summary>
    public void Wait(int bytes, CancellationToken cancellation)
    {
        if (bytesPerSecond > 0)
        {
            TimeSpan due = TimeSpan.FromSeconds((double)_passed / bytesPerSecond) - Stopwatch.GetElapsedTime(_start);
            if (due > TimeSpan.Zero)
            {
                cancellation.WaitHandle.WaitOne(due);
            }

            cancellation.ThrowIfCancellationRequested();
            _passed += bytes;
        }
    }
}
