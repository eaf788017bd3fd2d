using Validator.Core.Primitives;
using Validator.Core.Trust;
using Validator.Host.Contracts;
using Validator.Host.Primitives;

namespace Validator.Host.Metrics;

/// <summary>
/// Reputation, stake, rewards and weights as execution has them (docs/TRUST.md). The same at all, but for counters.
/// </summary>
internal static class TrustMetrics
{
    private const double One = Ratio.One;

    public static void Fill(MetricsRegistry page, TrustSummary trust)
    {
        Weights(page, trust);
        Reputation(page, trust);
        Stake(page, trust);
        Rewards(page, trust);
    }

    private static void Weights(MetricsRegistry page, TrustSummary trust)
    {
        // A ban counts from the epoch's end on.
        TrustedMember[] voters = [.. trust.Members.Where(m => m.Weight > 0)];
        page.Gauge("weighted_voting_total_stake", "Units deposited to members that vote.", voters.Sum(m => (double)m.Pool.Stake));
        page.Gauge("weighted_voting_eligible_voters", "Members that vote in this epoch.", voters.Length);
        page.Gauge(
            "weighted_voting_avg_weight", "Weight of a member in this epoch, on average.", voters.Average(m => (double)m.Weight));
        page.Gauge(
            "weighted_voting_calc_duration_seconds", "Reckoning of the last weights, with the rewards and bans that come with them.",
            trust.Counts.CloseSeconds);
    }

    private static void Reputation(MetricsRegistry page, TrustSummary trust)
    {
        TrustCounts counts = trust.Counts;
        uint banBelow = Ratio.OfThousandths(trust.Parameters.BanBelow);
        ByMember(page, trust, "reputation_score", "1 trusted to 0 not, of proven offences alone.", m => m.Reputation / One);
        page.Gauge("reputation_min", "The lowest of the members' and the banned.", trust.Members.Min(m => m.Reputation) / One);
        page.Gauge(
            "reputation_avg", "The average of the members and the banned.", trust.Members.Average(m => m.Reputation / One));
        ByMember(
            page, trust, "reputation_uptime", "Share of the windows of the last epochs in which the lane advanced.",
            m => m.Uptime / One);
        page.Gauge("reputation_uptime_min", "The lowest of them.", trust.Members.Min(m => m.Uptime) / One);
        page.Gauge("reputation_members", "Members that vote in this epoch.", trust.Members.Count(m => m.Weight > 0));
        page.Gauge(
            "reputation_banned_members", "Who is out of the committee by a ban, or from the epoch's end on.",
            trust.Members.Count(m => m.Banned));
        page.Gauge(
            "reputation_marked_members", "Members whose reputation says ban: at the epoch's end, or when the others can go on.",
            trust.Members.Count(m => !m.Banned && m.Reputation < banBelow));
        page.Gauge("reputation_offences_counted", "Offences of the last epochs that count.", trust.CountedOffences);
        page.Family("reputation_offences_total", "counter", "Offences proven since the start, by kind.");
        foreach (Offence offence in Enum.GetValues<Offence>())
        {
            page.Sample(counts.Offences[(int)offence], ("kind", Names.Snake(offence.ToString())));
        }

        page.Counter(
            "reputation_proofs_refused_total", "Proofs without effect: mostly of what counts already.", counts.RefusedProofs);
        page.Counter("reputation_bans_total", "Members banned since the start.", counts.Events[(int)TrustEventKind.Banned]);
        page.Counter(
            "reputation_bans_waiting_total", "Bans that had to wait at an epoch's end, since those left could not go on.",
            counts.Events[(int)TrustEventKind.BanWaits]);
        page.Counter(
            "reputation_returns_total", "Members that came back since the start.", counts.Events[(int)TrustEventKind.Returned]);
        page.Gauge("reputation_half_life_seconds", "In which a penalty is half forgiven.", trust.Parameters.HalfLifeMicros / 1e6);
    }

