using System.Buffers;
using System.Collections;
using System.Text;
using Validator.Bench;
using Validator.Core.Execution;
using Validator.Core.Primitives;
using Validator.Core.Wire;
using Validator.Core.Wire.Validation;
using Validator.Host.Api;
using Validator.Host.Config;
using Validator.Host.Contracts;
using Validator.Host.Keys;
using Validator.Host.Pipeline;
using Validator.Host.Storage;
using Validator.Host.Tools.Load;
using Validator.Net.Discovery;
using Validator.Tests.Core.Wire;
using Validator.Tests.Host.Api;

namespace Validator.Tests.Fuzz;

/// <summary>Looks at one input; throws when the parser misbehaves.</summary>
internal delegate void Look(ReadOnlySpan<byte> input);

/// <summary>One parser of bytes from outside.</summary>
/// <param name="Name">Also of its folder of inputs, <c>Corpus/NAME</c>.</param>
/// <param name="Samples">What it accepts, or nearly.</param>
/// <param name="Most">Longest input to make.</param>
/// <param name="Begin">Once for each thread.</param>
internal sealed record ParserTarget(string Name, Func<byte[][]> Samples, int Most, Func<Look> Begin)
{
    /// <summary>The samples, and what coverage-guided fuzzing found to reach further (`make fuzz`).</summary>
    public byte[][] Seeds() => [.. Samples(), .. Corpus()];

    private IEnumerable<byte[]> Corpus()
    {
        string folder = Path.Combine(AppContext.BaseDirectory, "Fuzz", "Corpus", Name);
        return Directory.Exists(folder) ? Directory.GetFiles(folder).Order(StringComparer.Ordinal).Select(File.ReadAllBytes) : [];
    }
}

/// <summary>Every parser, for <see cref="ParserFuzzTests"/> and for `make fuzz`.</summary>
internal static partial class ParserTargets
{
    private const int Committee = 4;

    /// <summary>Made anew each time: nothing of ours may run before afl-fuzz's memory is there.</summary>
    private static StoreIdentity Identity => new(Hash256.Of([1]), Hash256.Of([2]));

    public static ParserTarget[] All() =>
    [
        new("frames", FrameSamples, 32 * 1024, () => Frame),
        new("records", () => [.. FrameSamples().Select(s => s[1..]), Identity.Encode(StoreKind.Votes), Golden("execution-record.hex")], 32 * 1024, () => Record),
        new("genesis", () => [GenesisCodec.Encode(One()), GenesisCodec.Encode(One())[..200], Golden("genesis.hex")], 64 * 1024, () => GenesisBytes),
        new("genesis-json", GenesisJsonSamples, 16 * 1024, () => GenesisJson),
        new("member-json", () => [Encoding.UTF8.GetBytes("{\"format\":1,\"member\":{\"name\":\"a\",\"weight\":1,\"consensus_key\":\"AAAA\",\"transport_key\":\"AAAA\"}}")], 8 * 1024, () => MemberJson),
        new("toml", TomlSamples, 8 * 1024, () => Toml),
        new("configuration", TomlSamples, 8 * 1024, Configuration),
        new("bodies", BodySamples, 3 * 1024, Bodies),
        new("multiaddr", MultiaddrSamples, 512, () => Address),
        new("tokens", () => [Encoding.UTF8.GetBytes($"# all\nsubmit,read {new string('a', 43)} shop\n\nadmin {new string('b', 40)}\n")], 1024, () => Tokens),
        new("keys", KeySamples, 1024, () => Key),
        new("change-json", ChangeSamples, 16 * 1024, () => Change),
        new("receipts", ReceiptSamples, 256, () => Receipt),
        new("payloads", PayloadSamples, 16 * 1024, Payload),
        new("changes", ChangeBytesSamples, 16 * 1024, () => ChangeBytes),
        new("statements", StatementSamples, 16 * 1024, () => Statement),
        new("forks", ForkSamples, 32 * 1024, () => Fork),
        new("proofs", ProofSamples, 32 * 1024, () => Proof),
        new("lost-votes", () => [Encoding.ASCII.GetBytes(new LostVotes(Hash256.Of([1]), "node-1", Hash256.Of([2])).Text)], 512, () => Lost),
        new("requests", RequestSamples, 1024, Requests),
        new("gzip", GzipSamples, 1024, Packed),
        new("answers", AnswerSamples, 2048, () => Answer),
        new("backup-segments", SegmentSamples, 32 * 1024, () => Segment),
        new("backup-sealed", SealedSamples, 70 * 1024, () => Sealed),
        new("metrics-page", () => [Encoding.UTF8.GetBytes(PageSample)], 1024, () => Page),
    ];

