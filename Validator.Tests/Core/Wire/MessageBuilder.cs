using Validator.Core.Execution;
using Validator.Core.Primitives;
using Validator.Core.Wire;

namespace Validator.Tests.Core.Wire;

/// <summary>Where the values of built messages come from.</summary>
internal abstract class ValueSource
{
    public abstract ulong U64();

    public abstract byte Fill();

    /// <summary>0 to count-1.</summary>
    public abstract int Choose(int count);

    public abstract Hash256 Hash();

    public byte[] Signature()
    {
        byte[] signature = new byte[Limits.SignatureBytes];
        Array.Fill(signature, Fill());
        return signature;
    }
}

/// <summary>Small rising numbers and runs of one byte: golden files stay short and readable.</summary>
internal sealed class CountingValues : ValueSource
{
    private ulong _number = 1;
    private byte _fill = 0x40;

    public override ulong U64() => ++_number;

    public override byte Fill() => ++_fill;

    public override int Choose(int count) => count - 1;

    public override Hash256 Hash()
    {
        byte[] bytes = new byte[Hash256.Size];
        Array.Fill(bytes, Fill());
        return new Hash256(bytes);
    }
}

internal sealed class RandomValues(int seed) : ValueSource
{
    private readonly Random _random = new(seed);

    public override ulong U64() => _random.Next(3) == 0 ? (ulong)_random.Next(1, 5) : (ulong)_random.NextInt64() * 2;

    public override byte Fill() => (byte)_random.Next(256);

    public override int Choose(int count) => _random.Next(count);

    public override Hash256 Hash()
    {
        byte[] bytes = new byte[Hash256.Size];
        _random.NextBytes(bytes);
        return new Hash256(bytes);
    }
}

/// <summary>
/// Builds well-formed messages of every type for a committee of <paramref name="lanes"/>; signatures are filler.
/// </summary>
internal sealed class MessageBuilder(ValueSource values, int lanes)
{
    public static readonly FrameType[] AllTypes = Enum.GetValues<FrameType>();

    /// <summary>A frame and its bytes, payload included.</summary>
    public (IMessage Frame, byte[] Bytes) Build(FrameType type)
    {
        byte[] payload = type == FrameType.Vertex ? Payload(values.Choose(5)) : [];
        IMessage frame = type switch
        {
            FrameType.Vertex => SignedVertex.Of(Vertex(payload), values.Signature()),
            FrameType.PrePrepare => PrePrepare(),
            FrameType.Vote =>
                Sign(values.Choose(2) == 0 ? MessageKind.Prepare : MessageKind.Commit, Number(), Number(), values.Hash()),
            FrameType.Stop => Sign(MessageKind.Stop, Number(), 0, Hash256.Zero),
            FrameType.ViewChange => ViewChange(),
            FrameType.NewView => NewView(),
            FrameType.Certificate => Certificate(Phase.Prepared, Number(), Number(), Number(), values.Hash()),
            FrameType.Block => Block(Number(), Number(), values.Hash()),
            FrameType.FinalBlocks => FinalBlocks(1 + values.Choose(3)),
            FrameType.Evidence => Evidence(),
            FrameType.Status => new Status(values.U64(), values.U64(), values.U64(), Tips(-1)),
            FrameType.FetchRequest => Request(),
            FrameType.NotFound => new NotFound(Request(), 77),
            FrameType.SnapshotManifest => Manifest(),
            FrameType.EpochEnd => EpochEnd(),
            _ => Chunk(),
        };
        return (frame, Encode(frame, payload));
    }

    public static byte[] Encode(IMessage frame, ReadOnlySpan<byte> payload)
    {
        byte[] bytes = new byte[FrameCodec.EncodedSize(frame)];
        int written = FrameCodec.Write(frame, bytes);
        Assert.Equal(bytes.Length, written + payload.Length);
        payload.CopyTo(bytes.AsSpan(written));
        return bytes;
    }

    public byte[] Payload(int transactions)
    {
        byte[] payload = new byte[transactions * PayloadWriter.Size(40)];
        int at = 0;
        for (int i = 0; i < transactions; i++)
        {
            byte[] bytes = new byte[1 + values.Choose(40)];
            Array.Fill(bytes, values.Fill());
            at += PayloadWriter.Append(payload.AsSpan(at), TransactionKind.Opaque, bytes);
        }

        return payload[..at];
    }

    public VertexHeader Vertex(byte[] payload)
    {
        int author = values.Choose(lanes);
        ulong height = Number();
        TransactionScratch scratch = new();
        PayloadReader reader = new(payload);
        int count = 0;
        while (reader.MoveNext())
        {
            count++;
        }

        Assert.True(scratch.TryCompute(payload, count, out Hash256 root, out _));
        return VertexCodec.Seal(
            values.U64(), author, height, height == 1 ? Hash256.Zero : values.Hash(), Tips(author), root, (uint)payload.Length,
            (uint)count);
    }

