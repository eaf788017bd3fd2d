using Validator.Core.Consensus;
using Validator.Core.Wire;

namespace Validator.Core.Shell;

/// <summary>
/// What of the stored votes an epoch's core starts with (PROTOCOL.md, section 6): everything of that epoch, in the order in which
/// it was stored. What is of an earlier one no longer serves.
/// </summary>
/// <param name="epoch">Not before that of the votes (rule E7).</param>
public readonly struct VoteRecovery(ulong epoch, RecoveredState state)
{
    public void AddSigned(Signed message, Block? block, ViewChange? viewChange, NewView? newView)
    {
        if (message.Header.Epoch == epoch)
        {
            state.Signed.Add((message, block, viewChange, newView));
        }
    }

    public void AddBlock(Block block)
    {
        if (block.Epoch == epoch)
        {
            state.Blocks.Add(block);
        }
    }

    public void AddPrepared(Certificate certificate)
    {
        if (certificate.Epoch == epoch)
        {
            state.PreparedCertificates.Add(certificate);
        }
    }

    /// <param name="newView">The one entered last.</param>
    public void SetEntered(NewView newView)
    {
        if (newView.Signed.Header.Epoch == epoch)
        {
            state.EnteredNewView = newView;
        }
    }

    public void SetOwnTip(ulong tipEpoch, LaneTip tip)
    {
        if (tipEpoch == epoch)
        {
            state.OwnTip = tip;
        }
    }

    /// <summary>Block sequences go on across epochs, and so does what is forgotten.</summary>
    public void SetForgotten(ulong below) => state.ForgottenBelow = below;

    /// <summary>What others stated, where these votes were made anew.</summary>
    public void SetStated(ulong statedEpoch, in Acceptances accepted)
    {
        if (statedEpoch == epoch)
        {
            state.Stated = accepted;
        }
    }

    /// <summary>Of this epoch, or for the next one's core (rule E9).</summary>
    public void AddLimit(VoteLimit limit)
    {
        if (limit.Epoch == epoch)
        {
            state.Limit = limit;
        }
        else if (limit.Epoch == epoch + 1)
        {
            state.NextLimit = limit;
        }
    }
}
