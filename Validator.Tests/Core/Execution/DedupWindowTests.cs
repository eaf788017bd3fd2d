using System.Buffers.Binary;
using Validator.Core.Execution;
using Validator.Core.Primitives;

namespace Validator.Tests.Core.Execution;

public class DedupWindowTests
{
    // A window of the size that chains have: verdicts are those of a dictionary while the table grows, in one leap at the end,
    // and slides; and memory stops growing with the window's last id: 32 bytes an id, and 16 for the table.
    [Fact]
    public void A_large_window_grows_once_and_finds_what_it_should()
    {
        const uint window = 1 << 19;
        const int ids = 3 * (1 << 19);
        Random random = new(3);
        Dictionary<ulong, ulong> last = [];
        DedupWindow dedup = new(window, tableSeed: 5);
        byte[] id = new byte[Hash256.Size];
        last.EnsureCapacity(ids);
        long before = GC.GetAllocatedBytesForCurrentThread();
        long full = 0;
        for (ulong n = 0; n < ids; n++)
        {
            // Every eighth is one of before, in the window or behind it.
            ulong name = n % 8 == 7 ? (ulong)random.NextInt64((long)n) : n;
            Write(name, id);
            dedup.Prefetch(id);
            bool fresh = !last.TryGetValue(name, out ulong index) || index + window < dedup.Next;
            ulong expected = fresh ? dedup.Next : index;
            bool added = dedup.TryAdd(id, out ulong found);

            // No assertion of xunit's, which allocates.
            if (added != fresh || found != expected)
            {
                Assert.Fail($"{name}: added {added}, {found}; expected {fresh}, {expected}");
            }

            if (fresh)
            {
                last[name] = found;
            }

            full = dedup.Next == window ? GC.GetAllocatedBytesForCurrentThread() - before : full;
        }

        Assert.True(dedup.Next > 2 * window);
        Assert.InRange(full, window * 48L, (window * 48L) + (8 << 20));
        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before - full, 0, 256 << 10);
    }

    private static void Write(ulong name, byte[] id)
    {
        ulong state = name;
        for (int at = 0; at < Hash256.Size; at += 8)
        {
            // SplitMix64: as even as a hash, and quicker.
            ulong z = state += 0x9E3779B97F4A7C15;
            z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9;
            z = (z ^ (z >> 27)) * 0x94D049BB133111EB;
            BinaryPrimitives.WriteUInt64LittleEndian(id.AsSpan(at), z ^ (z >> 31));
        }
    }
}