    private static void Stake(MetricsRegistry page, TrustSummary trust)
    {
        TrustCounts counts = trust.Counts;
        page.Gauge("stake_supply", "All units that there ever are.", trust.Supply);
        page.Gauge("stake_deposited", "Units deposited to whoever is or was a member.",
            trust.Left.Stake + trust.Members.Sum(m => (double)m.Pool.Stake));
        page.Gauge("stake_unbonding", "Units that leave them and are bound, or not claimed.",
            trust.Left.Unbonding + trust.Members.Sum(m => (double)m.Pool.Unbonding));
        page.Gauge("stake_treasury", "Units that slashes took.", trust.Treasury);
        ByMember(page, trust, "stake_member", "Units deposited to it.", m => m.Pool.Stake);
        page.Gauge("stake_records", "Records of accounts, deposits, withdrawals and pools.", trust.StakeRecords);
        page.Counter("stake_transfers_total", "Transfers since the start.", counts.Events[(int)TrustEventKind.Transfer]);
        page.Counter("stake_deposits_total", "Deposits since the start.", counts.Events[(int)TrustEventKind.Deposit]);
        page.Counter("stake_withdrawals_total", "Withdrawals since the start.", counts.Events[(int)TrustEventKind.Withdraw]);
        page.Counter("stake_claims_total", "Claims since the start.", counts.Events[(int)TrustEventKind.Claim]);
        page.Counter("stake_refused_total", "Operations without effect since the start.", counts.RefusedStake);
        page.Counter("stake_slashes_total", "Slashes since the start.", counts.Events[(int)TrustEventKind.Offence]);
        page.Counter("stake_slashed_units_total", "Units that they took.", counts.Units[(int)TrustEventKind.Offence]);
    }

    private static void Rewards(MetricsRegistry page, TrustSummary trust)
    {
        TrustCounts counts = trust.Counts;
        page.Gauge("rewards_pool", "Units that rewards are still paid from.", trust.Rewards);
        page.Gauge("rewards_epoch_budget", "Of these, what an epoch's members share at most.", trust.Parameters.EpochReward);
        page.Gauge("rewards_owed", "Units that depositors have not claimed.",
            trust.Left.Owed + trust.Members.Sum(m => (double)m.Pool.Owed));
        ByMember(page, trust, "rewards_owed_member", "The same of its depositors.", m => m.Pool.Owed);
        page.Counter("rewards_paid_total", "Payments to members' depositors since the start.",
            counts.Events[(int)TrustEventKind.Rewarded]);
        page.Counter("rewards_paid_units_total", "Units that these were.", counts.Units[(int)TrustEventKind.Rewarded]);
        page.Counter(
            "rewards_failed_total", "Rewards that stayed in the pool, since nobody has deposited to the member.",
            counts.Events[(int)TrustEventKind.RewardFailed]);
        page.Counter("rewards_failed_units_total", "Units that these were.", counts.Units[(int)TrustEventKind.RewardFailed]);
        page.Counter(
            "rewards_claimed_units_total", "Units claimed since the start, withdrawals included.",
                counts.Units[(int)TrustEventKind.Claim]);
        page.Counter("rewards_epochs_total", "Epochs reckoned since the start.", counts.Closes);
        page.Gauge("rewards_last_epoch", "The newest of these.", counts.ClosedEpoch);
        page.Gauge("rewards_last_paid_units", "Units paid for it.", counts.ClosePaid);
        page.Gauge("rewards_last_failed_units", "Units that stayed in the pool.", counts.CloseFailed);
        page.Gauge("rewards_last_members", "Members that were paid for it.", counts.CloseMembers);
    }

    private static void ByMember(
        MetricsRegistry page, TrustSummary trust, string name, string help, Func<TrustedMember, double> value)
    {
        page.Family(name, "gauge", help);
        foreach (TrustedMember member in trust.Members)
        {
            page.Sample(value(member), ("node_id", member.Name));
        }
    }
}
