using System.Buffers.Binary;
using Validator.Core.Consensus;
using Validator.Core.Primitives;
using Validator.Core.Wire;

namespace Validator.Bench.Simulation;

/// <summary>
/// Bytes that no honest validator would send: true messages with a changed field, certificates that prove nothing, claims
/// without proof, signatures made for another chain, and noise. Only the shell's checks stand against these.
/// </summary>
public sealed class Forger(SimCluster cluster, SimRandom random, int place, Coalition all)
{
    private static readonly byte[] Interesting = [0, 1, 2, 3, 7, 16, 127, 128, 255];

    // Where fields lie (Validator.Core/Wire/FORMATS.md): the type, then a signed header and its signature, then the body.
    private const int Header = 1;
    private const int Body = 1 + SignedCodec.EncodedSize;
    private const int BodyAlone = 1;

    /// <summary>Fields of true messages, each with bytes that may not stand there.</summary>
    private static readonly (FrameType Type, int Offset, byte[] Value)[] Fields =
    [
        (FrameType.PrePrepare, Header + 24, [9, 9]),
        (FrameType.PrePrepare, Body + 24, [1, 2, 3]),
        (FrameType.PrePrepare, Body + 16, new byte[8]),
        (FrameType.PrePrepare, Body + 32, [255, 255, 255, 255]),
        (FrameType.PrePrepare, Body + 40, new byte[32]),
        (FrameType.PrePrepare, Body + 2, [99]),
        (FrameType.PrePrepare, Header, [(byte)MessageKind.Prepare]),
        (FrameType.Vote, Header + 24, new byte[8]),
        (FrameType.Vote, Header + 2, [200]),
        (FrameType.Vote, Header, [77]),
        (FrameType.Vertex, BodyAlone + 16, new byte[8]),
        (FrameType.Vertex, BodyAlone + 24, [255, 255, 255, 255]),
        (FrameType.Vertex, BodyAlone + 32, new byte[32]),
        (FrameType.ViewChange, Body + 8 + 8, new byte[8]),
        (FrameType.ViewChange, Body + 8 + 56, [5, 0, 0, 0, 0, 0, 0, 0, 1]),
        (FrameType.NewView, Body + 2, [250, 250]),
        (FrameType.Status, BodyAlone, [99]),
        (FrameType.Status, BodyAlone + 32, [1, 0, 0, 0, 0, 0, 0, 0, .. new byte[32]]),
        (FrameType.FetchRequest, BodyAlone + 4, [255, 255]),
        (FrameType.FetchRequest, BodyAlone, [9]),
        (FrameType.FinalBlocks, BodyAlone, [0, 0]),
        (FrameType.Certificate, BodyAlone + 2, [0, 0]),
    ];

    private ulong _epoch;

    private Coalition Known => all.In(_epoch);

    private Committee Committee => cluster.EpochOf(_epoch).Committee;

    private int Self => cluster.MemberOf(_epoch, place);

    private readonly Hash256 _otherChain = Hash256.Of([9]);

    /// <returns>One frame, or null when nothing to change was seen yet.</returns>
    public byte[]? Make(ValidatorCore core)
    {
        _epoch = core.Epoch;
        return random.Below(15) switch
        {
            0 or 1 => Changed(1),
            2 => Changed(1 + random.Below(8)),
            3 => Cut(),
            4 => OtherChain(core),
            5 => TooLittleWeight(),
            6 => RepeatedSigner(),
            7 => ForgedClaims(core),
            8 => BadEvidence(core),
            9 => BadVertex(),
            10 or 11 => Field(),
            12 => NotLeader(core),
            13 => BadChange(),
            _ => random.Chance(0.05) ? Oversized() : BrokenChain(),
        };
    }

    private SimMessage? Pick(Func<IMessage, bool>? which = null)
    {
        SimMessage[] fitting = [.. Known.Seen.Where(m => m.Message is { } known && !m.IsForged && (which is null || which(known)))];
        return fitting.Length == 0 ? null : fitting[random.Below(fitting.Length)];
    }

    /// <summary>Some bytes near the front, where the fields are.</summary>
    private byte[]? Changed(int bytes)
    {
        if (Pick() is not { } message)
        {
            return null;
        }

        byte[] copy = [.. message.Bytes];
        // Small messages are all fields; in large ones the fields are behind the first signature, too.
        int start = copy.Length > 4_800 && random.Chance(0.5) ? 4_690 : 0;
        for (int i = 0; i < bytes; i++)
        {
            int at = start + random.Below(Math.Min(copy.Length - start, random.Chance(0.5) ? 20 : 260));
            copy[at] = Interesting[random.Below(Interesting.Length)];
        }

        return copy;
    }

