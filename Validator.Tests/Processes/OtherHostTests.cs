using Validator.Host.Tools.Localnet;

namespace Validator.Tests.Processes;

/// <summary>Clients on another host than the validator, which asks for TLS and tokens.</summary>
[Collection(nameof(ProcessTests))]
public sealed class OtherHostTests
{
    // Protects clients elsewhere than on the validator's own machine: every way to submit and to read works with a root and a
    // token, over HTTPS and over QUIC, and what is wrong with a certificate is said.
    [NamespaceFact]
    public async Task Commands_work_over_tls_and_quic_with_a_token()
    {
        using Namespaces network = new(1);
        await using ProcessCluster cluster = ProcessCluster.Create(network.Place);
        NodeProcess node = cluster.Nodes[0];
        string root = HttpAbuseTests.WriteCertificate(node.Directory, network.Address(0)), tokens = Path.Combine(node.Directory, "tokens");
        Assert.Equal(0, (await ProcessCluster.RunAsync("token", "--role", "submit,read", "--out", tokens)).Code);
        string config = Path.Combine(node.Directory, "node.toml");
        File.WriteAllText(config, network.Configure(File.ReadAllText(config), network.Address(0))
            .Replace("insecure = true", "tokens = \"tokens\"\ntls_certificate = \"tls.pem\"\ntls_key = \"tls.key\"", StringComparison.Ordinal));
        node.Start();
        string api = $"https://{network.Address(0)}:{node.Ports.Api}";
        string[] access = ["--api", api, "--ca", root, "--token-file", tokens];
        await GoodAsync(["ready", "--wait", "1m", "--api", api, "--ca", root]);
        await GoodAsync(["submit", "from afar", "--wait", .. access]);
        Assert.Equal("from afar\n", await GoodAsync(["tail", "--from", "0", "--count", "1", "--text", .. access]));
        Assert.Contains("\"next_final_index\": 1", await GoodAsync(["status", .. access]), StringComparison.Ordinal);

        // Speed is no subject here, and every transaction is.
        string genesis = Path.Combine(Path.GetDirectoryName(node.Directory)!, "genesis.json");
        foreach (string[] way in new string[][] { [], ["--signed", "--accounts", "2"], ["--transport", "quic", "--genesis", genesis] })
        {
            (int code, string load) = await ProcessCluster.RunAsync(["load", "--rate", "100", "--duration", "2s", "--size", "64", .. way, .. access]);
            Assert.Contains("submitted 200   accepted 200   finalized 200", load, StringComparison.Ordinal);
            Assert.True(code == 0 || load.Contains("below 98 %", StringComparison.Ordinal), load);
        }

        (int refused, string why) = await ProcessCluster.RunAsync("status", "--api", api, "--token-file", tokens);
        Assert.Equal(1, refused);
        Assert.Contains("certificate", why, StringComparison.Ordinal);
        Assert.DoesNotContain("inner exception", why, StringComparison.Ordinal);
        Assert.True(await node.StopAsync(ProcessCluster.Patience));
    }

    private static async Task<string> GoodAsync(string[] arguments)
    {
        (int code, string output) = await ProcessCluster.RunAsync(arguments);
        Assert.True(code == 0, $"{string.Join(' ', arguments)}: {code} {output}");
        return output;
    }
}
