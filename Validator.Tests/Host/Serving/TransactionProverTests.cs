using Validator.Core.Primitives;
using Validator.Core.Shell;
using Validator.Core.Wire;
using Validator.Core.Wire.Validation;
using Validator.Host.Serving;
using Validator.Host.Storage;
using Validator.Tests.Host.Storage;

namespace Validator.Tests.Host.Serving;

public class TransactionProverTests
{
    private static readonly Hash256 s_chain = Hash256.Of("chain"u8);

    // Protects that whatever is kept can be proven: each transaction, accepted or rejected, in a block with others, repeats and
    // envelopes, has a proof that holds, shows its index exactly if it has one, and comes back from its bytes. What is pruned, or
    // needs what is, has none and says so.
    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    public void Every_transaction_that_is_kept_has_its_proof(int seed)
    {
        const int Blocks = 120;
        using TemporaryFolder folder = new();
        using RocksLedger ledger = RocksLedger.Open(
            folder.Path, StoreSamples.Identity, StoreSamples.Members, StoreSamples.DedupWindow, 8 << 20, 4 << 20);
        StoreSamples.Fill(ledger, Blocks, new Random(seed), snapshotEvery: 10);
        TransactionProver prover = new(ledger, s_chain);
        int accepted = 0;
        foreach (Hash256 id in IdsFrom(ledger, 1, Blocks - 1))
        {
            Assert.True(ledger.TryFindTransaction(id, out TransactionState state));
            TransactionProof proof = Prove(prover, id);
            Assert.Equal((id, state.BlockSequence), (proof.Id, proof.Ordering.Sequence));
            Assert.Equal(state.Stage == TransactionStage.Finalized ? state.Index : null, proof.Accepted?.Index);
            accepted += proof.Accepted is null ? 0 : 1;
        }

        Assert.True(accepted > 50, $"{accepted} accepted");

        // Nothing above the newest block states its execution yet; a repeat in it was ordered before.
        Hash256[] newest = [.. IdsFrom(ledger, Blocks, Blocks).Where(
            id => ledger.TryFindTransaction(id, out TransactionState state) && state.BlockSequence == Blocks)];
        Assert.All(newest, id => Assert.Null(Prove(prover, id).Accepted));
        Assert.Null(prover.Prove(Hash256.Of("unknown"u8), out bool gone));
        Assert.False(gone);

        Hash256[] before = [.. IdsFrom(ledger, 1, Blocks)];
        while (ledger.Prune(new Retention(60, ulong.MaxValue), out _) > 0)
        {
        }

        ulong first = ledger.FirstKept.Sequence;
        HashSet<Hash256> kept = [.. IdsFrom(ledger, (int)first, Blocks)];
        HashSet<Hash256> opening = [.. IdsFrom(ledger, (int)first, (int)first)];
        foreach (Hash256 id in before)
        {
            bool found = prover.Prove(id, out gone) is not null;
            bool known = ledger.TryFindTransaction(id, out TransactionState state);
            // The parent of the first block that is kept may still be in memory.
            bool opens = known && state.BlockSequence == first;
            Assert.Equal((known, opens && !found), (found || opens, gone));
            Assert.True(known || !kept.Contains(id));
        }

        Assert.True(first > 1 && kept.Count > opening.Count);
    }

    // Protects who asks late: where the ordering block's certificate is dropped, the proof goes on to the next checkpoint, with
    // as many blocks more, and holds as before.
    [Theory]
    [InlineData(3)]
    [InlineData(Checkpoints.Span)]
    public void A_transaction_of_a_block_without_certificate_is_proven(int span)
    {
        const int Blocks = 400;
        using TemporaryFolder folder = new();
        using RocksLedger ledger = RocksLedger.Open(
            folder.Path, StoreSamples.Identity, StoreSamples.Members, StoreSamples.DedupWindow, 8 << 20, 4 << 20);
        StoreSamples.Fill(ledger, Blocks, new Random(3));
        Dictionary<Hash256, TransactionProof> before = [];
        TransactionProver prover = new(ledger, s_chain);
        foreach (Hash256 id in IdsFrom(ledger, 1, Blocks - 1))
        {
            before[id] = Prove(prover, id);
        }

        while (ledger.DropCertificates(20, span, out _) > 0)
        {
        }

        int longest = 0;
        foreach ((Hash256 id, TransactionProof was) in before)
        {
            TransactionProof proof = Prove(prover, id);
            Assert.Equal((was.Ordering.Hash, was.Accepted?.Index), (proof.Ordering.Hash, proof.Accepted?.Index));
            Assert.InRange(proof.Blocks.Length, was.Blocks.Length, was.Blocks.Length + span - 1);
            longest = Math.Max(longest, proof.Blocks.Length - was.Blocks.Length);
        }

        Assert.InRange(longest, span / 2, span - 1);
    }

    // Protects: what execution rejected is proven to be ordered, and no index is shown for it.
    [Fact]
    public void A_rejected_transaction_is_proven_without_an_index()
    {
        const int Blocks = 240;
        using TemporaryFolder folder = new();
        using RocksLedger ledger = RocksLedger.Open(
            folder.Path, StoreSamples.Identity, StoreSamples.Members, StoreSamples.DedupWindow, 8 << 20, 4 << 20);
        StoreSamples.Fill(ledger, Blocks, new Random(1));
        TransactionProver prover = new(ledger, s_chain);
        Hash256[] rejected = [.. IdsFrom(ledger, 1, Blocks - 1).Where(
            id => ledger.TryFindTransaction(id, out TransactionState state) && state.Stage == TransactionStage.Rejected)];
        Assert.NotEmpty(rejected);
        Assert.All(rejected, id => Assert.Null(Prove(prover, id).Accepted));
    }

    private static TransactionProof Prove(TransactionProver prover, Hash256 id)
    {
        TransactionProof? proof = prover.Prove(id, out bool gone);
        Assert.True(proof is not null && !gone);
        byte[] encoded = TransactionProofCodec.Encode(proof);
        Assert.True(TransactionProofCodec.TryRead(encoded, out TransactionProof? read, out DecodeError error), error.ToString());
        Assert.Equal(encoded, TransactionProofCodec.Encode(read));

        // The samples' first block has a parent of its own.
        EpochConfiguration epoch = StoreSamples.First;
        Block start = new()
        {
            Epoch = 0,
            Sequence = 0,
            Parent = s_chain,
            TimestampMicros = 1,
            ExecutedSequence = 0,
            ExecutedRoot = Hash256.Zero,
            NextCommittee = Hash256.Zero,
            Cut = new LaneTip[epoch.Members.Length],
            Hash = Hash256.Of("genesis"u8),
        };
        EpochConfiguration trusted = new(0, epoch.Members, start);
        Assert.Equal(ProofFault.None, TransactionProofChecks.Of(read, s_chain, trusted).Fault);
        return read;
    }

    private static IEnumerable<Hash256> IdsFrom(RocksLedger ledger, int first, int last)
    {
        TransactionScratch scratch = new();
        for (int sequence = first; sequence <= last; sequence++)
        {
            foreach (Hash256 vertex in ledger.Final((ulong)sequence)!.Order)
            {
                Assert.True(ledger.TryGetVertex(vertex, out VertexHeader? header, out _, out byte[]? payload));
                Assert.True(scratch.TryCompute(payload, (int)header.TransactionCount, out _, out _));
                for (int i = 0; i < header.TransactionCount; i++)
                {
                    yield return new Hash256(scratch.Ids[(i * Hash256.Size)..]);
                }
            }
        }
    }
}
