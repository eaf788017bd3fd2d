using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using Validator.Net.Discovery;
using Validator.Tests.Fuzz;
using Validator.Tests.Processes;

namespace Validator.Tests.Net.Discovery;

/// <summary>
/// c-ares, and what is ours around it, against answers that are almost right, from a server on loopback and before its good ones.
/// Some thousands; many more with <c>make abuse</c>. No target of `make fuzz`: it is C, whose branches that does not see.
/// </summary>
[Collection(nameof(ProcessTests))]
public sealed class NameAnswerFuzzTests
{
    private static readonly TimeSpan s_most = TimeSpan.FromMinutes(4);

    // Protects every validator and command that looks up a name from its servers, and from whoever answers before them.
    [Fact]
    public async Task Answers_are_survived_and_take_no_longer_than_a_server_that_is_silent()
    {
        IPAddress[] good = [IPAddress.Parse("192.0.2.9"), IPAddress.Parse("2001:db8::9")];
        using FakeDns dns = new();
        dns.Names["fuzz.test"] = good;
        Mutator mutator = new(FakeDns.Samples("fuzz.test"), 512, 11);
        long count = Abuse.Size(1_500, 200_000), start = Stopwatch.GetTimestamp();
        int done = 0, taken = 0, refused = 0;
        double slowest = 0;
        for (; done < count && Stopwatch.GetElapsedTime(start) < s_most; done++)
        {
            AddressFamily family = done % 2 == 0 ? AddressFamily.InterNetwork : AddressFamily.InterNetworkV6;
            dns.Forged = mutator.Next().ToArray();
            long began = Stopwatch.GetTimestamp();
            NameAnswer answer = await NameResolver.FindAsync("fuzz.test.", family, new NameFiles(dns.ResolvConf, dns.Hosts));
            slowest = Math.Max(slowest, Stopwatch.GetElapsedTime(began).TotalSeconds);
            Assert.Equal(answer.Addresses.Length == 0, answer.Error is not null);
            Assert.InRange(answer.Addresses.Length, 0, 16);
            Assert.All(answer.Addresses, address => Assert.Equal(family, address.AddressFamily));
            refused += answer.Error is null ? 0 : 1;
            taken += answer.Addresses.Length > 0 && !good.Contains(answer.Addresses[0]) ? 1 : 0;
        }

        Abuse.Print($"fuzzing names: {done:N0} answers in {Stopwatch.GetElapsedTime(start).TotalSeconds:0} s, {taken:N0} taken, {refused:N0} errors, the slowest {slowest:0.0} s");
        Assert.True(slowest < 12, $"{slowest} s");

        // Some get through, most end the look-up, and of some the good one behind them is taken.
        Assert.True(taken > 0 && refused > 0 && taken + refused < done, $"{done}: {taken} taken, {refused} refused");
    }
}
