namespace Validator.Core.Primitives;

/// <summary>One member of a committee, as genesis names it.</summary>
/// <param name="Name">1 to 64 bytes of [a-z0-9.-_], unique.</param>
/// <param name="ConsensusKey">ML-DSA-87 public key, 2592 bytes: votes and vertices.</param>
/// <param name="TransportKey">ML-DSA-87 public key, 2592 bytes: TLS only.</param>
/// <param name="Weight">At least 1.</param>
public sealed record Member(string Name, byte[] ConsensusKey, byte[] TransportKey, uint Weight)
{
    /// <summary>The index of the one with this consensus key, or -1.</summary>
    public static int Find(ReadOnlySpan<Member> members, ReadOnlySpan<byte> consensusKey)
    {
        for (int i = 0; i < members.Length; i++)
        {
            if (members[i].ConsensusKey.AsSpan().SequenceEqual(consensusKey))
            {
                return i;
            }
        }

        return -1;
    }
}

/// <summary>
/// One epoch's validators by weight. W total, F = floor((W-1)/3), q = floor(2W/3)+1 (PROTOCOL.md, section 2).
/// </summary>
public sealed class Committee
{
    private readonly uint[] _weights;

    /// <summary>The reason a set of weights cannot form a committee, or null when it can.</summary>
    public static string? Refusal(ReadOnlySpan<uint> weights)
    {
        if (weights.Length is 0 or > Limits.MaxCommittee)
        {
            return $"a committee has 1 to {Limits.MaxCommittee} members, not {weights.Length}";
        }

        ulong total = 0;
        foreach (uint weight in weights)
        {
            if (weight == 0)
            {
                return "every member needs a weight of at least 1";
            }

            total += weight;
        }

        ulong faulty = (total - 1) / 3;
        if (weights.Length >= 4)
        {
            foreach (uint weight in weights)
            {
                if (weight > faulty)
                {
                    return $"a member's weight {weight} exceeds F = {faulty}: its failure alone could stop or split the cluster";
                }
            }
        }

        return null;
    }

    /// <summary>Of members that are known to be a committee.</summary>
    public static Committee Of(Member[] members) => new(Array.ConvertAll(members, m => m.Weight));

    public Committee(ReadOnlySpan<uint> weights)
    {
        Require.That(Refusal(weights) is null);
        _weights = weights.ToArray();
        foreach (uint weight in _weights)
        {
            Total += weight;
        }

        Faulty = (Total - 1) / 3;
        Quorum = (2 * Total / 3) + 1;
        Require.That((2 * Quorum) - Total > Faulty);
        Require.That(Total - Faulty >= Quorum);
    }

    public int Count => _weights.Length;

    /// <summary>W, the sum of all weights.</summary>
    public ulong Total { get; }

    /// <summary>F, the largest weight that may be Byzantine.</summary>
    public ulong Faulty { get; }

    /// <summary>q: any two sets of this weight share an honest member.</summary>
    public ulong Quorum { get; }

    public uint Weight(int member) => _weights[member];

    /// <summary>So many of the heaviest weigh more than all but a quorum: without them nothing is decided.</summary>
    public int FewestThatHalt => Fewest(Total - Quorum + 1);

    /// <summary>So many of the heaviest weigh more than F: no fewer, lying together, can make two branches final.</summary>
    public int FewestThatFork => Fewest(Faulty + 1);

    private int Fewest(ulong weight)
    {
        ulong sum = 0;
        int count = 0;
        foreach (uint each in _weights.OrderDescending())
        {
            count += sum < weight ? 1 : 0;
            sum += each;
        }

        return count;
    }

    /// <summary>
    /// Members that stay, with the same key, weigh the quorum: only they are known to be able to go on (PROTOCOL.md, rule E4).
    /// </summary>
    /// <param name="stays">By member: it was one before.</param>
    public bool CanGoOn(ReadOnlySpan<bool> stays)
    {
        Require.That(stays.Length == Count);
        ulong staying = 0;
        for (int i = 0; i < stays.Length; i++)
        {
            staying += stays[i] ? _weights[i] : 0;
        }

        return staying >= Quorum;
    }

    /// <summary>The leader of a view: members in turn.</summary>
    public int Leader(ulong epoch, ulong view) => (int)((epoch + view) % (ulong)Count);
}

/// <summary>A set of committee members that knows its weight. Each member counts once.</summary>
public struct MemberSet
{
    private ulong _low;
    private ulong _high;

    public ulong Weight { get; private set; }

    public readonly bool Contains(int member) =>
        ((member < 64 ? _low >> member : _high >> (member - 64)) & 1) != 0;

    /// <returns>False when the member was in the set already.</returns>
    public bool Add(Committee committee, int member)
    {
        if (Contains(member))
        {
            return false;
        }

        if (member < 64)
        {
            _low |= 1UL << member;
        }
        else
        {
            _high |= 1UL << (member - 64);
        }

        Weight += committee.Weight(member);
        return true;
    }
}
