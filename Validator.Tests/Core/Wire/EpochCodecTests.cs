using Validator.Core.Primitives;
using Validator.Core.Wire;

namespace Validator.Tests.Core.Wire;

public class EpochCodecTests
{
    // A restart lives in the very epoch that was written, a pending change included; what is cut or changed is refused, or is its
    // bytes.
    [Fact]
    public void An_epoch_comes_back_as_it_was() => CodecPropertyTests.ForSeeds(50, seed =>
    {
        Random random = new(seed);
        Genesis genesis = GenesisSamples.Four();
        Member[] next = [.. genesis.Members.Take(3)];
        Block last = BlockCodec.Seal(
            6, 90, Hash256.Of([1]), 77, 88, Hash256.Of([2]), GenesisCodec.CommitteeDigest(7, genesis.Members), new LaneTip[4]);
        EpochConfiguration epoch = EpochConfiguration.After(last, genesis.Members, seed % 2 == 0 ? null : new PendingCommittee(89, next));
        byte[] encoded = EpochCodec.Encode(epoch);
        Assert.True(EpochCodec.TryRead(encoded, out EpochConfiguration? read, out DecodeError error), error.ToString());
        Assert.Equal(encoded, EpochCodec.Encode(read));
        Assert.Equal(last.Hash, read.Start.Hash);
        Assert.Equal(7UL, read.Number);
        Assert.Equal(seed % 2 == 0, read.Pending is null);
        Assert.False(EpochCodec.TryRead(encoded.AsSpan(0, random.Next(encoded.Length)), out _, out _));
        encoded[random.Next(encoded.Length)] ^= (byte)random.Next(1, 256);
        if (EpochCodec.TryRead(encoded, out EpochConfiguration? other, out _))
        {
            Assert.Equal(encoded, EpochCodec.Encode(other));
        }
    });
}