    // Peers' bytes.
    private static void Frame(ReadOnlySpan<byte> input)
    {
        if (!FrameCodec.TryRead(input, Committee, out IMessage? frame, out DecodeError error))
        {
            Check(error != DecodeError.None, "refused without a reason");
            return;
        }

        byte[] bytes = input.ToArray();
        Check(input.SequenceEqual(CodecPropertyTests.Encode(frame, bytes)), "accepted, and not canonical");
    }

    // What anybody hands on as a proof.
    private static void Proof(ReadOnlySpan<byte> input)
    {
        if (!TransactionProofCodec.TryRead(input, out TransactionProof? proof, out DecodeError error))
        {
            Check(error != DecodeError.None, "refused without a reason");
            return;
        }

        Check(input.SequenceEqual(TransactionProofCodec.Encode(proof)), "accepted, and not canonical");
        TransactionProofChecks.Of(proof, s_proven.Value.ChainId, s_proven.Value.Epoch(0));
    }

    private static readonly Lazy<ProofSample> s_proven = new(() => new ProofSample(members: 2, ends: 1, inEpoch: 4));

    private static byte[][] ProofSamples() =>
    [
        TransactionProofCodec.Encode(s_proven.Value.Prove(2, 0, 33, 4)),
        TransactionProofCodec.Encode(s_proven.Value.Prove(6, 1, 99, 6, accepted: false)),
    ];

    // A bad disk's bytes: what stores hold is read with the same care as what peers send.
    private static void Record(ReadOnlySpan<byte> input)
    {
        SignedCodec.TryRead(input, Committee, out _, out _);
        BlockCodec.TryRead(input, Committee, out _, out _);
        CertificateCodec.TryRead(input, Committee, out _, out _);
        NewViewCodec.TryRead(input, Committee, out _, out _);
        EvidenceCodec.TryRead(input, Committee, out _, out _);
        EpochCodec.TryRead(input, out _, out _);
        EpochEndCodec.TryRead(input, EpochEndCodec.CommitteeSizeOf(input), out _, out _);
        VertexCodec.TryReadHeader(input, VertexCodec.CommitteeSizeOf(input), out _, out _);
        ExecutionResultCodec.TryRead(input, out _, out _);
        StateRecord.TryRead(input, out _, out _);
        Identity.Refusal(input, StoreKind.Votes, "store");
    }

    // The canonical bytes, which the chain id is the hash of.
    private static void GenesisBytes(ReadOnlySpan<byte> input)
    {
        if (GenesisCodec.TryDecode(input, out Genesis? genesis, out _))
        {
            Check(input.SequenceEqual(GenesisCodec.Encode(genesis)), "accepted, and not canonical");
        }
    }

    private static void GenesisJson(ReadOnlySpan<byte> input)
    {
        try
        {
            GenesisFile.Parse("genesis.json", input, out _);
        }
        catch (ConfigException)
        {
            // What an operator is told.
        }
    }

    private static void MemberJson(ReadOnlySpan<byte> input)
    {
        try
        {
            GenesisFile.ParseMember("member.json", input);
        }
        catch (ConfigException)
        {
            // What an operator is told.
        }
    }

    private static void Toml(ReadOnlySpan<byte> input)
    {
        try
        {
            TomlReader.Read(Encoding.UTF8.GetString(input));
        }
        catch (TomlException e)
        {
            Check(e.Line > 0 && e.Column > 0, "a fault without a place");
        }
    }

    private static Look Configuration()
    {
        Hashtable environment = [];
        return input =>
        {
            try
            {
                ConfigLoader.Parse("/x/node.toml", Encoding.UTF8.GetString(input), environment);
            }
            catch (ConfigException)
            {
                // What an operator is told.
            }
        };
    }

