using Microsoft.Extensions.Logging;
using Validator.Core.Primitives;
using Validator.Host.Pipeline;
using Validator.Host.Primitives;

namespace Validator.Host.Serving;

/// <summary>
/// Notices a wall clock that jumps, or that is not the committee's. Nothing depends on it: timers run on the monotonic clock, and
/// blocks are judged by their own rules (P3). A validator whose clock is behind votes late or not at all, one whose clock is
/// ahead proposes without success, and where all were ahead block time almost stands still. Operators should know why.
/// </summary>
internal sealed class ClockWatch(LedgerStage ledger, Func<bool> caughtUp, ILogger log) : IDisposable
{
    private const long Second = 1_000_000;

    /// <summary>More than NTP slews in a period, less than anybody would call a jump.</summary>
    private const long Jump = Second;

    /// <summary>More than proposals, disks and networks delay a live block.</summary>
    private const long Foreign = 5 * Second;

    /// <summary>How many live blocks in a row must agree.</summary>
    private const int Agreeing = 3;

    private static readonly TimeSpan s_period = TimeSpan.FromSeconds(1);

    private readonly Lock _lock = new();
    private Timer? _timer;
    private long _gap = Gap();
    private ulong _sequence;
    private int _agreeing;
    private bool _warned;
    private long _offset;

    /// <summary>Own wall clock less that of live blocks' leaders, microseconds; some milliseconds are delay.</summary>
    public long OffsetMicros => Volatile.Read(ref _offset);

    public void Start() => _timer = new Timer(_ => Look(), null, s_period, s_period);

    public void Dispose() => _timer?.Dispose();

    private void Look()
    {
        lock (_lock)
        {
            long gap = Gap();
            long moved = gap - _gap;
            _gap = gap;
            if (Math.Abs(moved) > Jump)
            {
                log.LogWarning(
                    "the wall clock jumped by {Seconds:0.0} s. Neither timers nor the order depend on it, and where block time is ahead of all clocks blocks go on"
                    + " a microsecond apart; check the machine's time service", moved / (double)Second);
            }

            if (ledger.NewestBlock is { } newest && newest.Sequence != _sequence && caughtUp())
            {
                _sequence = newest.Sequence;
                Compare(newest.OffsetMicros, newest.Steps);
            }
        }
    }

    /// <param name="steps">The block's time is no clock's, so it does not show whether a clock is ahead.</param>
    private void Compare(long offset, bool steps)
    {
        if (steps && offset > 0)
        {
            return;
        }

        Volatile.Write(ref _offset, offset);
        bool foreign = Math.Abs(offset) > Foreign;
        _agreeing = foreign ? _agreeing + 1 : 0;
        if (foreign && !_warned && _agreeing >= Agreeing)
        {
            _warned = true;
            log.LogError(
                "the clock is {Seconds:0.0} s {Direction} that of the committee: {Effect}. Check the machine's time service",
                Math.Abs(offset) / (double)Second, offset > 0 ? "ahead of" : "behind",
                offset > 0 ? "this validator's proposals are refused until their time comes"
                : steps ? "blocks were timed by a clock that was ahead, and go on, a microsecond apart, until this one has caught up; nothing waits"
                : "this validator's votes wait for the time that proposals state");
        }
        else if (!foreign && _warned)
        {
            _warned = false;
            log.LogInformation("the clock agrees with the committee's again");
        }
    }

    private static long Gap() => (long)Clock.WallMicros() - Clock.MonotonicMicros();
}
