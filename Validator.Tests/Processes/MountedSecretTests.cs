using System.Diagnostics;
using Validator.Host.Tools.Localnet;

namespace Validator.Tests.Processes;

/// <summary>Secrets as container platforms mount them, and a validator that runs as a user without privileges.</summary>
[Collection(nameof(ProcessTests))]
public sealed class MountedSecretTests
{
    private const int User = 54_321;
    private const int Group = 54_322;
    private const int ExitUsage = 2;
    private const int ExitKeys = 4;
    private const string AsUser = "exec setpriv --reuid 54321 --regid 54321 --groups 54322 \"$@\"";

    // Protects keys, tokens and TLS keys from everybody but their owner and the process's own group, and operators of containers
    // from having to copy them: what fsGroup makes (root's files, 0440 to 0640, behind two links) is taken, and anything wider is
    // refused with the command that mends it.
    [RootFact]
    public async Task Secrets_of_root_are_read_through_the_process_s_own_group()
    {
        await using ProcessCluster cluster = ProcessCluster.Create(1);
        NodeProcess node = ResourceTests.Under(cluster, 0, AsUser);
        string folder = node.Directory, keys = Path.Combine(folder, "keys"), secrets = Path.Combine(folder, "secrets");
        string tokens = Path.Combine(secrets, "tokens");
        Directory.CreateDirectory(secrets);
        Assert.Equal(0, (await ProcessCluster.RunAsync("token", "--role", "read", "--out", tokens)).Code);
        HttpAbuseTests.WriteCertificate(secrets);
        cluster.Configure(node, "api", "tokens = \"secrets/tokens\"\ntls_certificate = \"secrets/tls.pem\"\ntls_key = \"secrets/tls.key\"");
        await ShellAsync($"cd {folder} && chown -R {User}:{User} . && chmod 0755 . .. && chmod 0644 ../genesis.json"
            + $" && chown -R 0:{Group} keys secrets && chmod 0750 keys secrets"
            + " && cd keys && mkdir ..2026_01 && chmod 0755 ..2026_01 && mv *.key ..2026_01 && ln -s ..2026_01 ..data && ln -s ..data/*.key ."
            + " && chmod 0440 ..data/*.key ../secrets/tls.key && chmod 0640 ../secrets/tokens");
        node.Start();
        string api = $"https://127.0.0.1:{node.Ports.Api}";
        await ProcessCluster.UntilAsync("it is ready", ProcessCluster.Patience, async () =>
        {
            Assert.True(node.IsRunning, node.LogTail(5));
            return (await ProcessCluster.RunAsync("ready", "--api", api, "--ca", Path.Combine(secrets, "tls.pem"))).Code == 0;
        });
        Assert.True(await node.StopAsync(ProcessCluster.Patience));

        (string Change, string Back, int Code, string Words)[] wider =
        [
            ("chmod 0444 keys/..data/consensus.key", "chmod 0440 keys/..data/consensus.key", ExitKeys, "mode 0444"),
            ("chmod 0460 keys/..data/consensus.key", "chmod 0440 keys/..data/consensus.key", ExitKeys, "mode 0460"),
            ("chmod 0440 keys/..data/transport.key && chown 7:54322 keys/..data/transport.key", "chown 0:54322 keys/..data/transport.key", ExitKeys, "only where its owner is root"),
            ("chown 54321:7 keys/..data/transport.key", "chown 0:54322 keys/..data/transport.key", ExitKeys, "none of this process's groups"),
            ("chmod 0644 secrets/tokens", "chmod 0640 secrets/tokens", ExitUsage, "api.tokens"),
            ("chmod 0441 secrets/tls.key", "chmod 0440 secrets/tls.key", ExitUsage, "api.tls_key"),
        ];
        foreach ((string change, string back, int code, string words) in wider)
        {
            await ShellAsync($"cd {folder} && {change}");
            node.Start();
            Assert.True(await node.WaitForExitAsync(ProcessCluster.Patience), change);
            string log = node.LogTail(3);
            Assert.True(node.ExitCode == code, $"{change}: {node.ExitCode}\n{log}");
            Assert.Contains(words, log);
            Assert.Contains("chmod 0600", log);
            await ShellAsync($"cd {folder} && {back}");
        }
    }

    private static async Task ShellAsync(string script)
    {
        (int code, string output) = await ProcessCluster.RunAsync(new ProcessStartInfo("/bin/sh", ["-ec", script]));
        Assert.True(code == 0, $"{script}\n{output}");
    }
}
