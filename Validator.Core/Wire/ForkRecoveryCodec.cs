using System.Diagnostics.CodeAnalysis;
using System.Text;
using Validator.Core.Primitives;

namespace Validator.Core.Wire;

/// <summary>FORMATS.md, "Fork recovery".</summary>
public static class ForkRecoveryCodec
{
    /// <summary>Branches that one proposal abandons, at most.</summary>
    public const int MostAbandoned = 64;

    /// <summary>Blocks of the branch that goes on that one proposal names, at most.</summary>
    public const int MostPoints = 4096;

    private const int FixedBytes = 24 + Hash256.Size;
    private const int BranchBytes = 8 + Hash256.Size;

    /// <summary>No honest one is longer.</summary>
    public static int MaxBytes => FixedBytes + BlockCodec.EncodedSize(Limits.MaxCommittee)
        + CertificateCodec.EncodedSize(Limits.MaxCommittee) + ((MostAbandoned + MostPoints) * BranchBytes)
        + (2 * (2 + (Limits.MaxCommittee * WireSizes.CertificateVote)));

    /// <summary>What a member of the agreed epoch signs: all of the proposal.</summary>
    public static SignedHeader HeaderToApprove(ForkProposal value, int sender) =>
        new(MessageKind.RecoveryProposal, sender, value.AgreedEpoch, 0, value.Last.Sequence, Digest(value));

    /// <summary>What a member of the epoch that ends signs: the block that the chain keeps.</summary>
    public static SignedHeader HeaderToVote(ForkProposal value, int sender) =>
        new(MessageKind.Recovery, sender, value.Last.Epoch, 0, value.Last.Sequence, value.Last.Hash);

    /// <summary>Names a proposal, whoever signed it.</summary>
    public static Hash256 Digest(ForkProposal value)
    {
        byte[] encoded = new byte[SizeOf(value)];
        WireWriter writer = new(encoded);
        Write(ref writer, value);
        return Hash256.Of(encoded);
    }

    public static byte[] Encode(ForkRecovery value)
    {
        byte[] encoded = new byte[SizeOf(value.Proposal) + SizeOf(value.Approvals) + SizeOf(value.Votes)];
        WireWriter writer = new(encoded);
        Write(ref writer, value.Proposal);
        Write(ref writer, value.Approvals);
        Write(ref writer, value.Votes);
        Require.That(writer.Written == encoded.Length);
        return encoded;
    }

    /// <summary>Reads one of any epoch; its signatures are not checked.</summary>
    public static bool TryRead(ReadOnlySpan<byte> data, [NotNullWhen(true)] out ForkRecovery? value, out DecodeError error)
    {
        WireReader reader = new(data);
        value = Read(ref reader, data, WireReader.CommitteeSizeOf(data));
        return reader.Finish(ref value, out error);
    }

    private static ForkRecovery? Read(ref WireReader reader, ReadOnlySpan<byte> data, int committeeSize)
    {
        reader.Tag(WireTags.ForkRecovery);
        reader.Reserved(1);
        reader.Check(reader.U16() == committeeSize && committeeSize > 0, DecodeError.LaneCountDiffers);
        int abandoned = reader.U16();
        reader.Check(abandoned <= MostAbandoned, DecodeError.BlockCount);
        int before = reader.U16();
        reader.Check(before is > 0 and <= Limits.MaxCommittee, DecodeError.LaneCountDiffers);
        ulong agreedEpoch = reader.U64();
        int named = reader.U16();
        reader.Check(named is > 0 and <= MostPoints, DecodeError.BlockCount);
        reader.Reserved(6);
        Hash256 chainId = reader.Hash();
        Block? last = reader.Ok ? BlockCodec.Read(ref reader, data, committeeSize) : null;
        Certificate? proof = last is null ? null : CertificateCodec.Read(ref reader, before);
        if (last is null || proof is null)
        {
            return null;
        }

        reader.Check(proof.Sequence == last.Sequence - 1 && proof.BlockHash == last.Parent
            && proof.Epoch <= last.Epoch, DecodeError.ChainBroken);
        bool follows = last.EndsEpoch && last.Epoch >= agreedEpoch && last.Epoch < ulong.MaxValue
            && last.ExecutedSequence == last.Sequence - 1;
        reader.Check(follows, DecodeError.ChainBroken);
        BranchHead[] points = ReadPoints(ref reader, named, last);
        BranchHead[] heads = new BranchHead[abandoned];
        for (int i = 0; i < heads.Length && reader.Ok; i++)
        {
            heads[i] = new BranchHead(reader.U64(), reader.Hash());
            reader.Check(points.Length > 0 && heads[i].Sequence > points[0].Sequence, DecodeError.ChainBroken);
        }

        ForkProposal proposal = new()
        {
            ChainId = chainId,
            AgreedEpoch = agreedEpoch,
            Points = points,
            HeadProof = proof,
            CommitteeBefore = before,
            Last = last,
            Abandoned = heads,
        };
        CertificateVote[] approvals = ReadVotes(ref reader, Limits.MaxCommittee);
        CertificateVote[] votes = ReadVotes(ref reader, committeeSize);
        return reader.Ok ? new ForkRecovery(proposal, approvals, votes) : null;
    }

