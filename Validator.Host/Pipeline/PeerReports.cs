using Validator.Core.Wire;
using Validator.Host.Contracts;

namespace Validator.Host.Pipeline;

/// <summary>
/// What was last heard of each peer, by link: peers stay when the committee changes. Core's stage writes, any thread reads.
/// </summary>
internal sealed class PeerReports
{
    private readonly ulong[] _view = new ulong[NodeMetrics.MaxLinks];
    private readonly ulong[] _final = new ulong[NodeMetrics.MaxLinks];
    private readonly long[] _reportedAt = new long[NodeMetrics.MaxLinks];
    private readonly long[] _signedAt = new long[NodeMetrics.MaxLinks];

    /// <summary>What its last Status said.</summary>
    public (ulong View, ulong FinalSequence) Progress(int link) =>
        link < 0 ? default : (Volatile.Read(ref _view[link]), Volatile.Read(ref _final[link]));

    /// <summary>
    /// When it last sent its Status, and a vote or another message of the protocol that it had signed itself; monotonic
    /// microseconds, 0 for never.
    /// </summary>
    public (long ReportedAt, long SignedAt) HeardAt(int link) =>
        link < 0 ? default : (Volatile.Read(ref _reportedAt[link]), Volatile.Read(ref _signedAt[link]));

    public void Note(int link, Status status, long now)
    {
        Volatile.Write(ref _view[link], status.View);
        Volatile.Write(ref _final[link], status.FinalSequence);
        Volatile.Write(ref _reportedAt[link], now);
    }

    public void NoteSigned(int link, long now) => Volatile.Write(ref _signedAt[link], now);

    /// <summary>The link has another owner.</summary>
    public void Forget(int link)
    {
        Volatile.Write(ref _view[link], 0);
        Volatile.Write(ref _final[link], 0);
        Volatile.Write(ref _reportedAt[link], 0);
        Volatile.Write(ref _signedAt[link], 0);
    }
}
