using System.Globalization;
using Validator.Host.Contracts;

namespace Validator.Host.Serving;

/// <summary>A member of the committee as this validator sees it.</summary>
/// <param name="Connected">True for itself.</param>
/// <param name="Reports">It has sent its Status lately.</param>
/// <param name="Signs">It has sent something signed lately; or it is this validator, and signs.</param>
internal readonly record struct MemberView(string Name, ulong Weight, bool IsSelf, bool Connected, bool Reports, bool Signs);

/// <summary>What one look at the node found.</summary>
/// <param name="Executed">Newest block whose execution is on disk.</param>
/// <param name="Fault">What of this validator has failed; empty for nothing.</param>
/// <param name="Disk">What is wrong with its disk; empty for nothing.</param>
/// <param name="Behind">Blocks that peers of more than F weight have and we have not.</param>
/// <param name="AwaitedMicros">Wall clock at which a proposal may be voted for; 0 for none.</param>
/// <param name="TimeoutMicros">How long the leader has.</param>
internal readonly record struct ProgressSample(
    ulong Executed, bool WorkPending, MemberView[] Members, ulong Quorum, string Fault, string Disk, ulong Behind, bool CatchesUp,
    ulong AwaitedMicros, ulong WallMicros, ulong View, ulong FruitlessViews, string Leader, long TimeoutMicros);

/// <summary>What is to be logged.</summary>
internal enum StallNews : byte
{
    None,
    Began,

    /// <summary>The cause has changed.</summary>
    Changed,

    /// <summary>It was reported long ago and still holds.</summary>
    GoesOn,
    Ended,
}

/// <summary>
/// Decides, look by look, whether the chain stands still, and why. Pure: time comes with each look, and a gap between two looks
/// counts as a second at most, so that a process that was stopped does not take its own pause for the chain's.
/// </summary>
internal sealed class StallDetector(TimeSpan patience)
{
    private const long Second = 1_000_000;
    private const long MostBetweenLooks = Second;

    /// <summary>How long a cause must hold to replace another, so that one that comes and goes with each view does not.</summary>
    private const long CauseHolds = Second;

    /// <summary>Time between two lines of log on one stall.</summary>
    private const long LogApart = 5 * Second;
    private const long RemindAfter = 60 * Second;

    private const int RetrySeconds = 5;
    private const int LongestRetrySeconds = 60;

    private readonly long _patience = (long)patience.TotalMicroseconds;
    private long _lookedAt = long.MinValue;
    private ulong _executed;

    // For how long work has been pending with nothing final, and for how long there has been no quorum.
    private long _unfinal;
    private long _isolated;

    private StallCause _candidate;
    private long _candidateFor;
    private string _detail = "";
    private StallCause _told;
    private long _toldFor;

    /// <summary>The present stall; null for none.</summary>
    public Stall? Current { get; private set; }

    /// <summary>
    /// How long work has been pending with nothing becoming final; 0 where something became final since the last look, or nothing
    /// waits.
    /// </summary>
    public double NothingFinalSeconds => _unfinal / (double)Second;

    /// <summary>The stall that has just ended, after <see cref="StallNews.Ended"/>.</summary>
    public Stall? Last { get; private set; }

    /// <summary>Microseconds that the last look added to the present stall.</summary>
    public long Added { get; private set; }

    public StallNews Look(long nowMicros, in ProgressSample sample)
    {
        long passed = _lookedAt == long.MinValue ? 0 : Math.Clamp(nowMicros - _lookedAt, 0, MostBetweenLooks);
        _lookedAt = nowMicros;
        bool advanced = sample.Executed != _executed;
        _executed = sample.Executed;
        _unfinal = advanced || !sample.WorkPending ? 0 : _unfinal + passed;
        _isolated = Weight(sample, static m => m.Connected) >= sample.Quorum ? 0 : _isolated + passed;
        Added = 0;
        if (_unfinal < _patience && _isolated < _patience)
        {
            return End();
        }

        (StallCause cause, string detail) = Judge(sample);
        bool begins = Current is null;
        StallCause known = Current?.Cause ?? cause;
        Hold(cause, passed);
        if (cause == known || _candidateFor >= CauseHolds)
        {
            (known, _detail) = (cause, detail);
        }

        Added = begins ? 0 : passed;
        Current = new Stall(known, ReasonOf(_detail), Math.Max(_unfinal, _isolated) / (double)Second, RetryOf(known, sample));
        return begins ? Tell(StallNews.Began, known) : TellAgain(known, passed);
    }