    /// <summary>Ascending, up to the last block's parent.</summary>
    private static BranchHead[] ReadPoints(ref WireReader reader, int count, Block last)
    {
        reader.Need(count, BranchBytes);
        BranchHead[] points = reader.Ok ? new BranchHead[count] : [];
        for (int i = 0; i < points.Length && reader.Ok; i++)
        {
            points[i] = new BranchHead(reader.U64(), reader.Hash());
            reader.Check(!points[i].Hash.IsZero
                && (i == 0 || points[i].Sequence > points[i - 1].Sequence), DecodeError.NotAscending);
        }

        bool ends = points is [.., var newest] && newest == new BranchHead(last.Sequence - 1, last.Parent);
        reader.Check(ends, DecodeError.ChainBroken);
        return points;
    }

    private static CertificateVote[] ReadVotes(ref WireReader reader, int committeeSize)
    {
        int count = reader.U16();
        return count == 0 ? [] : MultiSignature.Read(ref reader, count, committeeSize);
    }

    private static int SizeOf(ForkProposal value) =>
        FixedBytes + BlockCodec.EncodedSize(value.Last.Cut.Length) + CertificateCodec.EncodedSize(value.HeadProof)
        + ((value.Abandoned.Length + value.Points.Length) * BranchBytes);

    private static int SizeOf(CertificateVote[] votes) => 2 + (votes.Length * WireSizes.CertificateVote);

    private static void Write(ref WireWriter writer, ForkProposal value)
    {
        writer.U8(WireTags.ForkRecovery);
        writer.Zeros(1);
        writer.U16(value.Last.Cut.Length);
        writer.U16(value.Abandoned.Length);
        writer.U16(value.CommitteeBefore);
        writer.U64(value.AgreedEpoch);
        writer.U16(value.Points.Length);
        writer.Zeros(6);
        writer.Hash(value.ChainId);
        BlockCodec.Write(ref writer, value.Last);
        CertificateCodec.Write(ref writer, value.HeadProof);
        Write(ref writer, value.Points);
        Write(ref writer, value.Abandoned);
    }

    private static void Write(ref WireWriter writer, BranchHead[] heads)
    {
        foreach (BranchHead head in heads)
        {
            writer.U64(head.Sequence);
            writer.Hash(head.Hash);
        }
    }

    private static void Write(ref WireWriter writer, CertificateVote[] votes)
    {
        writer.U16(votes.Length);
        MultiSignature.Write(ref writer, votes);
    }
}

/// <summary>FORMATS.md, "Fork branch".</summary>
public static class ForkBranchCodec
{
    private const int MostName = 64;
    private const int MostEpochs = 1 << 16;

    /// <summary>No honest one is longer.</summary>
    public const int MaxBytes = (ForkBranch.MostHashes * Hash256.Size) + (MostEpochs * 16) + (4 << 20);

