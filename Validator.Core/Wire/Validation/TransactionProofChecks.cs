using Validator.Core.Primitives;

namespace Validator.Core.Wire.Validation;

/// <summary>Why a proof does not show that its transaction is final.</summary>
public enum ProofFault : byte
{
    None,

    /// <summary>It is of another chain.</summary>
    OtherChain,

    /// <summary>It begins at another epoch than the one that is trusted.</summary>
    OtherFirstEpoch,

    /// <summary>An end of an epoch is not that of the epoch in its place, or does not continue the one before.</summary>
    EpochNotContinued,

    /// <summary>The next committee is not the one that the last block names, or is none.</summary>
    CommitteeNotNamed,

    /// <summary>An epoch's end has no commit certificate of its own committee.</summary>
    EpochNotCertified,

    /// <summary>A block is not the child of the one before, or not of a committee of that size.</summary>
    BlocksNotChained,

    /// <summary>The certificate is not of the last block, does not make it final, or has too little weight.</summary>
    NotCertified,

    /// <summary>The parent is not that of the ordering block, or there must be none.</summary>
    WrongParent,

    /// <summary>The vertices do not lead from the cut to the transaction's.</summary>
    LaneNotChained,

    /// <summary>The parent's cut had the vertex already, so that another block orders it.</summary>
    OrderedBefore,

    /// <summary>The path does not lead to the vertex's root of transactions.</summary>
    NotInVertex,

    /// <summary>The state records do not lead from the ordering block to a root that a block states.</summary>
    StateNotStated,

    /// <summary>The path does not lead to the ids that the block accepted, or is another transaction's.</summary>
    NotAccepted,

    /// <summary>A signature does not hold.</summary>
    BadSignature,
}

/// <summary>Signatures that must hold under the keys of one epoch's members.</summary>
public readonly record struct CommitteeChecks(Member[] Members, SignatureCheck[] Checks);

/// <summary>
/// What a transaction's proof must satisfy to show that it is final (PROTOCOL.md, section 7), and the signatures that it rests
/// on. It takes as proof of finality what validators take, and nothing else. Pure; the signatures are the caller's to check, and
/// all must hold.
/// </summary>
public sealed class TransactionProofChecks
{
    private readonly TransactionProof _proof;
    private readonly List<EpochConfiguration> _epochs;
    private readonly List<CommitteeChecks> _signatures = [];
    private readonly List<SignatureCheck> _checks = [];

    private TransactionProofChecks(TransactionProof proof, EpochConfiguration trusted)
    {
        _proof = proof;
        _epochs = [trusted];
    }

    /// <summary>None, or the first thing that is wrong.</summary>
    public ProofFault Fault { get; private set; }

    /// <summary>What has to be verified besides; complete where there is no fault.</summary>
    public IReadOnlyList<CommitteeChecks> Signatures => _signatures;

    /// <summary>The epoch that the certificate is of.</summary>
    public EpochConfiguration Certifying => _epochs[^1];

    /// <summary>The epoch of the ordering block. Where there is no fault.</summary>
    public EpochConfiguration Ordering => EpochOf(_proof.Ordering);

    /// <summary>Of the votes in the certificate.</summary>
    public ulong Weight
    {
        get
        {
            ulong weight = 0;
            foreach (CertificateVote vote in _proof.Certificate.Votes)
            {
                weight += Certifying.Committee.Weight(vote.Sender);
            }

            return weight;
        }
    }

    /// <summary>
    /// How the epoch before the certificate's ended: who trusts this proof may trust that for the next. Null in the trusted
    /// epoch.
    /// </summary>
    public EpochEnd? NewestEnd =>
        _proof.Ends is [.., var end] ? new EpochEnd(end.Last, end.Certificate, Certifying.Members) : null;

    /// <summary>Checks a proof from an epoch that the reader trusts: the first, or one whose start it has verified.</summary>
    public static TransactionProofChecks Of(TransactionProof proof, in Hash256 chainId, EpochConfiguration trusted)
    {
        TransactionProofChecks checks = new(proof, trusted);
        checks.Fault = proof.ChainId != chainId ? ProofFault.OtherChain
            : proof.FirstEpoch != trusted.Number ? ProofFault.OtherFirstEpoch
            : checks.FollowEpochs() is var epochs and not ProofFault.None ? epochs
            : checks.FollowBlocks() is var blocks and not ProofFault.None ? blocks
            : checks.CheckParent() is var parent and not ProofFault.None ? parent
            : checks.FollowLane() is var lane and not ProofFault.None ? lane
            : !proof.Path.LeadsTo(proof.Vertex.TransactionRoot, proof.Vertex.TransactionCount) ? ProofFault.NotInVertex
            : proof.Accepted is { } accepted ? checks.CheckAccepted(accepted) : ProofFault.None;
        return checks;
    }