    // JSON and raw, single and batch, and what is read of them frames back to the same.
    private static Look Bodies()
    {
        FakeNode node = new();
        ArrayBufferWriter<byte> framed = new(64 * 1024);
        return input =>
        {
            // As the content type says: what looks like JSON is mostly read as that, one way or the other.
            bool text = input.Length > 0 && input[0] is (byte)'[' or (byte)'{' or (byte)'"';
            int way = input.Length % 8;
            if (text ? way == 7 : way != 7)
            {
                Submit(input, node);
                return;
            }

            framed.ResetWrittenCount();
            if (TransactionJson.Read(input, text ? input[0] == '[' == (way != 6) : way % 2 == 0, framed, node.MaxSubmissionBytes, node.Keys) is null)
            {
                Submit(framed.WrittenSpan, node);
            }
        };
    }

    // What is accepted is written back to the same address.
    private static void Address(ReadOnlySpan<byte> input)
    {
        if (Multiaddr.TryParse(Encoding.UTF8.GetString(input), out PeerAddress address, out string error))
        {
            Check(Multiaddr.TryParse(address.ToString(), out PeerAddress again, out _) && again == address, "written back, it is another");
        }
        else
        {
            Check(error.Length > 0, "refused without a reason");
        }
    }

    private static void Tokens(ReadOnlySpan<byte> input)
    {
        try
        {
            Check(ApiTokens.Parse("tokens", Encoding.UTF8.GetString(input)).Count > 0, "accepted, and empty");
        }
        catch (ConfigException e)
        {
            Check(!e.Message.Contains("aaaaaaaa", StringComparison.Ordinal), "tells a token");
        }
    }

    private static void Key(ReadOnlySpan<byte> input)
    {
        try
        {
            KeyFile.Parse("node.key", input, KeyPurpose.Transport, null).Dispose();
        }
        catch (KeyException)
        {
            // What an operator is told.
        }
    }

    private static void Change(ReadOnlySpan<byte> input)
    {
        try
        {
            CommitteeChangeCodec.Digest(ChangeFile.Parse("change.json", input).Change);
        }
        catch (ConfigException)
        {
            // What an operator is told.
        }
    }

    // A validator's bytes, as clients read them: receipts, and the stream of final transactions.
    private static void Receipt(ReadOnlySpan<byte> input)
    {
        SubmitStreamFrames.TryRead(input, out _);
        StreamRecord record = FinalizedStream.Read(input);
        Check(record.Consumed <= input.Length && record.Start + record.Length <= Math.Max(record.Consumed, 0), "reaches over its end");
    }

    /// <summary>Without xunit's comparers, which cost more than most parsers here.</summary>
    private static void Check(bool holds, string otherwise)
    {
        if (!holds)
        {
            throw new InvalidOperationException(otherwise);
        }
    }

    private static void Submit(ReadOnlySpan<byte> framed, FakeNode node)
    {
        if (SubmissionReader.TryCreate(framed, node, false, out Submission? submission, out _) == FramingError.None)
        {
            submission!.Release();
        }
    }

    /// <summary>Lets the parser look, and bounds what it takes.</summary>
    /// <returns>Managed bytes that it took.</returns>
    public static long LookAt(string name, ReadOnlySpan<byte> input, Look look)
    {
        long allocated = GC.GetAllocatedBytesForCurrentThread();
        try
        {
            look(input);
        }
        catch (Exception e)
        {
            throw new InvalidOperationException($"{name}: {e.Message}\n{Convert.ToHexString(input)}", e);
        }

        allocated = GC.GetAllocatedBytesForCurrentThread() - allocated;
        return allocated <= (64L * input.Length) + (1 << 20)
            ? allocated
            : throw new InvalidOperationException($"{name}: {allocated} bytes for an input of {input.Length}\n{Convert.ToHexString(input)}");
    }

    private static byte[][] MultiaddrSamples() =>
    [
        .. new[]
        {
            "/ip4/127.0.0.1/udp/9001/quic-v1", "/ip6/::1/udp/1/quic", "/dns/bob.example/udp/65535/quic-v1", "/dns4/a/udp/2/quic-v1/p2p/node-1",
            "/dns6/a-b.c/udp/9/quic-v1",
        }.Select(Encoding.UTF8.GetBytes),
    ];

    private static byte[][] KeySamples() =>
    [
        .. new[]
        {
            $"validator-key 1\npurpose: transport\nalgorithm: ml-dsa-87\nseed: {new string('0', 64)}\n",
            $"validator-key 2\npurpose: transport\nalgorithm: ml-dsa-87\nkdf: argon2id 65536 3 {new string('a', 32)}\nsealed: {new string('b', 120)}\n",
        }.Select(Encoding.UTF8.GetBytes),
    ];

