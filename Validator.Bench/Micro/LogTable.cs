using System.Buffers.Binary;
using System.Diagnostics;
using System.Globalization;
using Validator.Bench.Macro;
using Validator.Host.Storage.Log;
using Validator.Host.Storage.Native;

namespace Validator.Bench.Micro;

/// <summary>
/// Synced commits on this disk: RocksDB's log, which grows, beside ours, which is overwritten in place.
/// <c>Validator.Bench log [SECONDS [FOLDER]]</c>
/// </summary>
internal static class LogTable
{
    private const int VoteBytes = 1_500;
    private const int VertexBytes = 48 << 10;
    private const int GroupBytes = 1 << 20;
    private const long LogBlocks = 64 << 20 >> 12;
    private const string Both = "votes and vertices at once";
    private const string FourOfBoth = "four of votes and of vertices, each every 3 ms";
    private static readonly TimeSpan Pace = TimeSpan.FromMilliseconds(3);
    private static readonly int[] s_four = [.. Enumerable.Repeat((int[])[VoteBytes, VertexBytes], 4).SelectMany(s => s)];

    private enum Way
    {
        RocksDb,
        Synced,
        Direct,
    }

    public static void Run(double seconds, string? folder)
    {
        string place = folder ?? Repository.Path("artifacts", $"bench-log-{Environment.ProcessId}");
        Directory.CreateDirectory(place);
        try
        {
            string processor = Machine.FieldOf(File.ReadAllText("/proc/cpuinfo"), "model name");
            Console.WriteLine($"{processor}, {Environment.ProcessorCount} cores, {seconds:0.#} s a row, times in ms,");
            Console.WriteLine("processor time of this process in us a commit\n");
            Console.WriteLine("| commits | log | p50 | p99 | max | a second | processor |\n|---|---|---:|---:|---:|---:|---:|");
            foreach (Way way in Enum.GetValues<Way>())
            {
                Measure(place, way, "votes of 1.5 KB", [VoteBytes], joint: false, paced: false, seconds);
                Measure(place, way, "vertices of 48 KB", [VertexBytes], joint: false, paced: false, seconds);
                Measure(place, way, "groups of 1 MB", [GroupBytes], joint: false, paced: false, seconds);
            }

            foreach (Way way in Enum.GetValues<Way>())
            {
                Measure(place, way, Both, [VoteBytes, VertexBytes], joint: false, paced: false, seconds);
                Measure(place, way, "votes and groups at once", [VoteBytes, GroupBytes], joint: false, paced: false, seconds);
                Measure(place, way, FourOfBoth, s_four, joint: false, paced: true, seconds);
            }

            Measure(place, Way.Direct, Both, [VoteBytes, VertexBytes], joint: true, paced: false, seconds);
            Measure(place, Way.Direct, "votes and groups at once", [VoteBytes, GroupBytes], joint: true, paced: false, seconds);
            Measure(place, Way.Direct, FourOfBoth, s_four, joint: true, paced: true, seconds);
        }
        finally
        {
            Directory.Delete(place, recursive: true);
        }
    }

