using Validator.Core.Primitives;
using Validator.Core.Wire;

namespace Validator.Bench.Simulation;

/// <summary>What goes wrong, and when.</summary>
public sealed partial class SimWorld
{
    private readonly double _loss;
    private readonly double _duplicates;
    private readonly double _crashAfterSync;
    private readonly double _strikes;
    private readonly long _faultGap;
    private readonly long[] _pausedUntil;
    private readonly bool[,] _cut;
    private readonly long[,] _cloggedUntil;
    private readonly long[] _slowUntil;
    private readonly bool[] _frozen;
    private readonly Fault?[] _badDisk;
    private long _heldUntil;
    private bool _faultsOver;

    public bool CrashesAfterSync()
    {
        if (_faultsOver || !_random.Chance(_crashAfterSync))
        {
            return false;
        }

        Met(Fault.CrashBetweenSyncAndSend);
        return true;
    }

    /// <summary>The disk is full, or does not answer: the process stops.</summary>
    public bool SyncFails(SimNode node)
    {
        if (_faultsOver || _badDisk[node.Index] is not { } fault)
        {
            return false;
        }

        _badDisk[node.Index] = null;
        Met(fault);
        return true;
    }

    /// <summary>How many of the writes under way reach the disk although the process dies.</summary>
    public int SurvivesCrash(int pending, out bool torn)
    {
        torn = false;
        if (_faultsOver || !HasFaults || pending == 0)
        {
            return 0;
        }

        int written = _random.Below(pending + 1);
        if (written > 0)
        {
            Met(Fault.WrittenButNotSent);
        }

        if (written < pending)
        {
            Met(Fault.LostWrites);
            torn = _random.Chance(0.5);
        }

        return written;
    }

    /// <summary>Some votes of the one whose disk will be lost or old wait in the network until it is.</summary>
    public bool HoldsBack(SimNode from, SimNode to, SimMessage message)
    {
        if (Cluster.Now >= _heldUntil || (from.Index != Wiped && from.Index != RolledBack && !_losers.Contains(from.Index))
            || message.Type is not (FrameType.Vote or FrameType.PrePrepare or FrameType.ViewChange) || !_random.Chance(0.05))
        {
            return false;
        }

        Cluster.Schedule(_heldUntil + _random.Between(1_000, 3_000_000), () =>
        {
            Met(Fault.OldVoteReleased);
            Cluster.DeliverLate(from.Index, to, message);
        });
        return true;
    }

    /// <param name="until">When it goes on.</param>
    public bool IsPaused(SimNode node, out long until)
    {
        until = _pausedUntil[node.Index];
        return until > Cluster.Now;
    }

    /// <summary>
    /// Starts all and lets clients send under faults: at least so long, at most so long, until enough is final.
    /// </summary>
    public void Run(long leastMicros, long mostMicros, Func<bool> enough)
    {
        foreach (SimNode node in Cluster.Machines)
        {
            node.Start();
        }

        StartLoad();
        if (HasFaults)
        {
            ScheduleFaults(leastMicros, mostMicros);
            ScheduleChanges(mostMicros);
            ScheduleForgeries(mostMicros);
        }

        Cluster.RunUntil(leastMicros);
        while (Cluster.Now < mostMicros && !enough())
        {
            Cluster.RunUntil(Cluster.Now + 1_000_000);
        }

        StopLoad();
        Heal();
    }

    private void ScheduleFaults(long leastMicros, long mostMicros)
    {
        for (long t = 200_000; t < mostMicros; t += _random.Between(_faultGap / 4, _faultGap))
        {
            Cluster.Schedule(t, InjectFault);
        }

        ScheduleWrongClocks(leastMicros);
        long when = _random.Between(leastMicros / 5, leastMicros * 9 / 10);
        if (Wiped >= 0)
        {
            _heldUntil = when;
            Cluster.Schedule(when, LoseDisk);
            if (_losesLedger)
            {
                Cluster.Schedule(_dark.Between(leastMicros / 2, leastMicros), LoseDisk);
            }
        }

        ScheduleLosses(when);
        if (Retain > 0 && Cluster.Nodes.Length > 1)
        {
            Cluster.Schedule(_ledgers.Between(leastMicros / 5, leastMicros / 2), BeAbsent);
            Cluster.Schedule(_ledgers.Between(leastMicros / 2, leastMicros), BeAbsent);
        }

        if (RolledBack >= 0)
        {
            _heldUntil = when;
            Cluster.Schedule(_random.Between(when / 3, when), () =>
            {
                SimDisk backup = Cluster.Nodes[RolledBack].Disk.Copy();
                Cluster.Schedule(when, () => Restore(backup));
            });
        }

        if (Twin >= 0)
        {
            Met(Fault.Twins);
            for (long t = 0; t < mostMicros; t += _random.Between(500_000, 3_000_000))
            {
                Cluster.Schedule(t, () => SwitchSome(0.5));
            }
        }
    }

