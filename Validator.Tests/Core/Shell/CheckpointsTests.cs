using Validator.Core.Primitives;
using Validator.Core.Shell;
using Validator.Core.Wire;

namespace Validator.Tests.Core.Shell;

public class CheckpointsTests
{
    private const int Members = 4;

    // Protects every block's proof, and with it peers and clients: over chains with epochs, snapshots and blocks that only a
    // descendant's certificate covers, nothing that is dropped makes the way to a proof longer than the span, however the
    // dropping is cut into steps; an epoch's last block keeps its own; and few are left.
    [Fact]
    public void What_is_dropped_leaves_every_block_within_reach_of_a_proof()
    {
        int dropped = 0;
        for (int seed = 0; seed < 300; seed++)
        {
            Random random = new(seed);
            int span = random.Next(1, Checkpoints.Span + 1);
            int epochs = random.Next(2) * random.Next(20, 200);
            Ledger ledger = Ledger.Draw(random, blocks: 600, coveredOfTen: random.Next(9), lengthOfEpochs: epochs);
            ulong[] snapshots = [.. Enumerable.Range(0, random.Next(4)).Select(_ => (ulong)random.Next(1, 600))];
            int?[] before = ledger.Ways();
            ulong last = 0;
            for (ulong end = 0; end <= 600; end += (ulong)random.Next(1, 100))
            {
                while (Checkpoints.After(ledger, last, end, span, snapshots) is { } next)
                {
                    Assert.InRange(next, last + 1, end);
                    dropped += ledger.Drop(last, next);
                    last = next;
                }
            }

            int?[] after = ledger.Ways();
            Assert.All(before.Zip(after), way => Assert.True(
                way.First is null ? way.Second is null : way.Second <= Math.Max(span, way.First.Value),
                $"seed {seed}: {way.First} became {way.Second} of {span}"));
            Assert.All(ledger.Finals, f => Assert.True(!f.Block.EndsEpoch || f.Certificate is not null));
            foreach (ulong snapshot in snapshots.Where(s => s < last))
            {
                // The first that states it has no longer way to its proof than it had.
                ulong stating = ledger.Finals.First(f => f.Block.ExecutedSequence >= snapshot).Block.Sequence;
                Assert.Equal(before[stating - 1], after[stating - 1]);
            }
        }

        Assert.True(dropped > 50_000, $"{dropped}");
    }

    // Protects the promise of a fiftieth: where every block has its own certificate, one in a span is left.
    [Fact]
    public void One_certificate_in_a_span_is_left()
    {
        Ledger ledger = Ledger.Draw(new Random(1), blocks: 20 * Checkpoints.Span, coveredOfTen: 0, lengthOfEpochs: 0);
        ulong last = 0;
        while (Checkpoints.After(ledger, last, (ulong)ledger.Finals.Count, Checkpoints.Span, []) is { } next)
        {
            ledger.Drop(last, next);
            last = next;
        }

        Assert.Equal(19ul * Checkpoints.Span, last);
        Assert.Equal(19 + Checkpoints.Span, ledger.Finals.Count(f => f.Certificate is not null));
    }

    // Protects a peer that catches up over old history: every answer ends at a block that its certificate proves, has more than
    // were asked for only to reach it, stays in its epoch, and passes the checks of its receiver; the same blocks with one fewer,
    // or with a certificate from further on, do not.
    [Fact]
    public void Every_answer_reaches_a_proof_and_one_cut_short_is_refused()
    {
        Random random = new(2);
        Ledger ledger = Ledger.Draw(random, blocks: 1_000, coveredOfTen: 3, lengthOfEpochs: 300);
        ulong last = 0;
        while (Checkpoints.After(ledger, last, 900, Checkpoints.Span, []) is { } next)
        {
            ledger.Drop(last, next);
            last = next;
        }

        ulong newest = ledger.Finals.Last(f => f.Certificate!.Sequence == f.Block.Sequence).Block.Sequence;
        for (ulong from = 1; from <= newest; from++)
        {
            uint count = (uint)random.Next(1, 40);
            FinalBlocks answer = Checkpoints.Answer(ledger, Request(from, count))!;
            Block end = answer.Blocks[^1];
            Assert.All(answer.Blocks[..^1], b => Assert.False(b.EndsEpoch));
            Assert.Equal(from, answer.Blocks[0].Sequence);
            Assert.True(answer.Certificate.Proves(end));
            // More than were asked for only where it takes them to reach the first proof.
            Assert.True(answer.Blocks.Length <= count || ledger.Ways()[(int)from - 1] == answer.Blocks.Length);
            Assert.Equal(DecodeError.None, Receive(answer));
            if (answer.Blocks.Length > 1)
            {
                Assert.Equal(DecodeError.ChainBroken, Receive(answer with { Blocks = answer.Blocks[..^1] }));
            }

            if (Checkpoints.Answer(ledger, Request(end.Sequence + 1, 1)) is { } above)
            {
                Assert.Equal(DecodeError.ChainBroken, Receive(answer with { Certificate = above.Certificate }));
            }
        }
    }

