using Validator.Core.Primitives;
using Validator.Net.Buffers;

namespace Validator.Tests.Net.Buffers;

public class PinnedBufferPoolTests
{
    // Protects the bound: whatever is rented and returned, the bytes of all buffers stay within it, and nothing is lost.
    [Fact]
    public void The_bound_holds_for_any_sequence()
    {
        var random = new Random(7);
        var pool = new PinnedBufferPool(1_000_000, 100_000);
        var held = new List<PooledBuffer>();
        int refused = 0;
        for (int i = 0; i < 20_000; i++)
        {
            if (held.Count > 0 && random.Next(2) == 0)
            {
                int at = random.Next(held.Count);
                held[at].Release();
                held.RemoveAt(at);
            }
            else if (pool.TryRent(random.Next(100_001), out PooledBuffer? buffer))
            {
                Assert.True(buffer.Capacity >= buffer.Length);
                held.Add(buffer);
            }
            else
            {
                refused++;
            }
            Assert.InRange(pool.Bytes, 0, pool.MaxBytes);
            Assert.Equal(held.Sum(b => (long)b.Capacity), pool.RentedBytes);
        }
        Assert.True(refused > 0);
        foreach (PooledBuffer buffer in held) buffer.Release();
        Assert.Equal(0, pool.RentedBytes);
        Assert.True(pool.TryRent(100_000, out _));
    }

    // Protects sharing: a buffer returns with its last reference, once; a release too many is caught.
    [Fact]
    public void The_last_reference_returns_the_buffer()
    {
        var pool = new PinnedBufferPool(10_000, 5_000);
        Assert.True(pool.TryRent(10, out PooledBuffer? buffer));
        buffer.Retain();
        buffer.Release();
        Assert.NotEqual(0, pool.RentedBytes);
        buffer.Release();
        Assert.Equal(0, pool.RentedBytes);
        Assert.Throws<InvariantViolationException>(buffer.Release);
    }

    // Protects the reserve: a caller that must leave bytes to others is refused first.
    [Fact]
    public void The_reserve_is_left_to_others()
    {
        var pool = new PinnedBufferPool(4096, 1024);
        Assert.True(pool.TryRent(1000, out _, reserve: 2048));
        Assert.True(pool.TryRent(1000, out _, reserve: 2048));
        Assert.False(pool.TryRent(1000, out _, reserve: 2048));
        Assert.True(pool.TryRent(1000, out _));
        Assert.True(pool.TryRent(1000, out _));
        Assert.False(pool.TryRent(1, out _));
    }
}
