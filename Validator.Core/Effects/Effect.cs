using Validator.Core.Primitives;
using Validator.Core.Wire;

namespace Validator.Core.Effects;

public enum EffectKind : byte
{
    /// <summary>
    /// Sign Header, then store header, signature and body, sync, then send to all and answer with what was signed. Message is the body:
    /// the Block of a PrePrepare; a ViewChange or NewView with an empty signature for the shell to fill; nothing for votes and Stop. Of an
    /// own vertex Vertex is the body, with the batch Token. Everything persisted before it in effect order is durable with it.
    /// </summary>
    Sign,

    /// <summary>Store Message in the vote store, ordered before the next Sign: an accepted Block, the prepared Certificate, or the NewView entered.</summary>
    Persist,

    /// <summary>Keep the vertex waiting under Token (header, signature, payload); answer VertexDurable once synced.</summary>
    StoreVertex,

    /// <summary>Forget the payload waiting under Token; Reason says why.</summary>
    DropVertex,

    /// <summary>Send Message, which need not be stored: a question, Status, Evidence, or what is stored, again. To: peer or -1 for all.</summary>
    Send,

    /// <summary>The shell may hand in one client batch. The next credit comes after it.</summary>
    BatchCredit,

    /// <summary>
    /// Message is a final Block; execute it: the vertices in Order, in that order. Certificate is the commit certificate that made it
    /// final (its own or a descendant's). Answer with Executed. Blocks come in sequence without gaps.
    /// </summary>
    Execute,

    /// <summary>Keep Message, the manifest of the snapshot that is being fetched, in place of an earlier one. Need not be synced.</summary>
    StoreManifest,

    /// <summary>Keep Message, a chunk, by its hash: it is what the hash says. Need not be synced.</summary>
    StoreChunk,

    /// <summary>Forget the manifest and the chunks that are kept.</summary>
    DropSnapshot,

    /// <summary>
    /// Everything of the manifest, Message, is here, and nothing is handed out for execution. Put the state in place of ours, atomically and
    /// synced, and answer with SnapshotInstalled. Blocks to execute come after that, from its sequence on.
    /// </summary>
    InstallSnapshot,

    /// <summary>
    /// The epoch is over, and peers keep nothing of it: the EpochEnd in Message proves the next one. Make it durable that this validator is in that
    /// epoch, with the executed state behind it, and keep own transactions that the last block's cut does not cover, as at the end of
    /// an epoch that was executed. Then answer with EpochEndStored.
    /// </summary>
    StoreEpochEnd,

    /// <summary>Keep Message, an Evidence, and count it against whom it convicts.</summary>
    Evidence,

    /// <summary>
    /// The epoch's last block, Message, is executed, or known and stored (StoreEpochEnd). Make durable what is executed, then go on
    /// with a core for the next epoch, which is handed Number as ProvenFrom. This one has no effects after it.
    /// </summary>
    EpochEnded,

    /// <summary>Keep, durably: this validator, which lost its votes, signs again from epoch Number on.</summary>
    SignFrom,

    /// <summary>A view was entered or left; for logs and metrics. Its number is Number; Reason.</summary>
    ViewChanged,

    /// <summary>A message was refused; for counting. Reason, From in To.</summary>
    Rejected,

    /// <summary>
    /// Stop the process: Reason. Nothing may be signed after it. Certificate and Conflicting, where known, are the two commit
    /// certificates to keep (section 8): the one that came, and the one it contradicts or a descendant's on that chain.
    /// </summary>
    Halt,
}

/// <summary>Why Core refused or dropped something. One counter each; labels are these names.</summary>
public enum Reason : byte
{
    None,
    WrongEpoch,
    UnknownSender,
    NotLeader,
    Duplicate,
    OldView,
    OldSequence,
    BeyondWindow,
    WrongParent,
    CutRegresses,
    CutTooLarge,
    CutEquivocates,
    TimestampNotAfterParent,
    ExecutedRegresses,
    ExecutedTooOld,
    ExecutedRootDiffers,
    Equivocation,
    VertexKnown,
    VertexBehindCut,
    VertexTooFarAhead,
    LaneVariants,
    LaneFull,
    NewViewUnjustified,
    ViewChangeUnjustified,
    BufferFull,
    FetchUnasked,
    ChainBroken,
    Timeout,
    Joined,
    Entered,
    ConflictingCertificates,
    ExecutionDiverged,
    SnapshotChunkWrong,
    PastEpochEnd,
    NextCommitteeDiffers,
    NotSigning,
    VoteStoreContradicted,
}

/// <summary>
/// One thing the shell must do. Effects are carried out in order. A value in a buffer that is used again, since most are votes: what has a
/// body of its own is that object, and the few numbers of the rest are beside it.
/// </summary>
public struct Effect
{
    public EffectKind Kind;
    public Reason Reason;

    /// <summary>Committee index, or -1 for all others.</summary>
    public int To;

    /// <summary>Of Sign from 1 without gaps; else the view, the epoch, or the block that the kind speaks of.</summary>
    public ulong Number;
    public SignedHeader Header;
    public IMessage? Message;
    public VertexHeader? Vertex;
    public ulong Token;
    public VertexHeader[]? Order;
    public Certificate? Certificate;
    public Certificate? Conflicting;
}

/// <summary>Collects the effects of one or several inputs, in order. Reused by the shell: no allocation once grown.</summary>
public sealed class EffectBuffer
{
    private Effect[] _items = new Effect[64];

    public int Count { get; private set; }

    public ref readonly Effect this[int index] => ref _items[index];

    public ReadOnlySpan<Effect> Items => _items.AsSpan(0, Count);

    internal ref Effect Add(EffectKind kind)
    {
        if (Count == _items.Length)
        {
            Array.Resize(ref _items, 2 * Count);
        }

        ref Effect effect = ref _items[Count++];
        effect.Kind = kind;
        effect.To = -1;
        return ref effect;
    }

    public void Clear()
    {
        Array.Clear(_items, 0, Count);
        Count = 0;
    }
}
