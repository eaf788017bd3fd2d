using System.Buffers;
using System.Collections;
using System.Diagnostics;
using System.Text;
using Validator.Core.Primitives;
using Validator.Core.Wire;
using Validator.Host.Api;
using Validator.Host.Config;
using Validator.Host.Storage;
using Validator.Net.Discovery;
using Validator.Tests.Core.Wire;
using Validator.Tests.Host.Api;
using Validator.Tests.Processes;

namespace Validator.Tests.Fuzz;

/// <summary>
/// Every parser against inputs that are almost right: none may throw what its callers do not expect, hang, or take memory that the
/// input does not justify; binary ones accept canonical bytes alone. Ten million inputs each with <c>make abuse</c>, within five
/// minutes each; some thousands with <c>make test</c>.
/// </summary>
[Collection(nameof(ProcessTests))]
public sealed class ParserFuzzTests
{
    private const int Committee = 4;
    private static readonly TimeSpan s_most = TimeSpan.FromMinutes(5);

    /// <summary>Looks at one input; throws when the parser misbehaves.</summary>
    private delegate void Look(ReadOnlySpan<byte> input);

    // Protects every validator from bytes of its peers.
    [Fact]
    public void Frames() => Run("frames", FrameSamples(), 32 * 1024, () => input =>
    {
        if (!FrameCodec.TryRead(input, Committee, out Frame frame, out DecodeError error))
        {
            Assert.NotEqual(DecodeError.None, error);
            return;
        }

        byte[] bytes = input.ToArray();
        Assert.True(input.SequenceEqual(CodecPropertyTests.Encode(frame, bytes)), "accepted, and not canonical");
    });

    // Protects a restart from bytes of a bad disk: what stores hold is read with the same care as what peers send.
    [Fact]
    public void StoredRecords() => Run("stored records", [.. FrameSamples().Select(s => s[1..]), new StoreIdentity(Hash256.Of([1]), Hash256.Of([2])).Encode(StoreKind.Votes), Golden("execution-record.hex")], 32 * 1024, () => input =>
    {
        SignedCodec.TryRead(input, Committee, out _, out _);
        BlockCodec.TryRead(input, Committee, out _, out _);
        CertificateCodec.TryRead(input, Committee, out _, out _);
        NewViewCodec.TryRead(input, Committee, out _, out _);
        EvidenceCodec.TryRead(input, Committee, out _, out _);
        EpochCodec.TryRead(input, out _, out _);
        try
        {
            new StoreIdentity(Hash256.Of([1]), Hash256.Of([2])).Check(input, StoreKind.Votes, "store");
        }
        catch (StoreException)
        {
            // What an operator is told.
        }
    });

    // Protects the start of a chain: the canonical bytes, which the chain id is the hash of.
    [Fact]
    public void GenesisBytes() => Run("genesis, canonical", [Golden("genesis.hex")], 64 * 1024, () => input =>
    {
        if (GenesisCodec.TryDecode(input, out Genesis? genesis, out _))
        {
            Assert.True(input.SequenceEqual(GenesisCodec.Encode(genesis)), "accepted, and not canonical");
        }
    });

    // Protects operators: a file that is damaged or wrong is named, never a stack trace.
    [Fact]
    public void GenesisJson() => Run("genesis.json", GenesisJsonSamples(), 16 * 1024, () => input =>
    {
        try
        {
            GenesisFile.Parse("genesis.json", input, out _);
        }
        catch (ConfigException)
        {
            // What an operator is told.
        }
    });

    // Protects operators: node.toml, read and checked.
    [Fact]
    public void Toml() => Run("TOML", TomlSamples(), 8 * 1024, () => input =>
    {
        try
        {
            TomlReader.Read(Encoding.UTF8.GetString(input));
        }
        catch (TomlException e)
        {
            Assert.True(e.Line > 0 && e.Column > 0);
        }
    });