    /// <summary>Each end is certified by its own committee, and names the next.</summary>
    private ProofFault FollowEpochs()
    {
        foreach (ProofEpochEnd end in _proof.Ends)
        {
            EpochConfiguration epoch = _epochs[^1];
            Block last = end.Last;
            if (last.Epoch != epoch.Number || last.Epoch == ulong.MaxValue || !last.EndsEpoch
                || last.Cut.Length != epoch.Committee.Count || last.Sequence <= epoch.Start.Sequence)
            {
                return ProofFault.EpochNotContinued;
            }

            if (!end.Certificate.Proves(last) || !Collect(end.Certificate, epoch))
            {
                return ProofFault.EpochNotCertified;
            }

            if (end.NextAfter(epoch.Members) is not { } next
                || GenesisCodec.CommitteeDigest(last.Epoch + 1, next) != last.NextCommittee
                || GenesisCodec.MembersRefusal(next) is not null)
            {
                return ProofFault.CommitteeNotNamed;
            }

            _epochs.Add(EpochConfiguration.After(last, next));
        }

        return ProofFault.None;
    }

    /// <summary>
    /// A certificate makes its block final with all ancestors, those of earlier epochs too: the next one begins on the last
    /// block.
    /// </summary>
    private ProofFault FollowBlocks()
    {
        Block[] blocks = _proof.Blocks;
        if (blocks[0].Epoch < _proof.FirstEpoch || blocks[^1].Epoch != Certifying.Number)
        {
            return ProofFault.BlocksNotChained;
        }

        for (int i = 0; i < blocks.Length; i++)
        {
            Block block = blocks[i];
            bool follows = i == 0 || Continues(blocks[i - 1], block);
            if (!follows || block.Epoch > Certifying.Number || block.Cut.Length != EpochOf(block).Committee.Count)
            {
                return ProofFault.BlocksNotChained;
            }
        }

        Certificate certificate = _proof.Certificate;
        return certificate.Proves(blocks[^1]) && Collect(certificate, Certifying) ? ProofFault.None : ProofFault.NotCertified;
    }

    /// <summary>
    /// Nothing but the next epoch's first block is on an epoch's last (rule E2), which is the one that ended it.
    /// </summary>
    private bool Continues(Block before, Block block) => block.Parent == before.Hash && block.Sequence == before.Sequence + 1
        && (before.EndsEpoch
            ? block.Epoch == before.Epoch + 1 && block.Epoch <= Certifying.Number && EpochOf(block).Start.Hash == before.Hash
            : block.Epoch == before.Epoch);

    /// <summary>An epoch's first block has none that was ordered before in its lanes.</summary>
    private ProofFault CheckParent()
    {
        Block first = _proof.Ordering;
        EpochConfiguration epoch = Ordering;
        bool good = first.Parent == epoch.Start.Hash
            ? _proof.Parent is null && first.Sequence == epoch.Start.Sequence + 1
            : _proof.Parent is { } parent && parent.Hash == first.Parent && parent.Epoch == first.Epoch
                && parent.Sequence + 1 == first.Sequence && !parent.EndsEpoch && parent.Cut.Length == first.Cut.Length;
        return good ? ProofFault.None : ProofFault.WrongParent;
    }

    /// <summary>
    /// From the cut's vertex down by predecessors, which hashes fix: the cut descends from the parent's (rule P3), so a vertex
    /// above that one is ordered by this block.
    /// </summary>
    private ProofFault FollowLane()
    {
        Block first = _proof.Ordering;
        int author = _proof.Vertex.Author;
        if (author >= first.Cut.Length)
        {
            return ProofFault.LaneNotChained;
        }

        LaneTip next = first.Cut[author];
        foreach (VertexHeader vertex in _proof.Lane)
        {
            if (vertex.Hash != next.Hash || vertex.Height != next.Height || vertex.Author != author || vertex.Epoch != first.Epoch
                || vertex.Parents.Length != first.Cut.Length)
            {
                return ProofFault.LaneNotChained;
            }

            next = new LaneTip(vertex.Height - 1, vertex.Predecessor);
        }

        return _proof.Vertex.Height > (_proof.Parent?.Cut[author].Height ?? 0) ? ProofFault.None : ProofFault.OrderedBefore;
    }

    private ProofFault CheckAccepted(AcceptanceProof accepted)
    {
        StateRecord[] records = accepted.Records;
        bool chained = records[0].BlockHash == _proof.Ordering.Hash;
        for (int i = 1; i < records.Length; i++)
        {
            chained &= records[i].PreviousRoot == records[i - 1].Root;
        }

        ulong stated = _proof.Ordering.Sequence + (ulong)records.Length - 1;
        Hash256 root = records[^1].Root;
        chained &= Array.Exists(_proof.Blocks, b => b.ExecutedSequence == stated && b.ExecutedRoot == root);
        return !chained ? ProofFault.StateNotStated
            : accepted.Path.Id == _proof.Id && accepted.Path.LeadsTo(records[0].IdsDigest, records[0].Accepted) ? ProofFault.None
            : ProofFault.NotAccepted;
    }

    private bool Collect(Certificate certificate, EpochConfiguration epoch)
    {
        _checks.Clear();
        if (certificate.Votes[^1].Sender >= epoch.Committee.Count
            || SignatureChecks.OfCertificate(certificate, epoch.Committee, _checks) != DecodeError.None)
        {
            return false;
        }

        _signatures.Add(new CommitteeChecks(epoch.Members, [.. _checks]));
        return true;
    }

    private EpochConfiguration EpochOf(Block block) => _epochs[(int)(block.Epoch - _proof.FirstEpoch)];
}