    /// <summary>
    /// What stands in the way, nearest first: what is wrong here, then what separates us from the others, then the others.
    /// </summary>
    internal static (StallCause Cause, string Detail) Judge(in ProgressSample sample)
    {
        if (sample.Fault.Length > 0)
        {
            return (StallCause.Halted, sample.Fault);
        }

        if (sample.Disk.Length > 0)
        {
            return (StallCause.Disk, sample.Disk);
        }

        if (Weight(sample, static m => m.Connected) < sample.Quorum)
        {
            return (StallCause.NoQuorumConnected, NoQuorumConnected(sample.Members, sample.Quorum));
        }

        if (sample.Behind > 0 || sample.CatchesUp)
        {
            return (StallCause.CatchingUp, sample.Behind > 0
                ? Text($"catching up: {sample.Behind} blocks behind what peers of more than F weight have")
                : "catching up: a snapshot is being fetched");
        }

        if (Weight(sample, static m => m.Signs) < sample.Quorum)
        {
            return (StallCause.NoQuorumSigning, NoQuorumSigning(sample));
        }

        if (sample.AwaitedMicros > sample.WallMicros)
        {
            return (StallCause.WaitingForTime, Text(
                $"waiting for time: what follows the newest block may be voted for when this validator's clock says {TimeOf(sample.AwaitedMicros)}, in {WaitSeconds(sample):0} s"));
        }

        return sample.FruitlessViews > 1
            ? (StallCause.ViewChanges, Text(
                $"view changes without end: {sample.FruitlessViews} views since the one of the newest final block, now view {sample.View} led by {sample.Leader}"))
            : (StallCause.Leader, Text(
                $"the leader {sample.Leader} of view {sample.View} brings nothing to its end; it is replaced after {sample.TimeoutMicros / 1e6:0.#} s"));
    }

    /// <summary>Who is missing, by name.</summary>
    public static string NoQuorumConnected(MemberView[] members, ulong quorum)
    {
        ulong connected = 0;
        foreach (MemberView member in members)
        {
            connected += member.Connected ? member.Weight : 0;
        }

        return Text($"no quorum connected: weight {connected} of the {quorum} that a quorum needs, this validator included; not connected: {Names(members, static m => !m.Connected)}");
    }

    private static string NoQuorumSigning(in ProgressSample sample)
    {
        MemberView[] members = sample.Members;
        List<string> parts = [Text($"no quorum signing: weight {Weight(sample, static m => m.Signs)} of the {sample.Quorum} that a quorum needs")];
        Add("this validator follows and signs nothing", static m => m.IsSelf && !m.Signs, named: false);
        Add("connected and reporting, but signing nothing", static m => m is { IsSelf: false, Connected: true, Reports: true, Signs: false });
        Add("connected and silent", static m => m is { IsSelf: false, Connected: true, Reports: false, Signs: false });
        Add("not connected", static m => !m.Connected);
        return string.Join("; ", parts);

        void Add(string what, Func<MemberView, bool> holds, bool named = true)
        {
            if (Array.Exists(members, m => holds(m)))
            {
                parts.Add(named ? $"{what}: {Names(members, holds)}" : $"{what} ({Names(members, holds)})");
            }
        }
    }

    private StallNews End()
    {
        Last = Current;
        Current = null;
        (_candidate, _candidateFor) = (StallCause.None, 0);
        return Last is null ? StallNews.None : StallNews.Ended;
    }

    private void Hold(StallCause cause, long passed)
    {
        _candidateFor = cause == _candidate ? _candidateFor + passed : 0;
        _candidate = cause;
    }

    private StallNews Tell(StallNews news, StallCause cause)
    {
        (_told, _toldFor) = (cause, 0);
        return news;
    }

    private StallNews TellAgain(StallCause cause, long passed)
    {
        _toldFor += passed;
        return cause != _told && _toldFor >= LogApart ? Tell(StallNews.Changed, cause)
            : _toldFor >= RemindAfter ? Tell(StallNews.GoesOn, cause)
            : StallNews.None;
    }

    private string ReasonOf(string detail) =>
        _unfinal >= _patience ? Text($"nothing final for {_unfinal / Second} s while work is pending: {detail}") : Text($"for {_isolated / Second} s {detail}");

    private static int RetryOf(StallCause cause, in ProgressSample sample) => cause == StallCause.WaitingForTime
        ? (int)Math.Clamp(Math.Ceiling(WaitSeconds(sample)), 1, LongestRetrySeconds)
        : RetrySeconds;

    /// <summary>A faulty leader may write any number.</summary>
    private static string TimeOf(ulong micros) => micros < (ulong)(DateTime.MaxValue - DateTime.UnixEpoch).TotalMicroseconds
        ? DateTime.UnixEpoch.AddMicroseconds(micros).ToString("yyyy-MM-ddTHH:mm:ssZ", CultureInfo.InvariantCulture)
        : "a time after the year 9999";

    private static double WaitSeconds(in ProgressSample sample) =>
        sample.AwaitedMicros > sample.WallMicros ? (sample.AwaitedMicros - sample.WallMicros) / (double)Second : 0;

    private static ulong Weight(in ProgressSample sample, Func<MemberView, bool> holds)
    {
        ulong weight = 0;
        foreach (MemberView member in sample.Members)
        {
            weight += holds(member) ? member.Weight : 0;
        }

        return weight;
    }

    private static string Names(MemberView[] members, Func<MemberView, bool> holds) =>
        string.Join(", ", members.Where(holds).Select(m => m.Name));

    private static string Text(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);
}
