using System.Text.Json;
using Validator.Bench;
using Validator.Core.Primitives;
using Validator.Core.Wire;
using Validator.Host;
using Validator.Host.Config;
using Validator.Host.Primitives;
using Validator.Host.Storage;

namespace Validator.Tests.Host.Api;

public class ProofTests
{
    private static readonly ProofSample s_sample = new();
    private static readonly Hash256 s_id = s_sample.Id(20, 0, 40);

    // Protects the API of proofs: the bytes of the file, with the epochs that are asked for, or what is in it; and each reason
    // why there is none.
    [Fact]
    public async Task A_proof_is_served_from_the_epoch_that_is_asked_for()
    {
        await using ApiFixture api = await ApiFixture.StartAsync();
        TransactionProof proof = s_sample.Prove(20, 0, 40, 24);
        api.Node.Proof = proof;
        Assert.Equal(TransactionProofCodec.Encode(proof), await api.Client.GetByteArrayAsync(Path("")));
        TransactionProof late = s_sample.Prove(20, 0, 40, 24, from: 2);
        Assert.Equal(TransactionProofCodec.Encode(late), await api.Client.GetByteArrayAsync(Path("?from_epoch=2&format=binary")));
        (int status, JsonElement body) = await api.GetAsync(Path("?from_epoch=3&format=json").OriginalString);
        Assert.Equal((200, s_id.ToString()), (status, body.GetProperty("id").GetString()));
        Assert.Equal((20UL, 3UL, proof.Accepted!.Index), (
            body.GetProperty("block").GetUInt64(), body.GetProperty("epoch").GetUInt64(), body.GetProperty("index").GetUInt64()));
        byte[] shortest = TransactionProofCodec.Encode(s_sample.Prove(20, 0, 40, 24, from: 3));
        Assert.Equal(shortest.Length, body.GetProperty("bytes").GetProperty("total").GetInt32());
        foreach (string bad in new[] { "?from_epoch=4", "?from_epoch=-1", "?from_epoch=x", "?format=xml", "?epoch=1" })
        {
            Assert.Equal((bad, 400), (bad, (await api.GetAsync(Path(bad).OriginalString)).Status));
        }

        api.Node.Proof = null;
        Assert.Equal(404, (await api.GetAsync(Path("").OriginalString)).Status);
        api.Node.Known[s_id] = new TransactionState(TransactionStage.Durable, 0, 0, TransactionRejection.None);
        (status, body) = await api.GetAsync(Path("").OriginalString);
        Assert.Equal((409, "urn:validator:problem:not-final"), (status, body.GetProperty("type").GetString()));
        api.Node.ProofGone = true;
        api.Node.FirstBlock = 30;
        (status, body) = await api.GetAsync(Path("").OriginalString);
        Assert.Equal((410, 30), (status, body.GetProperty("first_block").GetInt32()));
        Assert.Equal(400, (await api.GetAsync("/v1/transactions/zz/proof")).Status);
    }

    // Protects the validator: what a proof over very many epochs would cost is refused before it is read, and said.
    [Theory]
    [InlineData(300, "?format=json", 400)]
    [InlineData(300, "", 200)]
    [InlineData(1_000_000, "", 400)]
    public async Task A_proof_over_very_many_epochs_is_refused(ulong epoch, string query, int expected)
    {
        await using ApiFixture api = await ApiFixture.StartAsync();
        TransactionProof proof = s_sample.Prove(20, 0, 40, 24);
        Certificate newest = proof.Certificate;
        api.Node.Proof = proof with
        {
            Certificate = new Certificate
            {
                Phase = newest.Phase,
                Epoch = epoch,
                View = newest.View,
                Sequence = newest.Sequence,
                BlockHash = newest.BlockHash,
                Votes = newest.Votes,
            },
        };
        using HttpRequestMessage head = new(HttpMethod.Head, Path(query));
        using HttpResponseMessage answer = await api.Client.SendAsync(head);
        Assert.Equal(expected, (int)answer.StatusCode);
        if (expected == 400)
        {
            JsonElement problem = (await api.GetAsync(Path(query).OriginalString)).Body;
            Assert.Contains("from_epoch=N", problem.GetProperty("detail").GetString(), StringComparison.Ordinal);
        }
    }

    // Protects who checks proofs by the command: 0 for a transaction that is final and the one that is meant, 1 for whatever is
    // not, 2 for files that cannot be read; and an epoch's end that one proof showed carries the next.
    [Fact]
    public async Task The_commands_fetch_and_check_proofs()
    {
        using TemporaryFolder folder = new();
        string genesis = In("genesis.json"), file = In("a.proof"), late = In("late.proof"), end = In("epoch.end");
        GenesisFile.Write(genesis, s_sample.Genesis);
        await using ApiFixture api = await ApiFixture.StartAsync();
        api.Node.Proof = s_sample.Prove(20, 0, 40, 24);
        string address = api.Servers.ApiAddress.ToString();
        Assert.Equal(ExitCodes.Success, await RunAsync("proof", "get", $"{s_id}", "--out", file, "--api", address));
        Assert.Equal(ExitCodes.Success, await RunAsync("proof", "verify", file, "--genesis", genesis));
        Assert.Equal(
            ExitCodes.Success,
            await RunAsync("proof", "verify", file, "--genesis", genesis, "--id", $"{s_id}", "--epoch-end-out", end));
        string other = s_sample.Id(20, 0, 41).ToString();
        Assert.Equal(ExitCodes.Failed, await RunAsync("proof", "verify", file, "--genesis", genesis, "--id", other));
        Assert.Equal(ExitCodes.Failed, await RunAsync("proof", "verify", file, "--genesis", genesis, "--transaction", genesis));
        Assert.Equal(ExitCodes.Failed, await RunAsync("proof", "verify", file, "--genesis", genesis, "--from-epoch-end", end));

        Assert.Equal(
            ExitCodes.Success, await RunAsync("proof", "get", $"{s_id}", "--from-epoch", "3", "--out", late, "--api", address));
        Assert.Equal(ExitCodes.Success, await RunAsync("proof", "verify", late, "--genesis", genesis, "--from-epoch-end", end));
        Assert.Equal(ExitCodes.Failed, await RunAsync("proof", "verify", late, "--genesis", genesis));
        Assert.True(new FileInfo(late).Length < new FileInfo(file).Length / 3);

        byte[] bytes = File.ReadAllBytes(file);
        bytes[^1] ^= 1;
        File.WriteAllBytes(file, bytes);
        Assert.Equal(ExitCodes.Failed, await RunAsync("proof", "verify", file, "--genesis", genesis));
        File.WriteAllBytes(file, bytes[..^1]);
        Assert.Equal(ExitCodes.Failed, await RunAsync("proof", "verify", file, "--genesis", genesis));
        Assert.Equal(ExitCodes.Usage, await RunAsync("proof", "verify", In("none"), "--genesis", genesis));
        Assert.Equal(ExitCodes.Usage, await RunAsync("proof", "verify", late, "--genesis", genesis, "--from-epoch-end", genesis));
        Assert.Equal(ExitCodes.Usage, await RunAsync("proof", "verify", late, "--genesis", genesis, "--id", "12"));

        api.Node.Proof = null;
        Assert.Equal(ExitCodes.Failed, await RunAsync("proof", "get", $"{s_id}", "--out", file, "--api", address));

        string In(string name) => System.IO.Path.Combine(folder.Path, name);
    }

    private static Uri Path(string query) => new($"/v1/transactions/{s_id}/proof{query}", UriKind.Relative);

    private static Task<int> RunAsync(params string[] arguments) => Task.Run(() => CommandLine.Run(arguments));
}
