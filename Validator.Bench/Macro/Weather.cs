namespace Validator.Bench.Macro;

/// <summary>What a path does to datagrams, the same in both directions.</summary>
/// <param name="DelayMs">One way.</param>
/// <param name="JitterMs">Up to this much more, in order.</param>
/// <param name="LossPerMille">Datagrams lost.</param>
/// <param name="ReorderPerMille">Datagrams held back by up to 30 ms more, so that others overtake them.</param>
/// <param name="DuplicatePerMille">Datagrams that arrive twice.</param>
internal readonly record struct Weather(int DelayMs, int JitterMs, int LossPerMille, int ReorderPerMille, int DuplicatePerMille)
{
    public override string ToString() => this == default
        ? "clear"
        : $"delay {DelayMs} ms, jitter {JitterMs} ms, loss {LossPerMille / 10.0:F1} %, reordered {ReorderPerMille / 10.0:F1} %, "
            + $"doubled {DuplicatePerMille / 10.0:F1} %";
}
