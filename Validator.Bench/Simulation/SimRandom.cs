namespace Validator.Bench.Simulation;

/// <summary>SplitMix64: every choice of a simulated world comes from its seed.</summary>
public sealed class SimRandom(ulong seed)
{
    private ulong _state = seed;

    public ulong Next() => Mix(_state += 0x9E3779B97F4A7C15);

    /// <summary>Each bit of the result hangs on all of these.</summary>
    public static ulong Mix(ulong z)
    {
        z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9;
        z = (z ^ (z >> 27)) * 0x94D049BB133111EB;
        return z ^ (z >> 31);
    }

    /// <summary>0 to <paramref name="bound"/> - 1.</summary>
    public int Below(int bound) => (int)(Next() % (ulong)bound);

    public long Between(long low, long high) => low + (long)(Next() % (ulong)(high - low + 1));

    public bool Chance(double probability) => Next() < probability * ulong.MaxValue;

    /// <summary>Exponential with the given mean.</summary>
    public long Exponential(double mean) => (long)(-mean * Math.Log(1.0 - ((Next() >> 11) * (1.0 / (1UL << 53)))));
}
