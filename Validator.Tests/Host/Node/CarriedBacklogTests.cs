using System.Buffers.Binary;
using Validator.Core.Primitives;
using Validator.Core.Wire;
using Validator.Host.Contracts;
using Validator.Host.Node;
using Validator.Host.Pipeline;
using Validator.Host.Storage;
using Validator.Net.Quic;

namespace Validator.Tests.Host.Node;

/// <summary>What a fork took back is authored again by a validator that starts (rule R3).</summary>
public sealed class CarriedBacklogTests
{
    private const int Vertices = 160;

    // Protects memory, order and what was promised, where an abandoned branch holds more than the queue of submissions may: it
    // is read piece by piece, so that clients are still taken, all of it becomes final in its order and before what is new,
    // once, though the validator ends twice on the way; and then nothing of it is left.
    [Fact]
    public async Task More_than_the_queue_may_hold_is_authored_again_in_order()
    {
        await using TestCluster cluster = new(1, TestCluster.OpenStores, options => new QuicTransport(options));
        NodeContext context = cluster.ContextOf(0);
        string path = context.Config.Storage.LedgerPath;
        List<Hash256> promised = [];
        using (RocksLedger ledger = StoppedNode.OpenLedger(context, path, creates: true))
        {
            Carry(ledger, promised);
        }

        TimeSpan limit = TimeSpan.FromSeconds(60);
        foreach (int until in (int[])[promised.Count / 5, promised.Count / 2])
        {
            cluster.Start(0);
            // Most of it is on disk alone.
            Assert.InRange(cluster.Nodes[0]!.GetStatus().PendingTransactions, 0ul, (ulong)promised.Count / 2);
            await TestCluster.ReadFinalAsync(cluster.Nodes[0]!, until, limit);
            await cluster.StopAsync(0);
        }

        using (RocksLedger ledger = StoppedNode.OpenLedger(context, path))
        {
            Assert.InRange(ledger.Carried().Count(), 0, Vertices - 1);
        }

        cluster.Start(0);
        Submission fresh = TestCluster.Submission(0, 0, 1, wantsFinal: true);
        Assert.Equal(SubmitRefusal.None, cluster.Nodes[0]!.TrySubmit(fresh));
        promised.Add(new Hash256(fresh.Ids));
        List<(ulong Index, Hash256 Id)> stream = await TestCluster.ReadFinalAsync(cluster.Nodes[0]!, promised.Count, limit);
        Assert.Equal(promised, stream.Select(s => s.Id));
        await cluster.StopAsync(0);
        using RocksLedger after = StoppedNode.OpenLedger(context, path);
        Assert.Empty(after.Carried());
        Assert.Equal((ulong)promised.Count, after.LastFinal()!.Result.FirstIndex + after.LastFinal()!.Result.Accepted);
    }

    /// <summary>Half a megabyte in each, and so more than twice of what may wait.</summary>
    private static void Carry(RocksLedger ledger, List<Hash256> promised)
    {
        TransactionScratch scratch = new();
        for (int vertex = 0; vertex < Vertices; vertex++)
        {
            byte[] payload = new byte[7 * PayloadWriter.Size(Limits.MaxTransactionBytes)];
            int at = 0;
            for (int i = 0; i < 7; i++)
            {
                byte[] transaction = new byte[Limits.MaxTransactionBytes];
                BinaryPrimitives.WriteInt32LittleEndian(transaction, 1 + promised.Count + i);
                at += PayloadWriter.Append(payload.AsSpan(at), TransactionKind.Opaque, transaction);
            }

            Assert.True(scratch.TryCompute(payload, 7, out Hash256 root, out _));
            for (int i = 0; i < 7; i++)
            {
                promised.Add(new Hash256(scratch.Ids.Slice(i * Hash256.Size, Hash256.Size)));
            }

            VertexHeader of = VertexCodec.Seal(
                0, 0, 1, Hash256.Zero, new LaneTip[1], root, (uint)payload.Length, 7);
            ledger.AddCarried(of, payload, epoch: 0, self: 0, number: 1 + (ulong)vertex);
            Assert.True(vertex % 20 != 19 || ledger.Commit(out _));
        }

        Assert.True(Vertices * 7L * Limits.MaxTransactionBytes > 2 * new ClientBatcherOptions().MaxPendingBytes);
    }
}
