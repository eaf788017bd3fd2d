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
            case MessageKind.ViewChange:
                if (_viewChanges.OnSigned(message) is { } change)
                {
                    OnViewChange(change, Self);
                }

                break;
            case MessageKind.NewView:
                if (!ViewActive && _viewChanges.OnNewViewSigned(message) is { } newView)
                {
                    ActivateView(newView);
                }

                break;
            default:
                Require.Fail("every signed kind comes back");
                break;
        }
    }
}
