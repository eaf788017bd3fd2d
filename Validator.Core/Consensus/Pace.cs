using Validator.Core.Primitives;

namespace Validator.Core.Consensus;

/// <summary>
/// How far apart two proposals, and two own vertices, are: each costs every validator signatures, syncs and verifications. No
/// rule: validity, votes and timers do not look at it.
/// </summary>
internal sealed class Pace(CoreSettings settings, ViewTimer timer)
{
    /// <summary>How far load stretches the least interval.</summary>
    private const int MostStretch = 8;

    /// <summary>
    /// An own vote that waits for processor or disk may take this part of the pace: where it takes more, blocks are what it waits
    /// for.
    /// </summary>
    private const int VotesInPace = 8;

    // From acceptance until the own Prepare, or PrePrepare, is signed and durable.
    private DelayTrack _voting;

    /// <summary>
    /// Microseconds, one to eight least intervals. Eight times what an own vote waits for processor and disk, which knows nothing
    /// of distances; or an eighth of what the network alone takes, which adds little to it; or a third of what waits on top of
    /// that.
    /// </summary>
    public long Micros => Math.Clamp(
        Math.Max(VotesInPace * _voting.QueuedMicros, Math.Max(timer.Ordering.UnloadedMicros / 8, timer.Ordering.QueuedMicros / 3)),
        settings.BlockIntervalMicros, MostStretch * settings.BlockIntervalMicros);

    /// <summary>An own vote is signed and durable.</summary>
    /// <param name="delay">Since the block was accepted, microseconds.</param>
    public void MeasureVote(long delay, long now) => _voting.Measure(delay, now, MostStretch * settings.BlockIntervalMicros);
}