    public static byte[] Encode(ForkBranch value)
    {
        byte[] name = Encoding.ASCII.GetBytes(value.Name);
        byte[] epoch = EpochCodec.Encode(value.Epoch);
        int fixedBytes = 24 + (2 * Hash256.Size) + 8;
        byte[] encoded = new byte[fixedBytes + name.Length + epoch.Length + BlockCodec.EncodedSize(value.Head.Cut.Length)
            + CertificateCodec.EncodedSize(value.Certificate) + (value.Epochs.Length * 16)
            + (value.Hashes.Length * Hash256.Size)];
        WireWriter writer = new(encoded);
        writer.U8(WireTags.ForkBranch);
        writer.Zeros(1);
        writer.U16(value.Head.Cut.Length);
        writer.U16(name.Length);
        writer.Zeros(2);
        writer.U32((uint)epoch.Length);
        writer.Zeros(4);
        writer.U64(value.Weight);
        writer.Hash(value.ChainId);
        writer.Hash(value.Root);
        writer.Bytes(name);
        writer.Bytes(epoch);
        BlockCodec.Write(ref writer, value.Head);
        CertificateCodec.Write(ref writer, value.Certificate);
        writer.U32((uint)value.Epochs.Length);
        writer.U32((uint)value.Hashes.Length);
        foreach ((ulong number, ulong first) in value.Epochs)
        {
            writer.U64(number);
            writer.U64(first);
        }

        foreach (Hash256 hash in value.Hashes)
        {
            writer.Hash(hash);
        }

        Require.That(writer.Written == encoded.Length);
        return encoded;
    }

    /// <summary>Reads one of any epoch; its certificate's signatures are not checked.</summary>
    public static bool TryRead(ReadOnlySpan<byte> data, [NotNullWhen(true)] out ForkBranch? value, out DecodeError error)
    {
        WireReader reader = new(data);
        value = Read(ref reader, data, WireReader.CommitteeSizeOf(data));
        return reader.Finish(ref value, out error);
    }

    private static ForkBranch? Read(ref WireReader reader, ReadOnlySpan<byte> data, int committeeSize)
    {
        reader.Tag(WireTags.ForkBranch);
        reader.Reserved(1);
        reader.Check(reader.U16() == committeeSize && committeeSize > 0, DecodeError.LaneCountDiffers);
        int nameBytes = reader.U16();
        reader.Check(nameBytes is > 0 and <= MostName, DecodeError.ChangeMalformed);
        reader.Reserved(2);
        int epochBytes = (int)Math.Min(reader.U32(), int.MaxValue);
        reader.Reserved(4);
        ulong weight = reader.U64();
        Hash256 chainId = reader.Hash();
        Hash256 root = reader.Hash();
        string name = Encoding.ASCII.GetString(reader.Take(nameBytes));
        reader.Check(GenesisCodec.IsName(name), DecodeError.ChangeMalformed);
        ReadOnlySpan<byte> encoded = reader.Take(epochBytes);
        EpochConfiguration? epoch = null;
        reader.Check(reader.Ok && EpochCodec.TryRead(encoded, out epoch, out _), DecodeError.ChangeMalformed);
        Block? head = reader.Ok ? BlockCodec.Read(ref reader, data, committeeSize) : null;
        Certificate? certificate = head is null ? null : CertificateCodec.Read(ref reader, committeeSize);
        int epochs = (int)Math.Min(reader.U32(), int.MaxValue);
        int hashes = (int)Math.Min(reader.U32(), int.MaxValue);
        reader.Check(epochs is > 0 and <= MostEpochs && hashes is > 0 and <= ForkBranch.MostHashes, DecodeError.BlockCount);
        reader.Need(epochs, 16);
        reader.Need(hashes, Hash256.Size);
        if (!reader.Ok || epoch is null || head is null || certificate is null)
        {
            return null;
        }

        (ulong Epoch, ulong First)[] spans = new (ulong, ulong)[epochs];
        for (int i = 0; i < epochs; i++)
        {
            spans[i] = (reader.U64(), reader.U64());
            reader.Check(i == 0
                || (spans[i].Epoch > spans[i - 1].Epoch && spans[i].First > spans[i - 1].First), DecodeError.NotAscending);
        }

        Hash256[] all = new Hash256[hashes];
        for (int i = 0; i < hashes; i++)
        {
            all[i] = reader.Hash();
        }

        bool next = epoch.Number == head.Epoch + (head.EndsEpoch ? 1UL : 0);
        bool fits = next && (head.EndsEpoch || epoch.Members.Length == committeeSize) && certificate.Proves(head)
            && (ulong)hashes <= head.Sequence + 1 && all[^1] == head.Hash
            && spans[^1].Epoch == head.Epoch && spans[^1].First <= head.Sequence
                && spans[0].First <= head.Sequence - (ulong)hashes + 1;
        reader.Check(fits, DecodeError.ChainBroken);
        return new ForkBranch
        {
            ChainId = chainId,
            Name = name,
            Epoch = epoch,
            Head = head,
            Root = root,
            Certificate = certificate,
            Weight = weight,
            Hashes = all,
            Epochs = spans,
        };
    }
}
