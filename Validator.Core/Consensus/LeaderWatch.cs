using Validator.Core.Dag;
using Validator.Core.Effects;
using Validator.Core.Wire;

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
/// <param name="DelayMicros">From when a vertex is shown to the leader until it is ordered, smoothed; 0 before the first.</param>
public readonly record struct CoreProgress(
    ulong Epoch, ulong View, int Leader, bool WorkPending, bool WorkPendingAtPeers, ulong FruitlessViews, long TimeoutMicros,
    long SignsWithinMicros, ulong TimestampMicros, bool CatchesUp, long DelayMicros);

/// <summary>
/// When the leader is given up (rule V1): the oldest work that waits here has waited too long, or the leader is out of reach.
/// Also whether the order goes on at all, as seen from here.
/// </summary>
internal sealed class LeaderWatch(
    EpochConfiguration epoch, int self, CoreSettings settings, ViewState view, Stops stops, ViewTimer timer, Slots slots, BlockTree blocks, FinalChain chain,
    LaneSet lanes, OwnLane own, OwnPast past, CatchUpDriver catchUp, PeerTable peers, Step step)
{
    /// <summary>Stop is sent again twice in a timeout's base: who has missed several has not sent any.</summary>
    private const int SilentTimeouts = 4;

    /// <summary>When the leader is given up, or our Stop repeated; long.MaxValue while neither is due.</summary>
    public long DueMicros
    {
        get
        {
            if (!step.Signs || catchUp.Landing)
            {
                return long.MaxValue;
            }

            return stops.Sent > view.Number
                ? stops.RepeatAtMicros
                : timer.DeadlineMicros(
                    OldestWorkMicros(), view.EnteredMicros, peers.QuorumSinceMicros, TriedViews,
                    LeaderUnreachable ? peers.DisconnectedMicros(Leader) : null);
        }
    }

    private int Leader => epoch.Leader(view.Number);

    /// <summary>
    /// A quorum is connected and the leader is not: waiting longer brings nothing. Right after our own start the first leader
    /// may merely be the last to come.
    /// </summary>
    private bool LeaderUnreachable => Leader != self && !peers.IsConnected(Leader) && (view.Number > 0 || peers.DisconnectedMicros(Leader) > 0);

    /// <summary>The same at all who know the same final block, whatever they restarted through.</summary>
    private ulong FruitlessViews => view.Number - Math.Min(view.Number, chain.Certificate?.View ?? 0);

    /// <summary>
    /// Of the fruitless ones those that we could sign in: who is bound (rule E9) gave no leader below a chance.
    /// </summary>
    private ulong TriedViews => Math.Min(FruitlessViews, view.Number - Math.Min(view.Number, past.FirstView));

    /// <summary>Something here waits for its order, or for a view.</summary>
    public bool WorkPending =>
        !view.Active || view.Accepted?.Sequence > chain.Sequence || lanes.HoldUnordered || own.HasUnsigned || catchUp.Active;

    public void Advance()
    {
        if (DueMicros > step.Now)
        {
            return;
        }

        if (stops.Sent > view.Number && stops.Sent >= past.FirstView)
        {
            stops.Repeat(step);
            return;
        }

        step.TellView(view.Number, Reason.Timeout);
        stops.Send(Math.Max(view.Number + 1, past.FirstView), step);
    }

    /// <param name="awaitedMicros">Wall clock for which a proposal waits; 0 for none.</param>
    public CoreProgress Progress(ulong awaitedMicros)
    {
        long timeout = timer.TimeoutMicros(TriedViews);
        return new CoreProgress(
            epoch.Number, view.Number, Leader, WorkPending, peers.WeightOf(0, PendsAt) > epoch.Committee.Faulty, FruitlessViews, timeout,
            Math.Max(SilentTimeouts * settings.ViewTimeoutMicros, timeout + (2 * settings.ViewTimeoutMicros)), awaitedMicros,
            catchUp.Active, timer.Ordering.SmoothedMicros);
    }

    private long OldestWorkMicros()
    {
        if (!view.Active || past.IsSilent(view.Number))
        {
            return view.EnteredMicros;
        }

        long oldest = timer.OldestMicros();
        for (Block? block = view.Accepted; block is not null && block.Sequence > chain.Sequence; block = blocks.Find(block.Parent))
        {
            if (slots.Find(view.Number, block.Sequence) is { Accepted.IsZero: false } slot)
            {
                oldest = Math.Min(oldest, slot.AcceptedMicros);
            }
        }

        return oldest;
    }

    private bool PendsAt(PeerProgress peer, ulong bound)
    {
        if (!peer.Known)
        {
            return false;
        }

        if (peer.Epoch != epoch.Number || peer.FinalSequence > chain.Sequence)
        {
            return peer.Epoch > epoch.Number || peer.FinalSequence > chain.Sequence;
        }

        for (int i = 0; i < lanes.Count; i++)
        {
            if (peer.Tips[i].Height > lanes[i].Final.Height && !lanes[i].Equivocated)
            {
                return true;
            }
        }

        return false;
    }
}
