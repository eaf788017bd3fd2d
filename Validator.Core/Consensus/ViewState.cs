using Validator.Core.Primitives;
using Validator.Core.Wire;

namespace Validator.Core.Consensus;

/// <summary>
/// The view, what its first block is or extends, and the newest acceptance in it (rules P2, V2, V4). Views and acceptances go up,
/// and one NewView alone begins a view; view 0 begins without one.
/// </summary>
internal sealed class ViewState
{
    private readonly Claim _start;

    /// <param name="start">What a view without claims starts from.</param>
    public ViewState(Claim start) => Base = _start = start;

    public ulong Number { get; private set; }

    /// <summary>True once this view's NewView is in (always in view 0): proposals of this view may be judged.</summary>
    public bool Active { get; private set; } = true;

    public long EnteredMicros { get; private set; }

    /// <summary>The NewView that this view rests on; null in view 0, and before it comes.</summary>
    public NewView? NewView { get; private set; }

    /// <summary>The block of the highest certificate that the NewView claims, or what was chosen in its place.</summary>
    public Claim Base { get; private set; }

    /// <summary>
    /// What the ViewChanges list was weighed against that certificate: the first acceptance may rest on the base.
    /// </summary>
    public bool BaseIsChosen { get; private set; } = true;

    /// <summary>The base is final: the first block is a child of it. Else it is the base itself, voted again.</summary>
    public bool BaseIsFinal { get; private set; } = true;

    /// <summary>The newest acceptance in this view, as leader or as replica; null before the first.</summary>
    public Block? Accepted { get; private set; }

    /// <summary>What the leader's next block rests on, or, where <see cref="VotesBase"/>, is.</summary>
    public Hash256 Foundation => Accepted?.Hash ?? Base.BlockHash;

    /// <summary>The next acceptance is the base again.</summary>
    public bool VotesBase => Accepted is null && BaseIsChosen && !BaseIsFinal;

    /// <summary>The next acceptance rests on the base, and that is not known yet.</summary>
    public bool AwaitsBase => Accepted is null && !BaseIsChosen;

    public void Enter(ulong view, long now)
    {
        Require.That(view > Number);
        Number = view;
        Active = false;
        NewView = null;
        Accepted = null;
        EnteredMicros = now;
    }

    /// <summary>The first acceptance of this view may rest on this NewView, and on no other (rule V4).</summary>
    public void Activate(NewView message)
    {
        Require.That(!Active && message.Signed.Header.View == Number);
        Active = true;
        Adopt(message);
    }

    /// <summary>Rule V4: what the view's first block is, or extends.</summary>
    /// <param name="listed">In place of the highest certificate's block, and voted again; null: that one stays.</param>
    public void Choose(Candidate? listed)
    {
        Require.That(Active && !BaseIsChosen);
        BaseIsChosen = true;
        if (listed is { } block)
        {
            Base = new Claim(block.View, block.Sequence, block.BlockHash);
            BaseIsFinal = false;
        }
    }

    public void Accept(Block block)
    {
        Require.That(Active);
        Require.That(Accepted is null || Accepted.Sequence < block.Sequence);
        Accepted = block;
    }

    /// <summary>Rule P2. False may turn true when a certificate of the parent arrives.</summary>
    /// <param name="parent">The slot below the block's in this view, where there is one.</param>
    /// <param name="isBase">The block is the base, voted again.</param>
    public bool Allows(Block block, Slot? parent, out bool isBase)
    {
        Require.That(parent is null || (parent.View == Number && parent.Sequence + 1 == block.Sequence));
        isBase = VotesBase && block.Hash == Base.BlockHash;
        return isBase
            || (Accepted is null && BaseIsChosen && BaseIsFinal
                && block.Parent == Base.BlockHash && block.Sequence == Base.Sequence + 1)
            || (Accepted is not null && block.Parent == Accepted.Hash && block.Sequence == Accepted.Sequence + 1)
            || (parent is not null && parent.Certifies(block.Parent));
    }

    /// <summary>After a restart: the highest view that we signed for.</summary>
    /// <param name="entered">The NewView that it rests on, where that is known.</param>
    public void Recover(ulong view, NewView? entered)
    {
        Require.That(Number == 0 && Accepted is null && (entered is null || entered.Signed.Header.View == view));
        Number = view;
        Active = view == 0 || entered is not null;
        if (entered is not null)
        {
            Adopt(entered);
        }
    }

    /// <summary>
    /// A block that was accepted in this view before a restart, or that a commit certificate of this view made final.
    /// </summary>
    public void RecoverAccepted(Block block)
    {
        if (Accepted is null || block.Sequence > Accepted.Sequence)
        {
            Accepted = block;
        }
    }

    public void AssertInvariants()
    {
        Require.That(Active == (Number == 0 || NewView is not null));
        Require.That(NewView is null || NewView.Signed.Header.View == Number);
        Require.That(BaseIsFinal || !Base.IsAbsent);
    }

    private void Adopt(NewView message)
    {
        NewView = message;
        BaseIsChosen = false;
        Claim prepared = CertificateBook.ClaimOf(message.Prepared);
        Claim committed = CertificateBook.ClaimOf(message.Committed);
        BaseIsFinal = CertificateBook.Compare(committed, prepared) >= 0;
        Base = BaseIsFinal ? committed : prepared;
        if (Base.IsAbsent)
        {
            Base = _start;
        }
    }
}