    public Block Block(ulong epoch, ulong sequence, Hash256 parent) => BlockCodec.Seal(
        epoch, sequence, parent, values.U64(), values.U64() % sequence, values.Hash(),
        values.Choose(4) == 0 ? values.Hash() : Hash256.Zero, Tips(-1));

    private Block Block(ulong epoch, ulong sequence, Hash256 parent, ulong executed, Hash256 root) => BlockCodec.Seal(
        epoch, sequence, parent, values.U64(), executed, root, Hash256.Zero, Tips(-1));

    public Certificate Certificate(Phase phase, ulong epoch, ulong view, ulong sequence, Hash256 block, int least = 1)
    {
        int first = lanes - Math.Max(least, 1 + values.Choose(lanes));
        CertificateVote[] votes = new CertificateVote[lanes - first];
        for (int i = 0; i < votes.Length; i++)
        {
            votes[i] = new CertificateVote(first + i, values.Signature());
        }

        return new Certificate
        {
            Phase = phase,
            Epoch = epoch,
            View = view,
            Sequence = sequence,
            BlockHash = block,
            Votes = votes,
        };
    }

    public ViewChange ViewChange()
    {
        Claim prepared = values.Choose(4) == 0 ? default : new Claim(values.U64() >> 1, Number(), values.Hash());
        Claim committed = values.Choose(4) == 0 ? default : new Claim(values.U64() >> 1, Number(), values.Hash());
        ulong view = Math.Max(prepared.View, committed.View) + 1;
        Claims claims = new(prepared, committed, Accepted(view));
        Signed signed = Sign(MessageKind.ViewChange, view, 0, ClaimsCodec.Digest(claims));
        return new ViewChange
        {
            Signed = signed,
            Claims = claims,
            Prepared = Proof(Phase.Prepared, signed.Header.Epoch, prepared),
            Committed = Proof(Phase.Committed, signed.Header.Epoch, committed),
        };
    }

    /// <summary>Some entries, or none; in the middle some are absent.</summary>
    private Acceptances Accepted(ulong below)
    {
        Acceptance[] entries = new Acceptance[values.Choose(4)];
        for (int i = 0; i < entries.Length; i++)
        {
            bool absent = i > 0 && i < entries.Length - 1 && values.Choose(2) == 0;
            entries[i] = absent ? default : new Acceptance(below - 1, values.Hash());
        }

        return new Acceptances(Number(), entries);
    }

    public NewView NewView(int least = 1, int sender = -1, ulong view = 0)
    {
        view = view == 0 ? Number() + 1 : view;
        int count = Math.Max(least, 1 + values.Choose(lanes));
        Claim prepared = default;
        Claim committed = default;
        ViewChangeSummary[] summaries = new ViewChangeSummary[count];
        for (int i = 0; i < count; i++)
        {
            // Rising sequences in one view: the last present claim is the highest.
            Claim p = values.Choose(4) == 0 ? default : new Claim(view - 1, (ulong)(10 + i), values.Hash());
            Claim c = values.Choose(4) == 0 ? default : new Claim(view - 1, (ulong)(5 + i), values.Hash());
            prepared = p.IsAbsent ? prepared : p;
            committed = c.IsAbsent ? committed : c;
            summaries[i] = new ViewChangeSummary(lanes - count + i, new Claims(p, c, Accepted(view)), values.Signature());
        }

        Signed signed = Sign(MessageKind.NewView, view, 0, NewViewCodec.Digest(summaries), sender);
        return new NewView
        {
            Signed = signed,
            ViewChanges = summaries,
            Prepared = Proof(Phase.Prepared, signed.Header.Epoch, prepared, least),
            Committed = Proof(Phase.Committed, signed.Header.Epoch, committed, least),
        };
    }

    public Signed Sign(MessageKind kind, ulong view, ulong sequence, Hash256 digest, int sender = -1) => new(
        new SignedHeader(kind, sender < 0 ? values.Choose(lanes) : sender, values.U64(), view, sequence, digest),
        values.Signature());

    private PrePrepare PrePrepare()
    {
        Block block = Block(values.U64(), Number(), values.Hash());
        SignedHeader header = new(
            MessageKind.PrePrepare, values.Choose(lanes), block.Epoch, values.U64(), block.Sequence, block.Hash);
        return new PrePrepare(header, values.Signature(), block);
    }