    private static void Measure(string place, Way way, string what, int[] sizes, bool joint, bool paced, double seconds)
    {
        List<ICommits> logs = [];
        ICommits[] of = new ICommits[sizes.Length];
        for (int i = 0; i < sizes.Length; i++)
        {
            bool shares = joint && i % 2 == 1;
            of[i] = shares ? of[i - 1] : Open(Path.Combine(place, $"{i}"), way, joint);
            if (!shares)
            {
                logs.Add(of[i]);
            }
        }

        List<double>[] took = [.. sizes.Select(_ => new List<double>())];
        TimeSpan before = Process.GetCurrentProcess().TotalProcessorTime;
        long start = Stopwatch.GetTimestamp();
        Thread[] writers =
            [.. sizes.Select((size, i) => new Thread(() => Write(of[i], size, took[i], start, seconds, paced, i)))];
        Array.ForEach(writers, w => w.Start());
        Array.ForEach(writers, w => w.Join());
        double elapsed = Stopwatch.GetElapsedTime(start).TotalSeconds;
        double busy = (Process.GetCurrentProcess().TotalProcessorTime - before).TotalMicroseconds / took.Sum(t => t.Count);
        string log = way == Way.RocksDb ? "RocksDB's, appended"
            : way == Way.Synced ? "in place, fdatasync" : "in place, O_DIRECT, O_DSYNC";
        log += joint ? ", one for both" : "";
        foreach (int size in sizes.Distinct())
        {
            double[] times = [.. took.Where((_, i) => sizes[i] == size).SelectMany(t => t).Order()];
            double p50 = times[times.Length / 2], p99 = times[times.Length * 99 / 100];
            double rate = times.Length / elapsed;
            string bytes = sizes.Length > 1 ? string.Create(CultureInfo.InvariantCulture, $": {size:N0} bytes") : "";
            Console.WriteLine(string.Create(
                CultureInfo.InvariantCulture,
                $"| {what}{bytes} | {log} | {p50:0.00} | {p99:0.00} | {times[^1]:0.0} | {rate:N0} | {busy:0} |"));
        }

        foreach (ICommits one in logs)
        {
            one.Dispose();
        }

        foreach (string folder in Directory.GetDirectories(place))
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    private static ICommits Open(string folder, Way way, bool joint)
    {
        Directory.CreateDirectory(folder);
        return way == Way.RocksDb ? new OfRocksDb(folder) : new OfOurs(folder, way == Way.Direct, joint);
    }

    private static void Write(ICommits log, int size, List<double> took, long start, double seconds, bool paced, int writer)
    {
        byte[] value = new byte[size];
        new Random(writer).NextBytes(value);
        for (int i = 0; Stopwatch.GetElapsedTime(start).TotalSeconds < seconds; i++)
        {
            TimeSpan due = (Pace * i) + (Pace * (writer * 0.17)) - Stopwatch.GetElapsedTime(start);
            if (paced && due > TimeSpan.Zero)
            {
                Thread.Sleep(due);
            }

            BinaryPrimitives.WriteInt64LittleEndian(value, i);
            long from = Stopwatch.GetTimestamp();
            log.Commit(value);
            took.Add(Stopwatch.GetElapsedTime(from).TotalMilliseconds);
        }
    }

    private interface ICommits : IDisposable
    {
        void Commit(byte[] value);
    }

    private sealed class OfRocksDb : ICommits
    {
        private readonly RocksDb _database;
        private readonly RocksDbBatch _batch;

        public OfRocksDb(string folder)
        {
            // Small keys and one that is written again and again: no flush within the time.
            RocksDbOptions options = new() { Create = true, WriteBufferBytes = 2L << 30, CacheBytes = 1 << 20 };
            _database = RocksDb.TryOpen(folder, ["default"], options, out string? error) ?? throw new IOException(error);
            _batch = new RocksDbBatch(_database);
        }

        public void Commit(byte[] value)
        {
            _batch.Put(0, "K"u8, value);
            string? error = _database.Write(_batch, sync: true);
            _batch.Clear();
            if (error is not null)
            {
                throw new IOException(error);
            }
        }

        public void Dispose()
        {
            _batch.Dispose();
            _database.Dispose();
        }
    }

    /// <summary>Of several writers one writes what has come meanwhile for all.</summary>
    private sealed class OfOurs : ICommits
    {
        private readonly WriteAheadLog _log;
        private readonly bool _joint;
        private readonly List<byte[]> _waiting = [];
        private readonly byte[] _room = new byte[4 << 20];
        private bool _writing;
        private long _written;
        private long _added;

        public OfOurs(string folder, bool direct, bool joint)
        {
            string path = Path.Combine(folder, "log");
            LogFile.Create(path, LogBlocks, written: true);
            _log = WriteAheadLog.Open(LogFile.Open(path, direct), new byte[32], 0, (_, _) => { });
            _joint = joint;
            // The first lap, so that the rows show the laps after it.
            while (_log.End.Number < LogBlocks)
            {
                Append(new byte[1 << 20]);
            }
        }

        public void Commit(byte[] value)
        {
            if (!_joint)
            {
                Append(value);
                return;
            }

            int bytes = 0;
            long last;
            lock (_waiting)
            {
                _waiting.Add(value);
                long mine = ++_added;
                while (_writing && _written < mine)
                {
                    Monitor.Wait(_waiting);
                }

                if (_written >= mine)
                {
                    return;
                }

                foreach (byte[] part in _waiting)
                {
                    part.CopyTo(_room, bytes);
                    bytes += part.Length;
                }

                last = _added;
                _waiting.Clear();
                _writing = true;
            }

            Append(_room.AsSpan(0, bytes));
            lock (_waiting)
            {
                _written = last;
                _writing = false;
                Monitor.PulseAll(_waiting);
            }
        }

        public void Dispose() => _log.Dispose();

        private void Append(ReadOnlySpan<byte> value)
        {
            if (_log.Append(value) is { } error)
            {
                throw new IOException(error);
            }

            _log.Release(_log.End);
        }
    }
}