    private void SwitchSome(double share)
    {
        for (int peer = 0; peer < Cluster.Nodes.Length && !_faultsOver; peer++)
        {
            if (peer != Twin && _random.Chance(share))
            {
                Cluster.SwitchMachine(Twin, peer);
            }
        }
    }

    /// <summary>The disk is gone, or damaged in a way that its checksums show at the next start.</summary>
    private void LoseDisk()
    {
        SimNode node = Cluster.Nodes[Wiped];
        if (node.Running)
        {
            Cluster.CrashAndRestart(node);
        }

        // Not where vertices of theirs may be lost beyond repair: those who hold them are reckoned with F.
        if (_losesLedger || (!WipedBeyondFaulty && _ledgers.Chance(0.6)))
        {
            if (_stores.Chance(0.5))
            {
                _strikesBetweenStores = true;
            }
            else
            {
                LoseLedger(node);
            }

            return;
        }

        int records = node.Disk.Signed.Count;
        int record = records == 0 ? 0 : _random.Below(records);
        switch (_random.Below(3))
        {
            case 0 when node.Disk.FlipBit(record):
                Met(Fault.BitFlip);
                break;
            case 1 when node.Disk.Misdirect(record):
                Met(Fault.MisdirectedWrite);
                break;
            default:
                Met(Fault.Wipe);
                node.Wipe();
                break;
        }
    }

    /// <summary>So long that the others forget what it needs.</summary>
    private void BeAbsent()
    {
        SimNode node = Cluster.Nodes[_ledgers.Below(Cluster.Nodes.Length)];
        if (node.Running)
        {
            Met(Fault.LongAbsence);
            Cluster.CrashAndRestart(node, _ledgers.Between(6_000_000, 12_000_000));
        }
    }

    /// <summary>While chunks come.</summary>
    public bool CrashesInCatchUp()
    {
        if (_faultsOver || !_ledgers.Chance(0.15))
        {
            return false;
        }

        Met(Fault.CrashInCatchUp);
        return true;
    }

    private void Restore(SimDisk backup)
    {
        SimNode node = Cluster.Nodes[RolledBack];
        if (node.Running)
        {
            Cluster.CrashAndRestart(node);
        }

        Met(Fault.OldBackup);
        node.RollBack(backup);
    }

    private void InjectFault()
    {
        if (_faultsOver)
        {
            return;
        }

        SimNode node = Cluster.Machines[_random.Below(Cluster.Machines.Length)];
        switch (_random.Below(12))
        {
            case 0:
                CrashOne(node);
                break;
            // Never changed while it lasts: what waits for its end keeps its order.
            case 1 when _pausedUntil[node.Index] <= Cluster.Now:
                Met(Fault.Pause);
                _pausedUntil[node.Index] = Cluster.Now + _random.Between(1_000, 2_000_000);
                break;
            case 2:
                Met(Fault.Partition);
                Partition(side => _random.Chance(0.5));
                break;
            case 3:
                // Nobody hears this node, or it hears nobody.
                Met(Fault.OneWayPartition);
                bool deaf = _random.Chance(0.5);
                CutLinks((from, to) => deaf ? to == node.Index : from == node.Index);
                break;
            case 4:
                Met(Fault.IsolatedLeader);
                int leader = Cluster.Nodes[0].Running ? Cluster.PlaceOf(Cluster.Nodes[0].Core.Epoch, Cluster.Nodes[0].Core.Leader) : 0;
                Partition(side => side == leader);
                break;
            case 5 when _random.Chance(0.2):
                Met(Fault.RestartOfAll);
                CrashWhere(_ => true);
                break;
            case 6:
                Clog();
                break;
            case 7:
                Met(Fault.SlowPeer);
                _slowUntil[node.Index] = Cluster.Now + _random.Between(300_000, 5_000_000);
                break;
            case 8 when _random.Chance(0.3):
                RollRestart();
                break;
            case 9:
                JumpClock(node);
                break;
            case 10:
                _badDisk[node.Index] = _random.Chance(0.5) ? Fault.FullDisk : Fault.FailedSync;
                break;
            default:
                break;
        }
    }

    private void CrashOne(SimNode node)
    {
        if (node.Running)
        {
            Met(Fault.Crash);
            Cluster.CrashAndRestart(node);
        }
    }

