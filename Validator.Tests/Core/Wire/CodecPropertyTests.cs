using FsCheck;
using FsCheck.Fluent;
using Validator.Core.Consensus;
using Validator.Core.Effects;
using Validator.Core.Primitives;
using Validator.Core.Wire;
using Validator.Core.Wire.Validation;

namespace Validator.Tests.Core.Wire;

public class CodecPropertyTests
{
    // Every well-formed message of every type survives the trip byte for byte, whatever the committee's size.
    [Fact]
    public void Valid_frames_round_trip_exactly() => ForSeeds(150, seed =>
    {
        int lanes = 1 + (int)((uint)seed % 9);
        MessageBuilder builder = new(new RandomValues(seed), lanes);
        foreach (FrameType type in MessageBuilder.AllTypes)
        {
            (_, byte[] bytes) = builder.Build(type);
            Assert.True(FrameCodec.TryRead(bytes, lanes, out IMessage? decoded, out DecodeError error), $"{type}: {error}");
            Assert.Equal(type, decoded.Type);
            Assert.Equal(bytes, Encode(decoded, bytes));
            Assert.True(bytes.Length <= FrameLimits.MaxFrameBytes(lanes));
        }
    });

    // Protects every switch over types of messages, which the compiler does not: a type that one of them forgets ends the
    // process.
    [Fact]
    public void Every_type_of_message_is_encoded_checked_and_taken_by_Core()
    {
        MessageBuilder builder = new(new CountingValues(), 4);
        Committee committee = new([1, 1, 1, 1]);
        HashSet<Type> met = [];
        foreach (FrameType type in MessageBuilder.AllTypes)
        {
            (IMessage message, byte[] bytes) = builder.Build(type);
            met.Add(message.GetType());
            Assert.Equal(type, message.Type);
            Assert.Equal(bytes.Length, FrameCodec.EncodedSize(message));
            SignatureChecks.Collect(message, committee, []);
            if (message is not FetchRequest)
            {
                Genesis genesis = GenesisSamples.Four();
                ValidatorCore core = new(genesis, EpochConfiguration.First(genesis, GenesisCodec.ChainId(genesis)), 1, new CoreSettings());
                core.Handle(message is SignedVertex vertex ? Input.OfVertex(vertex, 1, 2) : Input.Of(message, 2), new EffectBuffer());
            }
        }

        IEnumerable<Type> all = typeof(IMessage).Assembly.GetTypes().Where(t => t.IsAssignableTo(typeof(IMessage)) && !t.IsInterface);
        Assert.Empty(all.Except(met));
    }

    // A frame cut short or with a byte too many is refused with a reason; nothing throws or reads beyond its bytes.
    [Fact]
    public void Truncated_and_extended_frames_are_refused() => ForSeeds(25, seed =>
    {
        Random random = new(seed);
        MessageBuilder builder = new(new RandomValues(seed), 4);
        foreach (FrameType type in MessageBuilder.AllTypes)
        {
            (_, byte[] bytes) = builder.Build(type);
            for (int i = 0; i < 60; i++)
            {
                int length = i < 20 ? Math.Min(i, bytes.Length - 1) : random.Next(bytes.Length);
                Assert.False(FrameCodec.TryRead(bytes.AsSpan(0, length), 4, out _, out DecodeError cut), $"{type} {length}");
                Assert.NotEqual(DecodeError.None, cut);
            }

            Assert.False(FrameCodec.TryRead([.. bytes, 0], 4, out _, out DecodeError error), $"{type}");
            Assert.NotEqual(DecodeError.None, error);
        }
    });

    // One encoding per message: a mutated frame is refused, or it means exactly its own bytes.
    [Fact]
    public void Mutated_frames_are_refused_or_canonical() => ForSeeds(60, seed =>
    {
        Random random = new(seed);
        MessageBuilder builder = new(new RandomValues(seed), 4);
        foreach (FrameType type in MessageBuilder.AllTypes)
        {
            (_, byte[] bytes) = builder.Build(type);
            for (int i = 0; i < 60; i++)
            {
                // Half of them near the start, where the fields are; the rest falls mostly into signatures.
                int at = random.Next(i % 2 == 0 ? Math.Min(bytes.Length, 400) : bytes.Length);
                byte before = bytes[at];
                bytes[at] ^= (byte)(i % 3 == 0 ? 1 << random.Next(8) : random.Next(1, 256));
                AssertRefusedOrCanonical(bytes);
                bytes[at] = before;
            }
        }
    });

    // Random bytes behind each type byte never throw.
    [Fact]
    public void Random_bytes_are_refused_or_canonical() => ForSeeds(300, seed =>
    {
        Random random = new(seed);
        byte[] bytes = new byte[random.Next(1, 12_000)];
        random.NextBytes(bytes);
        if (seed % 2 == 0)
        {
            Array.Clear(bytes, 1, Math.Min(bytes.Length - 1, 64));
        }

        for (int type = 0; type < 18; type++)
        {
            bytes[0] = (byte)type;
            AssertRefusedOrCanonical(bytes);
        }
    });

