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
    private ulong _nowMicros;

    public bool Exists => executor.Trust is not null;

    /// <summary>Held while the state is written: <c>using (view.Write()) { ... }</c>.</summary>
    public Lock.Scope Write() => _lock.EnterScope();

    /// <summary>Before the start, and after each block, inside of <see cref="Write"/>.</summary>
    /// <param name="nowMicros">The newest executed block's timestamp.</param>
    public void Publish(ulong nowMicros)
    {
        _members = executor.Committee.Members;
        _nowMicros = nowMicros;
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
            IEnumerable<Member> all = _members.Concat(trust.Banned);
            return new TrustSummary(
                trust.Parameters, trust.Epoch, executor.Sequence, _nowMicros,
                [.. all.Select(member => new TrustedMember(
                    member.Name, trust.IsBanned(member.Name) ? 0 : member.Weight, trust.ReputationOf(member.Name, _nowMicros),
                    trust.UptimeOf(member.Name), trust.Stake.Pool(member.Name), trust.IsBanned(member.Name)))],
                trust.Stake.Treasury, trust.Stake.Rewards, trust.Stake.Supply, trust.CountedOffences);
        }
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