    private byte[]? Field()
    {
        (FrameType type, int offset, byte[] value) = Fields[random.Below(Fields.Length)];
        SimMessage? message = Pick(f => f.Type == type);
        if (message is null && PickCertificate() is { } certificate)
        {
            message = type == FrameType.Certificate ? new SimMessage(certificate)
                : type == FrameType.FinalBlocks && Known.FindBlock(certificate.BlockHash) is { } block
                    ? new SimMessage(new FinalBlocks([block], certificate))
                : null;
        }

        if (message is null)
        {
            return null;
        }

        byte[] copy = [.. message.Bytes];
        value.CopyTo(copy, offset);
        if (type == FrameType.Vertex && random.Chance(0.3))
        {
            // The author's own entry among the parents.
            copy.AsSpan(BodyAlone + 96 + (40 * ((SignedVertex)message.Message!).Vertex.Author), 40).Fill(1);
            message.Bytes.AsSpan(offset, value.Length).CopyTo(copy.AsSpan(offset));
        }

        return copy;
    }

    /// <summary>A true signature under a proposal of somebody else's view.</summary>
    private byte[]? NotLeader(ValidatorCore core)
    {
        if (Pick(f => f.Type == FrameType.PrePrepare) is not { } message || Committee.Leader(_epoch, core.View) == Self)
        {
            return null;
        }

        Block block = ((PrePrepare)message.Message!).Block;
        return Encode(cluster.Sign(place, MessageKind.PrePrepare, _epoch, core.View, block.Sequence, block.Hash).With(block));
    }

    private byte[]? Cut()
    {
        if (Pick() is not { } message)
        {
            return null;
        }

        return random.Below(4) switch
        {
            0 => [],
            1 => message.Bytes[..random.Below(message.Bytes.Length)],
            2 => [.. message.Bytes, 0],
            _ => [(byte)random.Below(20), .. message.Bytes.AsSpan(1)],
        };
    }

    /// <summary>
    /// What an honest validator may well have signed where the same keys serve another chain, or another epoch.
    /// </summary>
    private byte[] OtherChain(ValidatorCore core)
    {
        cluster.World.Met(Fault.OtherChain);
        int honest = random.Below(Committee.Count);
        ulong sequence = core.FinalSequence + 1 + (ulong)random.Below(3);
        MessageKind kind = random.Chance(0.5) ? MessageKind.Commit : MessageKind.Prepare;
        SignedHeader header = new(kind, honest, _epoch, core.View, sequence, Hash256.Of([4]));
        SignedHeader elsewhere = random.Chance(0.5) ? header : header with { Epoch = _epoch + 1 };
        return Encode(new Signed(header, cluster.Keys.Sign(cluster.PlaceOf(_epoch, honest), elsewhere, elsewhere == header ? _otherChain : cluster.ChainId)));
    }

    private Certificate? PickCertificate()
    {
        Certificate[] known = [.. Known.Certificates.TakeLast(8)];
        return known.Length == 0 ? null : known[random.Below(known.Length)];
    }

    private byte[]? TooLittleWeight()
    {
        if (PickCertificate() is not { Votes.Length: > 1 } known)
        {
            return null;
        }

        cluster.World.Met(Fault.TooLittleWeight);
        return Encode(With(known, known.Sequence, known.BlockHash, known.Votes[..^(1 + random.Below(known.Votes.Length - 1))]));
    }

    /// <summary>A block of our own, certified by our own vote as often as a quorum wants.</summary>
    private byte[]? RepeatedSigner()
    {
        if (PickCertificate() is not { } known)
        {
            return null;
        }

        cluster.World.Met(Fault.RepeatedSigner);
        ulong sequence = known.Sequence + (ulong)random.Below(3);
        Hash256 hash = Hash256.Of([5]);
        MessageKind kind = known.Phase == Phase.Committed ? MessageKind.Commit
            : Committee.Leader(_epoch, known.View) == Self ? MessageKind.PrePrepare : MessageKind.Prepare;
        CertificateVote vote = new(Self, cluster.Sign(place, kind, _epoch, known.View, sequence, hash).Signature);
        return Encode(With(known, sequence, hash, [.. Enumerable.Repeat(vote, Committee.Count)]));
    }

    public static Certificate With(Certificate like, ulong sequence, in Hash256 hash, CertificateVote[] votes) => new()
    {
        Phase = like.Phase,
        Epoch = like.Epoch,
        View = like.View,
        Sequence = sequence,
        BlockHash = hash,
        Votes = votes,
    };

