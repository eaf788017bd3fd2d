namespace Validator.Bench.Macro;

/// <summary>One figure of another system. None of them was taken on the machine that this program runs on.</summary>
/// <param name="Cpu">Processor time per operation, all replicas; "" when not told.</param>
internal sealed record PeerRow(string Name, string On, double PerSecond, double P50Ms, string P99Ms, string Cpu, string Where);

/// <summary>The systems that the targets were set against.</summary>
internal static class Peers
{
    private const string Zen3 = "measured on one 2-core Zen 3 machine, quiet, loopback";

    public static readonly PeerRow[] Rows =
    [
        new("libhotstuff", "C++; 0-byte commands, no disk, no TLS, classical signatures", 14_800, 27, "", "23.5 to 82 us", Zen3),
        new("libhotstuff, full load", "the same", 41_200, 217, "359", "23.5 to 82 us", Zen3),
        new("BFT-SMaRt", "Java; 1 KiB requests, TLS, no disk (peak 2,100/s)", 1_500, 103, "236", "1,000 us", Zen3),
        new("Narwhal/Tusk", "Rust; 512 B, RocksDB", 46_100, 557, "", "", "published by its authors for one machine"),
    ];
}
