using System.Buffers.Binary;
using Validator.Core.Primitives;
using Validator.Core.Trust;
using Validator.Core.Wire;

namespace Validator.Core.Execution;

/// <summary>Why an ordered committee change has no effect. Everyone who executes it comes to the same.</summary>
public enum ChangeRefusal : byte
{
    None,

    /// <summary>It was signed by another epoch's committee.</summary>
    WrongEpoch,

    /// <summary>One at a time: another change takes effect first.</summary>
    AnotherPending,
    UnknownMember,

    /// <summary>The result is no committee: a name or key twice, too many members, no weight, or one above F.</summary>
    NoCommittee,

    /// <summary>Those who are members before and after, with the same key, would weigh less than the new quorum.</summary>
    TooFewToGoOn,

    /// <summary>Where trust reckons the weights, nobody sets one.</summary>
    WeightsAreReckoned,
}

/// <summary>The committee as part of the executed state (rules E2 and E4). Deterministic; not thread-safe.</summary>
public sealed class CommitteeState
{
    // Of epoch and members alone, and of all.
    private Hash256 _membersDigest;
    private Hash256 _digest;

    public CommitteeState(ulong epoch, Member[] members, PendingCommittee? pending = null)
    {
        Epoch = epoch;
        Members = members;
        Pending = pending;
        UpdateDigest();
    }

    public ulong Epoch { get; private set; }
    public Member[] Members { get; private set; }

    /// <summary>Executed, and to take effect with the next epoch.</summary>
    public PendingCommittee? Pending { get; private set; }

    /// <summary>Enters the executed root (rule P6): epoch and members, and those of a pending change.</summary>
    public Hash256 Digest => _digest;

    /// <summary>Executes a system transaction of block <paramref name="sequence"/>; its signatures hold.</summary>
    /// <param name="trust">Reckons the next committee's weights; null: they are as they were.</param>
    /// <param name="nowMicros">The block's timestamp.</param>
    public ChangeRefusal Apply(CommitteeChange change, ulong sequence, TrustState? trust = null, ulong nowMicros = 0)
    {
        if (trust is not null && trust.Parameters.Weights != WeightMode.Fixed && change.Kind == CommitteeChangeKind.Weight)
        {
            return ChangeRefusal.WeightsAreReckoned;
        }

        ChangeRefusal refusal = Result(change, out Member[] members);
        if (refusal != ChangeRefusal.None)
        {
            return refusal;
        }

        if (trust is not null)
        {
            if (trust.Close(Members, members, nowMicros) is not { } reckoned)
            {
                return ChangeRefusal.TooFewToGoOn;
            }

            members = reckoned;
        }

        SetPending(sequence, members);
        return ChangeRefusal.None;
    }

    /// <summary>
    /// After the transactions of each block. An epoch with trust that is as long as genesis says has its next committee reckoned;
    /// after the last block of any, what that names takes effect.
    /// </summary>
    /// <returns>The committee that became pending by itself.</returns>
    public PendingCommittee? AfterBlock(Block block, TrustState? trust)
    {
        PendingCommittee? made = null;
        trust?.OnBlock(block);
        if (trust is not null && !block.EndsEpoch && Pending is null && trust.IsDue(block.Sequence))
        {
            Member[]? members = trust.Close(Members, Members, block.TimestampMicros);
            // They are a committee as they are, and nobody is new.
            Require.That(members is not null);
            SetPending(block.Sequence, members);
            made = Pending;
        }

        if (block.EndsEpoch)
        {
            EndEpoch(block);
            trust?.EndEpoch(block, Members);
        }

        trust?.AssertInvariants();
        return made;
    }

    private void SetPending(ulong sequence, Member[] members)
    {
        Pending = new PendingCommittee(sequence, members);
        UpdateDigest();
    }

    /// <summary>What the change would do now.</summary>
    public ChangeRefusal Result(CommitteeChange change, out Member[] members)
    {
        members = [];
        if (change.Epoch != Epoch)
        {
            return ChangeRefusal.WrongEpoch;
        }

        if (Pending is not null)
        {
            return ChangeRefusal.AnotherPending;
        }

        int at = Array.FindIndex(Members, m => m.Name == change.Name);
        if (change.Kind != CommitteeChangeKind.Join && at < 0)
        {
            return ChangeRefusal.UnknownMember;
        }

        members = change.Kind switch
        {
            CommitteeChangeKind.Join => [.. Members, new Member(change.Name, change.ConsensusKey, change.TransportKey, change.Weight)],
            CommitteeChangeKind.Leave => [.. Members.AsSpan(0, at), .. Members.AsSpan(at + 1)],
            CommitteeChangeKind.Weight => With(at, Members[at] with { Weight = change.Weight }),
            _ => With(at, Members[at] with { ConsensusKey = change.ConsensusKey, TransportKey = change.TransportKey }),
        };
        return GenesisCodec.MembersRefusal(members) is not null ? ChangeRefusal.NoCommittee
            : GoOn(members) ? ChangeRefusal.None : ChangeRefusal.TooFewToGoOn;
    }

    /// <summary>After the execution of an epoch's last block: what it names takes effect.</summary>
    public void EndEpoch(Block last)
    {
        Require.That(last.Epoch == Epoch);
        ulong next = Epoch + 1;
        Hash256 digest = default;
        if (Pending is { } pending && (digest = GenesisCodec.CommitteeDigest(next, pending.Members)) == last.NextCommittee)
        {
            Members = pending.Members;
            Pending = null;
        }
        else
        {
            // A change that the block's statement does not cover yet waits for the next epoch's end.
            digest = GenesisCodec.CommitteeDigest(next, Members);
        }

        Require.That(last.NextCommittee == digest);
        Epoch = next;
        UpdateDigest(digest);
    }

    private bool GoOn(Member[] members) =>
        Committee.Of(members).CanGoOn(Array.ConvertAll(members, member => Member.Find(Members, member.ConsensusKey) >= 0));

    private Member[] With(int at, Member member)
    {
        Member[] members = [.. Members];
        members[at] = member;
        return members;
    }

    private void UpdateDigest() => UpdateDigest(_membersDigest.IsZero ? GenesisCodec.CommitteeDigest(Epoch, Members) : _membersDigest);

    /// <param name="digest">Of epoch and members.</param>
    private void UpdateDigest(Hash256 digest)
    {
        _membersDigest = digest;
        if (Pending is { } pending)
        {
            Span<byte> both = stackalloc byte[8 + (2 * Hash256.Size)];
            BinaryPrimitives.WriteUInt64LittleEndian(both, pending.Sequence);
            digest.CopyTo(both[8..]);
            GenesisCodec.CommitteeDigest(Epoch + 1, pending.Members).CopyTo(both[(8 + Hash256.Size)..]);
            digest = Hash256.Of(both);
        }

        _digest = digest;
    }
}
