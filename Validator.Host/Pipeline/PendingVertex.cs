using Validator.Host.Storage;

namespace Validator.Host.Pipeline;

/// <summary>Memory of vertices that wait for Core's word, bounded over all of them.</summary>
internal sealed class PayloadBudget(long maxBytes)
{
    private long _bytes;

    public bool TryTake(int bytes)
    {
        if (Interlocked.Add(ref _bytes, bytes) <= maxBytes)
        {
            return true;
        }

        Interlocked.Add(ref _bytes, -bytes);
        return false;
    }

    public void Give(int bytes) => Interlocked.Add(ref _bytes, -bytes);
}

/// <summary>A validated vertex that waits under a token.</summary>
internal sealed class PendingVertex(HeldVertex vertex, PayloadBudget budget)
{
    /// <summary>Gives the bytes back to the budget; once. The reference is the caller's.</summary>
    public HeldVertex Take()
    {
        budget.Give(vertex.Body.Weight);
        return vertex;
    }

    /// <summary>Drops it.</summary>
    public void Drop() => Take().Release();
}
