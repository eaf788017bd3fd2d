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
/// State sync: fetches a certified snapshot from several peers at once (PROTOCOL.md, section 10). Pure: it is told what arrives
/// and the time, and says what to ask from which peer and what to keep. Chunks are found by their hash, so those from an earlier
/// attempt, or from before a restart, count. A peer that sent wrong bytes, or was too slow three times, is no longer asked.
/// </summary>
internal sealed class SnapshotFetch(int members)
{
    /// <summary>Chunks asked for at once, over all peers: 32 KiB each, so a megabyte is under way.</summary>
    private const int MaxAsked = 32;

    /// <summary>Microseconds for an answer; a chunk takes a second at 256 kbit/s.</summary>
    private const long PatienceMicros = 2_000_000;

    private readonly SnapshotPeers _peers = new(members);
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

    private enum Stage : byte
    {
        Idle,
        Probing,
        Manifest,
        Chunks,
        Installing,
        Leaving,
    }

    /// <summary>Nobody is asked for anything.</summary>
    public bool Idle => _stage == Stage.Idle;

    /// <summary>Not while a single peer is probed: nothing rests on its word.</summary>
    public bool Active => _stage is not (Stage.Idle or Stage.Probing);

    /// <summary>One that says to have what others lack is asked for the proof.</summary>
    public bool Probes => _stage == Stage.Probing;

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
        Require.That(!Active);
        _above = final;
        AskAnew();
    }

    /// <summary>
    /// Asks one peer for a snapshot above what is final here. Its manifest proves itself; without one, nothing has happened.
    /// </summary>
    public void Probe(ulong final, ulong epoch, int peer, long now, Action<FetchRequest, int> ask)
    {
        Require.That(Idle);
        Forget();
        _stage = Stage.Probing;
        _above = final;
        AskManifestOf(peer, epoch, now, ask);
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

    public void PeerUp(int peer) => _peers.Up(peer);

    public void PeerDown(int peer)
    {
        _peers.Down(peer);
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
        if (_stage is not (Stage.Manifest or Stage.Probing) || from != _manifestFrom)
        {
            return false;
        }

        if (manifest.Sequence <= _above)
        {
            // Proven, and no use.
            GiveUpOn(from);
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
            _peers.Drop(from);
            if (asked.Peer == from)
            {
                Release(chunk.Hash, from);
            }

            return ChunkResult.Wrong;
        }

        _asked.Remove(chunk.Hash);
        _peers.NoteDone(asked.Peer);
        _peers.NoteServed(from);
        Hold(chunk.Hash, chunk.Data);
        return ChunkResult.Keep;
    }

    public void OnNotFound(in FetchRequest request, int from)
    {
        if (request.Kind == FetchKind.Snapshot && from == _manifestFrom)
        {
            GiveUpOn(from);
        }
        else if (request.Kind == FetchKind.Chunk && _asked.TryGetValue(request.Hash, out (int Peer, long Deadline) asked) && asked.Peer == from)
        {
            if (from == _offeredBy && !_peers.Lacks(from))
            {
                _peers.Strike(from);
            }

            _peers.NoteLacks(from);
            Release(request.Hash, from);
        }
    }

    /// <summary>Turns to others where an answer is late, and asks for what may be asked for.</summary>
    /// <param name="ask">Sends a request to a peer.</param>
    /// <returns>True once, when everything is here and is to be installed.</returns>
    public bool Advance(long now, ulong epoch, Action<FetchRequest, int> ask)
    {
        if (_stage == Stage.Probing && now >= _manifestDeadline)
        {
            GiveUpOn(_manifestFrom);
        }

        if (_stage is not (Stage.Manifest or Stage.Chunks))
        {
            return false;
        }

        _peers.Pardon(lackers: _stage != Stage.Chunks, now);
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
        long next = _stage is Stage.Manifest or Stage.Chunks ? _peers.PardonAt : long.MaxValue;
        if (_manifestFrom >= 0)
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
        _peers.BeginAnew();
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
            _peers.Strike(_manifestFrom);
            GiveUpOn(_manifestFrom);
        }

        if (_manifestFrom < 0 && _peers.Next(_first, -1, now) is int peer and >= 0)
        {
            _first = (peer + 1) % members;
            AskManifestOf(peer, epoch, now, ask);
        }
    }

    private void AskManifestOf(int peer, ulong epoch, long now, Action<FetchRequest, int> ask)
    {
        _manifestFrom = peer;
        _manifestDeadline = now + PatienceMicros;
        ask(new FetchRequest(FetchKind.Snapshot, epoch, 0, _above + 1, 1, Hash256.Zero), peer);
    }

    /// <summary>It has no usable manifest.</summary>
    private void GiveUpOn(int peer)
    {
        _peers.NoteLacks(peer);
        _manifestFrom = -1;
        if (_stage == Stage.Probing)
        {
            _stage = Stage.Idle;
        }
    }

    private void Expire(long now)
    {
        foreach ((Hash256 hash, (int peer, long deadline)) in _asked)
        {
            if (deadline <= now)
            {
                _peers.Strike(peer);
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

            // Who offered it has it; others may be past it.
            int peer = _peers.Next(_first, _offeredBy, now);
            if (peer < 0)
            {
                if (_asked.Count == 0 && _peers.AnyLeft)
                {
                    // Whoever is left lacks this snapshot: they have a later one, and what is held of it counts.
                    AskAnew();
                }

                return;
            }

            Hash256 chunk = _wanted.Dequeue();
            _asked.Add(chunk, (peer, now + PatienceMicros));
            _peers.NoteAsked(peer);
            ask(new FetchRequest(FetchKind.Chunk, Manifest!.Epoch, 0, Manifest.Sequence, 1, chunk), peer);
        }
    }

    private void Release(in Hash256 hash, int peer)
    {
        _asked.Remove(hash);
        _peers.NoteDone(peer);
        _wanted.Enqueue(hash);
    }
}
