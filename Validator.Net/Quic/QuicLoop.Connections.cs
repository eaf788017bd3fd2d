namespace Validator.Net.Quic;

/// <summary>
/// Connections that come and go. Of two that crossed, both sides keep the one that the lower key dialled. That side decides,
/// since it is the last to know that its own dial succeeded: it moves what is under way over to it and closes the other. The
/// other side keeps both until then, and follows.
/// </summary>
internal sealed unsafe partial class QuicLoop
{
    /// <summary>
    /// A dial that began before the other side was connected has succeeded by then. A later one means that the other side has
    /// lost the connection.
    /// </summary>
    private const ulong CrossingTime = 2000 * NanosecondsPerMillisecond;

    /// <summary>Turns of reading within which the rest of a connection is taken.</summary>
    private const int MostDrainTurns = 64;

    private void ComeUp(PeerLink link, in QuicEvent e)
    {
        ulong now = QuicNative.Now();
        bool outgoing = e.Dialled != 0;
        if (e.Handle == link.DialHandle) link.DialEnded();
        QuicView* view = QuicNative.GetView(_endpoint, e.Handle);
        if (view == null)
        {
            // It is gone again already: its end is the next event, and it was never ours.
            if (outgoing && !link.IsUp) link.BackOff(now, _options);
            return;
        }
        if (link.Removed)
        {
            QuicNative.Close(_endpoint, e.Handle, (ulong)CloseReason.Removed);
            return;
        }
        if (!link.IsUp)
        {
            Attach(link, e.Handle, outgoing, now);
        }
        else if (link.Stalled || outgoing == link.Outgoing || (link.Leads && !outgoing && now > link.UpAt + CrossingTime))
        {
            CloseSpare(link, CloseReason.Replaced);
            QuicNative.Close(_endpoint, link.Handle, (ulong)CloseReason.Replaced);
            link.Statistics.Closed[(int)CloseReason.Replaced]++;
            link.Detach();
            Attach(link, e.Handle, outgoing, now);
        }
        else if (!link.Leads)
        {
            CloseSpare(link, CloseReason.Duplicate);
            link.Spare = e.Handle;
            link.SpareAt = now;
        }
        else if (outgoing)
        {
            Drain(link);
            if (link.IsUp) MoveTo(link, e.Handle, closeOld: true);
            else QuicNative.Close(_endpoint, e.Handle, (ulong)CloseReason.OversizeFrame);
        }
        else
        {
            QuicNative.Close(_endpoint, e.Handle, (ulong)CloseReason.Duplicate);
            link.Statistics.Closed[(int)CloseReason.Duplicate]++;
        }
    }

    private void Attach(PeerLink link, ulong handle, bool outgoing, ulong now)
    {
        link.Attach(handle, QuicNative.GetView(_endpoint, handle), outgoing, now);
        link.Statistics.HandshakesCount++;
        Log(TransportLogLevel.Info, link.Index, "connected", CloseReason.None);
    }

    /// <summary>The other side decided for the spare connection, if there is one; else the peer is down.</summary>
    private void Ended(PeerLink link, CloseReason reason)
    {
        if (link.Spare != 0 && QuicNative.GetView(_endpoint, link.Spare) != null) MoveTo(link, link.Spare, closeOld: false);
        else GoDown(link, reason);
    }

    /// <summary>
    /// Frames on the other side's own dial show that it has decided for that one, even if its goodbye on the other was lost.
    /// Frames on our dial do not: they may have been sent before its own dial succeeded there. So they are read, and nothing
    /// changes before such a dial is overdue.
    /// </summary>
    private void FollowSpare(PeerLink link)
    {
        QuicView* view = QuicNative.GetView(_endpoint, link.Spare);
        if (view == null)
        {
            link.Spare = 0;
            return;
        }
        bool spoken = false;
        for (int channel = 0; channel < Channels; channel++) spoken |= QuicView.Rx(view, channel)->Tail != 0;
        if (!spoken) return;
        if (!link.Outgoing && QuicNative.Now() < link.SpareAt + CrossingTime)
        {
            DrainSpare(link, view);
            return;
        }
        Drain(link);
        if (link.Spare != 0) MoveTo(link, link.Spare, closeOld: true);
    }

