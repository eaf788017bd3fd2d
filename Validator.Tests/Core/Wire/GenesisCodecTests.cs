using Validator.Core.Primitives;
using Validator.Core.Wire;

namespace Validator.Tests.Core.Wire;

public class GenesisCodecTests
{
    // An operator's mistake in genesis is told by field and by what was expected.
    [Theory]
    [InlineData("network", "network")]
    [InlineData("timestamp", "timestamp")]
    [InlineData("window", "window_blocks")]
    [InlineData("bound", "timestamp_bound_micros")]
    [InlineData("payload", "max_vertex_payload_bytes")]
    [InlineData("block", "max_block_vertices")]
    [InlineData("dedup", "dedup_window")]
    [InlineData("name", "name")]
    [InlineData("twice", "two members")]
    [InlineData("key", "2592")]
    [InlineData("shared-key", "occur once")]
    [InlineData("weight", "weight")]
    [InlineData("heavy", "exceeds F")]
    [InlineData("none", "members")]
    public void Faults_are_refused_with_their_field(string fault, string told)
    {
        Genesis good = GenesisSamples.Four();
        Member[] members = (Member[])good.Members.Clone();
        GenesisParameters p = good.Parameters;
        Genesis bad = good with { Members = members };
        switch (fault)
        {
            case "network": bad = bad with { Network = "Große" }; break;
            case "timestamp": bad = bad with { TimestampMicros = 0 }; break;
            case "window": bad = bad with { Parameters = p with { WindowBlocks = 0 } }; break;
            case "bound": bad = bad with { Parameters = p with { TimestampBoundMicros = 0 } }; break;
            case "payload": bad = bad with { Parameters = p with { MaxVertexPayloadBytes = 65536 } }; break;
            case "block": bad = bad with { Parameters = p with { MaxBlockVertices = 3 } }; break;
            case "dedup": bad = bad with { Parameters = p with { DedupWindow = 0 } }; break;
            case "name": members[1] = members[1] with { Name = "a b" }; break;
            case "twice": members[1] = members[1] with { Name = "alpha" }; break;
            case "key": members[1] = members[1] with { ConsensusKey = new byte[2591] }; break;
            case "shared-key": members[1] = members[1] with { TransportKey = members[0].ConsensusKey }; break;
            case "weight": members[1] = members[1] with { Weight = 0 }; break;
            case "heavy": members[1] = members[1] with { Weight = 3 }; break;
            default: bad = bad with { Members = [] }; break;
        }

        Assert.Null(GenesisCodec.Refusal(good));
        Assert.Contains(told, GenesisCodec.Refusal(bad));
    }

    // Every field is part of the chain id: two clusters that differ anywhere are foreign to each other.
    [Fact]
    public void Every_field_changes_the_chain_id()
    {
        Genesis g = GenesisSamples.Four();
        GenesisParameters p = g.Parameters;
        Member[] renamed = [.. g.Members[..3], g.Members[3] with { Name = "delta" }];
        Member[] swapped = [g.Members[1], g.Members[0], .. g.Members[2..]];
        Genesis[] all =
        [
            g,
            g with { Network = "golden-2" },
            g with { TimestampMicros = 1 },
            g with { Parameters = p with { WindowBlocks = 33 } },
            g with { Parameters = p with { TimestampBoundMicros = 1 } },
            g with { Parameters = p with { MaxVertexPayloadBytes = 100_000 } },
            g with { Parameters = p with { MaxBlockVertices = 4097 } },
            g with { Parameters = p with { DedupWindow = 7 } },
            g with { Parameters = p with { EpochLengthBlocks = 1000 } },
            g with { Members = renamed },
            g with { Members = swapped },
        ];
        Assert.Equal(all.Length, all.Select(GenesisCodec.ChainId).Distinct().Count());
        foreach (Genesis genesis in all)
        {
            Assert.True(GenesisCodec.TryDecode(GenesisCodec.Encode(genesis), out Genesis? back, out _));
            Assert.Equal(GenesisCodec.ChainId(genesis), GenesisCodec.ChainId(back));
        }
    }
}
