using System.Buffers.Binary;
using Validator.Core.Primitives;
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
    public ChangeRefusal Apply(CommitteeChange change, ulong sequence)
    {
        ChangeRefusal refusal = Result(change, out Member[] members);
        if (refusal == ChangeRefusal.None)
        {
            Pending = new PendingCommittee(sequence, members);
            UpdateDigest();
        }

        return refusal;
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
