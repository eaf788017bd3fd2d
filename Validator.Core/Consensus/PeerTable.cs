using Validator.Core.Primitives;
using Validator.Core.Wire;

namespace Validator.Core.Consensus;

/// <summary>What a peer's last status said.</summary>
internal struct PeerProgress
{
    public ulong Epoch;
    public ulong View;
    public ulong FinalSequence;
    public bool Known;

    /// <summary>Of its epoch, as many as that has lanes; not null where it is known.</summary>
    public LaneTip[] Tips;

    /// <summary>From when on its Status is answered again with what it may lack.</summary>
    public long RepeatAtMicros;

    /// <summary>The oldest block that it said to keep when it had not what was asked; 0 before.</summary>
    public ulong FirstKept;

    /// <summary>The first block of the epoch from which on it said to have a snapshot; 0 before.</summary>
    public ulong ProvenFrom;
}

/// <summary>
/// Who is connected, and what each peer said of itself (section 10). What one says may be a lie: what is drawn from it holds
/// where more than F weight, or a quorum, say it.
/// </summary>
internal sealed class PeerTable(Committee committee, int self)
{
    private readonly PeerProgress[] _progress = new PeerProgress[committee.Count];
    private readonly bool[] _connected = new bool[committee.Count];
    private readonly long[] _disconnectedMicros = new long[committee.Count];

    public ref PeerProgress this[int peer] => ref _progress[peer];

    /// <summary>
    /// Since when peers of quorum weight, ourselves included, are connected (rule V1); long.MaxValue while they are not.
    /// </summary>
    public long QuorumSinceMicros { get; private set; } = long.MaxValue;

    public bool IsConnected(int peer) => _connected[peer];

    /// <summary>When it was last lost; 0 where it never was.</summary>
    public long DisconnectedMicros(int peer) => _disconnectedMicros[peer];

    public void Up(int peer, long now)
    {
        _connected[peer] = true;
        _progress[peer] = default;
        NoteQuorum(now);
    }

    public void Down(int peer, long now)
    {
        _connected[peer] = false;
        _disconnectedMicros[peer] = now;
        NoteQuorum(now);
    }

    public void NoteQuorum(long now)
    {
        ulong weight = self < 0 ? 0 : committee.Weight(self);
        for (int i = 0; i < _connected.Length; i++)
        {
            weight += _connected[i] ? committee.Weight(i) : 0;
        }

        QuorumSinceMicros = weight < committee.Quorum ? long.MaxValue : Math.Min(QuorumSinceMicros, now);
    }

    /// <summary>The next connected peer; -1 where there is none.</summary>
    public int Next(int after)
    {
        int start = Math.Max(after, 0);
        for (int i = 1; i <= committee.Count; i++)
        {
            int peer = (start + i) % committee.Count;
            if (peer != self && _connected[peer])
            {
                return peer;
            }
        }

        return -1;
    }

    /// <summary>That peer where it is connected, else the next that is; -1 where there is none.</summary>
    public int Reachable(int preferred) =>
        preferred >= 0 && preferred != self && _connected[preferred] ? preferred : Next(preferred);

    /// <summary>Takes a peer's word.</summary>
    /// <returns>True where it says the same as before: it stands still.</returns>
    public bool Hear(int peer, Status status)
    {
        ref PeerProgress known = ref _progress[peer];
        bool stuck = known.Known && known.Epoch == status.Epoch && known.View == status.View && known.FinalSequence == status.FinalSequence;
        known.Known = true;
        known.Epoch = status.Epoch;
        known.View = status.View;
        known.FinalSequence = status.FinalSequence;
        known.Tips = status.Tips;
        return stuck;
    }

    /// <summary>Whether the peer's newest Status says just that.</summary>
    public bool SaidAll(int peer, Status status)
    {
        ref PeerProgress known = ref _progress[peer];
        return known.Known && known.Epoch == status.Epoch && known.View == status.View && known.FinalSequence == status.FinalSequence
            && known.Tips.AsSpan().SequenceEqual(status.Tips);
    }

    /// <summary>All that was heard is forgotten; who is connected stays.</summary>
    public void ForgetReports() => Array.Clear(_progress);

    /// <summary>Weight of the peers whose reports compare so with a bound.</summary>
    public ulong WeightOf(ulong bound, Func<PeerProgress, ulong, bool> holds)
    {
        ulong weight = 0;
        for (int i = 0; i < _progress.Length; i++)
        {
            weight += holds(_progress[i], bound) ? committee.Weight(i) : 0;
        }

        return weight;
    }

    /// <summary>More than F weight, so an honest one, no longer keep that block.</summary>
    public bool HaveDropped(ulong sequence) =>
        WeightOf(sequence + 1, static (peer, least) => peer.FirstKept >= least) > committee.Faulty;

    /// <summary>
    /// Rule E6: an honest peer can prove a snapshot of the epoch that begins there, or of a later one. The highest that more than
    /// F weight says, or all except connected peers that know no more than we do; 0 where there is none.
    /// </summary>
    /// <param name="final">Newest block that is final here.</param>
    public ulong ProvenFrom(ulong final)
    {
        ulong best = 0;
        foreach (PeerProgress candidate in _progress)
        {
            if (candidate.ProvenFrom > best
                && (WeightOf(candidate.ProvenFrom, static (peer, least) => peer.ProvenFrom >= least) > committee.Faulty
                    || AllElseKnowNothing(candidate.ProvenFrom, final)))
            {
                best = candidate.ProvenFrom;
            }
        }

        return best;
    }

    private bool AllElseKnowNothing(ulong provenFrom, ulong final)
    {
        for (int i = 0; i < _progress.Length; i++)
        {
            ref PeerProgress peer = ref _progress[i];
            if (i != self && peer.ProvenFrom < provenFrom && !(_connected[i] && peer.Known && peer.FinalSequence <= final))
            {
                return false;
            }
        }

        return true;
    }

    /// <summary>Rule E5: the highest epoch of the quorum that reports least; null while no quorum was heard.</summary>
    public ulong? EpochOfLowestQuorum()
    {
        ulong? best = null;
        foreach (PeerProgress candidate in _progress)
        {
            if (candidate.Known && (best is null || candidate.Epoch < best)
                && WeightOf(candidate.Epoch, static (peer, most) => peer.Known && peer.Epoch <= most) >= committee.Quorum)
            {
                best = candidate.Epoch;
            }
        }

        return best;
    }
}
