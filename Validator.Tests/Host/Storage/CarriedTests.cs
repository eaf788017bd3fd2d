using Validator.Core.Primitives;
using Validator.Core.Wire;
using Validator.Host.Storage;

namespace Validator.Tests.Host.Storage;

/// <summary>What a fork took back, in a new ledger (rule R3).</summary>
public sealed class CarriedTests
{
    // Protects an account's envelopes from being authored again in another order, in which most nonces would be too old: they
    // come back as they were carried, after a second carrying as well, each until it is forgotten, and they are of no lane.
    [Fact]
    public void What_is_carried_over_comes_back_in_its_order()
    {
        using TemporaryFolder folder = new();
        using RocksLedger ledger = RocksLedger.Open(
            folder.Path + "/ledger", StoreSamples.Identity, StoreSamples.Members, StoreSamples.DedupWindow, 8 << 20, 4 << 20);
        List<Hash256> roots = [];
        for (int time = 0; time < 2; time++)
        {
            for (byte i = 1; i <= 100; i++)
            {
                byte[] payload = [1, 0, 0, 0, 0, i];
                Hash256 root = Hash256.Of(payload);
                LaneTip[] parents = new LaneTip[StoreSamples.Members];
                VertexHeader of = VertexCodec.Seal(i % 2u, i % 3, 7, Hash256.Of([i]), parents, root, (uint)payload.Length, 1);
                ledger.AddCarried(of, payload, epoch: 3, self: 1, number: 5ul * i);
                roots.AddRange(time == 0 ? [root] : []);
            }

            Assert.True(ledger.Commit(out _));
        }

        Assert.Equal(roots, Roots());
        Assert.Empty(ledger.Unordered());
        Assert.Empty(ledger.VerticesAbove(3, 1, 0));
        // While they are read, those before are forgotten.
        int read = 0;
        foreach (Hash256 hash in ledger.Carried())
        {
            Assert.Equal(roots[read++], ledger.FindVertexHeader(hash)!.TransactionRoot);
            ledger.ForgetVertex(hash);
            Assert.True(ledger.Commit(out _));
            Assert.False(ledger.TryGetVertex(hash, out _, out _, out _));
            Assert.Equal(roots[read..], Roots());
        }

        Assert.Equal(roots.Count, read);

        IEnumerable<Hash256> Roots() => ledger.Carried().Select(hash => ledger.FindVertexHeader(hash)!.TransactionRoot);
    }
}
