using Validator.Core.Primitives;
using Validator.Core.Wire;

namespace Validator.Core.Consensus;

/// <summary>One outstanding question to the peers.</summary>
internal sealed class Fetch(FetchRequest request, int peer)
{
    public FetchRequest Request { get; } = request;
    public int Peer { get; set; } = peer;
    public long DeadlineMicros { get; set; }
    public int Attempts { get; set; }
}

/// <summary>What was asked of whom; asks the next peer when one does not answer. Bounded.</summary>
internal sealed class FetchTable
{
    public const int MaxOutstanding = 256;

    /// <summary>Room that vertices leave to blocks and final blocks, without which nothing is ever final here.</summary>
    private const int ReservedForBlocks = 64;

    /// <summary>Before another peer is asked, microseconds; doubles up to eight times.</summary>
    private const long PatienceMicros = 300_000;

    /// <summary>Afterwards the need has to come up again by itself.</summary>
    private const int MaxAttempts = 16;

    private readonly List<Fetch> _fetches = [];

    public int Count => _fetches.Count;

    public bool Asked(FetchKind kind, in Hash256 hash) => IndexOf(kind, hash) >= 0;

    /// <returns>The new entry, or null when it is asked already or the table is full.</returns>
    public Fetch? Add(in FetchRequest request, int peer, long now)
    {
        int room = request.Kind == FetchKind.Vertices ? MaxOutstanding - ReservedForBlocks : MaxOutstanding;
        if (_fetches.Count >= room || Asked(request.Kind, request.Hash))
        {
            return null;
        }

        Fetch fetch = new(request, peer) { DeadlineMicros = now + PatienceMicros };
        _fetches.Add(fetch);
        return fetch;
    }

    public bool Complete(FetchKind kind, in Hash256 hash)
    {
        int index = IndexOf(kind, hash);
        if (index >= 0)
        {
            _fetches.RemoveAt(index);
        }

        return index >= 0;
    }

    private int IndexOf(FetchKind kind, in Hash256 hash)
    {
        for (int i = 0; i < _fetches.Count; i++)
        {
            if (_fetches[i].Request.Kind == kind && _fetches[i].Request.Hash == hash)
            {
                return i;
            }
        }

        return -1;
    }

    /// <summary>Makes a fetch due at once: the peer has it not, or is gone.</summary>
    public void Hasten(Predicate<Fetch> which, long now)
    {
        foreach (Fetch fetch in _fetches)
        {
            if (which(fetch))
            {
                fetch.DeadlineMicros = now;
            }
        }
    }

    /// <summary>Turns due fetches to their next peer; forgets those asked too often.</summary>
    public void Advance(PeerTable peers, Step step)
    {
        for (int i = 0; i < _fetches.Count; i++)
        {
            Fetch fetch = _fetches[i];
            if (fetch.DeadlineMicros > step.Now)
            {
                continue;
            }

            if (++fetch.Attempts > MaxAttempts)
            {
                _fetches.RemoveAt(i--);
                continue;
            }

            fetch.DeadlineMicros = step.Now + (PatienceMicros << Math.Min(fetch.Attempts / 4, 3));
            int peer = peers.Next(fetch.Peer);
            if (peer >= 0)
            {
                fetch.Peer = peer;
                step.Ask(fetch.Request, peer);
            }
        }
    }

    public long NextDeadline()
    {
        long next = long.MaxValue;
        foreach (Fetch fetch in _fetches)
        {
            next = Math.Min(next, fetch.DeadlineMicros);
        }

        return next;
    }
}
