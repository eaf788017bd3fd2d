using Validator.Core.Primitives;
using Validator.Core.Wire;
using Validator.Host.Config;
using Validator.Host.Keys;
using Validator.Tests.Tidy;

namespace Validator.Tests.Host.Config;

public class GenesisFileTests
{
    // Protects the chain id: JSON is only a form; what is written reads back to the same genesis, and edits are noticed.
    [Fact]
    public void Round_trips_and_notices_edits()
    {
        using TemporaryFolder folder = new();
        Genesis genesis = new("net-1", 1_700_000_000_000_000, new GenesisParameters { EpochLengthBlocks = 1000 }, [.. Enumerable.Range(0, 4).Select(Member)]);
        string path = folder.File("genesis.json");
        Hash256 written = GenesisFile.Write(path, genesis);
        Genesis read = GenesisFile.Read(path, out Hash256 chainId);
        Assert.Equal(written, chainId);
        Assert.Equal(GenesisCodec.Encode(genesis), GenesisCodec.Encode(read));

        string text = File.ReadAllText(path);
        Refused(path, text.Replace("\"epoch_length_blocks\": 1000", "\"epoch_length_blocks\": 1001", StringComparison.Ordinal), "something was changed");
        Refused(path, text.Replace("\"network\"", "\"netwrok\"", StringComparison.Ordinal), "netwrok");
        Refused(path, text.Replace("\"format\": 1", "\"format\": 2", StringComparison.Ordinal), "format 2 is not known");
        Refused(path, text[..^20], "genesis.json:");
    }

    // Protects operators who turn trust on: the part that docs/TRUST.md shows is taken, and what it leaves out is as usual.
    [Fact]
    public void The_trust_part_of_the_document_is_read_and_the_rest_is_as_usual()
    {
        using TemporaryFolder folder = new();
        string path = folder.File("trust.json");
        string[] shown = DocumentCommandTests.Blocks("docs/TRUST.md").First(block => block.Kind == "json").Lines;
        File.WriteAllText(path, string.Join('\n', shown).Replace("ACCOUNT", new string('a', 64), StringComparison.Ordinal));
        TrustParameters read = GenesisFile.ReadTrust(path), usual = new();
        Assert.Equal((WeightMode.Multiplicative, 1_000_000_000UL, 2), (read.Weights, read.RewardPool, read.Balances.Length));
        Assert.Equal(usual.Penalties, read.Penalties);
        Assert.Equal(usual.Slashes, read.Slashes);
        Assert.Equal((usual.BanBelow, usual.ReturnAt, usual.WindowBlocks), (read.BanBelow, read.ReturnAt, read.WindowBlocks));
        Assert.Equal((usual.WindowMicros, usual.UnbondingEpochs), (read.WindowMicros, read.UnbondingEpochs));
        File.WriteAllText(path, "{}");
        Assert.Equal(usual.HalfLifeMicros, GenesisFile.ReadTrust(path).HalfLifeMicros);
    }

    // Protects operators who compare files by eye: a member that comes twice, at any depth, is refused, whichever of the two
    // another reader would take.
    [Theory]
    [InlineData("genesis", "\"format\": 1")]
    [InlineData("genesis", "\"epoch_length_blocks\": 1000")]
    [InlineData("genesis", "\"name\": \"node-2\"")]
    [InlineData("member", "\"weight\": 1")]
    [InlineData("change", "\"epoch\": 7")]
    [InlineData("change", "\"sender\": 3")]
    public void A_member_that_comes_twice_is_refused(string kind, string twice)
    {
        using TemporaryFolder folder = new();
        string path = folder.File("file.json");
        Action read = () => GenesisFile.Read(path, out _);
        switch (kind)
        {
            case "genesis":
                GenesisParameters parameters = new() { EpochLengthBlocks = 1000 };
                GenesisFile.Write(path, new Genesis("net-1", 1_700_000_000_000_000, parameters, [.. Enumerable.Range(0, 4).Select(Member)]));
                break;
            case "member":
                GenesisFile.WriteMember(path, Member(0));
                read = () => GenesisFile.ReadMember(path);
                break;
            default:
                CertificateVote signature = new(3, new byte[Limits.SignatureBytes]);
                new ChangeFile(Hash256.Of("chain"u8), CommitteeChange.SetWeight(7, "node-1", 2), [signature]).Write(path);
                read = () => ChangeFile.Read(path);
                break;
        }

        read();
        string text = File.ReadAllText(path);
        Assert.Contains(twice, text, StringComparison.Ordinal);
        File.WriteAllText(path, text.Replace(twice, $"{twice}, {twice}", StringComparison.Ordinal));
        Assert.Contains("uplicate", Assert.Throws<ConfigException>(read).Message, StringComparison.Ordinal);
    }

    // Protects genesis building by separate operators: public files alone suffice, and hold no private byte.
    [Fact]
    public void Member_files_carry_public_keys_alone()
    {
        using TemporaryFolder folder = new();
        using ValidatorKeys keys = ValidatorKeys.Create(new CryptoSection(folder.File("keys")));
        string path = folder.File("alice.json");
        GenesisFile.WriteMember(path, new Member("alice", keys.ConsensusPublicKey, keys.TransportPublicKey, 3));
        Member read = GenesisFile.ReadMember(path);
        Assert.Equal(("alice", 3u), (read.Name, read.Weight));
        Assert.Equal(keys.ConsensusPublicKey, read.ConsensusKey);
        string text = File.ReadAllText(path);
        Assert.DoesNotContain(Convert.ToBase64String(keys.ConsensusSeed.Span)[..40], text, StringComparison.Ordinal);
        Assert.DoesNotContain(Convert.ToHexStringLower(keys.ConsensusSeed.Span), text, StringComparison.Ordinal);
    }

    private static Member Member(int index)
    {
        byte[] consensus = new byte[Limits.PublicKeyBytes];
        byte[] transport = new byte[Limits.PublicKeyBytes];
        consensus.AsSpan().Fill((byte)(index + 1));
        transport.AsSpan().Fill((byte)(index + 101));
        return new Member($"node-{index}", consensus, transport, 1);
    }

    private static void Refused(string path, string text, string expected)
    {
        File.WriteAllText(path, text);
        Assert.Contains(expected, Assert.Throws<ConfigException>(() => GenesisFile.Read(path, out _)).Message, StringComparison.Ordinal);
    }
}
