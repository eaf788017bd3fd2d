using Validator.Core.Primitives;
using Validator.Core.Trust;
using Validator.Core.Wire;

namespace Validator.Tests.Core.Trust;

public sealed class UptimeTests
{
    private const ulong Second = 1_000_000;

    private static readonly TrustParameters s_rules = new();

    // Protects honest members that nobody uses: a vertex every ten seconds is enough, beside others who fill eighty blocks a
    // second as well as where there are hardly any blocks; and one that is silent for longer than a window shows it.
    [Theory]
    [InlineData(80)]
    [InlineData(1)]
    public void A_vertex_in_ten_seconds_is_being_up(int blocksASecond)
    {
        const int seconds = 600;
        UptimeTrack track = new(3);
        LaneTip[] cut = new LaneTip[3];
        ulong now = 0;
        for (int block = 0; block < seconds * blocksASecond; block++)
        {
            now += Second / (ulong)blocksASecond;
            ulong second = now / Second;
            cut[0] = new LaneTip((ulong)block + 1, default);
            cut[1] = new LaneTip(second / 10, default);
            cut[2] = new LaneTip(second < seconds / 2 ? second : seconds / 2, default);
            track.OnBlock(cut, now, s_rules);
        }

        Assert.Equal(Ratio.One, track.Of(0, now, s_rules));
        Assert.Equal(Ratio.One, track.Of(1, now, s_rules));
        Assert.InRange(track.Of(2, now, s_rules)!.Value, Ratio.OfThousandths(400), Ratio.OfThousandths(600));
    }

    // Protects short epochs: what is too short to tell says nothing of anybody, and a long one with few blocks is one window.
    [Fact]
    public void What_is_too_short_to_tell_says_nothing()
    {
        UptimeTrack track = new(2);
        LaneTip[] cut = [new LaneTip(1, default), default];
        track.OnBlock(cut, Second, s_rules);
        track.OnBlock(cut, 2 * Second, s_rules);
        Assert.Null(track.Of(0, 2 * Second, s_rules));
        track.OnBlock(cut, 60 * Second, s_rules);
        Assert.Equal((Ratio.One, 0u), (track.Of(0, 60 * Second, s_rules)!.Value, track.Of(1, 60 * Second, s_rules)!.Value));
        Assert.Equal(0u, track.Windows);
        Assert.Equal(Ratio.One, UptimeTrack.Average(Ratio.One, Ratio.One));
        Assert.Equal(Ratio.One / 4 * 3, UptimeTrack.Average(Ratio.One, 0));
    }

    // Protects snapshots of stake: a table that is filled from another's segments is that table, down to the places, and records
    // that no table has are refused.
    [Fact]
    public void A_stake_table_is_filled_from_its_segments()
    {
        Random random = new(3);
        StakeTable table = new();
        for (int i = 0; i < 2_000; i++)
        {
            Hash256 account = Hash256.Of([(byte)random.Next(60)]);
            StakeKey key = new((StakeRecordKind)random.Next(1, 8), (ushort)random.Next(4), (ulong)random.Next(3), account);
            table[key] = new StakeValue((ulong)random.Next(3), (ulong)random.Next(2));
            if (i % 97 == 0)
            {
                Assert.Equal(Filled(table).Digest(), table.Digest());
            }
        }

        StakeTable again = Filled(table);
        Assert.Equal(table.Records(), again.Records());
        Assert.True(table.Segments > 1);
        byte[] first = table.Segment(0).ToArray();
        Assert.False(new StakeTable().Load([.. first, .. first]));
        Assert.False(new StakeTable().Load(first.AsSpan(1)));
        Assert.False(new StakeTable().Load(new byte[StakeTable.RecordBytes]));
        first[1] = 1;
        Assert.False(new StakeTable().Load(first));

        static StakeTable Filled(StakeTable from)
        {
            StakeTable filled = new();
            Assert.True(filled.Load([.. Enumerable.Range(0, from.Segments).SelectMany(i => from.Segment(i).ToArray())]));
            return filled;
        }
    }
}
