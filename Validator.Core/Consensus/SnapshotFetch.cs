using Validator.Core.Primitives;
using Validator.Core.Wire;

namespace Validator.Core.Consensus;

/// <summary>What is on disk of a snapshot that is being fetched.</summary>
/// <param name="Lists">Chunks that list others, by hash.</param>
/// <param name="Held">Every chunk that is there, by hash.</param>
public sealed record StagedSnapshot(SnapshotManifest Manifest, Dictionary<Hash256, byte[]> Lists, HashSet<Hash256> Held);

/// <summary>What a chunk turned out to be.</summary>
internal enum ChunkResult : byte
{
    Unasked,
    Wrong,
    Keep,
}

/// <summary>
/// Fetches a certified snapshot from several peers at once (PROTOCOL.md, section 10). Pure: it is told what comes and what time
/// it is, and says what to ask of whom and what to keep. Chunks are found by their hash, so those of an earlier try, or of an
/// earlier life, count. A peer that sends wrong bytes is asked no more, and one that is slow three times neither.
/// </summary>
internal sealed class SnapshotFetch(int members)
{
    /// <summary>Chunks asked for at once, over all peers and of one: 32 KiB each, so a megabyte is under way.</summary>
    private const int MaxAsked = 32;
    private const int MaxAskedOfOne = 8;

    private const int MaxStrikes = 3;

    /// <summary>Microseconds for an answer; a chunk takes a second at 256 kbit/s.</summary>
    private const long PatienceMicros = 2_000_000;

    /// <summary>Before peers that were dropped are asked again, when nobody else is left, microseconds.</summary>
    private const long PardonMicros = 10_000_000;

    /// <summary>Before peers that merely have no snapshot of use yet are asked again, microseconds.</summary>
    private const long AgainMicros = 1_000_000;

    private readonly PeerState[] _peers = new PeerState[members];
    private readonly Queue<Hash256> _wanted = [];
    private readonly Dictionary<Hash256, (int Peer, long Deadline)> _asked = [];
    private readonly HashSet<Hash256> _lists = [];
    private readonly Dictionary<Hash256, byte[]> _listBytes = [];
    private HashSet<Hash256> _held = [];
    private Stage _stage;
    private ulong _above;

    // Who is asked for a manifest, and who gave the one at hand.
    private int _manifestFrom = -1;
    private int _offeredBy = -1;

    // The next manifest is another one's: who offers what nobody has is not the first to be asked again.
    private int _first;
    private long _manifestDeadline;
    private long _pardonAt = long.MaxValue;
    private long _amnestyAt = long.MaxValue;

    private struct PeerState
    {
        public bool Connected;

        /// <summary>Sent what was wrong, or was slow too often.</summary>
        public bool Dropped;

        /// <summary>Has said that it lacks this snapshot.</summary>
        public bool Lacks;
        public int Strikes;
        public int Asked;
    }

    private enum Stage : byte
    {
        Idle,
        Manifest,
        Chunks,
        Installing,
        Leaving,
    }

    public bool Active => _stage != Stage.Idle;

    /// <summary>Everything is here: from the word to install it until it is installed, the old chain stands still.</summary>
    public bool Installing => _stage == Stage.Installing;

    /// <summary>A later epoch is gone on with: the old chain stands still, too.</summary>
    public bool Leaving => _stage == Stage.Leaving;

    /// <summary>No manifest that would do is known.</summary>
    public bool Searching => _stage == Stage.Manifest;

    public SnapshotManifest? Manifest { get; private set; }

    /// <summary>Chunks not asked for, asked for, and here; for tests.</summary>
    public (int Wanted, int Asked, int Held) Progress => (_wanted.Count, _asked.Count, _held.Count);

    /// <summary>Looks for a snapshot above what is final here.</summary>
    public void Begin(ulong final)
    {
        Require.That(_stage == Stage.Idle);
        _above = final;
        AskAnew();
    }

    /// <summary>Goes on with what an earlier life had fetched.</summary>
    public void Resume(StagedSnapshot staged, ulong final)
    {
        _above = final;
        _held = staged.Held;
        foreach ((Hash256 hash, byte[] bytes) in staged.Lists)
        {
            _listBytes[hash] = bytes;
        }

        Take(staged.Manifest);
    }

    /// <summary>No snapshot of this epoch is looked for any more.</summary>
    public void Leave()
    {
        Require.That(Searching);
        Forget();
        _stage = Stage.Leaving;
    }

    public void Stop()
    {
        _stage = Stage.Idle;
        Manifest = null;
        _held = [];
        _listBytes.Clear();
        Forget();
    }

