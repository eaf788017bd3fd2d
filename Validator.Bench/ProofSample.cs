using Validator.Core.Primitives;
using Validator.Core.Wire;
using Validator.Crypto.Simd;

namespace Validator.Bench;

/// <summary>
/// A chain with true keys, hashes and signatures, of which any transaction can be proven. In each block author 1 has two more
/// vertices. Epoch 1 has other weights than genesis, epoch 2 another member, and the later ones are as epoch 2.
/// </summary>
internal sealed class ProofSample
{
    public const int Author = 1;
    public const int VerticesInBlock = 2;

    private readonly MlDsa87Signer[] _signers;
    private readonly List<EpochConfiguration> _epochs = [];
    private readonly List<Block> _blocks = [];
    private readonly List<StateRecord> _records = [];
    private readonly List<VertexHeader> _vertices = [];
    private readonly List<byte[]> _ids = [];
    private readonly int _inEpoch;
    private readonly int _transactions;

    /// <param name="members">In genesis.</param>
    /// <param name="ends">Epochs that end; one more is going on.</param>
    /// <param name="inEpoch">Blocks in each epoch.</param>
    /// <param name="transactions">In each vertex.</param>
    public ProofSample(int members = 4, int ends = 3, int inEpoch = 6, int transactions = 100)
    {
        (_inEpoch, _transactions) = (inEpoch, transactions);
        _signers = [.. Enumerable.Range(0, members + 1).Select(i => new MlDsa87Signer(Seed(i)))];
        Member[] first = [.. Enumerable.Range(0, members).Select(i => MemberOf(i, 10))];
        Genesis = new Genesis("sample", 1_000_000, new GenesisParameters(), first);
        ChainId = GenesisCodec.ChainId(Genesis);
        _epochs.Add(EpochConfiguration.First(Genesis, ChainId));
        _records.Add(default);
        for (int epoch = 0; epoch <= ends; epoch++)
        {
            for (int i = 1; i <= inEpoch; i++)
            {
                AddBlock(epoch, i == 1, i == inEpoch && epoch < ends);
            }
        }
    }

    public Genesis Genesis { get; }

    public Hash256 ChainId { get; }

    public EpochConfiguration Epoch(int number) => _epochs[number];

    /// <summary>By sequence, from 1.</summary>
    public Block Block(int sequence) => _blocks[sequence - 1];

    /// <summary>The id of a transaction of a block's vertex.</summary>
    public Hash256 Id(int sequence, int vertex, uint position) =>
        new(_ids[VertexAt(sequence, vertex)].AsSpan((int)position * Hash256.Size));

    public VertexHeader Vertex(int sequence, int vertex) => _vertices[VertexAt(sequence, vertex)];

    /// <summary>Proves a transaction by a certificate of a block.</summary>
    /// <param name="from">The epoch that the reader knows.</param>
    public TransactionProof Prove(
        int ordering, int vertex, uint position, int certified, int from = 0, Phase phase = Phase.Committed, bool accepted = true)
    {
        Block first = Block(ordering), last = Block(certified);
        IEnumerable<int> ended = Enumerable.Range(from, (int)last.Epoch - from);
        ProofEpochEnd[] ends = [.. ended.Select(e => ProofEpochEnd.Of(End(e), _epochs[e].Members))];
        VertexHeader[] lane = [.. Enumerable.Range(vertex, VerticesInBlock - vertex).Reverse().Select(v => Vertex(ordering, v))];
        return new TransactionProof(
            ChainId, (ulong)from, ends, first.Parent == _epochs[(int)first.Epoch].Start.Hash ? null : Block(ordering - 1),
            [.. _blocks[(ordering - 1)..certified]], Certify(last, phase), lane,
            IdPath.Of(_ids[VertexAt(ordering, vertex)], position), accepted ? Accepted(ordering, vertex, position) : null);
    }

    /// <summary>A certificate of a quorum, or of all where it is of Prepares, or of those who are given.</summary>
    public Certificate Certify(Block block, Phase phase, int[]? voters = null, ulong view = 2)
    {
        EpochConfiguration epoch = _epochs[(int)block.Epoch];
        if (voters is null)
        {
            int count = phase == Phase.Prepared ? epoch.Members.Length : QuorumOf(epoch.Committee);
            voters = [.. Enumerable.Range(epoch.Members.Length - count, count)];
        }

        return new Certificate
        {
            Phase = phase,
            Epoch = block.Epoch,
            View = view,
            Sequence = block.Sequence,
            BlockHash = block.Hash,
            Votes = Array.ConvertAll(voters, v => Vote(epoch, v, phase, view, block)),
        };
    }

