namespace Validator.Core.Consensus;

/// <summary>
/// What stands between this validator and the next final block, for those who watch from outside. Read between two inputs; it
/// changes nothing.
/// </summary>
/// <param name="WorkPending">
/// Something waits here for an order: a vertex held, a block accepted, a view that has not begun.
/// </param>
/// <param name="WorkPendingAtPeers">
/// Peers of more than F weight say that something waits with them, so it does with an honest one.
/// </param>
/// <param name="FruitlessViews">Views since the one that made the newest final block final.</param>
/// <param name="TimeoutMicros">How long this view may take.</param>
/// <param name="SignsWithinMicros">
/// Whoever signs, and is connected to a quorum, is heard to sign within so long while work is pending.
/// </param>
/// <param name="TimestampMicros">Wall clock at which the proposal at hand may be voted for; 0 when none waits for a time.</param>
public readonly record struct CoreProgress(
    ulong Epoch, ulong View, int Leader, bool WorkPending, bool WorkPendingAtPeers, ulong FruitlessViews, long TimeoutMicros,
    long SignsWithinMicros, ulong TimestampMicros, bool CatchesUp);

/// <summary>Whether the order goes on, and if not, what is known of why.</summary>
public sealed partial class ValidatorCore
{
    /// <summary>Stop is sent again twice in a timeout's base: who has missed several has not sent any.</summary>
    private const int SilentTimeouts = 4;

    public CoreProgress Progress()
    {
        long timeout = _timer.TimeoutMicros(TriedViews);
        return new CoreProgress(
            Epoch, View, Leader, WorkPending, _peers.WeightOf(0, PendsAt) > Committee.Faulty, FruitlessViews, timeout,
            Math.Max(SilentTimeouts * Settings.ViewTimeoutMicros, timeout + (2 * Settings.ViewTimeoutMicros)), AwaitedMicros, _catchUp.Active);
    }

    private bool WorkPending =>
        !ViewActive || _view.Accepted?.Sequence > FinalSequence
        || _lanes.HoldUnordered
        || _own.HasUnsigned || _catchUp.Active;

    private bool PendsAt(PeerProgress peer, ulong bound)
    {
        if (!peer.Known)
        {
            return false;
        }

        if (peer.Epoch != Epoch || peer.FinalSequence > FinalSequence)
        {
            return peer.Epoch > Epoch || peer.FinalSequence > FinalSequence;
        }

        for (int i = 0; i < _lanes.Count; i++)
        {
            if (peer.Tips[i].Height > _lanes[i].Final.Height && !_lanes[i].Equivocated)
            {
                return true;
            }
        }

        return false;
    }

    private ulong AwaitedMicros => _timestampWaitMicros == long.MaxValue ? 0 : _timestampAwaited;
}
