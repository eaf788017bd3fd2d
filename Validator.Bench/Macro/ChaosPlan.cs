namespace Validator.Bench.Macro;

internal enum ChaosKind : byte
{
    /// <summary>SIGKILL; started again at the end.</summary>
    Kill,

    /// <summary>SIGSTOP; SIGCONT at the end.</summary>
    Pause,

    /// <summary>Nothing passes between the two sides.</summary>
    Split,

    /// <summary>The side sends and is not heard.</summary>
    Mute,

    /// <summary>The side hears nothing.</summary>
    Deaf,

    /// <summary>Other weather on all paths, from then on.</summary>
    Weather,
}

/// <summary>One disaster.</summary>
/// <param name="Side">Which validators, as a bit mask; 0: the leader at that moment.</param>
internal sealed record ChaosStep(TimeSpan At, TimeSpan Length, ChaosKind Kind, int Side, Weather Weather)
{
    public string Describe(int side)
    {
        if (Kind == ChaosKind.Weather)
        {
            return $"weather: {Weather}";
        }

        IEnumerable<int> members = Enumerable.Range(0, 32).Where(i => (side >> i & 1) != 0).Select(i => i + 1);
        string whom = string.Join(", ", members) + (Side == 0 ? " (leader)" : "");
        string what = Kind switch
        {
            ChaosKind.Kill => "kill -9",
            ChaosKind.Pause => "stop",
            ChaosKind.Split => "cut off",
            ChaosKind.Mute => "mute",
            _ => "deafen",
        };
        return $"{what} {whom} for {Length.TotalSeconds:F1} s";
    }
}

/// <summary>A schedule of disasters, decided by the seed alone.</summary>
internal static class ChaosPlan
{
    public static List<ChaosStep> Make(int seed, TimeSpan duration, int validators)
    {
        Random random = new(seed);
        List<ChaosStep> steps = [];
        double at = 1 + random.NextDouble();
        while (at < duration.TotalSeconds - 1)
        {
            double length = Math.Min(0.2 + (Math.Pow(random.NextDouble(), 2) * 5), duration.TotalSeconds - at);
            (ChaosKind kind, int side) = Draw(random, validators);
            Weather weather = kind == ChaosKind.Weather ? DrawWeather(random) : default;
            steps.Add(new ChaosStep(TimeSpan.FromSeconds(at), TimeSpan.FromSeconds(length), kind, side, weather));

            // Mostly one at a time, with room to recover; now and then one on top of the other.
            at += random.Next(4) == 0 ? 0.1 + (0.5 * random.NextDouble()) : (kind == ChaosKind.Weather ? 0 : length) + (1.5 * random.NextDouble());
        }

        return steps;
    }

    private static (ChaosKind Kind, int Side) Draw(Random random, int validators)
    {
        int all = (1 << validators) - 1;
        int one = random.Next(3) == 0 ? 0 : 1 << random.Next(validators);
        return random.Next(100) switch
        {
            < 24 => (ChaosKind.Kill, one),
            < 27 => (ChaosKind.Kill, all),
            < 30 => (ChaosKind.Kill, 1 + random.Next(all - 1)),
            < 42 => (ChaosKind.Pause, one),
            < 46 => (ChaosKind.Pause, 1 + random.Next(all - 1)),
            < 58 => (ChaosKind.Split, one),
            < 68 => (ChaosKind.Split, 1 + random.Next(all - 1)),
            < 74 => (ChaosKind.Mute, one),
            < 80 => (ChaosKind.Deaf, one),
            _ => (ChaosKind.Weather, all),
        };
    }

    private static Weather DrawWeather(Random random) => random.Next(4) == 0
        ? default
        : new Weather(
            DelayMs: random.Next(2) == 0 ? random.Next(6) : random.Next(80),
            JitterMs: random.Next(3) == 0 ? random.Next(40) : random.Next(5),
            LossPerMille: random.Next(2) == 0 ? 0 : random.Next(120),
            ReorderPerMille: random.Next(2) == 0 ? 0 : random.Next(100),
            DuplicatePerMille: random.Next(2) == 0 ? 0 : random.Next(50));
}
