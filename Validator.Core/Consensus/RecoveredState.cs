using Validator.Core.Primitives;
using Validator.Core.Wire;

namespace Validator.Core.Consensus;

/// <summary>What a restarted validator reads back from its stores before the first input.</summary>
public sealed class RecoveredState
{
    /// <summary>
    /// All own signed records of the epoch that are not yet behind the executed point, in the order of their Sign.
    /// </summary>
    public List<(Signed Message, Block? Block, ViewChange? ViewChange, NewView? NewView)> Signed { get; } = [];
    public List<Block> Blocks { get; } = [];
    public List<Certificate> PreparedCertificates { get; } = [];

    /// <summary>The NewView of the highest view entered, if any.</summary>
    public NewView? EnteredNewView { get; set; }

    /// <summary>The epoch's last executed block with its certificate and root; null while none of it is.</summary>
    public Block? LastFinal { get; set; }
    public Certificate? LastFinalCertificate { get; set; }
    public Hash256 LastExecutedRoot { get; set; }

    /// <summary>
    /// Roots of the newest executed blocks, of earlier epochs too, oldest first: window + 16 of them where there are so many.
    /// </summary>
    public List<(ulong Sequence, Hash256 Root)> RecentRoots { get; } = [];

    /// <summary>
    /// The epoch's durable vertices above the last final cut, any order, with their signatures (own ones included).
    /// </summary>
    public List<(VertexHeader Vertex, byte[] Signature)> Vertices { get; } = [];

    /// <summary>What is executed ends in an earlier epoch: this one is known from its certified start alone.</summary>
    public bool Behind { get; set; }

    /// <summary>What the core of the epoch before handed on with EndEpoch.</summary>
    public ulong ProvenFrom { get; set; }

    /// <summary>A snapshot that was being fetched; null when none was.</summary>
    public StagedSnapshot? Staged { get; set; }

    /// <summary>Evidence kept in this epoch: a convicted author's lane stays out of proposals.</summary>
    public List<Evidence> Evidence { get; } = [];

    /// <summary>
    /// The newest block that was accepted here, by (view, sequence), with its body where that is kept; null for none.
    /// </summary>
    public (SignedHeader Vote, Block? Body)? NewestAcceptance()
    {
        (SignedHeader Vote, Block? Body)? newest = null;
        foreach ((Signed message, Block? block, _, _) in Signed)
        {
            SignedHeader header = message.Header;
            bool accepts = header.Kind is MessageKind.PrePrepare or MessageKind.Prepare;
            var place = (header.View, header.Sequence);
            if (accepts && (newest is not { Vote: var known } || place.CompareTo((known.View, known.Sequence)) > 0))
            {
                newest = (header, block);
            }
        }

        return newest is { Body: null, Vote: var vote } ? (vote, Blocks.Find(b => b.Hash == vote.Digest)) : newest;
    }

    /// <summary>Own votes below this sequence are forgotten: it was executed when they were.</summary>
    public ulong ForgottenBelow { get; set; }

    /// <summary>What is not signed in this epoch, after votes were lost, here or elsewhere; null: nothing is left out.</summary>
    public VoteLimit? Limit { get; set; }

    /// <summary>The same of the next epoch, for the shell to hand to its core.</summary>
    public VoteLimit? NextLimit { get; set; }

    /// <summary>What others stated that this key may have accepted before its votes were lost (rule E9).</summary>
    public Acceptances Stated { get; set; }

    /// <summary>What operators decided on a fork, of this epoch or a later one (rule R4); null where there was none.</summary>
    public ForkRecovery? Recovery { get; set; }

    /// <summary>Own lane's newest vertex ever signed in this epoch, final or not; height 0 when none.</summary>
    public LaneTip OwnTip { get; set; }
}
