using Validator.Core.Primitives;

namespace Validator.Core.Shell;

/// <summary>Places that nobody uses. The shell's, since several threads may take one and another gives it back.</summary>
public interface IFreePlaces
{
    int Count { get; }

    bool TryTake(out int place);

    void Give(int place);
}

/// <summary>
/// Payloads that wait for Core's word under a token. Fixed number of places; a token names a place and its generation, so an
/// old token finds no newer payload. Each is taken once. Whoever has a free place puts, and hands the token on; only Core's
/// thread takes.
/// </summary>
/// <param name="free">
/// Gives each place below <paramref name="capacity"/> once; what was done before a place was given is seen by its taker.
/// </param>
public sealed class TokenTable<T>(int capacity, IFreePlaces free)
    where T : class
{
    private readonly T?[] _items = new T?[capacity];
    private readonly uint[] _generations = new uint[capacity];

    public int Count => _items.Length - free.Count;

    /// <returns>The token, never 0, or 0 when every place is taken.</returns>
    public ulong TryPut(T item)
    {
        if (!free.TryTake(out int place))
        {
            return 0;
        }

        Require.That(_items[place] is null);
        uint generation = ++_generations[place];
        _items[place] = item;
        return ((ulong)generation << 32) | ((uint)place + 1);
    }

    /// <summary>All that still wait. Once no thread uses the table any more.</summary>
    public IEnumerable<T> Remaining() => _items.OfType<T>();

    /// <summary>Takes the payload out and frees its place; null when the token is not (or no longer) known.</summary>
    public T? Take(ulong token)
    {
        long place = (long)(token & uint.MaxValue) - 1;
        if (place < 0 || place >= _items.Length || _generations[place] != (uint)(token >> 32) || _items[place] is not { } item)
        {
            return null;
        }

        _items[place] = null;
        free.Give((int)place);
        return item;
    }
}
