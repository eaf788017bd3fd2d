using Microsoft.Extensions.Logging;
using Validator.Host.Primitives;
using Validator.Host.Storage;

namespace Validator.Host.Pipeline;

/// <summary>
/// Maintains the transaction index and deletes history beyond the retention, in small writes; compacts once an eighth of
/// the retention has been deleted. It waits for nobody and nobody waits for it: votes have a database of their own, and the
/// ledger goes on writing.
/// </summary>
internal sealed class PruneStage(RocksLedger ledger, Retention retention, ILogger log, Topology topology, IFaultSink faults)
    : PipelineStage(topology.Prune, faults)
{
    private ChainPosition _compacted = ledger.FirstKept;
    private bool _indexing;

    public override bool HasWork => false;

    public override int IdleMilliseconds => 1_000;

    public override bool Work()
    {
        if (Stopping)
        {
            return false;
        }

        int gone = ledger.Prune(retention, out string? error);
        if (error is not null)
        {
            Faults.Fail(ExitCodes.Store, $"ledger: deleting old blocks failed: {error}");
            return false;
        }

        ChainPosition kept = ledger.FirstKept;
        if (kept.Sequence - _compacted.Sequence > retention.Blocks / 8 || kept.Index - _compacted.Index > retention.Transactions / 8)
        {
            ledger.Compact();
            log.LogInformation("the ledger now begins with block {Block}, transaction {Index}", kept.Sequence, kept.Index);
            _compacted = kept;
        }

        bool tended = gone == 0 && ledger.TendIndex(
            retention, damage => log.LogError("transactions of some blocks are not found by id: {Damage}", damage), out error);
        if (error is not null)
        {
            Faults.Fail(ExitCodes.Store, $"ledger: writing its index failed: {error}");
            return false;
        }

        if (_indexing != (ledger.NotIndexed is not null))
        {
            _indexing = !_indexing;
            log.LogInformation(_indexing
                ? "transactions of older blocks are not found by id yet: their index is being made"
                : "every transaction that is kept is found by its id");
        }

        return gone > 0 || tended;
    }
}
