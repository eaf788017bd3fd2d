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
/// input does not justify; binary ones accept canonical bytes alone. Ten million inputs each with <c>make abuse</c>, in eight minutes at
/// most, said where that stops it; some thousands with <c>make test</c>.
/// </summary>
[Collection(nameof(ProcessTests))]
public sealed class ParserFuzzTests
{
    private const int Committee = 4;
    private static readonly TimeSpan s_most = TimeSpan.FromMinutes(8);
    private static readonly StoreIdentity s_identity = new(Hash256.Of([1]), Hash256.Of([2]));

    /// <summary>Looks at one input; throws when the parser misbehaves.</summary>
    private delegate void Look(ReadOnlySpan<byte> input);

    // Protects every validator from bytes of its peers.
    [Fact]
    public void Frames() => Run("frames", FrameSamples(), 32 * 1024, () => input =>
    {
        if (!FrameCodec.TryRead(input, Committee, out Frame frame, out DecodeError error))
        {
            Check(error != DecodeError.None, "refused without a reason");
            return;
        }

        byte[] bytes = input.ToArray();
        Check(input.SequenceEqual(CodecPropertyTests.Encode(frame, bytes)), "accepted, and not canonical");
    });

    // Protects a restart from bytes of a bad disk: what stores hold is read with the same care as what peers send.
    [Fact]
    public void StoredRecords() => Run("stored records", [.. FrameSamples().Select(s => s[1..]), s_identity.Encode(StoreKind.Votes), Golden("execution-record.hex")], 32 * 1024, () => input =>
    {
        SignedCodec.TryRead(input, Committee, out _, out _);
        BlockCodec.TryRead(input, Committee, out _, out _);
        CertificateCodec.TryRead(input, Committee, out _, out _);
        NewViewCodec.TryRead(input, Committee, out _, out _);
        EvidenceCodec.TryRead(input, Committee, out _, out _);
        EpochCodec.TryRead(input, out _, out _);
        s_identity.Refusal(input, StoreKind.Votes, "store");
    });

    // Protects the start of a chain: the canonical bytes, which the chain id is the hash of.
    [Fact]
    public void GenesisBytes() => Run("genesis, canonical", [GenesisCodec.Encode(One()), GenesisCodec.Encode(One())[..200], Golden("genesis.hex")], 64 * 1024, () => input =>
    {
        if (GenesisCodec.TryDecode(input, out Genesis? genesis, out _))
        {
            Check(input.SequenceEqual(GenesisCodec.Encode(genesis)), "accepted, and not canonical");
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
            Check(e.Line > 0 && e.Column > 0, "a fault without a place");
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
        });

    // Protects the API from bodies: JSON and raw, single and batch, and what is read of them frames back to the same.
    [Fact]
    public void HttpBodies() => Run("HTTP bodies", BodySamples(), 3 * 1024, () =>
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
                Check(Multiaddr.TryParse(address.ToString(), out PeerAddress again, out _) && again == address, "written back, it is another");
            }
            else
            {
                Check(error.Length > 0, "refused without a reason");
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
                Check(ApiTokens.Parse("tokens", Encoding.UTF8.GetString(input)).Count > 0, "accepted, and empty");
            }
            catch (ConfigException e)
            {
                Check(!e.Message.Contains("aaaaaaaa", StringComparison.Ordinal), "tells a token");
            }
        });

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

    /// <summary>Runs a worker per processor until the count, or the time, is reached.</summary>
    private static void Run(string name, byte[][] samples, int most, Func<Look> target)
    {
        const int Stride = 1024;
        long count = Abuse.Size(20_000, 10_000_000), start = Stopwatch.GetTimestamp(), done = 0, largest = 0;
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

            // Whoever is faster takes more.
            while (Volatile.Read(ref done) < count && Stopwatch.GetElapsedTime(start) < s_most)
            {
                for (int i = 0; i < Stride; i++)
                {
                    greatest = Math.Max(greatest, LookAt(name, mutator.Next(), look));
                }

                Interlocked.Add(ref done, Stride);
            }

            InterlockedMax(ref largest, greatest);
        });
        double seconds = Stopwatch.GetElapsedTime(start).TotalSeconds;
        string stopped = done < count ? $", stopped by the time of {s_most.TotalMinutes:0} minutes before {count:N0}" : "";
        Abuse.Print($"fuzzing {name}: {done:N0} inputs in {seconds:0} s ({done / seconds:N0} a second), at most {largest / 1024} KB for one{stopped}");
    }

    /// <returns>Managed bytes that it took.</returns>
    private static long LookAt(string name, ReadOnlySpan<byte> input, Look look)
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
