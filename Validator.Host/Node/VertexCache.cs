using Validator.Core.Primitives;
using Validator.Core.Wire;

namespace Validator.Host.Node;

/// <summary>A vertex with all that is known of it. Immutable; shared by the threads that need it.</summary>
/// <param name="Signature">The author's, over the vertex hash.</param>
/// <param name="Payload">Framed transactions, see Wire's payload format.</param>
/// <param name="Ids">Transaction ids in order, 32 bytes each.</param>
internal sealed record HeldVertex(VertexHeader Header, byte[] Signature, byte[] Payload, byte[] Ids);

/// <summary>
/// Recent vertices in memory, for execution and for peers that ask; what has left it is in the ledger. One thread adds,
/// any thread reads without a lock: each place is one reference to an immutable record. Oldest out first, by bytes.
/// </summary>
internal sealed class VertexCache
{
    private const int Ways = 4;

    private readonly HeldVertex?[] _entries;
    private readonly int _mask;
    private readonly long _maxBytes;
    private readonly Queue<(int Place, HeldVertex Vertex)> _order = new();
    private long _bytes;

    /// <param name="maxBytes">Payload bytes kept.</param>
    /// <param name="capacity">Vertices kept; a power of two.</param>
    public VertexCache(long maxBytes, int capacity = 1 << 15)
    {
        Require.That(capacity >= Ways && (capacity & (capacity - 1)) == 0);
        _entries = new HeldVertex?[capacity];
        _mask = (capacity / Ways) - 1;
        _maxBytes = maxBytes;
    }

    public long Bytes => Volatile.Read(ref _bytes);

    public HeldVertex? Find(in Hash256 hash)
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

    /// <summary>Adds a vertex. One thread only.</summary>
    public void Add(HeldVertex vertex)
    {
        if (Find(vertex.Header.Hash) is not null)
        {
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
        while (_bytes > _maxBytes && _order.Count > 1)
        {
            (int oldest, HeldVertex evicted) = _order.Dequeue();
            _bytes -= Weight(evicted);
            if (ReferenceEquals(_entries[oldest], evicted))
            {
                Volatile.Write(ref _entries[oldest], null);
            }
        }
    }

    private static long Weight(HeldVertex vertex) =>
        vertex.Payload.Length + vertex.Ids.Length + Limits.SignatureBytes + 512;
}