    private static FetchRequest Request(ulong from, uint count) => new(FetchKind.FinalBlocks, 0, 0, from, count, Hash256.Zero);

    private static DecodeError Receive(FinalBlocks answer)
    {
        byte[] bytes = new byte[FrameCodec.EncodedSize(answer)];
        FrameCodec.Write(answer, bytes);
        return FrameCodec.TryRead(bytes, Members, out _, out DecodeError error) ? DecodeError.None : error;
    }

    /// <summary>A chain from sequence 1 on.</summary>
    private sealed class Ledger : IFinalBlocks
    {
        public List<(Block Block, Certificate? Certificate)> Finals { get; } = [];

        /// <param name="coveredOfTen">How many of ten have only a descendant's.</param>
        /// <param name="lengthOfEpochs">0: one epoch.</param>
        public static Ledger Draw(Random random, int blocks, int coveredOfTen, int lengthOfEpochs)
        {
            Ledger ledger = new();
            Hash256 parent = Hash256.Of([2]);
            List<Block> chain = [];
            ulong executed = 0;
            for (int i = 1; i <= blocks; i++)
            {
                ulong epoch = lengthOfEpochs == 0 ? 0 : (ulong)((i - 1) / lengthOfEpochs);
                bool ends = lengthOfEpochs > 0 && i % lengthOfEpochs == 0;
                executed = Math.Min((ulong)i - 1, executed + (ulong)random.Next(4));
                Hash256 next = ends ? Hash256.Of([1]) : Hash256.Zero;
                chain.Add(BlockCodec.Seal(epoch, (ulong)i, parent, (ulong)i, executed, Hash256.Zero, next, new LaneTip[Members]));
                parent = chain[^1].Hash;
            }

            Block? covering = null;
            foreach (Block block in Enumerable.Reverse(chain))
            {
                bool own = covering is null || covering.Epoch != block.Epoch || random.Next(10) >= coveredOfTen;
                covering = own ? block : covering!;
                ledger.Finals.Insert(0, (block, CertificateOf(covering)));
            }

            return ledger;
        }

        public (Block Block, Certificate? Certificate)? FindFinal(ulong sequence) =>
            sequence > 0 && sequence <= (ulong)Finals.Count ? Finals[(int)sequence - 1] : null;

        public int Drop(ulong last, ulong next)
        {
            int dropped = 0;
            for (int i = (int)last; i < (int)next - 1; i++)
            {
                dropped += Finals[i].Certificate is null ? 0 : 1;
                Finals[i] = (Finals[i].Block, null);
            }

            return dropped;
        }

        /// <summary>Blocks from each one to the first that its own certificate proves, in its epoch.</summary>
        public int?[] Ways()
        {
            int?[] ways = new int?[Finals.Count];
            int? way = null;
            for (int i = Finals.Count - 1; i >= 0; i--)
            {
                (Block block, Certificate? certificate) = Finals[i];
                way = certificate?.Sequence == block.Sequence ? 1 : block.EndsEpoch ? null : way + 1;
                ways[i] = way;
            }

            return ways;
        }

        private static Certificate CertificateOf(Block block) => new()
        {
            Phase = Phase.Committed,
            Epoch = block.Epoch,
            View = 0,
            Sequence = block.Sequence,
            BlockHash = block.Hash,
            Votes = [.. Enumerable.Range(0, 3).Select(i => new CertificateVote(i, new byte[Limits.SignatureBytes]))],
        };
    }
}
