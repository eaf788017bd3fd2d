using System.Text.Json;
using Validator.Core.Wire;
using Validator.Tests.Host.Storage;

namespace Validator.Tests.Host.Api;

/// <summary>Blocks and vertices by range, as the API gives them.</summary>
public sealed class DagApiTests
{
    // Protects who walks through the chain: pages follow each other by what each says comes next, and have all of it.
    [Fact]
    public async Task Pages_follow_each_other_to_the_end()
    {
        await using ApiFixture api = await ApiFixture.StartAsync();
        api.Node.Epoch = StoreSamples.First;
        DagModel chain = api.Node.Chain = DagModel.Make(60, new Random(1));
        Assert.Equal(
            chain.Finals.Select(f => f.Block.Hash.ToString()),
            await HashesAsync(api, "/v1/blocks?limit=7", "blocks", "next_from", "from"));
        Assert.Equal(
            chain.Finals.SelectMany(f => f.Order).Select(h => h.ToString()),
            await HashesAsync(api, "/v1/vertices?limit=7", "vertices", "next_from", "from"));
        Assert.Equal(
            chain.Lane(1, 2, 0).Select(t => t.Hash.ToString()),
            await HashesAsync(api, "/v1/vertices?author=node-3&epoch=1&limit=4", "vertices", "next_from_height", "from_height"));
        VertexHeader parent = chain.Vertices[9];
        Assert.Equal(
            chain.ChildrenOf(parent).Select(c => c.Hash.ToString()),
            await HashesAsync(api, $"/v1/vertices/{parent.Hash}/children?limit=2", "children", "next_from", "from"));
        Block middle = chain.Finals[29].Block;
        ulong time = middle.TimestampMicros;
        (_, JsonElement body) = await api.GetAsync($"/v1/blocks?from_micros={time}&to_micros={time}");
        JsonElement found = Assert.Single(body.GetProperty("blocks").EnumerateArray());
        Assert.Equal((30, time), (found.GetProperty("sequence").GetInt32(), found.GetProperty("time_micros").GetUInt64()));
    }

    // Protects who asks for what is gone, or says what cannot be meant: he is told so, and gets no page of something else.
    [Fact]
    public async Task What_is_gone_or_makes_no_sense_is_refused()
    {
        await using ApiFixture api = await ApiFixture.StartAsync();
        api.Node.Epoch = StoreSamples.First;
        api.Node.Chain = DagModel.Make(20, new Random(1));
        string some = new('7', 64);
        api.Node.FirstBlock = 8;
        foreach ((string path, int expected) in new[]
        {
            ("/v1/blocks?from=7", 410), ("/v1/blocks?from=8", 200), ("/v1/vertices?from=7.2", 410), ("/v1/blocks?from_micros=1", 200),
            ("/v1/blocks?from=8.1", 400), ("/v1/blocks?from=0", 400), ("/v1/blocks?limit=0", 400), ("/v1/blocks?limit=201", 400),
            ("/v1/blocks?to=-1", 400), ("/v1/blocks?author=node-1", 400), ("/v1/vertices?epoch=0", 400), ("/v1/vertices?from_height=1", 400),
            ("/v1/vertices?author=node-1&to=5", 400), ("/v1/vertices?author=nobody", 404), ("/v1/tips?epoch=0", 400),
            ($"/v1/vertices/{some}/children", 404), ("/v1/vertices/zz/children", 400), ("/v1/vertices/zz/parents", 400),
        })
        {
            Assert.Equal((path, expected), (path, (await api.GetAsync(path)).Status));
        }
    }

    private static async Task<List<string>> HashesAsync(ApiFixture api, string path, string list, string next, string parameter)
    {
        List<string> found = [];
        string from = "";
        while (true)
        {
            (int status, JsonElement page) = await api.GetAsync(path + from);
            Assert.Equal(200, status);
            found.AddRange(page.GetProperty(list).EnumerateArray().Select(e => e.GetProperty("hash").GetString()!));
            if (!page.TryGetProperty(next, out JsonElement place))
            {
                return found;
            }

            from = $"&{parameter}={place.GetString()}";
        }
    }
}
