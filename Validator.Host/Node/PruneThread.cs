using Microsoft.Extensions.Logging;
using Validator.Host.Cli;

namespace Validator.Host.Node;

/// <summary>
/// Forgets history that the retention does not cover, a small unsynced write at a time, and gives the room back when an eighth of
/// it has gathered. It waits for nobody and nobody waits for it: votes have a database of their own, and the ledger goes on writing.
/// </summary>
internal sealed class PruneThread(RocksLedger ledger, Retention retention, ILogger log, IFaultSink faults)
    : PipelineThread("prune", faults, ThreadPriority.BelowNormal)
{
    private Kept _compacted = ledger.FirstKept;

    protected override bool HasWork => false;

    protected override int IdleMilliseconds => 1_000;

    protected override bool Work()
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

        Kept kept = ledger.FirstKept;
        if (kept.Sequence - _compacted.Sequence > retention.Blocks / 8 || kept.Index - _compacted.Index > retention.Transactions / 8)
        {
            ledger.Compact();
            log.LogInformation("the ledger now begins with block {Block}, transaction {Index}", kept.Sequence, kept.Index);
            _compacted = kept;
        }

        return gone > 0;
    }
}