    private void CrashWhere(Func<SimNode, bool> which)
    {
        foreach (SimNode each in Cluster.Machines)
        {
            if (each.Running && which(each))
            {
                CrashOne(each);
            }
        }
    }

    private void Clog()
    {
        Met(Fault.Clog);
        long until = Cluster.Now + _random.Between(200_000, 4_000_000);
        double share = _random.Between(1, 5) / 10.0;
        for (int from = 0; from < Cluster.Nodes.Length; from++)
        {
            for (int to = 0; to < Cluster.Nodes.Length; to++)
            {
                if (_random.Chance(share))
                {
                    _cloggedUntil[from, to] = until;
                }
            }
        }
    }

    private void RollRestart()
    {
        Met(Fault.RollingRestart);
        long gap = _random.Between(100_000, 600_000);
        for (int i = 0; i < Cluster.Machines.Length; i++)
        {
            SimNode next = Cluster.Machines[i];
            Cluster.Schedule(Cluster.Now + (i * gap), () =>
            {
                if (next.Running && !_faultsOver)
                {
                    Cluster.CrashAndRestart(next, gap / 2);
                }
            });
        }
    }

    /// <summary>
    /// The worst moments: right after a Commit left, one alone may hear the rest of them, the leader may vanish, or the
    /// sender itself.
    /// </summary>
    public void AfterSend(SimNode node, in SignedHeader header)
    {
        if (header.Kind == MessageKind.Commit)
        {
            AfterCommit(node, header);
        }

        double often = header.Kind switch
        {
            MessageKind.Commit or MessageKind.ViewChange => _strikes,
            MessageKind.Prepare => _strikes / 4,
            _ => 0,
        };
        if (_faultsOver || !_random.Chance(often))
        {
            return;
        }

        int leader = Cluster.PlaceOf(node.Core.Epoch, node.Core.Leader);
        int lucky = _random.Below(Cluster.Nodes.Length);
        switch (_random.Below(5))
        {
            case 0:
                CutLinks((from, to) => to != lucky);
                break;
            case 1:
                Met(Fault.IsolatedLeader);
                Partition(side => side == leader);
                break;
            case 2:
                Partition(side => side == node.Index);
                break;
            case 3:
                CutLinks((from, to) => from == node.Index && to != lucky);
                break;
            default:
                Partition(side => side == lucky || side == node.Index);
                break;
        }
    }

    /// <summary>
    /// A block is final at one node and nowhere else yet: cut that one off, and let some or all lose what they had not
    /// synced.
    /// </summary>
    public void AfterFirstFinal(SimNode node)
    {
        if (_faultsOver || !_random.Chance(2 * _strikes))
        {
            return;
        }

        if (_random.Chance(0.7))
        {
            Partition(side => side == node.Index);
        }

        double crashed = _random.Below(3) * 0.5;
        bool itself = _random.Chance(0.5);
        Cluster.Schedule(
            Cluster.Now + _random.Between(1, 30_000), () => CrashWhere(each => !_faultsOver && (each == node ? itself : _random.Chance(crashed))));
    }

    /// <summary>
    /// Honest members of at least quorum weight that sign, drawn at random and no more than needed; null when there are not so
    /// many.
    /// </summary>
    public List<int>? DrawQuorum()
    {
        ulong newest = Cluster.Newest.Number;
        List<int> able = [.. Cluster.Nodes
            .Where(n => !Byzantine.Contains(n.Index) && n.Core.Signs && n.Core.Epoch == newest).Select(n => n.Index)];
        List<int> chosen = [];
        while (!IsQuorum(chosen))
        {
            if (able.Count == 0)
            {
                return null;
            }

            int at = _random.Below(able.Count);
            chosen.Add(able[at]);
            able.RemoveAt(at);
        }

        return chosen;
    }

    /// <summary>They have quorum weight in the newest epoch.</summary>
    public bool IsQuorum(IEnumerable<int> places)
    {
        EpochConfiguration newest = Cluster.Newest;
        MemberSet members = default;
        foreach (int member in places.Select(place => Cluster.MemberOf(newest.Number, place)).Where(member => member >= 0))
        {
            members.Add(newest.Committee, member);
        }

        return members.Weight >= newest.Committee.Quorum;
    }

    private void Heal()
    {
        _faultsOver = true;
        Array.Clear(_cut);
        foreach (SimNode node in Cluster.Machines)
        {
            // Clocks are set again, to within the bound of each other.
            node.Clock.SetDrift(Cluster.Now, 0);
            node.Clock.SkewMicros = Cluster.Now - node.Clock.Monotonic(Cluster.Now) + _random.Between(-400_000, 400_000);
            if (!node.Running)
            {
                node.Start();
            }
        }
    }
}
