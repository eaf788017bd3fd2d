using Validator.Core.Primitives;
using Validator.Core.Wire;

namespace Validator.Bench.Simulation;

/// <summary>
/// The moment between finality and its durability. Power fails at one validator after the other as soon as a block is final
/// there, so that of it only votes and prepared certificates are left; who else committed it is cut off for a while, and the
/// faulty let the view fall.
/// </summary>
public sealed partial class SimWorld
{
    // Apart, so that other draws stay what they are.
    private readonly SimRandom _dark;
    private readonly double _blackouts;
    private readonly bool _misnamesNext;
    private readonly HashSet<int> _struck = [];
    private long _darkUntil;
    private ulong _darkFrom;

    private bool _losesLedger;

    /// <summary>
    /// Where epochs end and there is room among the faulty, an honest member loses its ledger, and keeps its votes.
    /// </summary>
    private void DrawLoser()
    {
        if (Wiped >= 0 || _losers.Count > 0 || Committee.Count < 4 || (Genesis.Parameters.EpochLengthBlocks == 0 && !Changes) || !_dark.Chance(0.8))
        {
            return;
        }

        int[] able = [.. Enumerable.Range(0, Committee.Count)
            .Where(i => !Byzantine.Contains(i) && ByzantineWeight + Committee.Weight(i) <= Committee.Faulty)];
        if (able.Length > 0)
        {
            Wiped = able[_dark.Below(able.Length)];
            _losesLedger = true;
        }
    }

    // Of the one that is about to lose its ledger: power fails when the ledger has its next own vertex.
    private bool _strikesBetweenStores;

    // It takes no transactions.
    private SimNode? _quiet;

    private void LoseLedger(SimNode node)
    {
        Met(Fault.LostLedger);
        node.LoseLedger();
        // Its clients do not wait until it is back where it was.
        for (long t = 0; t < 4_000_000; t += 100_000)
        {
            Cluster.Schedule(Cluster.Now + t, () =>
            {
                if (node.Running && !_faultsOver)
                {
                    Submit(node);
                }
            });
        }
    }

    /// <summary>
    /// Its own vertex is in the ledger, and the record of it in no vote store yet. When it is back, the others get that vertex
    /// before it makes another, and then its ledger is lost: the votes alone tell how high its lane is.
    /// </summary>
    public void AfterOwnVertex(SimNode node)
    {
        if (!_strikesBetweenStores || _faultsOver || node.Index != Wiped)
        {
            return;
        }

        _strikesBetweenStores = false;
        _quiet = node;
        Met(Fault.CrashBetweenStores);
        Cluster.CrashAndRestart(node, _stores.Between(1_000, 200_000));
        Cluster.Schedule(Cluster.Now + _stores.Between(400_000, 1_500_000), () =>
        {
            _quiet = null;
            if (_faultsOver)
            {
                return;
            }

            if (node.Running)
            {
                Cluster.CrashAndRestart(node);
            }

            LoseLedger(node);
        });
    }

    /// <summary>A faulty member that sees somebody come back no longer votes in this view, and asks for the next.</summary>
    public bool Forsakes() => !_faultsOver && _blackouts > 0 && (Cluster.Now < _darkUntil || _dark.Chance(0.3));

    /// <summary>A faulty leader that enters a view makes two NewViews, whatever else it likes to do.</summary>
    public bool PressesNewViews() => !_faultsOver && _blackouts > 0 && _dark.Chance(0.9);

    /// <summary>What a faulty leader does with a proposal that it would have been content with, if anything.</summary>
    public Fault? PressedLie() => _faultsOver || _blackouts == 0 ? null : _dark.Below(100) switch
    {
        < 2 => Fault.ForkedProposal,
        < 4 => Fault.StaleProposal,
        < 60 => Fault.TwinCut,
        _ => null,
    };

    /// <summary>A faulty leader's proposal names a next committee of its own, or none where one is due.</summary>
    public bool MisnamesNext() => !_faultsOver && _misnamesNext && _dark.Chance(0.2);

