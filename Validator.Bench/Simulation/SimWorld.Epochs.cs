using Validator.Core.Execution;
using Validator.Core.Primitives;
using Validator.Core.Wire;

namespace Validator.Bench.Simulation;

/// <summary>Who asks for which committee changes, and when.</summary>
public sealed partial class SimWorld
{
    private void ScheduleChanges(long mostMicros)
    {
        if (!Changes)
        {
            return;
        }

        for (long t = _epochs.Between(300_000, 3_000_000); t < mostMicros; t += _epochs.Between(500_000, 4_000_000))
        {
            Cluster.Schedule(t, ProposeChange);
        }
    }

    /// <summary>
    /// Signed by a quorum as it would be, and handed to one member; another may come before this one is executed, and then it
    /// is refused. The faulty stay within F in whatever committee comes of it.
    /// </summary>
    private void ProposeChange()
    {
        SimNode[] able = [.. Cluster.Nodes.Where(
            n => !Byzantine.Contains(n.Index) && n.Running && n.Core.Epoch == Cluster.Newest.Number && n.Core.Signs && n.Disk.Committee?.Epoch == n.Core.Epoch)];
        if (_faultsOver || able.Length == 0)
        {
            return;
        }

        SimNode node = able[_epochs.Below(able.Length)];
        CommitteeState now = node.Disk.Committee!;
        CommitteeChange change = DrawChange(now);
        ChangeRefusal refusal = new CommitteeState(now.Epoch, now.Members).Result(change, out Member[] members);
        if (refusal == ChangeRefusal.None && !Bearable(members))
        {
            return;
        }

        Submit(node, Signed(change, now));
        if (refusal != ChangeRefusal.None || _epochs.Chance(0.2))
        {
            CommitteeChange second = DrawChange(now);
            if (new CommitteeState(now.Epoch, now.Members).Result(second, out members) != ChangeRefusal.None || Bearable(members))
            {
                Submit(able[_epochs.Below(able.Length)], Signed(second, now));
            }
        }
    }

    private CommitteeChange DrawChange(CommitteeState now)
    {
        Member member = now.Members[_epochs.Below(now.Members.Length)];
        int[] outside = [.. Enumerable.Range(0, Places).Where(p => !Array.Exists(now.Members, m => SimKeys.PlaceOf(m) == p))];
        int newcomer = outside.Length == 0 ? 0 : outside[_epochs.Below(outside.Length)];
        Member joining = Keys.MakeMember(newcomer, (uint)_epochs.Between(1, 3));
        return _epochs.Below(5) switch
        {
            0 or 1 => CommitteeChange.Join(now.Epoch, joining),
            2 => CommitteeChange.Leave(now.Epoch, member.Name),
            3 => CommitteeChange.SetKeys(now.Epoch, member.Name, joining.ConsensusKey, joining.TransportKey),
            _ => CommitteeChange.SetWeight(now.Epoch, member.Name, (uint)_epochs.Between(1, 5)),
        };
    }

    private byte[] Signed(CommitteeChange change, CommitteeState now)
    {
        Committee committee = Committee.Of(now.Members);
        List<CertificateVote> votes = [];
        ulong weight = 0;
        for (int i = 0; i < now.Members.Length && weight < committee.Quorum; i++)
        {
            SignedHeader header = CommitteeChangeCodec.HeaderToSign(change, i);
            votes.Add(new CertificateVote(i, Keys.Sign(SimKeys.PlaceOf(now.Members[i]), header, Cluster.ChainId)));
            weight += now.Members[i].Weight;
        }

        return CommitteeChangeCodec.Encode(new SignedCommitteeChange(change, [.. votes]));
    }

    /// <summary>Those who lie, lose their disk or keep it to themselves weigh no more than F of these.</summary>
    private bool Bearable(Member[] members)
    {
        Committee committee = Committee.Of(members);
        ulong faulty = (ulong)members.Where(m => Byzantine.Contains(SimKeys.PlaceOf(m)) || SimKeys.PlaceOf(m) == Wiped).Sum(m => m.Weight);
        return faulty <= committee.Faulty;
    }

    private void Submit(SimNode node, byte[] change)
    {
        ulong transaction = SimVertex.NumberOf(change);
        _submitted.Add(transaction);
        node.Submit(transaction);
    }
}
