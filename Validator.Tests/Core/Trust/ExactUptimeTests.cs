using System.Numerics;
using Validator.Core.Primitives;
using Validator.Core.Trust;
using Validator.Core.Wire;

namespace Validator.Tests.Core.Trust;

/// <summary>
/// Uptime against a slow version that keeps every block of an epoch, and cuts it into windows anew at each question.
/// </summary>
public sealed class ExactUptimeTests
{
    private const ulong Second = 1_000_000;

    // Protects uptime, and with it weights and rewards: over random committees of 1 to 128, windows and paces, each member's part
    // is that of the windows at whose end its lane was longer than at the end of the one before; where no window is whole, what
    // there is says yes or no once it is long enough, and nothing before. A snapshot anywhere changes none of it.
    [Fact]
    public void Windows_are_what_a_look_at_all_blocks_says()
    {
        Random random = new(64);
        int whole = 0, part = 0, unknown = 0;
        for (int round = 0; round < 512; round++)
        {
            int count = 1 + (round % 128);
            TrustParameters rules = new()
            {
                WindowBlocks = (uint)random.Next(1, 30),
                WindowMicros = (ulong)random.Next(1, 60) * Second,
            };
            int[] pace = [.. Enumerable.Range(0, count).Select(_ => random.Next(1, 40))];
            long step = random.NextInt64(1, 20 * (long)Second);
            UptimeTrack track = new(count);
            List<(ulong At, ulong[] Heights)> blocks = [];
            LaneTip[] cut = new LaneTip[count];
            ulong now = (ulong)random.NextInt64(1L << 50);
            for (int left = random.Next(1, 150); left > 0; left--)
            {
                now += 1 + (ulong)random.NextInt64(step);
                for (int i = 0; i < count; i++)
                {
                    cut[i] = cut[i] with { Height = cut[i].Height + (random.Next(pace[i]) == 0 ? (ulong)random.Next(1, 5) : 0) };
                }

                track.OnBlock(cut, now, rules);
                blocks.Add((now, [.. cut.Select(tip => tip.Height)]));
                track = random.Next(20) == 0 ? ReadBack(track, count) : track;
            }

            ulong asked = now + (ulong)random.NextInt64(40 * (long)Second);
            List<int> ends = WindowEnds(blocks, rules);
            Assert.Equal((uint)ends.Count, track.Windows);
            for (int i = 0; i < count; i++)
            {
                if (Slow(blocks, ends, i, asked, rules) is not { } exact)
                {
                    Assert.Null(track.Of(i, asked, rules));
                    unknown++;
                    continue;
                }

                Assert.Equal((exact.Up << 30) / exact.Of, (BigInteger)track.Of(i, asked, rules)!.Value);
                whole += ends.Count > 0 && exact.Up < exact.Of ? 1 : 0;
                part += ends.Count == 0 ? 1 : 0;
            }
        }

        Assert.True(
            whole > 1_000 && part > 200 && unknown > 200, $"{whole} in whole windows, {part} in a part, {unknown} unknown");
    }

    /// <summary>Places of the blocks that end a window.</summary>
    private static List<int> WindowEnds(List<(ulong At, ulong[] Heights)> blocks, TrustParameters rules)
    {
        List<int> ends = [];
        for (int i = 0; i < blocks.Count; i++)
        {
            // The first begins with the epoch's first block, each other with the last block of the one before.
            ulong began = blocks[ends.Count == 0 ? 0 : ends[^1]].At;
            int held = i - (ends.Count == 0 ? -1 : ends[^1]);
            if (held >= rules.WindowBlocks && blocks[i].At - began >= rules.WindowMicros)
            {
                ends.Add(i);
            }
        }

        return ends;
    }

    private static (BigInteger Up, BigInteger Of)? Slow(
        List<(ulong At, ulong[] Heights)> blocks, List<int> ends, int member, ulong asked, TrustParameters rules)
    {
        if (ends.Count == 0)
        {
            return asked - blocks[0].At < rules.WindowMicros ? null : (blocks[^1].Heights[member] > 0 ? 1 : 0, 1);
        }

        ulong[] heights = [0, .. ends.Select(end => blocks[end].Heights[member])];
        return (heights.Skip(1).Zip(heights).Count(pair => pair.First > pair.Second), ends.Count);
    }

    private static UptimeTrack ReadBack(UptimeTrack track, int count)
    {
        byte[] bytes = new byte[track.EncodedSize];
        WireWriter writer = new(bytes);
        track.Write(ref writer);
        UptimeTrack read = new(count);
        Assert.True(read.Read(bytes));
        return read;
    }
}
