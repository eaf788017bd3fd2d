namespace Validator.Host.Tools.Load;

/// <summary>What is wrong with a finished run.</summary>
public static class LoadVerdict
{
    /// <summary>The share of the offered rate that must be finalized.</summary>
    public const double RequiredShare = 0.98;

    /// <summary>One sentence for each failed check; none when the run is good.</summary>
    /// <param name="rejectionsAllowed">True when the load is above the defaults: a full validator may then refuse.</param>
    public static List<string> Failures(LoadOptions options, LoadResult result, bool rejectionsAllowed)
    {
        List<string> failures = [];
        Check(result.Lost, "accepted transactions are missing from a validator's stream");
        Check(result.Duplicated, "transactions are in a stream more than once");
        Check(result.Diverged, "places where streams differ from each other or from what was sent");
        Check(result.NotStrong, "accepted transactions were not said to be strong in time");
        if (!rejectionsAllowed)
        {
            Check(result.Rejected, "transactions were rejected");
        }

        Check(result.RejectedLate, "transactions were ordered and then rejected by execution: sent before, or of accounts that another load uses too (--seed)");

        double required = RequiredShare * options.Rate;
        if (!result.Interrupted && result.FinalizedPerSecond < required)
        {
            failures.Add($"{result.FinalizedPerSecond:F0} tx/s were finalized, below 98 % of the {options.Rate} offered");
        }

        return failures;

        void Check(long count, string what)
        {
            if (count > 0)
            {
                failures.Add($"{count} {what}");
            }
        }
    }
}
