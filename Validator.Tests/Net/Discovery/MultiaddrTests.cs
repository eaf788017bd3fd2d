using FsCheck;
using FsCheck.Fluent;
using Validator.Net.Discovery;

namespace Validator.Tests.Net.Discovery;

public class MultiaddrTests
{
    // Protects operators' addresses: what the documentation names is read.
    [Theory]
    [InlineData("/ip4/10.0.0.5/udp/9001/quic", HostKind.Ip4, "10.0.0.5", 9001)]
    [InlineData("/ip4/10.0.0.5/udp/9001/quic-v1", HostKind.Ip4, "10.0.0.5", 9001)]
    [InlineData("/ip6/2001:DB8::1/udp/1/quic-v1", HostKind.Ip6, "2001:db8::1", 1)]
    [InlineData("/dns/Node-1.example.org/udp/65535/quic", HostKind.Dns, "node-1.example.org", 65535)]
    [InlineData("/dns4/a/udp/9/quic", HostKind.Dns4, "a", 9)]
    [InlineData("/dns6/a.b/udp/9/quic", HostKind.Dns6, "a.b", 9)]
    public void Valid_text_is_read(string text, HostKind kind, string host, int port)
    {
        Assert.True(Multiaddr.TryParse(text, out PeerAddress address, out _));
        Assert.Equal(new PeerAddress(kind, host, (ushort)port), address);
    }

    // Protects against silent misreading: everything else is refused with a reason.
    [Theory]
    [InlineData(null)]
    [InlineData("")]
    [InlineData("10.0.0.5:9001")]
    [InlineData("/ip4/10.0.0.5/udp/9001\0/quic")]
    [InlineData("/ip4/10.0.0.5\0/udp/9001/quic")]
    [InlineData("/ip6/fe80::1%1\0/udp/9001/quic")]
    [InlineData("/ip6/::1\0/udp/9001/quic")]
    [InlineData("/ip6/::1%/udp/9001/quic")]
    [InlineData("ip4/10.0.0.5/udp/9001/quic")]
    [InlineData("/ip4/10.0.0.5/tcp/9001/quic")]
    [InlineData("/ip4/10.0.0.5/udp/9001")]
    [InlineData("/ip4/10.0.0.5/udp/9001/quic/p2p/x")]
    [InlineData("/ip4/10.0.0.5/udp/0/quic")]
    [InlineData("/ip4/10.0.0.5/udp/65536/quic")]
    [InlineData("/ip4/10.0.0.5/udp/+1/quic")]
    [InlineData("/ip4/10.0.0.5/udp/01/quic")]
    [InlineData("/ip4/10.0.5/udp/1/quic")]
    [InlineData("/ip4/010.0.0.5/udp/1/quic")]
    [InlineData("/ip4/::1/udp/1/quic")]
    [InlineData("/ip6/10.0.0.5/udp/1/quic")]
    [InlineData("/ip6/[::1]/udp/1/quic")]
    [InlineData("/ip5/10.0.0.5/udp/1/quic")]
    [InlineData("/dns//udp/1/quic")]
    [InlineData("/dns/-a/udp/1/quic")]
    [InlineData("/dns/a..b/udp/1/quic")]
    [InlineData("/dns/a b/udp/1/quic")]
    [InlineData("/ip4/10.0.0.5/udp/9001/webtransport")]
    public void Other_text_is_refused_with_a_reason(string? text)
    {
        Assert.False(Multiaddr.TryParse(text, out _, out string error));
        Assert.NotEmpty(error);
    }

    // Protects stored addresses: text written is read back to an equal value; no text makes the parser throw.
    [Fact]
    public void Text_round_trips_and_nothing_throws()
    {
        Prop.ForAll<uint, ushort>((ip, port) =>
        {
            if (port == 0) return true;
            string host = new System.Net.IPAddress(ip).ToString();
            var address = new PeerAddress(HostKind.Ip4, host, port);
            return Multiaddr.TryParse(address.ToString(), out PeerAddress back, out _) && back == address;
        }).QuickCheckThrowOnFailure();
        Prop.ForAll<string, string>((host, port) =>
        {
            bool read = Multiaddr.TryParse($"/dns/{host}/udp/{port}/quic", out PeerAddress address, out string error);
            return read ? Multiaddr.TryParse(address.ToString(), out PeerAddress back, out _) && back == address : error.Length > 0;
        }).QuickCheckThrowOnFailure();
    }
}