    /// <summary>A ViewChange or NewView whose claims its certificates do not prove.</summary>
    private byte[]? ForgedClaims(ValidatorCore core)
    {
        cluster.World.Met(Fault.ForgedClaims);
        Certificate? prepared = Known.Pick(Phase.Prepared, core.View + 1);
        ulong view = core.View + 1;
        if (prepared is null)
        {
            return null;
        }

        switch (random.Below(6))
        {
            case 5:
                // A list that ends with nothing.
                Acceptances nothing = new(prepared.Sequence, [new Acceptance(1, Hash256.Zero)]);
                return Encode(Known.MakeChange(place, view, prepared, null, nothing));
            case 0:
                // A claim that is not below its own view.
                return Encode(Known.MakeChange(place, Math.Max(prepared.View, 1), prepared, null));
            case 1:
                // The certificate is left out.
                ViewChange whole = Known.MakeChange(place, view, prepared, null);
                return Encode(whole)[..(1 + SignedCodec.EncodedSize + 104)];
            case 2:
                // The certificate says less than the claim.
                ViewChange higher = Known.MakeChange(place, view, With(prepared, prepared.Sequence + 9, prepared.BlockHash, prepared.Votes), null);
                return Encode(new ViewChange { Signed = higher.Signed, Claims = higher.Claims, Prepared = prepared });
            case 3:
                // Two claims of one slot.
                ViewChange other = Known.MakeChange(place, view, With(prepared, prepared.Sequence, Hash256.Of([6]), prepared.Votes), null);
                return NewViewOf(view, [Known.MakeChange(place, view, prepared, null), other], prepared);
            default:
                return NewViewOf(view, [Known.MakeChange(place, view, prepared, null)], prepared);
        }
    }

    private byte[] NewViewOf(ulong view, ViewChange[] changes, Certificate prepared)
    {
        while (Committee.Leader(_epoch, view) != Self)
        {
            view++;
        }

        int sender = 0;
        ViewChangeSummary[] summaries = Array.ConvertAll(changes, c => new ViewChangeSummary(sender++, c.Claims, c.Signed.Signature));
        return Encode(new NewView
        {
            Signed = cluster.Sign(place, MessageKind.NewView, _epoch, view, 0, NewViewCodec.Digest(summaries)),
            ViewChanges = summaries,
            Prepared = prepared,
        });
    }

    /// <summary>Two messages that convict nobody.</summary>
    private byte[] BadEvidence(ValidatorCore core)
    {
        int innocent = random.Below(Committee.Count);
        ulong sequence = core.FinalSequence + 1;
        Signed first = Signed(MessageKind.Commit, Self, sequence, Hash256.Of([7]));
        Signed second = random.Below(4) switch
        {
            0 => first,
            1 => Signed(MessageKind.Commit, Self, sequence + 1, Hash256.Of([8])),
            2 => Signed(MessageKind.Commit, (Self + 1) % Committee.Count, sequence, Hash256.Of([8])),
            _ => new Signed(new SignedHeader(MessageKind.Commit, innocent, _epoch, core.View, sequence, Hash256.Of([8])), first.Signature),
        };
        if (second.Header.Sender == innocent)
        {
            first = new Signed(second.Header with { Digest = Hash256.Of([9]) }, first.Signature);
        }

        return Encode(new Evidence(first, second));

        Signed Signed(MessageKind kind, int sender, ulong at, in Hash256 digest)
        {
            SignedHeader header = new(kind, sender, _epoch, core.View, at, digest);
            return new Signed(header, cluster.Keys.Sign(place, header with { Sender = Self }, cluster.ChainId));
        }
    }

    /// <summary>A vertex truly signed whose payload is not what its header says.</summary>
    private byte[] BadVertex()
    {
        if (random.Chance(0.4))
        {
            return BadEnvelopes();
        }

        ulong[] transactions = [1, 2, 3];
        byte[] payload = SimVertex.PayloadOf(transactions).ToArray();
        Hash256 root = SimVertex.RootOf(transactions);
        int at = random.Below(3);
        // Length (4 bytes), kind, bytes.
        (int Offset, byte Value)[] changes = [(5, 255), (4, 2), (4, 77), (0, 0), (0, 90), (0, 7), (2, 255)];
        (int offset, byte value) = changes[random.Below(changes.Length)];
        payload[(at * SimVertex.TransactionBytes) + offset] = value;
        VertexHeader header = VertexCodec.Seal(
            _epoch, Self, 1, Hash256.Zero, new LaneTip[Committee.Count], root, (uint)payload.Length, random.Chance(0.2) ? 2u : 3u);
        return Encode(header, payload);
    }