    private FinalBlocks FinalBlocks(int count)
    {
        Block[] blocks = new Block[count];
        ulong epoch = values.U64();
        ulong first = 1 + (values.U64() >> 1);
        for (int i = 0; i < count; i++)
        {
            blocks[i] = Block(epoch, first + (ulong)i, i == 0 ? values.Hash() : blocks[i - 1].Hash);
        }

        Block last = blocks[^1];
        return new FinalBlocks(blocks, Certificate(Phase.Committed, epoch, values.U64(), last.Sequence, last.Hash));
    }

    private SnapshotManifest Manifest()
    {
        ulong epoch = values.U64();
        ulong first = Math.Max(1, values.U64() >> 1);
        int count = 1 + values.Choose(4);
        ulong anchorAt = first + (ulong)values.Choose(count);
        bool atStart = epoch > 0 && values.Choose(4) == 0;
        Block anchor = atStart ? new MessageBuilder(values, lanes + 1).Last(epoch - 1, anchorAt, values.Hash()) : Block(epoch, anchorAt, values.Hash());
        StateRecord[] records = new StateRecord[count];
        for (int i = 0; i < count; i++)
        {
            records[i] = new StateRecord(
                values.U64() >> 1, (uint)values.Choose(9), (uint)values.Choose(9), i == 0 ? values.Hash() : records[i - 1].Root,
                first + (ulong)i == anchorAt ? anchor.Hash : values.Hash(), values.Hash(), values.Hash(), values.Hash(), values.Hash());
        }

        ulong stated = first + (ulong)(count - 1);
        Block[] certified = new Block[1 + values.Choose(3)];
        for (int i = 0; i < certified.Length; i++)
        {
            ulong sequence = stated + 5 + (ulong)i;
            certified[i] = i > 0 ? Block(epoch, sequence, certified[i - 1].Hash)
                : Block(epoch, sequence, values.Hash(), stated, records[^1].Root);
        }

        Block last = certified[^1];
        return new SnapshotManifest(
            first, records, anchor, certified, Certificate(Phase.Committed, epoch, values.U64(), last.Sequence, last.Hash),
            values.Choose(4) == 0 ? new PendingCommittee(values.U64(), Members(lanes)) : null);
    }

    private Block Last(ulong epoch, ulong sequence, Hash256 committee) => BlockCodec.Seal(
        epoch, sequence, values.Hash(), values.U64(), values.U64() % sequence, values.Hash(), committee, Tips(-1));

    private EpochEnd EpochEnd()
    {
        ulong epoch = values.U64() >> 1;
        Member[] next = Members(Math.Max(1, lanes - 1 + values.Choose(3)));
        Block last = Last(epoch, Number(), GenesisCodec.CommitteeDigest(epoch + 1, next));
        return new EpochEnd(last, Certificate(Phase.Committed, epoch, values.U64(), last.Sequence, last.Hash), next);
    }

    private Member[] Members(int count)
    {
        Member[] members = new Member[count];
        for (int i = 0; i < count; i++)
        {
            members[i] = new Member($"v{i}", Key(2 * i), Key((2 * i) + 1), 1);
        }

        return members;

        byte[] Key(int number)
        {
            byte[] key = new byte[Limits.PublicKeyBytes];
            Array.Fill(key, values.Fill());
            key[0] = (byte)number;
            return key;
        }
    }

    private SnapshotChunk Chunk()
    {
        byte[] data = new byte[1 + values.Choose(200)];
        Array.Fill(data, values.Fill());
        return new SnapshotChunk(values.U64(), Number(), Hash256.Of(data), data);
    }

    private Evidence Evidence()
    {
        Signed first = Sign(MessageKind.Prepare, values.U64(), Number(), values.Hash());
        SignedHeader second = first.Header with { Digest = values.Hash(), Kind = MessageKind.PrePrepare };
        return new Evidence(first, new Signed(second, values.Signature()));
    }

    private FetchRequest Request()
    {
        FetchKind kind = (FetchKind)(1 + values.Choose(5));
        bool byHash = kind is FetchKind.Vertices or FetchKind.Block or FetchKind.Chunk;
        Hash256 hash = byHash ? values.Hash() : Hash256.Zero;
        return new FetchRequest(kind, values.U64(), values.Choose(lanes), values.U64(), (uint)values.Choose(1025), hash);
    }

    private Certificate? Proof(Phase phase, ulong epoch, in Claim claim, int least = 1) =>
        claim.IsAbsent ? null : Certificate(phase, epoch, claim.View, claim.Sequence, claim.BlockHash, least);

    private LaneTip[] Tips(int author)
    {
        LaneTip[] tips = new LaneTip[lanes];
        for (int i = 0; i < lanes; i++)
        {
            tips[i] = i == author || values.Choose(4) == 0 ? default : new LaneTip(Number(), values.Hash());
        }

        return tips;
    }

    private ulong Number() => Math.Max(1, values.U64());
}
