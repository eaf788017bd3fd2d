namespace Validator.Core.Trust;

/// <summary>
/// A score from 1 down to 0: 1 less the penalties of proven offences, each forgiven by half in a half-life. One sum stands for
/// all of them, since sums decay as their parts do; it is brought up to date only by an offence, so that a score does not depend
/// on how often it is asked for.
/// </summary>
/// <param name="Penalty">At that time; units of <see cref="Ratio"/>, may be above 1.</param>
/// <param name="AtMicros">Block time of the newest offence.</param>
public readonly record struct Reputation(ulong Penalty, ulong AtMicros)
{
    /// <summary>No more is remembered: forgiven to 0.3 after five half-lives.</summary>
    public const ulong MostPenalty = 32UL << Ratio.Bits;

    /// <param name="atMicros">Not before the newest offence: execution goes by block time.</param>
    public Reputation After(uint penalty, ulong atMicros, ulong halfLifeMicros) =>
        new(
            Math.Min(HalfLife.Decay(Penalty, Since(atMicros), halfLifeMicros) + penalty, MostPenalty),
            Math.Max(atMicros, AtMicros));

    /// <summary>In units of <see cref="Ratio"/>.</summary>
    public uint Score(ulong nowMicros, ulong halfLifeMicros) =>
        Ratio.One - (uint)Math.Min(PenaltyAt(nowMicros, halfLifeMicros), Ratio.One);

    /// <summary>What is not forgiven yet.</summary>
    public ulong PenaltyAt(ulong nowMicros, ulong halfLifeMicros) => HalfLife.Decay(Penalty, Since(nowMicros), halfLifeMicros);

    private ulong Since(ulong nowMicros) => nowMicros > AtMicros ? nowMicros - AtMicros : 0;
}
