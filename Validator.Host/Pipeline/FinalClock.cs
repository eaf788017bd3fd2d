using Validator.Host.Primitives;

namespace Validator.Host.Pipeline;

/// <summary>When blocks became final here, in monotonic microseconds. The ledger's thread writes, any thread reads.</summary>
internal sealed class FinalClock
{
    /// <summary>Under load there are many blocks in it.</summary>
    private const long Gap = 1_000_000;

    private long _last = Clock.MonotonicMicros();
    private long _resumed;

    public void Advance(long now)
    {
        if (now - _last > Gap)
        {
            Volatile.Write(ref _resumed, now);
        }

        Volatile.Write(ref _last, now);
    }

    /// <summary>
    /// True when what arrived at that time has waited longer than the limit although blocks became final: more arrives than can
    /// be ordered. While a leader is replaced, or nothing becomes final, nobody is refused for it.
    /// </summary>
    public bool IsOverloaded(long now, long since, long most) =>
        now - Volatile.Read(ref _last) <= Gap && now - Math.Max(since, Volatile.Read(ref _resumed)) > most;
}
