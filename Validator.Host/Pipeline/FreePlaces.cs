using Validator.Core.Primitives;
using Validator.Core.Shell;
using Validator.Net.Rings;

namespace Validator.Host.Pipeline;

/// <summary>Free places of a table into which several threads put.</summary>
internal sealed class FreePlaces : IFreePlaces
{
    private readonly MpmcRing<int> _free;

    private FreePlaces(int capacity)
    {
        _free = new MpmcRing<int>(capacity);
        for (int i = 0; i < capacity; i++)
        {
            Give(i);
        }
    }

    public int Count => _free.Count;

    public static TokenTable<T> TableOf<T>(int capacity)
        where T : class => new(capacity, new FreePlaces(capacity));

    public bool TryTake(out int place) => _free.TryDequeue(out place);

    public void Give(int place) => Require.That(_free.TryEnqueue(place));
}