    /// <summary>
    /// Goes on with another connection of the same peer: what was not acknowledged on the old one is sent again, so nothing is
    /// lost, and a frame may come twice.
    /// </summary>
    private void MoveTo(PeerLink link, ulong handle, bool closeOld)
    {
        if (closeOld && link.IsUp)
        {
            for (int channel = 0; channel < Channels; channel++) link.Queues[channel].ReleaseUntil(QuicView.Tx(link.View, channel)->Acked);
            QuicNative.Close(_endpoint, link.Handle, (ulong)CloseReason.Duplicate);
        }
        link.Statistics.Closed[(int)CloseReason.Duplicate]++;
        link.Spare = 0;
        link.MoveTo(handle, QuicNative.GetView(_endpoint, handle));
        for (int channel = 0; channel < Channels; channel++)
        {
            SendQueue queue = link.Queues[channel];
            queue.Restart();
            for (int i = 0; i < queue.Count; i++)
            {
                Buffers.PooledBuffer frame = queue[i];
                if (QuicNative.Push(_endpoint, handle, (uint)channel, frame.WirePointer, (ulong)(frame.Length + Buffers.PooledBuffer.PrefixBytes)) != 0) continue;
                CloseLink(link, CloseReason.Internal);
                return;
            }
        }
    }

    /// <summary>Takes the complete frames that have arrived, as far as the consumer has room.</summary>
    private void Drain(PeerLink link)
    {
        if (!Announce(link)) return;
        bool blocked = false;
        for (int channel = 0; channel < Channels; channel++)
        {
            for (int turn = 0; turn < MostDrainTurns && link.IsUp; turn++)
            {
                if (!ReadChannel(link, link.Handle, channel, QuicView.Rx(link.View, channel), ref blocked)) break;
            }
        }
    }

    /// <summary>
    /// The same for the spare connection, before its bytes are acknowledged: acknowledged frames are not sent again.
    /// </summary>
    private void DrainSpare(PeerLink link, QuicView* view)
    {
        if (!Announce(link)) return;
        bool blocked = false;
        for (int channel = 0; channel < Channels; channel++)
        {
            for (int turn = 0; turn < MostDrainTurns && link.Spare != 0; turn++)
            {
                if (!ReadChannel(link, link.Spare, channel, QuicView.Rx(view, channel), ref blocked)) break;
            }
        }
    }

    private void CloseSpare(PeerLink link, CloseReason reason)
    {
        if (link.Spare != 0) QuicNative.Close(_endpoint, link.Spare, (ulong)reason);
        link.Spare = 0;
    }

    private void GoDown(PeerLink link, CloseReason reason)
    {
        CloseSpare(link, reason);
        link.Statistics.Closed[(int)reason]++;
        link.Detach();
        ulong now = QuicNative.Now();
        if (reason is CloseReason.Protocol or CloseReason.OversizeFrame or CloseReason.Misbehaved)
        {
            StopDial(link);
            link.BackOff(now, _options);
            Lost(link, now);
            ulong until = link.Penalty.Add(now);
            QuicNative.ShutOut(_endpoint, link.Index, until);
            link.NextDial = Math.Max(link.NextDial, until);
            Log(TransportLogLevel.Warning, link.Index, "connection closed for a fault of the peer's", reason);
            return;
        }
        // The connection dialled beside it may still succeed.
        if (!link.Dialling) link.BackOff(now, _options);
        Lost(link, now);
        Log(TransportLogLevel.Info, link.Index, "connection lost", reason);
    }

    private void CloseLink(PeerLink link, CloseReason reason)
    {
        if (!link.IsUp) return;
        QuicNative.Close(_endpoint, link.Handle, (ulong)reason);
        GoDown(link, reason);
    }
}