    public EpochEnd End(int epoch)
    {
        Block last = Block((epoch + 1) * _inEpoch);
        return new EpochEnd(last, Certify(last, Phase.Committed), _epochs[epoch + 1].Members);
    }

    private static int QuorumOf(Committee committee)
    {
        ulong weight = 0;
        int count = 0;
        while (weight < committee.Quorum)
        {
            weight += committee.Weight(committee.Count - ++count);
        }

        return count;
    }

    private CertificateVote Vote(EpochConfiguration epoch, int member, Phase phase, ulong view, Block block)
    {
        MessageKind kind = phase == Phase.Committed ? MessageKind.Commit
            : member == epoch.Leader(view) ? MessageKind.PrePrepare
            : MessageKind.Prepare;
        SignedHeader header = new(kind, member, block.Epoch, view, block.Sequence, block.Hash);
        byte[] preimage = new byte[SignedHeaderCodec.PreimageBytes], signature = new byte[Limits.SignatureBytes];
        SignedHeaderCodec.WritePreimage(header, ChainId, preimage);
        MlDsa87Signer signer = Array.Find(_signers, s => s.PublicKey.SequenceEqual(epoch.Members[member].ConsensusKey))!;
        signer.SignDeterministic(preimage, [(byte)kind], signature);
        return new CertificateVote(member, signature);
    }

    /// <summary>Each second block states what the one before it left.</summary>
    private void AddBlock(int epoch, bool first, bool last)
    {
        EpochConfiguration configuration = _epochs[epoch];
        ulong sequence = (ulong)_blocks.Count + 1;
        LaneTip tip = first ? default : _blocks[^1].Cut[Author];
        for (int i = 0; i < VerticesInBlock; i++)
        {
            byte[] ids = new byte[_transactions * Hash256.Size];
            new Random(_vertices.Count).NextBytes(ids);
            VertexHeader vertex = VertexCodec.Seal(
                (ulong)epoch, Author, tip.Height + 1, tip.Hash, new LaneTip[configuration.Members.Length], Hash256.Of(ids),
                (uint)_transactions * 6, (uint)_transactions);
            _vertices.Add(vertex);
            _ids.Add(ids);
            tip = new LaneTip(vertex.Height, vertex.Hash);
        }

        LaneTip[] cut = new LaneTip[configuration.Members.Length];
        cut[Author] = tip;
        ulong executed = (sequence - 1) & ~1UL;
        Member[] next = last ? NextOf(epoch) : [];
        Block block = BlockCodec.Seal(
            (ulong)epoch, sequence, first ? configuration.Start.Hash : _blocks[^1].Hash, 1_000_000 + sequence, executed,
            executed == 0 ? Hash256.Zero : _records[(int)executed].Root,
            last ? GenesisCodec.CommitteeDigest((ulong)epoch + 1, next) : Hash256.Zero, cut);
        _blocks.Add(block);
        byte[] accepted = AcceptedIds((int)sequence);
        uint count = (uint)(accepted.Length / Hash256.Size);
        _records.Add(new StateRecord(
            (sequence - 1) * count, count, 0, sequence == 1 ? Hash256.Zero : _records[^1].Root, block.Hash, Hash256.Of(accepted),
            Hash256.Of([1]), Hash256.Of([2]), Hash256.Of([3])));
        if (last)
        {
            _epochs.Add(EpochConfiguration.After(block, next));
        }
    }

    private Member[] NextOf(int epoch)
    {
        Member[] now = _epochs[epoch].Members;
        return epoch switch
        {
            0 => [now[0] with { Weight = 11 }, .. now[1..]],
            1 => [.. now, MemberOf(now.Length, 10)],
            _ => now,
        };
    }

    private AcceptanceProof? Accepted(int ordering, int vertex, uint position)
    {
        int stated = (ordering + 1) & ~1;
        return new AcceptanceProof(
            [.. _records[ordering..(stated + 1)]], IdPath.Of(AcceptedIds(ordering), (uint)(vertex * _transactions) + position));
    }

    private byte[] AcceptedIds(int sequence) => [.. Enumerable.Range(0, VerticesInBlock).SelectMany(v =>
        _ids[VertexAt(sequence, v)])];

    private static int VertexAt(int sequence, int vertex) => ((sequence - 1) * VerticesInBlock) + vertex;

    private Member MemberOf(int number, uint weight)
    {
        byte[] transport = new byte[Limits.PublicKeyBytes];
        transport[0] = (byte)number;
        return new Member($"member-{number + 1}", _signers[number].PublicKey.ToArray(), transport, weight);
    }

    private static byte[] Seed(int number)
    {
        byte[] seed = new byte[32];
        seed[0] = (byte)number;
        seed[1] = 7;
        return seed;
    }
}
