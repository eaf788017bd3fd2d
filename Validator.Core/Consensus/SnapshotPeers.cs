namespace Validator.Core.Consensus;

/// <summary>
/// Whom a snapshot is asked of: who is there, who was slow or lied, and how much each was asked for (PROTOCOL.md, section 10).
/// </summary>
internal sealed class SnapshotPeers(int members)
{
    /// <summary>Chunks asked of one peer at once.</summary>
    private const int MostAskedOfOne = 8;

    private const int MaxStrikes = 3;

    /// <summary>Before peers that were dropped are asked again, when nobody else is left, microseconds.</summary>
    private const long PardonMicros = 10_000_000;

    /// <summary>Before peers that merely have no snapshot of use yet are asked again, microseconds.</summary>
    private const long AgainMicros = 1_000_000;

    private readonly State[] _peers = new State[members];
    private long _amnestyAt = long.MaxValue;

    private struct State
    {
        public bool Connected;

        /// <summary>Sent what was wrong, or was slow too often.</summary>
        public bool Dropped;

        /// <summary>Has said that it lacks this snapshot.</summary>
        public bool Lacks;
        public int Strikes;
        public int Asked;
    }

    /// <summary>When <see cref="Pardon"/> is due, monotonic microseconds.</summary>
    public long PardonAt { get; private set; } = long.MaxValue;

    public bool AnyLeft => Array.Exists(_peers, p => p.Connected && !p.Dropped);

    public void Up(int peer) => _peers[peer] = new State { Connected = true };

    public void Down(int peer) => _peers[peer].Connected = false;

    public bool Lacks(int peer) => _peers[peer].Lacks;

    public void NoteLacks(int peer) => _peers[peer].Lacks = true;

    public void Drop(int peer) => _peers[peer].Dropped = true;

    public void NoteAsked(int peer) => _peers[peer].Asked++;

    /// <summary>What it was asked for came, from whomever, or is asked of another.</summary>
    public void NoteDone(int peer) => _peers[peer].Asked--;

    public void NoteServed(int peer) => _peers[peer].Strikes = 0;

    /// <summary>It was slow, or has not what it offered.</summary>
    public void Strike(int peer)
    {
        if (++_peers[peer].Strikes >= MaxStrikes)
        {
            Drop(peer);
        }
    }

    /// <summary>Another snapshot is looked for: who lacked the last one, and what was asked, means nothing any more.</summary>
    public void BeginAnew()
    {
        for (int i = 0; i < _peers.Length; i++)
        {
            _peers[i].Asked = 0;
            _peers[i].Lacks = false;
        }
    }

    /// <summary>
    /// Of those that may be asked the one that was slow least often, then with the fewest questions, then the preferred one, then
    /// the next in turn. -1 when there is none.
    /// </summary>
    /// <param name="first">The turn begins there.</param>
    /// <param name="preferred">One, or -1.</param>
    public int Next(int first, int preferred, long now)
    {
        int best = -1;
        bool full = false;
        for (int turn = 0; turn < _peers.Length; turn++)
        {
            int i = (first + turn) % _peers.Length;
            ref State peer = ref _peers[i];
            if (!peer.Connected || peer.Dropped || peer.Lacks)
            {
                continue;
            }

            full |= peer.Asked >= MostAskedOfOne;
            if (peer.Asked < MostAskedOfOne && (best < 0 || Rank(i).CompareTo(Rank(best)) < 0))
            {
                best = i;
            }
        }

        if (best < 0 && !full && PardonAt == long.MaxValue)
        {
            PardonAt = now + AgainMicros;
            _amnestyAt = Math.Min(_amnestyAt, now + PardonMicros);
        }

        return best;

        (int Strikes, int Asked, bool Other) Rank(int peer) => (_peers[peer].Strikes, _peers[peer].Asked, peer != preferred);
    }

    /// <param name="lackers">
    /// Also those that lack the snapshot at hand. Not while its chunks are asked for: else one that never answers would keep us
    /// from ever asking for another.
    /// </param>
    public void Pardon(bool lackers, long now)
    {
        if (now < PardonAt)
        {
            return;
        }

        PardonAt = long.MaxValue;
        bool all = now >= _amnestyAt;
        for (int i = 0; i < _peers.Length; i++)
        {
            _peers[i].Lacks &= !lackers;
            _peers[i].Dropped &= !all;
            _peers[i].Strikes = all ? 0 : _peers[i].Strikes;
        }

        _amnestyAt = all ? long.MaxValue : _amnestyAt;
    }
}
