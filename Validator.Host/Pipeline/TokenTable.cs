using Validator.Core.Primitives;
using Validator.Net.Rings;

namespace Validator.Host.Pipeline;

/// <summary>
/// Things that wait for Core's word under a token. Fixed number of places; a token names a place and its generation, so an
/// old token never finds a newer thing. Any thread puts; only the Core thread takes.
/// </summary>
internal sealed class TokenTable<T> where T : class
{
    private readonly T?[] _items;
    private readonly uint[] _generations;
    private readonly MpmcRing<int> _free;

    public TokenTable(int capacity)
    {
        _items = new T?[capacity];
        _generations = new uint[capacity];
        _free = new MpmcRing<int>(capacity);
        for (int i = 0; i < capacity; i++)
        {
            Require.That(_free.TryEnqueue(i));
        }
    }

    public int Count => _items.Length - _free.Count;

    /// <returns>The token, never 0, or 0 when every place is taken.</returns>
    public ulong TryPut(T item)
    {
        if (!_free.TryDequeue(out int place))
        {
            return 0;
        }

        uint generation = ++_generations[place];
        Volatile.Write(ref _items[place], item);
        return ((ulong)generation << 32) | ((uint)place + 1);
    }

    /// <summary>All things that still wait. Once no thread uses the table any more.</summary>
    public IEnumerable<T> Remaining() => _items.OfType<T>();

    /// <summary>Takes the thing out and frees its place; null when the token is not (or no longer) known.</summary>
    public T? Take(ulong token)
    {
        long place = (long)(token & uint.MaxValue) - 1;
        if (place < 0 || place >= _items.Length || _generations[place] != (uint)(token >> 32))
        {
            return null;
        }

        T? item = _items[place];
        if (item is not null)
        {
            _items[place] = null;
            Require.That(_free.TryEnqueue((int)place));
        }

        return item;
    }
}
