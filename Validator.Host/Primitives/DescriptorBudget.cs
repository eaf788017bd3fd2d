using System.Globalization;
using Validator.Net.Native;

namespace Validator.Host.Primitives;

/// <summary>
/// How the process's file descriptors are divided. The stores and what the process needs for itself come first; HTTP connections
/// get the rest, and are refused beyond it. A client of the submit stream needs none: all share one UDP socket.
/// </summary>
/// <param name="Limit">All of them.</param>
/// <param name="LedgerFiles">Files that the ledger keeps open.</param>
/// <param name="Connections">Connections to the API at once.</param>
internal sealed record DescriptorBudget(long Limit, int LedgerFiles, int Connections)
{
    /// <summary>The vote store has few files, of some megabytes.</summary>
    public const int VoteFiles = 32;

    /// <summary>Connections to the metrics page: a few scrapers'.</summary>
    public const int MetricsConnections = 32;

    /// <summary>
    /// The rest: standard streams, event queues, listeners, QUIC, name resolution (a dozen each at most), logs, manifests and
    /// locks of two databases, and the inputs and outputs of a flush and a compaction at a time in each.
    /// </summary>
    public const int ForItself = 96;

    private const int LeastLedgerFiles = 64;
    private const int MostLedgerFiles = 512;

    /// <summary>With fewer the validator does not start: none would be left for clients.</summary>
    public const int Least = 256;

    /// <summary>Of this process.</summary>
    public static DescriptorBudget Own { get; } = Of(Kernel.DescriptorLimit);

    public static DescriptorBudget Of(long limit)
    {
        int files = (int)Math.Clamp(limit / 4, LeastLedgerFiles, MostLedgerFiles);
        long rest = limit - files - VoteFiles - MetricsConnections - ForItself;
        return new DescriptorBudget(limit, files, (int)Math.Clamp(rest, 0, int.MaxValue));
    }

    /// <summary>What to tell the operator when the limit is lower than the configuration needs; null when it is not.</summary>
    /// <param name="maxConnections">The setting <c>api.max_connections</c>.</param>
    /// <exception cref="OutsideException">It is too low to run at all.</exception>
    public string? Check(int maxConnections)
    {
        if (Limit < Least)
        {
            throw new OutsideException(ExitCodes.Usage, Text(
                $"this process may open {Limit} files, and a validator needs {Least} at least: raise the hard limit (LimitNOFILE= of the unit, ulimit -Hn, or the container's nofile)"));
        }

        long wanted = (long)maxConnections + MostLedgerFiles + VoteFiles + MetricsConnections + ForItself;
        return Connections >= maxConnections ? null : Text(
            $"api.max_connections: of the {Limit} files that this process may open the databases and the node keep {Limit - Connections} for themselves, so that {Connections} connections are taken and others refused, not {maxConnections}. Raise the hard limit to {wanted} (LimitNOFILE= of the unit, ulimit -Hn, or the container's nofile), or lower the setting");
    }

    private static string Text(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);
}
