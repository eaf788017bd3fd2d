using System.Globalization;
using System.Net;
using System.Runtime.InteropServices;

namespace Validator.Net.Quic;

/// <summary>
/// Log lines about datagrams that were not sent and handshakes that failed: the first of a kind within a second, then one a
/// minute with their number. Belongs to the thread of its socket.
/// </summary>
internal sealed unsafe class PathNotices(Action<TransportLogEvent>? log)
{
    private const ulong Pause = 60_000_000_000;

    private readonly Notice[] _unsent = new Notice[PathStatistics.Kinds];
    private readonly Notice[] _failed = new Notice[PeerStatistics.Reasons];

    /// <summary>What has accumulated of one kind since its last line.</summary>
    internal struct Notice
    {
        public long Count;
        public ulong NextLine;

        /// <summary>True when a line is due; the count begins anew.</summary>
        public bool IsDue(ulong now, out long count)
        {
            count = Count;
            if (count == 0 || now < NextLine) return false;
            NextLine = now + Pause;
            Count = 0;
            return true;
        }
    }

    private readonly long[] _seen = new long[PathStatistics.Kinds];
    private readonly string[] _lastFrom = new string[PeerStatistics.Reasons];

    /// <summary>A handshake that somebody else began has failed.</summary>
    public void HandshakeFailed(CloseReason reason, IPEndPoint from)
    {
        if (log is null) return;
        _failed[(int)reason].Count++;
        _lastFrom[(int)reason] = from.ToString();
    }

    /// <summary>Once a second.</summary>
    public void Tell(in QuicCounters counters, ulong now)
    {
        if (log is null) return;
        for (int i = 0; i < _unsent.Length; i++)
        {
            _unsent[i].Count += counters.Unsent[i] - _seen[i];
            _seen[i] = counters.Unsent[i];
            if (_unsent[i].IsDue(now, out long count)) TellUnsent((SendFailure)i, count, counters.UnsentPeer[i], counters.UnsentErrno[i]);
        }
        for (int i = 0; i < _failed.Length; i++)
        {
            if (!_failed[i].IsDue(now, out long count)) continue;
            var reason = (CloseReason)i;
            TransportLogLevel level = reason == CloseReason.WrongKey ? TransportLogLevel.Warning : TransportLogLevel.Info;
            log(new TransportLogEvent(level, -1, string.Create(CultureInfo.InvariantCulture, $"{count} handshakes begun by others came to nothing: {Explain(reason)}; the last from {_lastFrom[i]}"), reason));
        }
    }

    private void TellUnsent(SendFailure why, long count, int peer, int error)
    {
        string meaning = why switch
        {
            SendFailure.TooLarge => "longer than this machine's network device carries (QUIC needs an MTU of 1,228, with IPv6 of 1,248)",
            SendFailure.Unreachable => "no way there from this machine",
            SendFailure.Denied => "a firewall of this machine forbids it",
            SendFailure.NoRoom => "this machine has no buffers left for it",
            SendFailure.NoAddress => "the own address that the other side has asked is gone",
            _ => "see errno",
        };
        log!(new TransportLogEvent(TransportLogLevel.Warning, peer, string.Create(CultureInfo.InvariantCulture, $"{count} datagrams not sent: {meaning} ({Marshal.GetPInvokeErrorMessage(error)}, errno {error})"), CloseReason.None));
    }

    /// <summary>What a failed handshake may mean to an operator.</summary>
    public static string Explain(CloseReason reason) => reason switch
    {
        CloseReason.WrongKey => "the key is not the pinned one",
        CloseReason.Tls => "TLS failed: the other side refuses our key (another genesis, or not a member yet), or speaks another version",
        CloseReason.HandshakeTimeout => "no answer",
        CloseReason.PeerClosed => "the other side closed it",
        CloseReason.Reset => "the other side was restarted",
        CloseReason.Protocol => "QUIC's rules were broken",
        CloseReason.Self => "this validator itself answers there",
        CloseReason.Misdialled => "another member answers there",
        CloseReason.Internal => "no memory or no socket here",
        _ => "ended",
    };
}