    // A payload has one reading: what parses is exactly its transactions written again; anything else is refused in time.
    [Fact]
    public void Damaged_payloads_are_refused_or_canonical() => ForSeeds(300, seed =>
    {
        Random random = new(seed);
        byte[] payload = new MessageBuilder(new RandomValues(seed), 4).Payload(random.Next(1, 8));
        payload = payload[..(seed % 3 == 0 ? random.Next(payload.Length) : payload.Length)];
        if (payload.Length > 0)
        {
            payload[random.Next(payload.Length)] ^= (byte)random.Next(256);
        }

        byte[] again = new byte[payload.Length];
        int written = 0;
        PayloadReader reader = new(payload);
        while (reader.MoveNext())
        {
            written += PayloadWriter.Append(again.AsSpan(written), reader.Kind, reader.Bytes);
        }

        Assert.Equal(payload[..written], again[..written]);
        Assert.Equal(reader.Error == DecodeError.None, written == payload.Length);
    });

    // A stored header reads back to the same hash, and never from bytes that are not its own.
    [Fact]
    public void Stored_headers_round_trip() => ForSeeds(100, seed =>
    {
        Random random = new(seed);
        MessageBuilder builder = new(new RandomValues(seed), 4);
        VertexHeader header = builder.Vertex(builder.Payload(random.Next(4)));
        byte[] bytes = new byte[VertexCodec.HeaderSize(4)];
        Assert.Equal(bytes.Length, VertexCodec.WriteHeader(header, bytes));
        Assert.True(VertexCodec.TryReadHeader(bytes, 4, out VertexHeader? read, out _));
        Assert.Equal(header.Hash, read.Hash);
        Assert.False(VertexCodec.TryReadHeader(bytes.AsSpan(0, random.Next(bytes.Length)), 4, out _, out _));
        Assert.False(VertexCodec.TryReadHeader(bytes, 5, out _, out DecodeError error));
        Assert.Equal(DecodeError.LaneCountDiffers, error);
    });

    // Genesis and execution records come from disks and operators: damage is a refusal, never an exception.
    [Fact]
    public void Damaged_genesis_is_refused_or_canonical()
    {
        byte[] bytes = GenesisCodec.Encode(GenesisSamples.Four());
        ForSeeds(200, seed =>
        {
            Random random = new(seed);
            byte[] damaged = bytes.AsSpan(0, seed % 3 == 0 ? random.Next(bytes.Length) : bytes.Length).ToArray();
            if (damaged.Length > 0)
            {
                damaged[random.Next(seed % 2 == 0 ? damaged.Length : Math.Min(damaged.Length, 90))] ^= (byte)random.Next(1, 256);
            }

            if (GenesisCodec.TryDecode(damaged, out Genesis? genesis, out string? refusal))
            {
                Assert.Equal(damaged, GenesisCodec.Encode(genesis));
            }
            else
            {
                Assert.NotEmpty(refusal);
            }
        });
    }

    // A decoded vote or vertex costs its result objects and nothing more: decoding is on the path of every message.
    [Theory]
    [InlineData(FrameType.Vote, 4_900)]
    [InlineData(FrameType.Vertex, 5_200)]
    public void Decoding_allocates_only_the_result(FrameType type, int limitBytes)
    {
        (_, byte[] bytes) = new MessageBuilder(new CountingValues(), 4).Build(type);
        Assert.True(FrameCodec.TryRead(bytes, 4, out _, out _));
        long before = GC.GetAllocatedBytesForCurrentThread();
        for (int i = 0; i < 100; i++)
        {
            FrameCodec.TryRead(bytes, 4, out _, out _);
        }

        Assert.InRange((GC.GetAllocatedBytesForCurrentThread() - before) / 100, 0, limitBytes);
    }

    // The bound on frames is derived, and FORMATS.md states it for two sizes; a longer frame is refused before it is read.
    [Theory]
    [InlineData(4, 529_172)]
    [InlineData(128, 3_107_164)]
    public void Frame_bound_is_as_documented(int lanes, int bytes)
    {
        Assert.Equal(bytes, FrameLimits.MaxFrameBytes(lanes));
        byte[] tooLong = new byte[bytes + 1];
        tooLong[0] = (byte)FrameType.Vertex;
        Assert.False(FrameCodec.TryRead(tooLong, lanes, out _, out DecodeError error));
        Assert.Equal(DecodeError.FrameTooLarge, error);
    }

    internal static byte[] Encode(IMessage frame, byte[] original) =>
        MessageBuilder.Encode(frame, frame is SignedVertex vertex ? original.AsSpan(vertex.PayloadOffset(original.Length)) : default);

    internal static void ForSeeds(int count, Action<int> check)
    {
        Property property = Prop.ForAll(Gen.Choose(0, int.MaxValue).ToArbitrary(), check);
        Check.One(Config.QuickThrowOnFailure.WithMaxTest(count), property);
    }

    private static void AssertRefusedOrCanonical(byte[] bytes)
    {
        if (FrameCodec.TryRead(bytes, 4, out IMessage? frame, out DecodeError error))
        {
            Assert.Equal(bytes, Encode(frame, bytes));
        }
        else
        {
            Assert.NotEqual(DecodeError.None, error);
        }
    }
}
