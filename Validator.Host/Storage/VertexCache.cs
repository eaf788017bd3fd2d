using Validator.Core.Primitives;

namespace Validator.Host.Storage;

/// <summary>
/// Recent vertices in memory, for execution and for peers that ask; older ones are in the ledger. One thread adds, any thread
/// reads without a lock: each place is one reference to an immutable record, whose body is held while it is in the cache. The
/// oldest leave first, by bytes.
/// </summary>
internal sealed class VertexCache
{
    private const int Ways = 4;

    private readonly HeldVertex?[] _entries;
    private readonly int _mask;
    private readonly long _maxBytes;
    private readonly Queue<(int Place, HeldVertex Vertex)> _order = new();
    private long _bytes;
    private long _pooled;

    /// <param name="maxBytes">Bytes kept.</param>
    /// <param name="capacity">Vertices kept; a power of two.</param>
    public VertexCache(long maxBytes, int capacity = 1 << 15)
    {
        Require.That(capacity >= Ways && (capacity & (capacity - 1)) == 0);
        _entries = new HeldVertex?[capacity];
        _mask = (capacity / Ways) - 1;
        _maxBytes = maxBytes;
    }

    public long Bytes => Volatile.Read(ref _bytes);

    /// <summary>Those of them in pooled buffers.</summary>
    public long PooledBytes => Volatile.Read(ref _pooled);

    /// <summary>A vertex with a reference, which the caller releases; null when it is not here. Any thread.</summary>
    public HeldVertex? Find(in Hash256 hash) => Look(hash) is { } vertex && vertex.Body.TryRetain() ? vertex : null;

    /// <summary>Adds a vertex and takes over the caller's reference. One thread only.</summary>
    public void Add(HeldVertex vertex)
    {
        if (Look(vertex.Header.Hash) is not null)
        {
            vertex.Release();
            return;
        }

        int bucket = Ways * (vertex.Header.Hash.GetHashCode() & _mask);
        int place = bucket;
        while (place < bucket + Ways - 1 && _entries[place] is not null)
        {
            place++;
        }

        Volatile.Write(ref _entries[place], vertex);
        _order.Enqueue((place, vertex));
        _bytes += Weight(vertex);
        _pooled += vertex.Body.PooledBytes;
        while (_bytes > _maxBytes && _order.Count > 1)
        {
            (int oldest, HeldVertex evicted) = _order.Dequeue();
            _bytes -= Weight(evicted);
            _pooled -= evicted.Body.PooledBytes;
            if (ReferenceEquals(_entries[oldest], evicted))
            {
                Volatile.Write(ref _entries[oldest], null);
            }

            evicted.Release();
        }
    }

    private HeldVertex? Look(in Hash256 hash)
    {
        int bucket = Ways * (hash.GetHashCode() & _mask);
        for (int i = bucket; i < bucket + Ways; i++)
        {
            HeldVertex? vertex = Volatile.Read(ref _entries[i]);
            if (vertex is not null && vertex.Header.Hash == hash)
            {
                return vertex;
            }
        }

        return null;
    }

    private static long Weight(HeldVertex vertex) => vertex.Body.Weight + Limits.SignatureBytes + 512;
}
