namespace Validator.Host.Pipeline;

/// <summary>
/// Core's side of a ring to another thread. Core must never wait for a thread that may itself wait for Core, so what does
/// not fit waits here, and Core takes nothing from outside until it is through. Core's own windows bound what can gather.
/// </summary>
internal sealed class Outlet<T>(StageLink<T> link)
{
    private readonly Queue<T> _overflow = new();

    public bool IsBlocked => _overflow.Count != 0;

    public void Put(in T item)
    {
        if (_overflow.Count != 0 || !link.Ring.TryEnqueue(in item))
        {
            _overflow.Enqueue(item);
        }
    }

    /// <summary>The oldest item, whether it has reached the ring or not. Once neither side runs any more.</summary>
    public bool TryTakeBack([System.Diagnostics.CodeAnalysis.MaybeNullWhen(false)] out T item) =>
        link.TryTake(out item) || _overflow.TryDequeue(out item);

    /// <summary>Moves what waited, then wakes the consumer. Called once after each batch of inputs.</summary>
    public void Flush()
    {
        if (Move())
        {
            link.Consumer.Wake();
        }
    }

    /// <summary>The same where the consumer looks by itself soon enough: it is woken only once its ring is half full.</summary>
    public void FlushQuietly()
    {
        if (Move() && link.Ring.Count >= link.Capacity / 2)
        {
            link.Consumer.Wake();
        }
    }

    /// <returns>False where the consumer has taken everything.</returns>
    private bool Move()
    {
        while (_overflow.TryPeek(out T? item) && link.Ring.TryEnqueue(in item))
        {
            _overflow.Dequeue();
        }

        return !link.IsEmpty;
    }
}