    private static byte[][] ChangeSamples() =>
    [
        .. new[]
        {
            $"{{\"format\": 1, \"chain_id\": \"{new string('a', 64)}\", \"epoch\": 2, \"kind\": \"Leave\", \"name\": \"node-4\", \"signatures\": []}}",
            $"{{\"format\": 1, \"chain_id\": \"{new string('a', 64)}\", \"epoch\": 2, \"kind\": \"Weight\", \"name\": \"node-4\", \"weight\": 7, \"signatures\": [{{\"sender\": 1, \"signature\": \"AAAA\"}}]}}",
        }.Select(Encoding.UTF8.GetBytes),
    ];

    private static byte[][] ReceiptSamples()
    {
        byte[][] frames = [new byte[64], new byte[64], new byte[64], new byte[64], new byte[64]];
        int[] lengths =
        [
            SubmitStreamFrames.WriteDurable(frames[0], 7, 3, Hash256.Of([3])), SubmitStreamFrames.WriteFinal(frames[1], 7, 3, 9, 4),
            SubmitStreamFrames.WriteRejected(frames[2], 7, 3, default), SubmitStreamFrames.WriteRefused(frames[3], 7, 3, StreamRefusal.TooLarge, 1),
            SubmitStreamFrames.WriteFinal(frames[4], 7, 3, 9, 4, strong: false),
        ];
        byte[] record = new byte[60];
        record[48] = 8;
        return [.. frames.Select((frame, i) => frame[..lengths[i]]), record];
    }

    private static byte[][] FrameSamples() => [.. MessageBuilder.AllTypes.Select(t => Golden($"frame-{t}.hex"))];

    private static byte[] Golden(string name) => Core.Wire.Golden.Read(name);

    private static byte[][] GenesisJsonSamples()
    {
        using Validator.Tests.Host.TemporaryFolder folder = new();
        GenesisFile.Write(folder.File("genesis.json"), One());
        string whole = File.ReadAllText(folder.File("genesis.json"));

        // Nearly all of it is keys; without them the rest, which is what there is to get wrong, is met more often.
        string small = System.Text.RegularExpressions.Regex.Replace(whole, "_key\": \"[^\"]+", "_key\": \"AAAA");
        return [.. new[] { small, small.Replace("  ", "", StringComparison.Ordinal).Replace("\n", "", StringComparison.Ordinal), "{\"format\": 1}", whole }.Select(Encoding.UTF8.GetBytes)];
    }

    /// <summary>The smallest genesis.</summary>
    private static Genesis One()
    {
        Genesis four = GenesisSamples.Four();
        return four with { Members = four.Members[..1] };
    }

    private static byte[][] TomlSamples() =>
    [
        .. new[]
        {
            "[node]\nid = \"a\"\ndata_dir = \"/d\" # words\n\n[consensus]\nquorum_threshold = 0.67\nfinality_timeout_ms = 5_00\n[network]\nbootstrap_peers = [\n \"/ip4/1.2.3.4/udp/1/quic\",\n]\n",
            "a = 'x'\nb = \"\"\"\nlong\\u00e9\n\"\"\"\nc = { d = 1, e = [true, false] }\n[f.g]\nh = 0xFF\ni = -1e5\n\"quoted key\" = 1.5\n",
            "[api]\nlisten = \"[::1]:80\"\ninsecure = true\n[metrics]\nport = 0\nenabled = false\n[logging]\nformat = \"json\"\n",
        }.Select(Encoding.UTF8.GetBytes),
    ];

    private static byte[][] BodySamples() =>
    [
        Encoding.UTF8.GetBytes("[\"QUJD\", {\"bytes\": \"QUJD\", \"kind\": 0}, {\"kind\":0,\"bytes\":\"\\u0051Q==\"}]"),
        Encoding.UTF8.GetBytes("{\"bytes\":\"QUJDRA==\"}"),
        [3, 0, 0, 0, 0, 1, 2, 3, 1, 0, 0, 0, 0, 9],
        [.. BitConverter.GetBytes(60), 1, .. Golden("envelope.hex")],
    ];
}
