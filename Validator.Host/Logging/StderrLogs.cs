using System.Buffers;
using System.Globalization;
using System.Text;
using System.Text.Json;
using System.Threading.Channels;
using Microsoft.Extensions.Logging;
using Validator.Net.Native;

namespace Validator.Host.Logging;

/// <summary>
/// Logs to standard error as text, or as one JSON object a line with the message's named values as fields. A thread of its own
/// writes, so a reader that stands still never holds up the node; what does not fit in the queue is counted and dropped.
/// </summary>
public sealed class StderrLogs : ILoggerFactory, ILoggerProvider
{
    private const int QueueLines = 4096;
    private static readonly TimeSpan s_lastWord = TimeSpan.FromMilliseconds(500);

    private readonly Channel<byte[]> _queue = Channel.CreateBounded<byte[]>(
        new BoundedChannelOptions(QueueLines) { SingleReader = true, FullMode = BoundedChannelFullMode.Wait });

    private readonly Stream _output;
    private readonly Thread _thread;
    private volatile LogLevel _least;
    private readonly bool _json;
    private readonly TimeSpan _patience;
    private long _dropped;

    /// <param name="level">trace, debug, info, warn or error.</param>
    /// <param name="output">Default: standard error.</param>
    /// <param name="patience">How long Dispose waits for what is queued; default half a second.</param>
    public StderrLogs(string level, bool json, Stream? output = null, TimeSpan? patience = null)
    {
        _patience = patience ?? s_lastWord;
        SetLevel(level);
        _json = json;
        _output = output ?? Console.OpenStandardError();
        _thread = new Thread(Write) { IsBackground = true, Name = "log" };
        _thread.Start();
    }

    /// <summary>Lines dropped because standard error did not take them: its reader stands still, or its disk is full.</summary>
    public long Dropped => Volatile.Read(ref _dropped);

    /// <param name="level">trace, debug, info, warn or error; takes effect at once. Any thread.</param>
    public void SetLevel(string level) => _least = level switch
    {
        "trace" => LogLevel.Trace,
        "debug" => LogLevel.Debug,
        "warn" => LogLevel.Warning,
        "error" => LogLevel.Error,
        _ => LogLevel.Information,
    };

    public ILogger CreateLogger(string categoryName) => new Log(this, categoryName);

    public void AddProvider(ILoggerProvider provider) =>
        throw new NotSupportedException("standard error is the only place that logs go to");

    /// <summary>Writes what is queued, but does not wait for a reader that stands still.</summary>
    public void Dispose()
    {
        if (_queue.Writer.TryComplete())
        {
            _thread.Join(_patience);
        }
    }

    /// <summary>
    /// Writes a line at once, for a process that is about to end; it waits half a second at most for a reader that stands still,
    /// so that the process ends in any case.
    /// </summary>
    public static void Say(string line)
    {
        Thread thread = new(() =>
        {
            try
            {
                Console.Error.WriteLine(line);
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException)
            {
                // As in Write.
            }
        })
        {
            IsBackground = true,
        };
        thread.Start();
        thread.Join(s_lastWord);
    }

    private void Write()
    {
        Kernel.NameThread(_thread.Name!);
        ChannelReader<byte[]> reader = _queue.Reader;
        while (reader.WaitToReadAsync().AsTask().GetAwaiter().GetResult())
        {
            while (reader.TryRead(out byte[]? line))
            {
                try
                {
                    _output.Write(line);
                    _output.Flush();
                }
                catch (Exception e) when (e is IOException or UnauthorizedAccessException or ObjectDisposedException)
                {
                    // A full disk, or a reader that is gone. There is no better place to report it, and the next line may be
                    // taken again.
                    Interlocked.Increment(ref _dropped);
                }
            }
        }
    }

    private void Add(LogLevel level, string category, string message, object? state, Exception? exception)
    {
        byte[] line = _json ? JsonLine(level, category, message, state, exception) : TextLine(level, category, message, exception);
        if (!_queue.Writer.TryWrite(line))
        {
            Interlocked.Increment(ref _dropped);
        }
    }

    private static byte[] TextLine(LogLevel level, string category, string message, Exception? exception)
    {
        string error = exception is null ? "" : ": " + exception;
        return Encoding.UTF8.GetBytes(string.Create(
            CultureInfo.InvariantCulture, $"{DateTime.UtcNow:yyyy-MM-ddTHH:mm:ss.fffZ} {Name(level),-5} {category}: {message}{error}\n"));
    }

    private static byte[] JsonLine(LogLevel level, string category, string message, object? state, Exception? exception)
    {
        ArrayBufferWriter<byte> buffer = new(256);
        using (Utf8JsonWriter json = new(buffer))
        {
            json.WriteStartObject();
            json.WriteString("time", DateTime.UtcNow.ToString("yyyy-MM-ddTHH:mm:ss.ffffffZ", CultureInfo.InvariantCulture));
            json.WriteString("level", Name(level));
            json.WriteString("logger", category);
            json.WriteString("message", message);
            if (state is IReadOnlyList<KeyValuePair<string, object?>> values)
            {
                foreach ((string key, object? value) in values)
                {
                    if (key != "{OriginalFormat}")
                    {
                        json.WritePropertyName(char.ToLowerInvariant(key[0]) + key[1..]);
                        WriteValue(json, value);
                    }
                }
            }

            if (exception is not null)
            {
                json.WriteString("error", exception.ToString());
            }

            json.WriteEndObject();
        }

        buffer.Write("\n"u8);
        return buffer.WrittenSpan.ToArray();
    }

    private static void WriteValue(Utf8JsonWriter json, object? value)
    {
        switch (value)
        {
            case null:
                json.WriteNullValue();
                break;
            case bool flag:
                json.WriteBooleanValue(flag);
                break;
            case int or long or short or byte or uint or ushort or sbyte:
                json.WriteNumberValue(Convert.ToInt64(value, CultureInfo.InvariantCulture));
                break;
            case ulong number:
                json.WriteNumberValue(number);
                break;
            case double number when double.IsFinite(number):
                json.WriteNumberValue(number);
                break;
            default:
                json.WriteStringValue(Convert.ToString(value, CultureInfo.InvariantCulture));
                break;
        }
    }

    private static string Name(LogLevel level) => level switch
    {
        LogLevel.Trace => "trace",
        LogLevel.Debug => "debug",
        LogLevel.Information => "info",
        LogLevel.Warning => "warn",
        LogLevel.Error => "error",
        _ => "fatal",
    };

    private sealed class Log(StderrLogs owner, string category) : ILogger
    {
        public IDisposable? BeginScope<TState>(TState state)
            where TState : notnull => null;

        public bool IsEnabled(LogLevel logLevel) => logLevel != LogLevel.None && logLevel >= owner._least;

        void ILogger.Log<TState>(
            LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter)
        {
            if (IsEnabled(logLevel))
            {
                owner.Add(logLevel, category, formatter(state, exception), state, exception);
            }
        }
    }
}
