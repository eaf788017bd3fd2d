using Validator.Core.Primitives;
using Validator.Core.Wire;

namespace Validator.Core.Effects;

public enum EffectKind : byte
{
    /// <summary>
    /// Sign Header, then store header, signature and body, sync, then send to all and answer with Signed(Number).
    /// Header.Kind says which body: Vertex (with the batch Token), Block (PrePrepare), ViewChange, NewView; none for votes
    /// and Stop. ViewChange and NewView come with an empty signature for the shell to fill. Everything persisted before it in
    /// effect order is durable with it.
    /// </summary>
    Sign,

    /// <summary>Store in the vote store, ordered before the next Sign: an accepted Block body.</summary>
    PersistBlock,

    /// <summary>Store in the vote store: the prepared Certificate.</summary>
    PersistCertificate,

    /// <summary>Store in the vote store: the NewView entered.</summary>
    PersistNewView,

    /// <summary>Keep the vertex waiting under Token (header, signature, payload); answer VertexDurable once synced.</summary>
    StoreVertex,

    /// <summary>Forget the payload waiting under Token; Reason says why.</summary>
    DropVertex,

    /// <summary>Send one stored signed message again: Message with Block, ViewChange or NewView where it has a body. To: peer or -1 for all.</summary>
    Send,

    SendStatus,
    SendFetch,
    SendEvidence,

    /// <summary>The shell may hand in one client batch. The next credit comes after it.</summary>
    BatchCredit,

    /// <summary>
    /// Block is final; execute it: the vertices in Order, in that order. Certificate is the commit certificate that made it
    /// final (its own or a descendant's). Answer with Executed. Blocks come in sequence without gaps.
    /// </summary>
    Execute,

    /// <summary>Keep Manifest of the snapshot that is being fetched, in place of an earlier one. Need not be synced.</summary>
    StoreManifest,

    /// <summary>Keep Chunk, by its hash: it is what the hash says. Need not be synced.</summary>
    StoreChunk,

    /// <summary>Forget the manifest and the chunks that are kept.</summary>
    DropSnapshot,

    /// <summary>
    /// Everything of Manifest is here, and nothing is handed out for execution. Put the state in place of ours, atomically and
    /// synced, and answer with SnapshotInstalled. Blocks to execute come after that, from its sequence on.
    /// </summary>
    InstallSnapshot,

    /// <summary>
    /// The epoch is over, and peers keep nothing of it: EpochEnd proves the next one. Make it durable that this validator is in that
    /// epoch, with the executed state behind it, and keep own transactions that the last block's cut does not cover, as at the end of
    /// an epoch that was executed. Then answer with EpochEndStored.
    /// </summary>
    StoreEpochEnd,

    /// <summary>Keep and count Evidence against Message.Sender.</summary>
    Evidence,

    /// <summary>
    /// The epoch's last block, Block, is executed, or known and stored (StoreEpochEnd). Make durable what is executed, then go on
    /// with a core for the next epoch, which is handed ProvenFrom. This one has no effects after it.
    /// </summary>
    EpochEnded,

    /// <summary>Keep, durably: this validator, which lost its votes, signs again from epoch Epoch on.</summary>
    SignFrom,

    /// <summary>A view was entered or left; for logs and metrics. View, Reason.</summary>
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

/// <summary>One thing the shell must do. Effects are carried out in order; only the fields that Kind names are set.</summary>
public struct Effect
{
    public EffectKind Kind;
    public Reason Reason;

    /// <summary>Committee index, or -1 for all others.</summary>
    public int To;

    /// <summary>Sign effects are numbered from 1 without gaps.</summary>
    public ulong Number;
    public SignedHeader Header;
    public Signed? Message;
    public Block? Block;
    public VertexHeader? Vertex;
    public ViewChange? ViewChange;
    public NewView? NewView;
    public Certificate? Certificate;
    public Certificate? Conflicting;
    public Evidence? Evidence;
    public Status? Status;
    public FetchRequest Request;
    public SnapshotManifest? Manifest;
    public SnapshotChunk? Chunk;
    public EpochEnd? EpochEnd;
    public ulong ProvenFrom;
    public VertexHeader[]? Order;
    public ulong Token;
    public Hash256 Digest;
    public ulong View;
    public ulong Epoch;

    /// <summary>Of Send: the message, with its body where it has one.</summary>
    public readonly IMessage Whole => ViewChange ?? (IMessage?)NewView ?? (Block is null ? Message! : Message!.With(Block));
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
