using System.Diagnostics;
using Validator.Host.Storage.Log;
using Validator.Host.Tools.Localnet;

namespace Validator.Tests.Processes;

/// <summary>strace, attached to a running validator to delay or fail its synced writes from outside.</summary>
internal sealed class Strace : IDisposable
{
    private readonly Process _process;
    private readonly Task<string> _errors;

    private Strace(Process process)
    {
        _process = process;
        _errors = process.StandardError.ReadToEndAsync();
    }

    /// <summary>Attaches to all threads, and returns once each is traced.</summary>
    /// <param name="injection">As in <c>--inject=pwrite64,fdatasync:</c>, such as <c>delay_exit=500000</c>.</param>
    /// <param name="logs">The logs whose synced writes are meant: of one kind of store, or of both.</param>
    public static async Task<Strace> AttachAsync(NodeProcess node, string injection, params string[] logs)
    {
        string store = LocalCluster.StorePath(node);
        string[] only = [.. logs.SelectMany(l => (string[])["-P", Path.Combine(store, l, StoreLog.FileName)])];
        ProcessStartInfo start = new("strace",
        [
            "-f", "-qq", "-p", $"{node.ProcessId}", "-o", Path.Combine(node.Directory, "strace"),
            .. only, "-e", "trace=pwrite64,fdatasync", $"--inject=pwrite64,fdatasync:{injection}",
        ])
        {
            RedirectStandardError = true,
        };
        Strace strace = new(Process.Start(start)!);
        try
        {
            await ProcessCluster.UntilAsync("strace attached to every thread", ProcessCluster.Patience, () =>
            {
                // It ends by itself with the validator, which a failed sync may have stopped already.
                bool ended = strace._process.HasExited;
                Assert.False(ended && node.IsRunning, "strace ended: " + (ended ? strace._errors.Result : ""));
                return Task.FromResult(ended || AllTraced(node.ProcessId));
            });
            return strace;
        }
        catch
        {
            strace.Dispose();
            throw;
        }
    }

    /// <summary>Detaches: the validator goes on without.</summary>
    public void Dispose()
    {
        if (!_process.HasExited)
        {
            ProcessCluster.Send(_process.Id, ProcessCluster.Signal.Terminate);
            _process.WaitForExit();
        }

        _process.Dispose();
    }

    private static bool AllTraced(int processId)
    {
        string tasks = $"/proc/{processId}/task";
        foreach (string task in Directory.Exists(tasks) ? Directory.GetDirectories(tasks) : [])
        {
            try
            {
                if (File.ReadLines(Path.Combine(task, "status")).Any(l => l is "TracerPid:\t0"))
                {
                    return false;
                }
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException)
            {
                // A thread that has ended meanwhile.
            }
        }

        return true;
    }
}
