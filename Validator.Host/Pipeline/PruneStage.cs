using System.Diagnostics;
using Microsoft.Extensions.Logging;
using Validator.Core.Shell;
using Validator.Host.Primitives;
using Validator.Host.Storage;

namespace Validator.Host.Pipeline;

/// <summary>
/// Maintains the transaction index, drops certificates and deletes history beyond the retention, in small writes; compacts once
/// an eighth of the retention has been deleted. It waits for nobody and nobody waits for it: votes have a database of their own,
/// and the ledger goes on writing.
/// </summary>
internal sealed class PruneStage(RocksLedger ledger, Retention retention, ILogger log, Topology topology, IFaultSink faults)
    : PipelineStage(topology.Prune, faults)
{
    /// <summary>Blocks whose certificates are dropped before their room is given back: some 100 MB with four members.</summary>
    private const int BlocksPerCompaction = 8192;

    private const int LongestRest = 1_000;

    /// <summary>Rests so many times as long as the work took: a merge of a million entries then takes some ten seconds.</summary>
    private const int RestPerWork = 12;

    private ChainPosition _compacted = ledger.FirstKept;
    private int _dropped;
    private int _rest = LongestRest;
    private bool _indexing;

    public override bool HasWork => false;

    /// <summary>
    /// Rests after work on the index: merges come at the same transaction everywhere, 25 MB at once and more, and nothing waits
    /// for them, but votes wait beside them for the disk.
    /// </summary>
    public override int IdleMilliseconds => _rest;

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

        int dropped = ledger.DropCertificates(Checkpoints.Newest, Checkpoints.Span, out error);
        if (error is not null)
        {
            Faults.Fail(ExitCodes.Store, $"ledger: dropping certificates failed: {error}");
            return false;
        }

        _dropped += dropped;
        if (_dropped >= BlocksPerCompaction)
        {
            ledger.CompactDropped();
            _dropped = 0;
        }

        long begun = Stopwatch.GetTimestamp();
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

        int worked = (int)Math.Ceiling(Stopwatch.GetElapsedTime(begun).TotalMilliseconds);
        _rest = tended ? Math.Min(worked * RestPerWork, LongestRest) : LongestRest;
        return gone > 0 || dropped > 0;
    }
}
