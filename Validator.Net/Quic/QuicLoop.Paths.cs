using System.Globalization;
using System.Net;

namespace Validator.Net.Quic;

/// <summary>Handshakes that fail, and connections whose path has changed.</summary>
internal sealed unsafe partial class QuicLoop
{
    /// <summary>The least time between the beginnings of two stalls that are answered by a dial.</summary>
    private const ulong RedialPause = 2000 * NanosecondsPerMillisecond;

    private void HandshakeFailed(PeerLink? link, in QuicEvent e)
    {
        _statistics.Failed[(int)e.Reason]++;
        IPEndPoint remote = e.Remote.ToEndPoint();
        bool dialled = link is not null && e.Dialled != 0;
        // A dialler that gives up has a reason: see StopDial.
        if (!dialled && e.Reason != CloseReason.PeerClosed) _notices.HandshakeFailed(e.Reason, remote);
        if (!dialled) return;
        link!.Statistics.Failed[(int)e.Reason]++;
        if (e.Handle != link.DialHandle) return;
        ulong now = QuicNative.Now();
        if (e.Reason is CloseReason.Self or CloseReason.Misdialled && link.DialledTo is { } place)
        {
            MetAnother(link, e.Reason == CloseReason.Self ? Ourselves : (int)e.Detail, place, now);
            return;
        }
        link.BackOff(now, _options);
        // It refuses our key: not a member yet, or not any more. That may take a while to change.
        if (e.Reason == CloseReason.Tls && link.Failures > RefusalsBeforePause) link.NextDial += RefusedPause;
        if (!link.IsUp) TellFailedDial(link, now, remote, e.Reason);
    }

    private void TellFailedDial(PeerLink link, ulong now, IPEndPoint remote, CloseReason reason)
    {
        link.FailedDials.Count++;
        if (!link.FailedDials.IsDue(now, out long count)) return;
        string times = count == 1 ? "" : string.Create(CultureInfo.InvariantCulture, $", {count} times since the last such line");
        Log(TransportLogLevel.Warning, link.Index, $"no connection to {remote}{times}: {PathNotices.Explain(reason)}", reason);
    }

    private void PathChanged(PeerLink link, in QuicEvent e)
    {
        switch (e.Kind)
        {
            case QuicEventKind.Stalled:
                link.Stalled = true;
                link.NextDial = Math.Max(QuicNative.Now(), link.NextRedial);
                link.NextRedial = link.NextDial + RedialPause;
                Log(TransportLogLevel.Info, link.Index, $"nothing comes back from {e.Remote.ToEndPoint()}: dialling anew beside the connection", CloseReason.None);
                break;
            case QuicEventKind.Revived:
                link.Stalled = false;
                StopDial(link);
                break;
            case QuicEventKind.Moved:
                Log(TransportLogLevel.Info, link.Index, $"its address has changed to {e.Remote.ToEndPoint()}", CloseReason.None);
                break;
            case QuicEventKind.Smaller:
                string why = e.Detail != 0 ? "this machine's network device no longer carries them" : "they got lost on the way";
                Log(TransportLogLevel.Warning, link.Index, $"packets above 1,200 bytes no longer get through to {e.Remote.ToEndPoint()}: {why}; sending shorter ones", CloseReason.None);
                break;
        }
    }

    /// <summary>Gives up a dial whose outcome nobody needs any more.</summary>
    private void StopDial(PeerLink link)
    {
        if (link.DialHandle != 0) QuicNative.Close(_endpoint, link.DialHandle, (ulong)CloseReason.LocalStop);
        link.DialEnded();
    }
}
