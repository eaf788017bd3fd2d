namespace Validator.Host.Pipeline;

/// <summary>
/// Tells stream subscribers that more is final. One thread advances; any number wait, each with a <see cref="FinalWait"/> of its
/// own, which is on the list of waits at most once. Nothing is allocated.
/// </summary>
internal sealed class FinalSignal
{
    private FinalWait? _waits;
    private ulong _nextIndex;
    private volatile bool _closed;

    /// <summary>The global index that the next final transaction will get; everything below can be read.</summary>
    public ulong NextIndex => Volatile.Read(ref _nextIndex);

    /// <summary>Nothing more will come.</summary>
    public bool IsClosed => _closed;

    /// <summary>Everything below is durable. Wakes whoever waits for it; costs nothing when nobody does.</summary>
    public void Advance(ulong nextIndex)
    {
        Volatile.Write(ref _nextIndex, nextIndex);
        WakeAll();
    }

    /// <summary>Nothing more will come.</summary>
    public void Close()
    {
        _closed = true;
        WakeAll();
    }

    /// <summary>Puts a wait on the list; it may be woken before this returns.</summary>
    internal void Add(FinalWait wait)
    {
        FinalWait? first = Volatile.Read(ref _waits);
        while (true)
        {
            wait.Next = first;
            FinalWait? seen = Interlocked.CompareExchange(ref _waits, wait, first);
            if (ReferenceEquals(seen, first))
            {
                return;
            }

            first = seen;
        }
    }

    private void WakeAll()
    {
        bool closed, again;
        do
        {
            closed = _closed;
            again = false;
            FinalWait? wait = Interlocked.Exchange(ref _waits, null);
            while (wait is not null)
            {
                FinalWait? next = wait.Next;
                if (!wait.TryWake(NextIndex, closed))
                {
                    Add(wait);
                    again = true;
                }

                wait = next;
            }
        }

        // A close meanwhile did not find those on the list.
        while (again && _closed && !closed);
    }
}
