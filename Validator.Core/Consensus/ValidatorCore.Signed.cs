using Validator.Core.Effects;
using Validator.Core.Primitives;
using Validator.Core.Wire;

namespace Validator.Core.Consensus;

/// <summary>What the shell has signed and stored comes back, and counts from then on.</summary>
public sealed partial class ValidatorCore
{
    private void OnVoteSigned(Slot slot, Signed message)
    {
        SignedHeader header = message.Header;
        if (header.Kind != MessageKind.Commit && slot.Accepted == header.Digest)
        {
            _pace.MeasureVote(_step.Now - slot.AcceptedMicros, _step.Now);
        }

        if (header.Kind != MessageKind.PrePrepare)
        {
            OnVote(message, Self);
        }
        else if (_blocks.Find(header.Digest) is { } block)
        {
            slot.Propose(message, block);
            CountPrepares(slot, header.Digest);
        }
    }

    /// <summary>What our own signature now stands on.</summary>
    private void OnSigned(IMessage message)
    {
        switch (message)
        {
            case ViewChange change:
                if (_viewChanges.OnSigned(change))
                {
                    OnViewChange(change, Self);
                }

                break;
            case NewView newView:
                if (!ViewActive && _viewChanges.Awaits(newView))
                {
                    ActivateView(newView);
                }

                break;
            case Signed signed:
                OnSigned(signed);
                break;
            default:
                Require.Fail("every signed message comes back");
                break;
        }
    }

    private void OnSigned(Signed message)
    {
        SignedHeader header = message.Header;
        switch (header.Kind)
        {
            case MessageKind.Vertex:
                _step.Recheck |= _own.OnSigned(message, _step.Now);
                break;
            case MessageKind.PrePrepare or MessageKind.Prepare or MessageKind.Commit:
                if (_slots.Find(header.View, header.Sequence) is { } slot)
                {
                    OnVoteSigned(slot, message);
                }

                break;
            case MessageKind.Stop:
                _stops.OnSigned(message);
                EvaluateStops();
                break;
            default:
                Require.Fail("every signed kind comes back");
                break;
        }
    }
}