    [Fact]
    public void Configuration() => Run(
        "node.toml, checked", TomlSamples(), 8 * 1024,
        () =>
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
        },
        share: 10);

    // Protects the API from bodies: JSON and raw, single and batch, and what is read of them frames back to the same.
    [Fact]
    public void HttpBodies() => Run("HTTP bodies", BodySamples(), 3 * 1024, () =>
    {
        FakeNode node = new();
        ArrayBufferWriter<byte> framed = new(64 * 1024);
        return input =>
        {
            framed.ResetWrittenCount();
            foreach (bool batch in new[] { true, false })
            {
                framed.ResetWrittenCount();
                if (TransactionJson.Read(input, batch, framed, node.MaxSubmissionBytes, node.Keys) is null)
                {
                    Submit(framed.WrittenSpan, node);
                }
            }

            Submit(input, node);
        };
    });

    // Protects configuration and discovery: what is accepted is written back to the same address.
    [Fact]
    public void Multiaddrs() => Run(
        "multiaddr",
        [.. new[] { "/ip4/127.0.0.1/udp/9001/quic-v1", "/ip6/::1/udp/1/quic", "/dns/bob.example/udp/65535/quic-v1", "/dns4/a/udp/2/quic-v1/p2p/node-1", "/dns6/a-b.c/udp/9/quic-v1" }.Select(Encoding.UTF8.GetBytes)],
        512,
        () => input =>
        {
            string text = Encoding.UTF8.GetString(input);
            if (Multiaddr.TryParse(text, out PeerAddress address, out string error))
            {
                Assert.True(Multiaddr.TryParse(address.ToString(), out PeerAddress again, out _) && again == address, text);
            }
            else
            {
                Assert.NotEmpty(error);
            }
        });

    // Protects the API's door: the tokens' file.
    [Fact]
    public void Tokens() => Run(
        "tokens", [Encoding.UTF8.GetBytes($"# all\nsubmit,read {new string('a', 43)} shop\n\nadmin {new string('b', 40)}\n")], 1024,
        () => input =>
        {
            try
            {
                Assert.True(ApiTokens.Parse("tokens", Encoding.UTF8.GetString(input)).Count > 0);
            }
            catch (ConfigException e)
            {
                Assert.DoesNotContain("aaaaaaaa", e.Message, StringComparison.Ordinal);
            }
        });

    private static void Submit(ReadOnlySpan<byte> framed, FakeNode node)
    {
        if (SubmissionReader.TryCreate(framed, node, false, out Submission? submission, out _) == FramingError.None)
        {
            submission!.Release();
        }
    }

    /// <summary>Runs two workers or more until the count, or the time, is reached.</summary>
    /// <param name="share">One of so many inputs of the full number: for what is read once in a process's life, and slowly.</param>
    private static void Run(string name, byte[][] samples, int most, Func<Look> target, int share = 1)
    {
        long count = Abuse.Size(20_000, 10_000_000) / share;
        long start = Stopwatch.GetTimestamp(), done = 0, largest = 0;
        int workers = Environment.ProcessorCount;
        Parallel.For(0, workers, new ParallelOptions { MaxDegreeOfParallelism = workers }, worker =>
        {
            Mutator mutator = new(samples, most, worker + 1);
            Look look = target();
            long greatest = 0;
            foreach (byte[] sample in samples)
            {
                look(sample);
            }

            for (long i = 0; i < count / workers && (i % 1024 != 0 || Stopwatch.GetElapsedTime(start) < s_most); i++)
            {
                ReadOnlySpan<byte> input = mutator.Next();
                long allocated = GC.GetAllocatedBytesForCurrentThread();
                try
                {
                    look(input);
                }
                catch (Exception e)
                {
                    throw new InvalidOperationException($"{name}: input {i} of worker {worker}: {e.Message}\n{Convert.ToHexString(input)}", e);
                }

                allocated = GC.GetAllocatedBytesForCurrentThread() - allocated;
                if (allocated > (64L * input.Length) + (1 << 20))
                {
                    throw new InvalidOperationException($"{name}: {allocated} bytes for an input of {input.Length}\n{Convert.ToHexString(input)}");
                }

                greatest = Math.Max(greatest, allocated);
                Interlocked.Increment(ref done);
            }

            InterlockedMax(ref largest, greatest);
        });
        double seconds = Stopwatch.GetElapsedTime(start).TotalSeconds;
        Abuse.Print($"fuzzing {name}: {done:N0} inputs in {seconds:0} s ({done / seconds:N0} a second), at most {largest / 1024} KB for one");
    }

    private static void InterlockedMax(ref long largest, long value)
    {
        for (long seen = Volatile.Read(ref largest); value > seen;)
        {
            long before = Interlocked.CompareExchange(ref largest, value, seen);
            if (before == seen)
            {
                return;
            }

            seen = before;
        }
    }

    private static byte[][] FrameSamples() => [.. MessageBuilder.AllTypes.Select(t => Golden($"frame-{t}.hex"))];

    private static byte[] Golden(string name) => Core.Wire.Golden.Read(name);

    private static byte[][] GenesisJsonSamples()
    {
        const string parameters = "\"parameters\": {\"window\": 32, \"timestamp_bound_micros\": 1000000, \"max_vertex_payload_bytes\": 524288, \"dedup_window\": 1024, \"epoch_length_blocks\": 0}";
        string members = string.Join(",", Enumerable.Range(0, 2).Select(i => $"{{\"name\": \"n{i}\", \"weight\": {i + 1}, \"consensus_key\": \"AAAA\", \"transport_key\": \"AAAA\"}}"));
        using Validator.Tests.Host.TemporaryFolder folder = new();
        GenesisFile.Write(folder.File("genesis.json"), GenesisSamples.Four());
        byte[] whole = File.ReadAllBytes(folder.File("genesis.json"));
        byte[] small = Encoding.UTF8.GetBytes($"{{\"format\": 1, \"network\": \"n\", \"timestamp_micros\": 1, {parameters}, \"members\": [{members}]}}");

        // The whole one has 28 KB, nearly all of it keys: its head is what there is to get wrong.
        return [small, small, small, Encoding.UTF8.GetBytes("{\"format\": 1}"), whole[..Math.Min(whole.Length, 12_000)]];
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
