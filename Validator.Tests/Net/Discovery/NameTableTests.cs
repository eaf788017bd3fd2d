using System.Net;
using System.Net.Sockets;
using Validator.Net;
using Validator.Net.Discovery;

namespace Validator.Tests.Net.Discovery;

public sealed class NameTableTests
{
    private const ulong Second = 1_000_000_000;
    private static readonly PeerAddress Hint = new(HostKind.Dns, "a.test", 1);

    private readonly List<(string Host, AddressFamily Family)> _asked = [];
    private readonly List<string> _lines = [];
    private readonly Queue<NameFound> _found = new();
    private NameAnswer _answer = new([], "Domain name not found");

    private NameTable Table(string listen = "0.0.0.0") => new(
        IPAddress.Parse(listen),
        (host, family) =>
        {
            _asked.Add((host, family));
            return Task.FromResult(_answer);
        },
        _found.Enqueue, (_, line) => _lines.Add(line));

    // Protects servers and operators: a name that fails is asked for ever more rarely, and told of once a minute with its reason.
    [Fact]
    public void A_name_that_fails_is_told_of_and_asked_for_ever_more_rarely()
    {
        NameTable table = Table();
        for (ulong now = Second; now < 300 * Second; now += Second / 10)
        {
            Assert.True(table.Of(Hint, now, dialling: true).IsEmpty);
            while (_found.TryDequeue(out NameFound? answer)) Assert.False(table.Take(answer, now));
        }
        Assert.InRange(_asked.Count, 8, 12);
        Assert.Equal(((long)_asked.Count, (long)_asked.Count), (table.Lookups, table.Failed));
        Assert.Equal(AddressFamily.InterNetwork, _asked[0].Family);
        Assert.InRange(_lines.Count, 3, 5);
        Assert.All(_lines, line => Assert.Contains("'a.test' (network.bootstrap_peers) cannot be resolved to an IPv4 address: Domain name not found", line, StringComparison.Ordinal));
    }

    // Protects connections through a server's bad hour: what was found stays known; and a change is seen, within 5 s while it
    // matters.
    [Fact]
    public void What_was_found_stays_and_changes_are_seen()
    {
        NameTable table = Table("::");
        _answer = new NameAnswer([IPAddress.Parse("192.0.2.1"), IPAddress.Parse("2001:db8::1")], null);
        Assert.True(table.Of(Hint, Second, dialling: true).IsEmpty);
        Assert.True(table.Take(_found.Dequeue(), Second));
        Assert.Equal(2, table.Of(Hint, 2 * Second, dialling: true).Length);
        Assert.Equal(AddressFamily.Unspecified, Assert.Single(_asked).Family);

        _answer = new NameAnswer([IPAddress.Parse("2001:db8::1"), IPAddress.Parse("192.0.2.1")], null);
        table.Of(Hint, 7 * Second, dialling: true);
        Assert.False(table.Take(_found.Dequeue(), 7 * Second));
        _answer = new NameAnswer([], "Timeout");
        table.Of(Hint, 13 * Second, dialling: true);
        Assert.False(table.Take(_found.Dequeue(), 13 * Second));
        Assert.Equal(2, table.Of(Hint, 13 * Second, dialling: true).Length);
        Assert.Contains("still taken for", _lines[^1], StringComparison.Ordinal);

        _answer = new NameAnswer([IPAddress.Parse("192.0.2.5")], null);
        table.Renew([Hint]);
        table.Of(Hint, 14 * Second, dialling: false);
        Assert.True(table.Take(_found.Dequeue(), 14 * Second));
        Assert.Contains("'a.test' is 192.0.2.5", _lines[^1], StringComparison.Ordinal);
        Assert.Equal("192.0.2.5", table.Of(Hint, 15 * Second, dialling: false)[0].ToString());
        Assert.Empty(_found);
        table.Of(Hint, 75 * Second, dialling: false);
        Assert.Single(_found);
    }
}
