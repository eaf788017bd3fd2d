using Validator.Core.Primitives;
using Validator.Host.Tools.Load;

namespace Validator.Tests.Host.Tools.Load;

public sealed class LoadPartsTests
{
    // Protects the numbers that we publish: percentiles within 1 % of those of the sorted values, from 1 us to minutes.
    [Fact]
    public void Percentiles_are_within_one_percent_of_the_sorted_values()
    {
        Random random = new(7);
        LatencyHistogram histogram = new();
        long[] values = new long[20_000];
        for (int i = 0; i < values.Length; i++)
        {
            values[i] = (long)Math.Exp(random.NextDouble() * 18);
            histogram.Record(values[i]);
        }

        Array.Sort(values);
        foreach (double percent in new[] { 1, 50, 90, 99, 99.9, 100 })
        {
            long exact = values[(int)Math.Ceiling(values.Length * percent / 100) - 1];
            Assert.InRange(histogram.PercentileMicros(percent), exact * 0.99 - 1, exact * 1.01 + 1);
        }

        Assert.Equal(values[^1], histogram.MaxMicros);
        Assert.Equal(values.Length, histogram.Count);
    }

    // Protects the check of payloads: each transaction is recognised, unique, and one flipped bit anywhere is seen.
    [Theory]
    [InlineData(16)]
    [InlineData(21)]
    [InlineData(512)]
    public void A_transaction_is_recognised_and_any_changed_bit_is_seen(int size)
    {
        TransactionPattern pattern = new(seed: 42, size);
        TransactionPattern other = new(seed: 43, size);
        HashSet<Hash256> ids = [];
        byte[] bytes = new byte[size];
        for (ulong number = 0; number < 200; number++)
        {
            pattern.Fill(number, bytes);
            Assert.True(pattern.TryRecognise(bytes, out ulong found));
            Assert.Equal(number, found);
            Assert.True(pattern.IsIntact(number, bytes));
            Assert.False(pattern.IsIntact(number + 1, bytes));
            Assert.False(other.TryRecognise(bytes, out _));
            Assert.True(ids.Add(Hash256.Of(bytes)));
        }

        for (int bit = 0; bit < size * 8; bit++)
        {
            bytes[bit / 8] ^= (byte)(1 << (bit % 8));
            Assert.False(pattern.IsIntact(199, bytes));
            bytes[bit / 8] ^= (byte)(1 << (bit % 8));
        }
    }

    // Protects the count of losses and repeats.
    [Fact]
    public void Numbers_missing_from_any_stream_are_counted_and_a_repeat_is_refused()
    {
        NumberSet accepted = new();
        NumberSet first = new();
        NumberSet second = new();
        for (ulong i = 0; i < 200_000; i++)
        {
            Assert.True(accepted.Add(i));
            if (i % 1000 != 0)
            {
                first.Add(i);
            }

            if (i % 1000 != 1)
            {
                second.Add(i);
            }
        }

        Assert.False(accepted.Add(199_999));
        Assert.Equal(400, accepted.CountMissingFromAny([first, second], new NumberSet()));
        Assert.Equal(0, first.CountMissingFromAny([accepted], new NumberSet()));
    }

    // Protects the comparison of orders: two ids that change places are seen in a full run and in the last, open one.
    [Theory]
    [InlineData(-1, 0)]
    [InlineData(100, 1)]
    [InlineData(999, 1)]
    public void A_swap_of_two_ids_is_a_divergence(int swapAt, long expected)
    {
        const int Count = 1001;
        OrderComparison comparison = new(streams: 3);
        for (int stream = 0; stream < 3; stream++)
        {
            for (int i = 0; i < Count; i++)
            {
                int id = stream == 2 && i == swapAt ? i + 1 : stream == 2 && i == swapAt + 1 && swapAt >= 0 ? i - 1 : i;
                comparison.Append(stream, Hash256.Of(BitConverter.GetBytes(id)).ToArray());
            }

            Assert.Equal(Count, comparison.Position(stream));
        }

        comparison.CompareTails();
        Assert.Equal(expected, comparison.Diverged);
    }
}