    public void PeerUp(int peer) => _peers[peer] = new PeerState { Connected = true };

    public void PeerDown(int peer)
    {
        _peers[peer].Connected = false;
        foreach ((Hash256 hash, (int asked, _)) in _asked)
        {
            if (asked == peer)
            {
                _asked[hash] = (peer, 0);
            }
        }

        if (_manifestFrom == peer)
        {
            _manifestDeadline = 0;
        }
    }

    /// <returns>True when it is taken and to be kept.</returns>
    public bool OnManifest(SnapshotManifest manifest, int from)
    {
        if (_stage != Stage.Manifest || from != _manifestFrom)
        {
            return false;
        }

        _manifestFrom = -1;
        if (manifest.Sequence <= _above)
        {
            // Proven, and no use.
            _peers[from].Lacks = true;
            return false;
        }

        _offeredBy = from;
        Take(manifest);
        return true;
    }

    public ChunkResult OnChunk(SnapshotChunk chunk, int from)
    {
        if (_stage != Stage.Chunks || !_asked.TryGetValue(chunk.Hash, out (int Peer, long Deadline) asked))
        {
            return ChunkResult.Unasked;
        }

        if (Hash256.Of(chunk.Data) != chunk.Hash || (_lists.Contains(chunk.Hash) && chunk.Data.Length % Hash256.Size != 0))
        {
            _peers[from].Dropped = true;
            if (asked.Peer == from)
            {
                Release(chunk.Hash, from);
            }

            return ChunkResult.Wrong;
        }

        _asked.Remove(chunk.Hash);
        _peers[asked.Peer].Asked--;
        _peers[from].Strikes = 0;
        Hold(chunk.Hash, chunk.Data);
        return ChunkResult.Keep;
    }

    public void OnNotFound(in FetchRequest request, int from)
    {
        if (request.Kind == FetchKind.Snapshot && from == _manifestFrom)
        {
            _peers[from].Lacks = true;
            _manifestFrom = -1;
        }
        else if (request.Kind == FetchKind.Chunk && _asked.TryGetValue(request.Hash, out (int Peer, long Deadline) asked) && asked.Peer == from)
        {
            if (from == _offeredBy && !_peers[from].Lacks)
            {
                Strike(from);
            }

            _peers[from].Lacks = true;
            Release(request.Hash, from);
        }
    }

    /// <summary>Turns to others where an answer is late, and asks for what may be asked for.</summary>
    /// <param name="ask">Sends a request to a peer.</param>
    /// <returns>True once, when everything is here and is to be installed.</returns>
    public bool Advance(long now, ulong epoch, Action<FetchRequest, int> ask)
    {
        if (_stage is not (Stage.Manifest or Stage.Chunks))
        {
            return false;
        }

        Pardon(now);
        if (_stage == Stage.Manifest)
        {
            AskManifest(now, epoch, ask);
            return false;
        }

        Expire(now);
        AskChunks(now, ask);
        if (_stage == Stage.Manifest)
        {
            AskManifest(now, epoch, ask);
            return false;
        }

        if (_wanted.Count + _asked.Count > 0)
        {
            return false;
        }

        Require.That(IsWhole());
        _stage = Stage.Installing;
        return true;
    }

    public long NextDeadline()
    {
        long next = _stage is Stage.Manifest or Stage.Chunks ? _pardonAt : long.MaxValue;
        if (_stage == Stage.Manifest && _manifestFrom >= 0)
        {
            next = Math.Min(next, _manifestDeadline);
        }

        if (_stage == Stage.Chunks)
        {
            foreach ((_, long deadline) in _asked.Values)
            {
                next = Math.Min(next, deadline);
            }
        }

        return next;
    }

    private bool IsWhole()
    {
        foreach (Hash256 list in _lists)
        {
            for (ReadOnlySpan<byte> rest = _listBytes[list]; !rest.IsEmpty; rest = rest[Hash256.Size..])
            {
                if (!_held.Contains(new Hash256(rest)))
                {
                    return false;
                }
            }
        }

        return true;
    }

    private void Take(SnapshotManifest manifest)
    {
        Forget();
        Manifest = manifest;
        _stage = Stage.Chunks;
        foreach (Hash256 list in manifest.State.Parts)
        {
            if (list == Hash256.Of([]) || !_lists.Add(list))
            {
                continue;
            }

            if (_listBytes.TryGetValue(list, out byte[]? bytes))
            {
                WantListed(bytes);
            }
            else
            {
                _held.Remove(list);
                _wanted.Enqueue(list);
            }
        }
    }

