using System.Diagnostics;
using Validator.Host.Cli;

namespace Validator.Host.Tools.Localnet;

/// <summary>
/// One <c>validator run</c> as a child process. Its log goes to a file. The child stops when its standard input ends, which
/// happens even if this process is killed.
/// </summary>
public sealed class NodeProcess : IDisposable
{
    private readonly Executable _executable;
    private readonly string _configPath;
    private Process? _process;
    private Task _logging = Task.CompletedTask;

    /// <param name="directory">The node's own folder, which holds <c>node.toml</c>; gets <c>log</c>.</param>
    /// <param name="host">The address of its API and metrics.</param>
    public NodeProcess(string name, string directory, string configPath, NodePorts ports, Executable executable, string host = "127.0.0.1")
    {
        Host = host;
        Name = name;
        Directory = directory;
        Ports = ports;
        _configPath = configPath;
        _executable = executable;
    }

    public string Name { get; }

    public string Directory { get; }

    public NodePorts Ports { get; }

    public string Host { get; }

    public string LogPath => Path.Combine(Directory, "log");

    public Uri Api => new($"http://{Host}:{Ports.Api}");

    public Uri Metrics => new($"http://{Host}:{Ports.Metrics}/metrics");

    /// <summary>0 before the first start.</summary>
    public int ProcessId { get; private set; }

    public bool IsRunning => _process is { HasExited: false };

    /// <summary>The exit code of a child that has exited; a signal's number plus 128.</summary>
    public int ExitCode => _process is { HasExited: true } exited ? exited.ExitCode : -1;

    /// <summary>Starts it, or starts it again. The log is appended to.</summary>
    /// <param name="arguments">Further arguments.</param>
    public void Start(params string[] arguments)
    {
        _process?.Dispose();
        string[] command = [.. _executable.Command, "run", "--config", _configPath, "--stop-with-stdin", .. arguments];
        ProcessStartInfo start = new(command[0], command[1..])
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            UseShellExecute = false,
        };
        _process = Process.Start(start) ?? throw new InvalidOperationException($"{command[0]} did not start");
        ProcessId = _process.Id;
        FileStream log = new(LogPath, FileMode.Append, FileAccess.Write, FileShare.ReadWrite | FileShare.Delete);
        _logging = CopyLogAsync(_process, log);
    }

    /// <summary>SIGKILL; returns when it is gone.</summary>
    public void Kill()
    {
        if (_process is null)
        {
            return;
        }

        try
        {
            _process.Kill(entireProcessTree: true);
        }
        catch (InvalidOperationException)
        {
            // It had exited already.
        }

        _process.WaitForExit();
    }

    /// <summary>Asks it to stop and waits.</summary>
    /// <returns>False when it had to be killed after <paramref name="patience"/>.</returns>
    public async Task<bool> StopAsync(TimeSpan patience)
    {
        if (_process is null)
        {
            return true;
        }

        CloseInput(_process);
        bool stopped = await WaitForExitAsync(patience).ConfigureAwait(false);
        if (!stopped)
        {
            Kill();
        }

        await _logging.ConfigureAwait(false);
        return stopped;
    }

    /// <summary>Waits until it has exited and its log is written.</summary>
    /// <returns>False when it still runs after <paramref name="patience"/>.</returns>
    public async Task<bool> WaitForExitAsync(TimeSpan patience)
    {
        if (_process is null)
        {
            return true;
        }

        using CancellationTokenSource timeout = new(patience);
        try
        {
            // Then also for the end of its log, unless a child of its own keeps that open.
            await _process.WaitForExitAsync(timeout.Token).ConfigureAwait(false);
            await _logging.WaitAsync(timeout.Token).ConfigureAwait(false);
            return true;
        }
        catch (OperationCanceledException)
        {
            return _process.HasExited;
        }
    }

    /// <summary>The last lines of its log, for an error message.</summary>
    public string LogTail(int lines)
    {
        try
        {
            using FileStream file = new(LogPath, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete);
            file.Seek(-Math.Min(file.Length, 64 * 1024), SeekOrigin.End);
            using StreamReader reader = new(file);
            string[] all = reader.ReadToEnd().TrimEnd().Split('\n');
            return string.Join('\n', all[^Math.Min(lines, all.Length)..]);
        }
        catch (IOException)
        {
            return "";
        }
    }

    /// <summary>Kills it if it still runs.</summary>
    public void Dispose()
    {
        if (IsRunning)
        {
            Kill();
        }

        _process?.Dispose();
        _process = null;
    }

    private static void CloseInput(Process process)
    {
        try
        {
            process.StandardInput.Close();
        }
        catch (IOException)
        {
            // Already gone.
        }
    }

    private static async Task CopyLogAsync(Process process, FileStream log)
    {
        await using (log.ConfigureAwait(false))
        {
            await Task.WhenAll(
                CopyAsync(process.StandardOutput.BaseStream, log),
                CopyAsync(process.StandardError.BaseStream, log)).ConfigureAwait(false);
        }

        static async Task CopyAsync(Stream from, FileStream to)
        {
            byte[] buffer = new byte[16 * 1024];
            try
            {
                int read;
                while ((read = await from.ReadAsync(buffer).ConfigureAwait(false)) > 0)
                {
                    lock (to)
                    {
                        to.Write(buffer, 0, read);
                        to.Flush();
                    }
                }
            }
            catch (Exception e) when (e is IOException or ObjectDisposedException)
            {
                // The process object was disposed during the copy; what matters of the log is there.
            }
        }
    }
}