    /// <summary>Envelopes and account keys that are not as a payload has them.</summary>
    private byte[] BadEnvelopes()
    {
        byte[][] keys = [[1, .. new byte[Limits.PublicKeyBytes - 1]], [2, .. new byte[Limits.PublicKeyBytes - 1]]];
        Array.Sort(keys, (a, b) => EnvelopeCodec.AccountOf(a).CompareTo(EnvelopeCodec.AccountOf(b)));
        byte[] first = Entry(TransactionKind.AccountKey, keys[0]);
        byte[] second = Entry(TransactionKind.AccountKey, keys[1]);
        byte[] envelope = new byte[EnvelopeCodec.FixedBytes + 1];
        EnvelopeCodec.Write(envelope, EnvelopeCodec.AccountOf(keys[0]), 1, [1]);
        byte[] good = Entry(TransactionKind.Envelope, envelope);
        envelope[0] += 2;
        byte[] payload = random.Below(7) switch
        {
            0 => [.. first, .. Entry(TransactionKind.Envelope, envelope)],
            1 => [.. Entry(TransactionKind.AccountKey, [1]), .. good],
            2 => [.. good, .. first],
            3 => [.. second, .. first, .. good],
            4 => good,
            5 => [.. first, .. second, .. good],
            // All but the envelope's signature, and sometimes the root, is in order.
            _ => [.. first, .. good],
        };
        Hash256 id = Hash256.Of(payload.AsSpan(^(1 + EnvelopeCodec.FixedBytes + 1)..));
        VertexHeader header = VertexCodec.Seal(
            _epoch, Self, 1, Hash256.Zero, new LaneTip[Committee.Count], random.Chance(0.5) ? Hash256.Of(payload) : Hash256.Of(id.ToArray()),
            (uint)payload.Length, 1);
        return Encode(header, payload);

        static byte[] Entry(TransactionKind kind, byte[] bytes)
        {
            byte[] entry = new byte[PayloadWriter.Size(bytes.Length)];
            PayloadWriter.Append(entry, kind, bytes);
            return entry;
        }
    }

    private byte[] Encode(VertexHeader header, byte[] payload)
    {
        SignedVertex frame = SignedVertex.Of(header, cluster.Keys.Sign(place, VertexCodec.HeaderToSign(header), cluster.ChainId));
        byte[] bytes = new byte[FrameCodec.EncodedSize(frame)];
        payload.CopyTo(bytes.AsSpan(FrameCodec.Write(frame, bytes)));
        return bytes;
    }

    /// <summary>A committee change that too few signed, of another epoch, or not alone in its vertex.</summary>
    private byte[] BadChange()
    {
        cluster.World.Met(Fault.ForgedChange);
        int variant = random.Below(5);
        CommitteeChange change = CommitteeChange.SetWeight(variant == 1 ? _epoch + 1 : _epoch, SimKeys.NameOf(place), 1000);
        // The last is signed by ourselves in everyone's name, and only signatures stand against it.
        int signers = variant == 4 ? Committee.Count : variant == 2 ? Committee.Count + 1 : 1;
        CertificateVote[] votes = [.. Enumerable.Range(0, signers).Select(i => new CertificateVote(
            signers == 1 ? Self : i, cluster.Keys.Sign(place, CommitteeChangeCodec.HeaderToSign(change, i), cluster.ChainId)))];
        byte[] encoded = CommitteeChangeCodec.Encode(new SignedCommitteeChange(change, votes));
        if (variant == 3)
        {
            // A name that no member can have.
            encoded[25] = (byte)'A';
        }

        int repeats = variant == 0 ? 2 : 1;
        byte[] payload = new byte[repeats * PayloadWriter.Size(encoded.Length)];
        for (int i = 0; i < repeats; i++)
        {
            PayloadWriter.Append(payload.AsSpan(i * PayloadWriter.Size(encoded.Length)), TransactionKind.System, encoded);
        }

        TransactionScratch scratch = new();
        Require.That(scratch.TryCompute(payload, repeats, out Hash256 root, out _));
        return Encode(
            VertexCodec.Seal(_epoch, Self, 1, Hash256.Zero, new LaneTip[Committee.Count], root, (uint)payload.Length, (uint)repeats), payload);
    }

    /// <summary>Final blocks that do not follow each other, or that their certificate does not cover.</summary>
    private byte[]? BrokenChain()
    {
        if (PickCertificate() is not { } certificate || Known.FindBlock(certificate.BlockHash) is not { Sequence: > 0 } block)
        {
            return null;
        }

        return Encode(random.Below(3) switch
        {
            0 => new FinalBlocks([block, block], certificate),
            1 => new FinalBlocks([Coalition.Child(block, null, 1)], certificate),
            _ => new FinalBlocks([block], With(certificate, certificate.Sequence, certificate.BlockHash, certificate.Votes[..1])),
        });
    }

    private byte[] Oversized()
    {
        cluster.World.Met(Fault.Oversized);
        byte[] bytes = new byte[FrameLimits.MaxFrameBytes(Committee.Count) + 1];
        BinaryPrimitives.WriteUInt16LittleEndian(bytes, (ushort)FrameType.FinalBlocks);
        return bytes;
    }

    private static byte[] Encode(IMessage frame) => new SimMessage(frame).Bytes;
}
