using Validator.Host.Cli;
using Validator.Host.Tools.Localnet;

namespace Validator.Tests.Host.Tools.Localnet;

public sealed class LocalnetPartsTests
{
    // Protects the screen: it fits a terminal of 80 columns with large figures, and is redrawn over itself.
    [Fact]
    public void The_screen_fits_80_columns_and_is_redrawn_in_place()
    {
        NodeLine[] nodes =
        [
            new("node-1", true, 12, 1_234_567, 50_000, 12_345.6, 99_999.9, 12_345, 800),
            new("a-validator-with-a-long-name", true, 0, 3, 500, 41.2, 88, 96, 31),
            new("node-3", false, 0, 0, 0, 0, 0, 0, 0),
        ];
        ClusterLine all = new(TimeSpan.FromSeconds(75), TimeSpan.FromMinutes(90), 123_456_789, 123_456_700, 12, 3, 2000, 41, 90);
        StringWriter output = new();
        LiveScreen screen = new(output, inPlace: true, "localnet   4 validators   2000 tx/s of 512 bytes   seed 1");
        screen.Show(nodes, all);
        string first = output.ToString();
        screen.Show(nodes, all);
        string second = output.ToString()[first.Length..];

        int lines = first.Count(c => c == '\n');
        Assert.StartsWith($"\u001b[{lines}A", second);
        Assert.All(first.Split('\n'), l => Assert.True(l.Replace("\u001b[K", "").Length < 80, l));
        Assert.Contains("01:15 of 90:00", first);
        Assert.Contains("does not answer", first);
    }

    // Protects logs and pipes: without a terminal there are plain lines, one a sample, with no control characters.
    [Fact]
    public void Without_a_terminal_each_sample_is_one_plain_line()
    {
        StringWriter output = new();
        LiveScreen screen = new(output, inPlace: false, "localnet");
        NodeLine[] nodes = [new("node-1", true, 1, 7, 10, 1, 2, 3, 4)];
        screen.Show(nodes, new ClusterLine(TimeSpan.FromSeconds(1), TimeSpan.FromSeconds(2), 10, 9, 0, 0, 9, 1, 2));
        Assert.Equal(
            "00:01  submitted 10  final 9  9 tx/s  p50 1.0 ms  p99 2.0 ms  view 1  sequence 7  up 1/1" + output.NewLine,
            output.ToString());
    }

    // Protects whoever looks at a local cluster that stands still: the screen says why, once for all who say the same, within its
    // width, and leaves nothing of it behind when it goes on.
    [Fact]
    public void A_stall_is_on_the_screen_until_it_ends()
    {
        const string Reason = "nothing final for 12 s while work is pending: no quorum signing: weight 2 of the 3 that a quorum needs; connected and silent: node-3";
        NodeLine well = new("node-1", true, 1, 7, 10, 1, 2, 3, 4);
        NodeLine[] stalled = [well with { NotReady = Reason }, well with { Name = "node-2", NotReady = Reason }, well with { Name = "node-3" }];
        ClusterLine all = new(TimeSpan.FromSeconds(1), TimeSpan.FromSeconds(2), 10, 9, 0, 0, 9, 1, 2);
        StringWriter output = new();
        LiveScreen screen = new(output, inPlace: true, "localnet");
        screen.Show(stalled, all);
        string first = output.ToString();
        Assert.All(first.Split('\n'), l => Assert.True(l.Replace("\u001b[K", "").Length < 80, l));
        Assert.Contains($"node-1, node-2: {Reason}", string.Join(' ', first.Replace("\u001b[K", "").Split([' ', '\n'], StringSplitOptions.RemoveEmptyEntries)));
        screen.Show([well, well, well], all);
        Assert.EndsWith("\u001b[J", output.ToString());

        StringWriter plain = new();
        new LiveScreen(plain, inPlace: false, "localnet").Show(stalled, all);
        Assert.EndsWith($"up 3/3\n       node-1, node-2: {Reason}{plain.NewLine}", plain.ToString());
    }

    // Protects the reading of counters: exact names, any labels, all of them summed.
    [Fact]
    public void A_metric_is_the_sum_over_its_labels()
    {
        const string Text = """
            # HELP a_total what
            # TYPE a_total counter
            a_total{x="1",y="b c"} 2
            a_total{x="2",y="}"} 3.5
            a_total_more 100
            b_total 7
            """;
        Assert.Equal(5.5, MetricsReader.Sum(Text, "a_total"));
        Assert.Equal(2, MetricsReader.Sum(Text, "a_total", "x=\"1\""));
        Assert.Equal(7, MetricsReader.Sum(Text, "b_total"));
        Assert.Equal(0, MetricsReader.Sum(Text, "c_total"));
    }

    // Protects the reported tail of durable votes: buckets of several nodes add up, and a quantile lies within its bucket.
    [Fact]
    public void A_histogram_is_read_back()
    {
        const string Text = """
            h_bucket{node="1",le="0.001"} 90
            h_bucket{node="1",le="0.005"} 98
            h_bucket{node="1",le="+Inf"} 100
            h_bucket{node="2",le="0.001"} 100
            h_bucket{node="2",le="0.005"} 100
            h_bucket{node="2",le="+Inf"} 100
            h_count{node="1"} 100
            """;
        SortedDictionary<double, double> buckets = MetricsReader.Buckets(Text, "h");
        Assert.Equal([(0.001, 190), (0.005, 198), (double.PositiveInfinity, 200)], buckets.Select(b => (b.Key, b.Value)));
        Assert.Equal(0.0005, MetricsReader.Quantile(buckets, 0.475), 9);
        Assert.Equal(0.003, MetricsReader.Quantile(buckets, 0.97), 9);
        Assert.Equal(0.005, MetricsReader.Quantile(buckets, 0.999), 9);
        Assert.Equal(0, MetricsReader.Quantile(MetricsReader.Buckets("", "h"), 0.99));
    }

    // Protects the figures taken from /proc, and that a process which is gone is no error.
    [Fact]
    public void A_process_is_sampled_and_a_missing_one_is_zero()
    {
        ProcessSample own = ProcessSample.Of(Environment.ProcessId);
        Assert.True(own.CpuSeconds > 0);
        Assert.InRange(own.ResidentBytes, 1 << 20, own.PeakResidentBytes);
        Assert.Equal(default, ProcessSample.Of(int.MaxValue));
    }

    // Protects the start of a cluster: all ports differ, also those of UDP from those of TCP, and no outgoing socket takes one
    // meanwhile.
    [Fact]
    public void Free_ports_are_distinct()
    {
        int[] ports = [.. NodePorts.Find(8).SelectMany(p => new[] { p.Quic, p.Api, p.Metrics })];
        Assert.Equal(24, ports.Distinct().Count());
        Assert.All(ports, p => Assert.InRange(p, 1024, 32_767));
    }
}
