using System.Diagnostics;
using Validator.Core.Execution;
using Validator.Core.Primitives;
using Validator.Core.Trust;
using Validator.Core.Wire;
using Validator.Host.Contracts;

namespace Validator.Host.Pipeline;

/// <summary>
/// The executor's trust state for other threads than execution's: whoever writes it and whoever reads it holds the same lock, for
/// as long as a block takes at most. Where genesis has no trust, nobody takes it.
/// </summary>
internal sealed class TrustView(Executor executor)
{
    private readonly Lock _lock = new();
    private Member[] _members = [];
    private TrustCounts _counts = new();
    private ulong _nowMicros;

    public bool Exists => executor.Trust is not null;

    /// <summary>Before the first block: what reckoning takes is measured from now on.</summary>
    public void Begin()
    {
        if (executor.Trust is { } trust)
        {
            trust.Ticks = Stopwatch.GetTimestamp;
        }
    }

    /// <summary>Held while the state is written: <c>using (view.Write()) { ... }</c>.</summary>
    public Lock.Scope Write() => _lock.EnterScope();

    /// <summary>Before the start, and after each block, inside of <see cref="Write"/>.</summary>
    /// <param name="nowMicros">The newest executed block's timestamp.</param>
    public void Publish(ulong nowMicros)
    {
        _members = executor.Committee.Members;
        _nowMicros = nowMicros;
    }

    /// <summary>After <see cref="Publish"/>, inside of <see cref="Write"/> too: what the block did.</summary>
    public void Count(ExecutionResult result)
    {
        if (result.Trust is not { } changes)
        {
            return;
        }

        ulong paid = 0, failed = 0;
        int members = 0;
        foreach (TrustEvent happened in changes.Events)
        {
            _counts.Events[(int)happened.Kind]++;
            _counts.Units[(int)happened.Kind] += happened.Amount;
            _counts.Offences[(int)happened.Offence] += happened.Kind == TrustEventKind.Offence ? 1 : 0;
            paid += happened.Kind == TrustEventKind.Rewarded ? happened.Amount : 0;
            failed += happened.Kind == TrustEventKind.RewardFailed ? happened.Amount : 0;
            members += happened.Kind == TrustEventKind.Rewarded ? 1 : 0;
        }

        long refusedProofs = _counts.RefusedProofs, refusedStake = _counts.RefusedStake;
        foreach (ulong reason in result.Rejections)
        {
            refusedStake += reason is > Rejection.HighestIndex and <= Rejection.StakeRefused ? 1 : 0;
            refusedProofs += reason is > Rejection.StakeRefused and <= Rejection.ProofRefused ? 1 : 0;
        }

        _counts = _counts with { RefusedProofs = refusedProofs, RefusedStake = refusedStake };
        if (result.Change is not null)
        {
            _counts = _counts with
            {
                Closes = _counts.Closes + 1,
                ClosedEpoch = executor.Committee.Epoch,
                ClosePaid = paid,
                CloseFailed = failed,
                CloseMembers = members,
                CloseSeconds = Stopwatch.GetElapsedTime(0, executor.Trust?.CloseTicks ?? 0).TotalSeconds,
            };
        }
    }

    /// <summary>Null where genesis has no trust.</summary>
    public TrustSummary? Summary()
    {
        if (executor.Trust is not { } trust)
        {
            return null;
        }

        lock (_lock)
        {
            // Who is banned votes on until the epoch ends.
            IEnumerable<Member> all = _members.Concat(trust.Banned.Where(b => !Array.Exists(_members, m => m.Name == b.Name))
                .Select(banned => banned with { Weight = 0 }));
            return new TrustSummary(
                trust.Parameters, trust.Epoch, executor.Sequence, _nowMicros,
                [.. all.Select(member => new TrustedMember(
                    member.Name, member.Weight, trust.ReputationOf(member.Name, _nowMicros),
                    trust.UptimeOf(member.Name), trust.Stake.Pool(member.Name), trust.IsBanned(member.Name)))],
                Left(trust, all),
                trust.Stake.Treasury, trust.Stake.Rewards, trust.Stake.Supply, trust.CountedOffences, trust.Stake.Records.Count,
                _counts with { Offences = [.. _counts.Offences], Events = [.. _counts.Events], Units = [.. _counts.Units] });
        }
    }

    private static PoolView Left(TrustState trust, IEnumerable<Member> shown)
    {
        HashSet<string> names = [.. shown.Select(member => member.Name)];
        PoolView[] pools = [.. trust.Known.Where(name => !names.Contains(name)).Select(name => trust.Stake.Pool(name))];
        return new PoolView(
            pools.Aggregate(0UL, (sum, pool) => sum + pool.Stake), pools.Aggregate(0UL, (sum, pool) => sum + pool.Unbonding),
            pools.Aggregate(0UL, (sum, pool) => sum + pool.Owed));
    }

    /// <summary>Of an account, whether it is known or not; null where genesis has no trust.</summary>
    public AccountStake? Of(Hash256 account)
    {
        if (executor.Trust is not { } trust)
        {
            return null;
        }

        lock (_lock)
        {
            return new AccountStake(
                trust.Stake.Balance(account), trust.Stake.Pending(account), [.. trust.Stake.Positions(account)]);
        }
    }

    /// <summary>What executing a proof now would come to.</summary>
    public ProofRefusal Judge(OffenceProof proof)
    {
        if (executor.Trust is not { } trust)
        {
            return ProofRefusal.TrustOff;
        }

        lock (_lock)
        {
            return trust.Judge(proof);
        }
    }
}
