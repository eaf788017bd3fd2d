using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using Validator.Net.Discovery;

namespace Validator.Tests.Net.Discovery;

public sealed class NameResolverTests
{
    private static async Task<(string[] Addresses, string? Error)> FindAsync(FakeDns dns, string name, AddressFamily family = AddressFamily.Unspecified)
    {
        NameAnswer answer = await NameResolver.FindAsync(name, family, new NameFiles(dns.ResolvConf, dns.Hosts));
        Assert.Equal(answer.Addresses.Length == 0, answer.Error is not null);
        return ([.. answer.Addresses.Select(a => a.ToString()).Order(StringComparer.Ordinal)], answer.Error);
    }

    // Protects what operators rely on: both families, search domains, the hosts file before DNS, and answers that only TCP
    // carries.
    [Fact]
    public async Task Names_are_found_in_the_hosts_file_and_in_dns()
    {
        using FakeDns dns = new();
        dns.Names["both.test"] = [IPAddress.Parse("192.0.2.1"), IPAddress.Parse("2001:db8::1")];
        dns.Names["short.corp.test"] = [IPAddress.Parse("192.0.2.2")];
        dns.Names["cut.test"] = [IPAddress.Parse("192.0.2.3")];
        Assert.Equal(["192.0.2.1", "2001:db8::1"], (await FindAsync(dns, "both.test")).Addresses);
        Assert.Equal(["192.0.2.1"], (await FindAsync(dns, "BOTH.test.", AddressFamily.InterNetwork)).Addresses);
        Assert.Equal(["2001:db8::1"], (await FindAsync(dns, "both.test", AddressFamily.InterNetworkV6)).Addresses);
        Assert.Equal(["192.0.2.2"], (await FindAsync(dns, "short")).Addresses);
        Assert.Equal(["192.0.2.3"], (await FindAsync(dns, "cut.test")).Addresses);
        dns.Asked.Clear();
        Assert.Equal(["192.0.2.77", "2001:db8::77"], (await FindAsync(dns, "fromfile")).Addresses);
        Assert.Empty(dns.Asked);
        Assert.Contains("not found", (await FindAsync(dns, "nowhere.test")).Error, StringComparison.Ordinal);
        Assert.Contains("nowhere.test", dns.Asked.Select(a => a.Name));
    }

    // Protects RFC 6761, section 6.3: names of this machine are asked of nobody.
    [Theory]
    [InlineData("localhost")]
    [InlineData("api.localhost")]
    [InlineData("LOCALHOST.")]
    public async Task Localhost_is_asked_of_nobody(string name)
    {
        using FakeDns dns = new();
        Assert.Equal(["127.0.0.1", "::1"], (await FindAsync(dns, name)).Addresses);
        Assert.Equal(["127.0.0.1"], (await FindAsync(dns, name, AddressFamily.InterNetwork)).Addresses);
        Assert.Empty(dns.Asked);
    }

    // Protects against whoever answers before the server does, and against servers gone mad: nothing of theirs is taken, no name
    // takes long.
    [Fact]
    public async Task Hostile_answers_are_passed_over_and_bounded()
    {
        using FakeDns dns = new();
        dns.Names["wrongidfirst.test"] = [IPAddress.Parse("192.0.2.9")];
        Assert.Equal(["192.0.2.9"], (await FindAsync(dns, "wrongidfirst.test")).Addresses);
        foreach (string name in (string[])["wrongid.test", "wrongquestion.test", "servfail.test", "loop.test"])
        {
            (string[] found, string? error) = await FindAsync(dns, name);
            Assert.True(found.Length == 0 && error!.Length > 0, $"{name}: {string.Join(' ', found)}");
        }

        // Addresses of a family that was not asked for are no answer; where both were, they are two.
        foreach (AddressFamily family in (AddressFamily[])[AddressFamily.InterNetwork, AddressFamily.InterNetworkV6])
        {
            Assert.NotNull((await NameResolver.FindAsync("otherfamily.test.", family, new NameFiles(dns.ResolvConf, dns.Hosts))).Error);
        }

        Assert.InRange((await FindAsync(dns, "many.test")).Addresses.Length, 1, 16);
        foreach (string name in (string[])["", "a b", new string('x', 300), "nul\0l", "ä.test"])
        {
            Assert.NotNull((await FindAsync(dns, name)).Error);
        }
    }

    // Protects whoever waits for a name: a silent server costs a bounded time, other names are answered meanwhile, and giving up
    // is at once.
    [Fact]
    public async Task A_silent_server_holds_nobody_up()
    {
        using FakeDns dns = new();
        dns.Names["quick.test"] = [IPAddress.Parse("192.0.2.4")];
        long start = Stopwatch.GetTimestamp();
        Task<(string[] Addresses, string? Error)>[] silent = [.. Enumerable.Range(0, 4).Select(i => FindAsync(dns, $"silent.{i}.test"))];
        Assert.Equal(["192.0.2.4"], (await FindAsync(dns, "quick.test")).Addresses);
        Assert.All(silent, s => Assert.False(s.IsCompleted));
        using CancellationTokenSource enough = new(50);
        await Assert.ThrowsAnyAsync<OperationCanceledException>(
            () => NameResolver.FindAsync("silent.test", AddressFamily.Unspecified, new NameFiles(dns.ResolvConf, dns.Hosts), enough.Token));
        foreach (Task<(string[] Addresses, string? Error)> name in silent) Assert.Contains("imeout", (await name).Error, StringComparison.Ordinal);
        Assert.InRange(Stopwatch.GetElapsedTime(start).TotalSeconds, 0, 30);
    }

    // Protects operators from a hint that their socket cannot reach: each combination is named, every good one is not.
    [Theory]
    [InlineData("/ip6/2001:db8::1/udp/1/quic", "0.0.0.0", "is IPv6")]
    [InlineData("/dns6/a.test/udp/1/quic", "192.0.2.1", "is IPv6")]
    [InlineData("/ip4/192.0.2.1/udp/1/quic", "2001:db8::1", "is IPv4")]
    [InlineData("/ip4/192.0.2.1/udp/1/quic", "127.0.0.1", "another machine's")]
    [InlineData("/ip4/192.0.2.1/udp/1/quic", "::", null)]
    [InlineData("/ip6/2001:db8::1/udp/1/quic", "::", null)]
    [InlineData("/ip4/127.0.0.1/udp/1/quic", "127.0.0.1", null)]
    [InlineData("/dns/a.test/udp/1/quic", "0.0.0.0", null)]
    public void Hints_that_no_socket_reaches_are_named(string hint, string listen, string? words)
    {
        Assert.True(Multiaddr.TryParse(hint, out PeerAddress address, out _));
        string? why = HintReach.Explain(address, IPAddress.Parse(listen));
        Assert.Equal(words is null, why is null);
        Assert.Contains(words ?? "", why ?? "", StringComparison.Ordinal);
    }
}