    private void Hold(in Hash256 hash, byte[] data)
    {
        _held.Add(hash);
        if (_lists.Contains(hash))
        {
            _listBytes[hash] = data;
            WantListed(data);
        }
    }

    private void WantListed(ReadOnlySpan<byte> list)
    {
        for (; !list.IsEmpty; list = list[Hash256.Size..])
        {
            Hash256 chunk = new(list);
            if (!_held.Contains(chunk))
            {
                _wanted.Enqueue(chunk);
            }
        }
    }

    private void Forget()
    {
        _wanted.Clear();
        _asked.Clear();
        _lists.Clear();
        _manifestFrom = -1;
        for (int i = 0; i < _peers.Length; i++)
        {
            _peers[i].Asked = 0;
            _peers[i].Lacks = false;
        }
    }

    private void AskAnew()
    {
        Forget();
        _stage = Stage.Manifest;
    }

    private void AskManifest(long now, ulong epoch, Action<FetchRequest, int> ask)
    {
        if (_manifestFrom >= 0 && now >= _manifestDeadline)
        {
            Strike(_manifestFrom);
            _peers[_manifestFrom].Lacks = true;
            _manifestFrom = -1;
        }

        if (_manifestFrom < 0 && NextPeer(now) is int peer and >= 0)
        {
            _manifestFrom = peer;
            _first = (peer + 1) % _peers.Length;
            _manifestDeadline = now + PatienceMicros;
            ask(new FetchRequest(FetchKind.Snapshot, epoch, 0, _above + 1, 1, Hash256.Zero), peer);
        }
    }

    private void Expire(long now)
    {
        foreach ((Hash256 hash, (int peer, long deadline)) in _asked)
        {
            if (deadline <= now)
            {
                Strike(peer);
                Release(hash, peer);
            }
        }
    }

    private void AskChunks(long now, Action<FetchRequest, int> ask)
    {
        while (_wanted.Count > 0 && _asked.Count < MaxAsked)
        {
            if (_held.Contains(_wanted.Peek()) || _asked.ContainsKey(_wanted.Peek()))
            {
                _wanted.Dequeue();
                continue;
            }

            int peer = NextPeer(now);
            if (peer < 0)
            {
                if (_asked.Count == 0 && Array.Exists(_peers, p => p.Connected && !p.Dropped))
                {
                    // Whoever is left lacks this snapshot: they have a later one, and what is held of it counts.
                    AskAnew();
                }

                return;
            }

            Hash256 chunk = _wanted.Dequeue();
            _asked.Add(chunk, (peer, now + PatienceMicros));
            _peers[peer].Asked++;
            ask(new FetchRequest(FetchKind.Chunk, Manifest!.Epoch, 0, Manifest.Sequence, 1, chunk), peer);
        }
    }

    /// <summary>The peer with the fewest questions of those that may be asked; -1 when there is none.</summary>
    private int NextPeer(long now)
    {
        int best = -1;
        bool full = false;
        for (int turn = 0; turn < _peers.Length; turn++)
        {
            int i = (_first + turn) % _peers.Length;
            ref PeerState peer = ref _peers[i];
            if (!peer.Connected || peer.Dropped || peer.Lacks)
            {
                continue;
            }

            full |= peer.Asked >= MaxAskedOfOne;
            if (peer.Asked < MaxAskedOfOne && (best < 0 || peer.Asked < _peers[best].Asked))
            {
                best = i;
            }
        }

        if (best < 0 && !full && _pardonAt == long.MaxValue)
        {
            _pardonAt = now + AgainMicros;
            _amnestyAt = Math.Min(_amnestyAt, now + PardonMicros);
        }

        return best;
    }

    private void Strike(int peer)
    {
        if (++_peers[peer].Strikes >= MaxStrikes)
        {
            _peers[peer].Dropped = true;
        }
    }

    private void Release(in Hash256 hash, int peer)
    {
        _asked.Remove(hash);
        _peers[peer].Asked--;
        _wanted.Enqueue(hash);
    }

    private void Pardon(long now)
    {
        if (now < _pardonAt)
        {
            return;
        }

        _pardonAt = long.MaxValue;
        bool all = now >= _amnestyAt;
        for (int i = 0; i < _peers.Length; i++)
        {
            // Who lacks this snapshot goes on lacking it: else one that never answers would keep us from ever asking for another.
            _peers[i].Lacks &= _stage == Stage.Chunks;
            _peers[i].Dropped &= !all;
            _peers[i].Strikes = all ? 0 : _peers[i].Strikes;
        }

        _amnestyAt = all ? long.MaxValue : _amnestyAt;
    }
}
