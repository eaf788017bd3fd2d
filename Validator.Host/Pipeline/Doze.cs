namespace Validator.Host.Pipeline;

/// <summary>
/// A consumer's word that it looks into its rings soon by itself, so that what is not urgent need not wake it. It takes the word
/// back before its last look, and a producer asks after it has published (Dekker's handshake, both with full fences): either that
/// look finds the item, or the producer sees that it has to wake.
/// </summary>
internal sealed class Doze
{
    private bool _holds;

    /// <summary>Producer, after it has put something in a ring.</summary>
    public bool Holds
    {
        get
        {
            Interlocked.MemoryBarrier();
            return Volatile.Read(ref _holds);
        }
    }

    /// <summary>Consumer: from now on it sleeps for a bounded time at most.</summary>
    public void Begin() => Volatile.Write(ref _holds, true);

    /// <summary>Consumer, before it looks into the rings.</summary>
    public void End()
    {
        Volatile.Write(ref _holds, false);
        Interlocked.MemoryBarrier();
    }
}