    /// <summary>The other side of a fork comes at once, or when those who are shown it may know what is final.</summary>
    public long ForkDelayMicros() => !_faultsOver && _blackouts > 0 && _dark.Chance(0.5) ? _dark.Between(1_000, 400_000) : 0;

    /// <summary>A block is final at an honest validator, and not durable yet.</summary>
    public void AfterFinal(SimNode node, Block block)
    {
        if (_faultsOver || Byzantine.Contains(node.Index))
        {
            return;
        }

        ulong length = Genesis.Parameters.EpochLengthBlocks;
        if (Changes && length > 0 && block.Sequence == (ulong)Cluster.Check.Chain.Count
            && Cluster.EpochOf(block.Epoch).Start.Sequence + length - block.Sequence is >= 1 and <= 5 && _dark.Chance(0.8))
        {
            // So late that the epoch may end by its length before the change is stated.
            Cluster.Schedule(Cluster.Now, ProposeChange);
        }

        if (Cluster.Now >= _darkUntil)
        {
            if (!_dark.Chance(_blackouts))
            {
                return;
            }

            BeginBlackout(node, block);
        }

        if (block.Sequence >= _darkFrom && _struck.Add(node.Index))
        {
            InThisLife(node, ExecutionMicros - 1, () =>
            {
                Met(Fault.Blackout);
                Cluster.CrashAndRestart(node, _dark.Between(1_000, 200_000));
            });
        }
    }

    /// <summary>Does something to a node soon, paused or not, while faults go on and it has not crashed since.</summary>
    /// <param name="within">Microseconds.</param>
    private void InThisLife(SimNode node, long within, Action happen)
    {
        int life = node.Incarnation;
        Cluster.Schedule(Cluster.Now + _dark.Between(0, within), () =>
        {
            if (node.Running && node.Incarnation == life && !_faultsOver)
            {
                happen();
            }
        });
    }

    /// <summary>
    /// One that lost its votes knows, durably, from which epoch on it may sign (rule E5). A restart within the one in which it
    /// may have signed is where a number that is too low does its harm, most of all where the next view rests on what it states.
    /// </summary>
    public void AfterReturnLearned(SimNode node)
    {
        if (_faultsOver || Byzantine.Contains(node.Index))
        {
            return;
        }

        InThisLife(node, 50_000, () =>
        {
            Met(Fault.ReturnRestart);
            int leader = Cluster.PlaceOf(node.Core.Epoch, node.Core.Leader);
            Cluster.CrashAndRestart(node, _dark.Between(1_000, 200_000));
            CutLinks((from, to) => (from == leader) != (to == leader), _dark.Between(500_000, 3_000_000));
        });
    }

    /// <summary>All honest members are cut off that the others can be a quorum without, mostly the leader first.</summary>
    private void BeginBlackout(SimNode first, Block block)
    {
        long length = _dark.Between(500_000, 5_000_000);
        _darkUntil = Cluster.Now + length;
        _darkFrom = block.Sequence;
        _struck.Clear();
        Committee committee = Cluster.EpochOf(block.Epoch).Committee;
        ulong left = 0;
        HashSet<int> away = [];
        for (int member = 0; member < committee.Count; member++)
        {
            left += committee.Weight(member);
        }

        int start = first.Core.Epoch == block.Epoch && _dark.Chance(0.7) ? first.Core.Leader : _dark.Below(committee.Count);
        for (int i = 0; i < committee.Count; i++)
        {
            int member = (start + i) % committee.Count;
            int place = Cluster.PlaceOf(block.Epoch, member);
            if (place != first.Index && !Byzantine.Contains(place) && left - committee.Weight(member) >= committee.Quorum)
            {
                left -= committee.Weight(member);
                away.Add(place);
            }
        }

        CutLinks((from, to) => away.Contains(from) != away.Contains(to), length);
    }
}
