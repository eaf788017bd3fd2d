using System.Net;
using System.Net.Sockets;
using System.Security.Cryptography;

namespace Validator.Bench.Macro;

/// <summary>
/// What a cluster of four costs at two rates, in units of <see cref="ReferenceWork"/> done beside it: at the low rate blocks
/// dominate, at the high one transactions.
/// </summary>
internal static class GuardCluster
{
    private const int LowRate = 500;
    private const int HighRate = 8_000;
    private const int Repeats = 3;

    public static List<Guard.Check> Measure()
    {
        LadderOptions options = Options();
        List<(Rung Rung, double Unit)> low = [], high = [];
        for (int i = 0; i < Repeats; i++)
        {
            low.Add(Run(options, LowRate));
            high.Add(Run(options, HighRate));
        }

        // Other programs only add cost, so the cheapest repeat says most.
        return
        [
            new("processor time of a block at 500 tx/s, in reference units", low.Min(r => r.Rung.BlockMillis / 1e3 / r.Unit), 120, false),
            new("processor time of 1,000 transactions at 8,000 tx/s, in reference units", high.Min(r => r.Rung.CpuMicros / 1e3 / r.Unit), 600, false),
            new("bytes written per payload byte at 8,000 tx/s, four validators", high.Min(r => r.Rung.WrittenPerByte), 30, false),
            .. Counts(low.Concat(high).Select(r => r.Rung), low.Select(r => r.Rung)),
        ];
    }

    /// <summary>
    /// One cluster, and what a block costs whatever the machine's speed. A busy machine makes fewer and larger blocks, so that
    /// these hardly rise.
    /// </summary>
    public static List<Guard.Check> MeasureCounts()
    {
        Rung[] rungs = [new RungRun(Options()).Run(LowRate)];
        return Counts(rungs, rungs);
    }

    private static List<Guard.Check> Counts(IEnumerable<Rung> all, IEnumerable<Rung> low) =>
    [
        new("context switches a block at 500 tx/s, four validators", low.Min(r => r.SwitchesPerBlock), 900, false, true),
        new("datagrams a block at 500 tx/s, four validators", low.Min(r => r.DatagramsPerBlock), 400, false, true),
        new("syncs a block and validator at 500 tx/s", low.Min(r => r.SyncsPerBlock), 13, false, true),
        new("KiB written a block at 500 tx/s, four validators", low.Min(r => r.WrittenPerBlock / 1024), 1_400, false, true),
        new("lost, doubled, diverged or died, in any run", all.Count(r => !r.Correct), 0, false, true),
    ];

    private static LadderOptions Options()
    {
        LadderOptions options = new() { Seconds = 5 };
        return File.Exists(options.Binary) ? options : throw new LadderException($"{options.Binary} is missing: make publish");
    }

    private static (Rung Rung, double Unit) Run(LadderOptions options, int rate)
    {
        using ReferenceWork reference = new();
        Rung rung = new RungRun(options).Run(rate);
        return (rung, reference.Stop());
    }
}

/// <summary>
/// A fixed mix on a thread of its own while a cluster runs: hashing, copying, and datagrams through the kernel, whose share
/// in a validator is large. A unit every few milliseconds, below a tenth of a core.
/// </summary>
internal sealed class ReferenceWork : IDisposable
{
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(10);

    private readonly Thread _thread;
    private readonly byte[] _from = new byte[256 << 10];
    private readonly byte[] _to = new byte[256 << 10];
    private readonly Socket _socket = new(AddressFamily.InterNetwork, SocketType.Dgram, ProtocolType.Udp);
    private readonly List<double> _units = [];
    private volatile bool _stop;

    public ReferenceWork()
    {
        _socket.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        _socket.Connect(_socket.LocalEndPoint!);
        _thread = new Thread(Loop) { IsBackground = true };
        _thread.Start();
    }

    /// <summary>Ends it.</summary>
    /// <returns>Processor seconds of a unit, on average.</returns>
    public double Stop()
    {
        _stop = true;
        _thread.Join();
        return _units.Average();
    }

    public void Dispose()
    {
        _stop = true;
        _thread.Join();
        _socket.Dispose();
    }

    private void Loop()
    {
        Unit();
        while (!_stop)
        {
            // This process has nothing else to do while it waits for the cluster, so its time is the unit's.
            TimeSpan before = Environment.CpuUsage.TotalTime;
            Unit();
            _units.Add((Environment.CpuUsage.TotalTime - before).TotalSeconds);
            Thread.Sleep(Pause);
        }
    }

    private void Unit()
    {
        Span<byte> digest = stackalloc byte[32];
        SHA256.HashData(_from, digest);
        _from.CopyTo(_to.AsSpan());
        digest.CopyTo(_from);
        for (int i = 0; i < 32; i++)
        {
            _socket.Send(_to.AsSpan(0, 1200));
            _socket.Receive(_to.AsSpan(0, 1200));
        }
    }
}
