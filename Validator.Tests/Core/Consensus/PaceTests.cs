using Validator.Core.Consensus;
using Validator.Core.Effects;
using Validator.Core.Primitives;
using Validator.Core.Wire;
using Validator.Tests.Core.Wire;

namespace Validator.Tests.Core.Consensus;

/// <summary>
/// How far apart blocks and own vertices are: a committee of one, whose shell takes as long for a signature as the test says.
/// </summary>
public class PaceTests
{
    private const long Interval = 10_000;
    private const long Second = 1_000_000;

    // Protects latency under load: blocks that votes cannot keep up with are what votes wait for. What a disk always takes says
    // nothing of load, and what is over is forgotten.
    [Fact]
    public void Blocks_give_way_while_own_votes_wait()
    {
        Shell shell = new() { SignMicros = 2_000 };
        shell.RunFor(Second);
        Assert.InRange(shell.BlocksIn(Second), 75, 101);

        shell.SignMicros = 7_000;
        shell.RunFor(Second / 2);
        Assert.InRange(shell.BlocksIn(Second), 20, 30);

        shell.SignMicros = 30_000;
        shell.RunFor(Second);
        Assert.InRange(shell.BlocksIn(2 * Second), 20, 26);

        shell.SignMicros = 2_000;
        shell.RunFor(Second);
        Assert.InRange(shell.BlocksIn(Second), 60, 101);
    }

    // Protects throughput: 512 KiB in each interval of 80 ms would be the most that a lane ever carries.
    [Theory]
    [InlineData(1u << 19, true)]
    [InlineData(1u << 18, false)]
    public void A_full_vertex_is_followed_at_once(uint payloadBytes, bool atOnce)
    {
        Shell shell = new() { SignMicros = 2_000, PayloadBytes = payloadBytes };
        shell.RunFor(Second);
        shell.SignMicros = 9_000;
        shell.RunFor(Second);
        int vertices = shell.VerticesIn(Second);
        Assert.InRange(vertices, atOnce ? 60 : 10, atOnce ? 101 : 30);
    }

    private sealed class Shell
    {
        private readonly PriorityQueue<Input, (long, int)> _events = new();
        private readonly EffectBuffer _effects = new();
        private readonly ValidatorCore _core;
        private readonly Genesis _genesis;
        private long _now;
        private int _order;
        private int _blocks;
        private int _vertices;

        public Shell()
        {
            Genesis four = GenesisSamples.Four();
            _genesis = four with { Members = [four.Members[0]] };
            EpochConfiguration epoch = EpochConfiguration.First(_genesis, GenesisCodec.ChainId(_genesis));
            _core = new ValidatorCore(_genesis, epoch, 0, new CoreSettings { BlockIntervalMicros = Interval }, null);
            Feed(Input.Tick);
        }

        /// <summary>Until a signature is there and durable.</summary>
        public long SignMicros { get; set; }
        public uint PayloadBytes { get; init; } = 100;

        public int BlocksIn(long micros) => Counted(micros, () => _blocks);

        public int VerticesIn(long micros) => Counted(micros, () => _vertices);

        private int Counted(long micros, Func<int> count)
        {
            int before = count();
            RunFor(micros);
            return count() - before;
        }

        public void RunFor(long micros)
        {
            long end = _now + micros;
            while (true)
            {
                bool due = _events.TryPeek(out _, out (long At, int) next);
                long at = Math.Max(_now, Math.Min(due ? next.At : long.MaxValue, _core.NextDeadline));
                if (at > end)
                {
                    break;
                }

                _now = at;
                Feed(due && next.At <= at ? _events.Dequeue() : Input.Tick);
            }

            _now = end;
        }

        private void Feed(Input input)
        {
            input.Stamp(_now, _genesis.TimestampMicros + (ulong)_now);
            _core.Handle(in input, _effects);
            Answer(EffectLog.Of(_effects));
            _effects.Clear();
        }

        private void Answer(EffectLog log)
        {
            foreach (SignedHeader header in log.Signed)
            {
                _blocks += header.Kind == MessageKind.PrePrepare ? 1 : 0;
                _vertices += header.Kind == MessageKind.Vertex ? 1 : 0;
                Later(SignMicros, Input.Signed(new Signed(header, new byte[Limits.SignatureBytes])));
            }

            foreach (string _ in log.Cases.Where(name => name == nameof(IEffectHandler.BatchCredit)))
            {
                Later(0, Input.ClientBatch(new SealedBatch(1, Hash256.Of([1]), PayloadBytes, 1)));
            }

            log.Executed.ForEach(block => Later(100, Input.Executed(block.Sequence, block.Hash, null)));
        }

        private void Later(long micros, Input input) => _events.Enqueue(input, (_now + micros, _order++));
    }
}
