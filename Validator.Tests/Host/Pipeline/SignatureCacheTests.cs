using Validator.Core.Primitives;
using Validator.Host.Pipeline;

namespace Validator.Tests.Host.Pipeline;

public class SignatureCacheTests
{
    // Protects against a signature that counts as checked because two threads wrote one place at a time: what is found was added.
    [Fact]
    public async Task Nothing_is_found_that_was_not_added()
    {
        SignatureCache cache = new(capacity: 4);

        // Halves of keys that are added, together: what a torn read would see.
        Hash256[] added = [.. Enumerable.Range(1, 64).Select(i => Key((byte)i, (byte)i))];
        Hash256[] torn = [.. Enumerable.Range(1, 64).Select(i => Key((byte)i, (byte)(i ^ 4)))];
        using CancellationTokenSource stop = new();
        Task[] writers = [.. Enumerable.Range(0, 2).Select(seed => Task.Run(() =>
        {
            Random random = new(seed);
            while (!stop.IsCancellationRequested)
            {
                cache.Add(added[random.Next(added.Length)]);
            }
        }))];
        for (int i = 0; i < 2_000_000; i++)
        {
            Assert.False(cache.Contains(torn[i % torn.Length]));
        }

        await stop.CancelAsync();
        await Task.WhenAll(writers);
        cache.Add(added[0]);
        cache.Add(added[4]);
        Assert.True(cache.Contains(added[0]) && cache.Contains(added[4]));
        long before = GC.GetAllocatedBytesForCurrentThread();
        cache.Add(added[8]);
        Assert.Equal(before, GC.GetAllocatedBytesForCurrentThread());

        static Hash256 Key(byte first, byte last)
        {
            byte[] bytes = new byte[Hash256.Size];
            bytes.AsSpan(0, 16).Fill(first);
            bytes.AsSpan(16).Fill(last);
            return new Hash256(bytes);
        }
    }
}
