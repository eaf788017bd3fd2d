using System.Globalization;
using System.Text;
using Validator.Core.Consensus;
using Validator.Core.Execution;
using Validator.Core.Primitives;
using Validator.Core.Wire;

namespace Validator.Tests.Core.Wire;

/// <summary>
/// The bytes of every message and stored record, committed under Golden/. A change there is a change of format: bump the
/// protocol version, then write the files anew with VALIDATOR_GOLDEN=write.
/// </summary>
public class GoldenTests
{
    public static TheoryData<FrameType> Types => [.. MessageBuilder.AllTypes];

    // Each frame's bytes are the committed ones, and the committed ones decode to the same frame.
    [Theory]
    [MemberData(nameof(Types))]
    public void Frames_match_their_golden_files(FrameType type)
    {
        (_, byte[] bytes) = new MessageBuilder(new CountingValues(), 4).Build(type);
        byte[] golden = Golden.Compare($"frame-{type}.hex", bytes);
        Assert.True(FrameCodec.TryRead(golden, 4, out IMessage? frame, out DecodeError error), error.ToString());
        Assert.Equal(golden, CodecPropertyTests.Encode(frame, golden));
    }

    // The canonical genesis encoding and its chain id: what makes two builds members of one chain.
    [Fact]
    public void Genesis_matches_its_vector()
    {
        Genesis genesis = GenesisSamples.Four();
        byte[] golden = Golden.Compare("genesis.hex", GenesisCodec.Encode(genesis));
        Assert.True(GenesisCodec.TryDecode(golden, out Genesis? decoded, out string? refusal), refusal);
        Golden.Compare("genesis-chain-id.hex", GenesisCodec.ChainId(decoded).ToArray());
        Golden.Compare("genesis-starting-block.hex", EpochConfiguration.StartBlock(genesis, GenesisCodec.ChainId(genesis)).Hash.ToArray());
    }

    // The signed bytes, and the digests that signatures cover.
    [Fact]
    public void Signed_bytes_and_digests_match_their_golden_files()
    {
        MessageBuilder builder = new(new CountingValues(), 4);
        SignedHeader header = builder.Sign(MessageKind.Commit, 7, 9, Hash256.Of([1])).Header;
        byte[] preimage = new byte[SignedHeaderCodec.PreimageBytes];
        SignedHeaderCodec.WritePreimage(header, Hash256.Of([2]), preimage);
        Golden.Compare("signed-bytes.hex", preimage);
        Golden.Compare("digest-vertex.hex", builder.Vertex(builder.Payload(2)).Hash.ToArray());
        Golden.Compare("digest-block.hex", builder.Block(1, 2, Hash256.Of([3])).Hash.ToArray());
        Golden.Compare("digest-claims.hex", ClaimsCodec.Digest(builder.ViewChange().Claims).ToArray());
        Golden.Compare("digest-new-view.hex", NewViewCodec.Digest(builder.NewView().ViewChanges).ToArray());
    }

    // The executed root and the stored execution record.
    [Fact]
    public void Execution_matches_its_golden_files()
    {
        MessageBuilder builder = new(new CountingValues(), 4);
        Executor executor = Executor.ForGenesis(GenesisSamples.Four(), Hash256.Of([1]));
        byte[] payload = builder.Payload(3);
        VertexHeader header = builder.Vertex(payload);
        TransactionScratch scratch = new();
        Assert.True(scratch.TryCompute(payload, 3, out _, out _));
        OrderedVertex vertex = new(header, scratch.Ids.ToArray(), payload);
        ExecutionResult result = new();
        executor.Execute(builder.Block(0, 1, Hash256.Of([1])), [vertex, vertex], result);
        byte[] record = new byte[ExecutionResultCodec.EncodedSize(result)];
        Assert.Equal(record.Length, ExecutionResultCodec.Write(result, record));
        Golden.Compare("execution-record.hex", record);
    }
}

/// <summary>Golden files: hex, 32 bytes a line; a run of 64 or more equal bytes is one line "XX*COUNT".</summary>
internal static class Golden
{
    /// <summary>Fails unless the file holds exactly these bytes; writes it first where VALIDATOR_GOLDEN=write.</summary>
    internal static byte[] Compare(string name, byte[] bytes)
    {
        string path = Path.Combine(Folder(), name);
        string text = Format(bytes);
        if (Environment.GetEnvironmentVariable("VALIDATOR_GOLDEN") == "write")
        {
            File.WriteAllText(path, text);
        }

        Assert.True(File.Exists(path), $"The golden file {name} is missing; VALIDATOR_GOLDEN=write makes it.");
        string committed = File.ReadAllText(path);
        Assert.Equal(committed, text);
        return Parse(committed);
    }

    /// <summary>The committed bytes.</summary>
    internal static byte[] Read(string name) => Parse(File.ReadAllText(Path.Combine(Folder(), name)));

    private static string Format(ReadOnlySpan<byte> bytes)
    {
        StringBuilder text = new();
        while (!bytes.IsEmpty)
        {
            int run = RunLength(bytes);
            if (run >= 64)
            {
                text.Append(CultureInfo.InvariantCulture, $"{bytes[0]:x2}*{run}\n");
                bytes = bytes[run..];
                continue;
            }

            int line = 1;
            while (line < Math.Min(32, bytes.Length) && RunLength(bytes[line..]) < 64)
            {
                line++;
            }

            text.Append(Convert.ToHexStringLower(bytes[..line])).Append('\n');
            bytes = bytes[line..];
        }

        return text.ToString();
    }

    private static byte[] Parse(string text)
    {
        List<byte> bytes = [];
        foreach (string line in text.Split('\n', StringSplitOptions.RemoveEmptyEntries))
        {
            string[] parts = line.Split('*');
            byte[] value = Convert.FromHexString(parts[0]);
            int times = parts.Length == 2 ? int.Parse(parts[1], CultureInfo.InvariantCulture) : 1;
            for (int i = 0; i < times; i++)
            {
                bytes.AddRange(value);
            }
        }

        return [.. bytes];
    }

    private static int RunLength(ReadOnlySpan<byte> bytes)
    {
        int end = bytes.IndexOfAnyExcept(bytes[0]);
        return end < 0 ? bytes.Length : end;
    }

    private static string Folder()
    {
        DirectoryInfo? at = new(AppContext.BaseDirectory);
        while (at is not null && !File.Exists(Path.Combine(at.FullName, "Validator.sln")))
        {
            at = at.Parent;
        }

        Assert.NotNull(at);
        return Path.Combine(at.FullName, "Validator.Tests", "Golden");
    }
}
