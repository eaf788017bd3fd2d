using Validator.Host.Storage.Native;

namespace Validator.Host.Storage;

/// <summary>A step from one format of the stores to the next, for <c>validator db migrate</c>.</summary>
/// <param name="From">The format that it leads from.</param>
/// <param name="What">What it does, for the operator.</param>
/// <param name="Apply">Adds its writes to the batch that also writes the new format, so that all of it happens or nothing. The
/// family is the identity record's.</param>
internal sealed record StoreMigration(ushort From, string What, Action<StoreKind, RocksDbBatch, int> Apply)
{
    /// <summary>
    /// By format. None leads from format 1, whose blocks have other hashes. A build with -p:ValidatorTrialFormat=true, which is
    /// never shipped, has one format more, so that upgrade and rollback are tested with two builds (UpgradeTests).
    /// </summary>
    private static readonly StoreMigration[] s_all =
    [
        new(2, "gives it a log of its own in place of RocksDB's, and drops what nothing reads", static (kind, batch, _) =>
        {
            if (kind == StoreKind.Ledger)
            {
                RocksLedger.DropUnread(batch);
            }
        }),
        new(3, "lets the ledger drop certificates that a descendant's makes needless", static (_, _, _) => { }),
#if VALIDATOR_TRIAL_FORMAT
        new(4, "adds a record for the trial", (_, batch, family) => batch.Put(family, "Z"u8, "trial"u8)),
#endif
    ];

    /// <summary>Whether steps lead from a format to this binary's.</summary>
    public static bool Leads(ushort from) => from < StoreIdentity.FormatVersion && Steps(from).Length == StoreIdentity.FormatVersion - from;

    /// <summary>The steps from a format on, in order.</summary>
    public static StoreMigration[] Steps(ushort from) => [.. s_all.Where(s => s.From >= from).OrderBy(s => s.From)];
}
