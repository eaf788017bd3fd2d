using System.Numerics;

namespace Validator.Host.Tools.Load;

/// <summary>A set of transaction numbers, dense from 0: one bit each. One writer; not synchronized.</summary>
public sealed class NumberSet
{
    private ulong[] _words = new ulong[1024];

    public long Count { get; private set; }

    /// <summary>False when the number was there already.</summary>
    public bool Add(ulong number)
    {
        int word = checked((int)(number >> 6));
        if (word >= _words.Length)
        {
            Array.Resize(ref _words, Math.Max(word + 1, checked(_words.Length * 2)));
        }

        ulong bit = 1UL << (int)(number & 63);
        if ((_words[word] & bit) != 0)
        {
            return false;
        }

        _words[word] |= bit;
        Count++;
        return true;
    }

    public bool Contains(ulong number)
    {
        ulong word = number >> 6;
        return word < (ulong)_words.Length && (_words[word] & (1UL << (int)(number & 63))) != 0;
    }

    /// <summary>How many of these numbers at least one of <paramref name="others"/> lacks.</summary>
    /// <param name="except">Numbers that do not count.</param>
    public long CountMissingFromAny(IReadOnlyList<NumberSet> others, NumberSet except)
    {
        long missing = 0;
        for (int i = 0; i < _words.Length; i++)
        {
            missing += BitOperations.PopCount(Missing(i, others, except));
        }

        return missing;
    }

    /// <summary>Those numbers, ascending.</summary>
    public List<ulong> MissingFromAny(IReadOnlyList<NumberSet> others, NumberSet except)
    {
        List<ulong> numbers = [];
        for (int i = 0; i < _words.Length; i++)
        {
            for (ulong bits = Missing(i, others, except); bits != 0; bits &= bits - 1)
            {
                numbers.Add(((ulong)i << 6) + (ulong)BitOperations.TrailingZeroCount(bits));
            }
        }

        return numbers;
    }

    private ulong Missing(int word, IReadOnlyList<NumberSet> others, NumberSet except)
    {
        ulong common = ulong.MaxValue;
        foreach (NumberSet other in others)
        {
            common &= word < other._words.Length ? other._words[word] : 0;
        }

        ulong excepted = word < except._words.Length ? except._words[word] : 0;
        return _words[word] & ~common & ~excepted;
    }
}
