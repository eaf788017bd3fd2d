using Validator.Core.Execution;
using Validator.Core.Primitives;
using Validator.Core.Shell;
using Validator.Core.Wire;
using Validator.Host.Primitives;
using Validator.Host.Storage;
using Validator.Net.Rings;

namespace Validator.Host.Pipeline;

/// <summary>A final block to execute, with the headers of its vertices in order.</summary>
internal readonly record struct ExecuteItem(Block Block, Certificate Certificate, VertexHeader[] Order);

/// <summary>Executes final blocks in sequence and hands the outcome to the ledger.</summary>
/// <param name="epoch">The epoch after the executor's newest block.</param>
/// <param name="snapshotBlocks">Blocks between two captures of a snapshot's digests.</param>
internal sealed class ExecutionStage(
    Executor executor, EpochConfiguration epoch, VertexSource vertices, ulong snapshotBlocks, Topology topology, IFaultSink faults)
    : PipelineStage(topology.Execution, faults)
{
    private OrderedVertex[] _ordered = [];
    private readonly EpochTrack _epochs = new(epoch, executor.Sequence);

    public required TrustView Trust { get; init; }

    public required ThreatWatch Threat { get; init; }

    /// <summary>The epoch of the state on disk.</summary>
    public required Func<EpochConfiguration> Current { get; init; }

    public override bool HasWork => !topology.CoreToExecution.IsEmpty;

    public override bool HasRoom => Fits(topology.ExecutionToLedger);

    public override bool Work()
    {
        if (!topology.CoreToExecution.TryTake(out ExecuteItem item))
        {
            return false;
        }

        int count = item.Order.Length;
        if (_ordered.Length < count)
        {
            _ordered = new OrderedVertex[Math.Max(count, 2 * _ordered.Length)];
        }

        HeldVertex[] held = new HeldVertex[count];
        for (int i = 0; i < count; i++)
        {
            HeldVertex? vertex = vertices.Find(item.Order[i].Hash);
            Require.That(vertex is not null, "every vertex of a final block is held");
            held[i] = vertex;
            _ordered[i] = new OrderedVertex(vertex.Header, vertex.Body.Ids, vertex.Body.Payload);
        }

        ExecutionResult result = new();
        using (Trust.Exists ? Trust.Write() : default)
        {
            executor.Execute(item.Block, _ordered.AsSpan(0, count), result);
            Trust.Publish(item.Block.TimestampMicros);
            Trust.Count(result);
        }

        if (executor.Trust is { Proven.Count: > 0 } trust)
        {
            ulong wall = Clock.WallMicros(), at = item.Block.TimestampMicros;
            trust.Proven.ForEach(proven => Threat.Convict(proven.Member, proven.Signed, wall - Math.Min(at, wall)));
        }

        Array.Clear(_ordered, 0, count);
        // At each epoch's end too (rule E6).
        bool due = result.Sequence % snapshotBlocks == 0 || item.Block.EndsEpoch;
        SnapshotState? snapshot = due ? executor.Capture() : null;
        ExecutedBlock executed = new(item.Block, item.Certificate, held, result, snapshot, _epochs.Execute(item.Block, executor.Committee, Current()));
        return Hand(topology.ExecutionToLedger, LedgerItem.Executed(executed));
    }
}
