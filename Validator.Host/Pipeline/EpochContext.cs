using Validator.Core.Primitives;
using Validator.Core.Wire;

namespace Validator.Host.Pipeline;

/// <summary>
/// One epoch as every thread of the node sees it; immutable. Members go by committee index, which may differ in each
/// epoch; the transport's peers go by link, which stays.
/// </summary>
internal sealed class EpochContext
{
    public const int Unreachable = -2;

    private readonly int[] _links;
    private readonly int[] _members;
    private readonly string _ownName;

    /// <param name="self">Own index in the committee, or -1.</param>
    /// <param name="links">Per member, the transport's peer.</param>
    /// <param name="ownName">Own name, whether or not a member has it.</param>
    public EpochContext(EpochConfiguration configuration, CommitteeKeys keys, int self, int[] links, string ownName = "")
    {
        _ownName = ownName;
        Configuration = configuration;
        Keys = keys;
        Self = self;
        _links = links;
        _members = new int[Math.Max(0, links.Max() + 1)];
        Array.Fill(_members, -1);
        for (int i = 0; i < links.Length; i++)
        {
            if (links[i] >= 0)
            {
                _members[links[i]] = i;
            }
        }
    }

    public EpochConfiguration Configuration { get; }

    public ulong Number => Configuration.Number;

    public Committee Committee => Configuration.Committee;

    public Member[] Members => Configuration.Members;

    public CommitteeKeys Keys { get; }

    public int Self { get; }

    /// <summary>Own lane, under these keys or earlier ones; -1 for none.</summary>
    public int OwnLane => Self >= 0 ? Self : Array.FindIndex(Members, m => m.Name == _ownName);

    /// <summary>
    /// The link of a member; -1, all, stays -1. <see cref="Unreachable"/> where the transport does not know its key.
    /// </summary>
    public int LinkOf(int member) => member < 0 ? -1 : _links[member] < 0 ? Unreachable : _links[member];

    /// <summary>The member that a link reaches, or -1 for an outsider.</summary>
    public int MemberOf(int link) => link < _members.Length ? _members[link] : -1;
}
