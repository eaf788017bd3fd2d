using System.Net;
using System.Text;
using Validator.Host.Tools.Localnet;

namespace Validator.Tests.Host.Tools.Localnet;

/// <summary>What a local cluster's report says of trust, from answers that a test makes up.</summary>
public sealed class TrustDemoTests
{
    private const string Before = """
        {"total_weight":100,"members":[
        {"name":"node-1","weight":75,"reputation":1,"stake":9,"banned":false},
        {"name":"node-2","weight":25,"reputation":0.875,"stake":5000,"banned":false}]}
        """;

    private const string After = """
        {"total_weight":75,"members":[
        {"name":"node-1","weight":75,"reputation":1,"stake":9,"banned":false},
        {"name":"node-2","weight":0,"reputation":0.25,"stake":100,"banned":true}]}
        """;

    private const string FirstPage = """
        {"events":[{"kind":"banned","member":"node-2","reputation":0.25},
        {"kind":"offence","member":"node-2","slashed":600}],"next_before":"7.1"}
        """;

    private const string SecondPage = """
        {"events":[{"kind":"offence","member":"node-1","slashed":4},
        {"kind":"offence","member":"node-2","slashed":750}]}
        """;

    // Protects the report: reputation before the lie is what the cluster said before it, and slashed is what the history of
    // executed offences says, of this member alone and over all its pages; not what is missing from its stake, which a
    // withdrawal takes too.
    [Fact]
    public async Task Figures_are_what_the_cluster_tells()
    {
        using TemporaryFolder folder = new();
        using LocalCluster cluster = LocalCluster.Create(folder.Path, 2, Executable.At("/bin/false"), trust: true, villain: 1);
        using HttpListener server = new();
        server.Prefixes.Add($"http://127.0.0.1:{cluster.Nodes[0].Api.Port}/");
        server.Start();
        string trust = Before;
        Task serving = ServeAsync();
        TrustDemo demo = new(cluster, "node-2", "double-vote", null);
        await demo.StartAsync();
        trust = After;
        Assert.Contains("reputation 0.25 stake 100 banned", await demo.LineAsync());
        TrustFigures? figures = await demo.FiguresAsync();
        Assert.NotNull(figures);
        Assert.Equal((0.875, 0.25), (figures.ReputationBefore, figures.ReputationAfter));
        Assert.Equal((1_350UL, true), (figures.Slashed, figures.Banned));
        Assert.Equal((25.0, 0.0), (figures.WeightsBefore["node-2"], figures.Weights["node-2"]));
        server.Stop();
        await serving;

        async Task ServeAsync()
        {
            try
            {
                while (true)
                {
                    HttpListenerContext context = await server.GetContextAsync();
                    byte[] answer = Encoding.ASCII.GetBytes(Answer(context.Request.Url!.PathAndQuery));
                    await context.Response.OutputStream.WriteAsync(answer);
                    context.Response.Close();
                }
            }
            catch (Exception e) when (e is HttpListenerException or ObjectDisposedException)
            {
                // Stopped.
            }
        }

        string Answer(string asked) => asked switch
        {
            "/v1/trust" => trust,
            "/v1/evidence?limit=1000" => FirstPage,
            "/v1/evidence?limit=1000&before=7.1" => SecondPage,
            _ => "",
        };
    }

    // Protects whoever reads the report: where nobody tells of trust there is no report of it, rather than one of nothing.
    [Fact]
    public async Task A_cluster_that_tells_nothing_of_trust_is_a_fault()
    {
        using TemporaryFolder folder = new();
        using LocalCluster cluster = LocalCluster.Create(folder.Path, 2, Executable.At("/bin/false"), trust: true, villain: 1);
        TrustDemo demo = new(cluster, "node-2", "double-vote", null);
        Assert.Contains("/v1/trust", (await Assert.ThrowsAsync<LocalClusterException>(demo.StartAsync)).Message);
    }
}
