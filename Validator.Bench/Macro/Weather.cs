using System.Globalization;

namespace Validator.Bench.Macro;

/// <summary>What a path does to datagrams, the same in both directions.</summary>
/// <param name="DelayMs">One way.</param>
/// <param name="JitterMs">Up to this much more, in order.</param>
/// <param name="LossPerMille">Datagrams lost.</param>
/// <param name="ReorderPerMille">Datagrams held back by up to 30 ms more, so that others overtake them.</param>
/// <param name="DuplicatePerMille">Datagrams that arrive twice.</param>
internal readonly record struct Weather(int DelayMs, int JitterMs, int LossPerMille, int ReorderPerMille, int DuplicatePerMille)
{
    /// <summary>Reads the five numbers in their order, with commas between them.</summary>
    public static bool TryParse(string text, out Weather weather)
    {
        string[] parts = text.Split(',');
        int[] numbers = new int[5];
        weather = default;
        for (int i = 0; i < numbers.Length; i++)
        {
            if (parts.Length != numbers.Length || !int.TryParse(parts[i], NumberStyles.None, CultureInfo.InvariantCulture, out numbers[i]))
            {
                return false;
            }
        }

        weather = new Weather(numbers[0], numbers[1], numbers[2], numbers[3], numbers[4]);
        return true;
    }

    public override string ToString() => this == default
        ? "clear"
        : $"delay {DelayMs} ms, jitter {JitterMs} ms, loss {LossPerMille / 10.0:F1} %, reordered {ReorderPerMille / 10.0:F1} %, "
            + $"doubled {DuplicatePerMille / 10.0:F1} %";
}
