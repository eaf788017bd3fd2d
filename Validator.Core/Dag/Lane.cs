using Validator.Core.Primitives;
using Validator.Core.Wire;

namespace Validator.Core.Dag;

/// <summary>A vertex above the final cut, with or without its predecessor at hand.</summary>
internal sealed class VertexEntry(VertexHeader header, byte[]? signature)
{
    public VertexHeader Header { get; } = header;

    /// <summary>Null only for an own vertex that is still being signed.</summary>
    public byte[]? Signature { get; set; } = signature;

    /// <summary>Stored here with its payload, synced.</summary>
    public bool Durable { get; set; }

    /// <summary>Durable, and so is every predecessor down to the final cut (rules L1, L3).</summary>
    public bool Held { get; set; }

    /// <summary>Another vertex in the same slot.</summary>
    public VertexEntry? NextVariant { get; set; }

    public LaneTip Tip => new(Header.Height, Header.Hash);
}

/// <summary>One author's vertices above the final cut (PROTOCOL.md, section 3).</summary>
internal sealed class Lane(int author)
{
    private readonly Dictionary<Hash256, VertexEntry> _byHash = [];
    private readonly Dictionary<ulong, VertexEntry> _byHeight = [];

    public int Author { get; } = author;

    /// <summary>The lane's vertex in the last final cut; everything below is gone from memory.</summary>
    public LaneTip Final { get; private set; }

    /// <summary>Newest held vertex of the chain that grows from the final cut.</summary>
    public LaneTip Tip { get; private set; }

    /// <summary>Two vertices in one slot were seen: the lane is proposed no further (rule L4).</summary>
    public bool Equivocated { get; set; }

    /// <summary>When Tip last moved, monotonic microseconds.</summary>
    public long AdvancedMicros { get; private set; }

    public int Count => _byHash.Count;

    /// <summary>Payload bytes of all of them.</summary>
    public long Bytes { get; private set; }

    public VertexEntry? Find(in Hash256 hash) => _byHash.GetValueOrDefault(hash);

    /// <summary>First seen vertex at a height; others hang on NextVariant.</summary>
    public VertexEntry? At(ulong height) => _byHeight.GetValueOrDefault(height);

    /// <summary>True when the vertex is the final one or held above it.</summary>
    public bool Holds(in LaneTip tip) =>
        tip == Final || (_byHash.TryGetValue(tip.Hash, out VertexEntry? entry) && entry.Held && entry.Header.Height == tip.Height);

    public int Variants(ulong height)
    {
        int count = 0;
        for (VertexEntry? entry = At(height); entry is not null; entry = entry.NextVariant)
        {
            count++;
        }

        return count;
    }

    public void Add(VertexEntry entry)
    {
        Require.That(entry.Header.Author == Author);
        Require.That(entry.Header.Height > Final.Height);
        _byHash.Add(entry.Header.Hash, entry);
        Bytes += entry.Header.PayloadBytes;
        if (_byHeight.TryGetValue(entry.Header.Height, out VertexEntry? first))
        {
            entry.NextVariant = first.NextVariant;
            first.NextVariant = entry;
        }
        else
        {
            _byHeight.Add(entry.Header.Height, entry);
        }
    }

    /// <summary>Marks a vertex durable and everything that becomes held by it.</summary>
    /// <returns>True when something became held.</returns>
    public bool MarkDurable(VertexEntry entry, long now)
    {
        entry.Durable = true;
        return !entry.Held && PredecessorHeld(entry) && Hold(entry, now);
    }

    /// <summary>
    /// The lowest missing predecessor under a vertex: its hash and the vertices missing down to what is known, at most.
    /// </summary>
    /// <returns>False when the chain down to the final cut is known.</returns>
    public bool FirstGap(VertexEntry entry, out Hash256 missing, out ulong depth)
    {
        while (true)
        {
            VertexHeader header = entry.Header;
            missing = header.Predecessor;
            depth = header.Height - 1 - Final.Height;
            if (depth == 0)
            {
                return false;
            }

            if (!_byHash.TryGetValue(header.Predecessor, out VertexEntry? below))
            {
                // Whatever is held on the way down needs no second fetch.
                depth = header.Height - 1 > Tip.Height ? header.Height - 1 - Tip.Height : depth;
                return true;
            }

            if (below.Held)
            {
                return false;
            }

            entry = below;
        }
    }

    /// <summary>
    /// Forgets each signed vertex that is neither on the chain to the tip nor on one to a named vertex: what an author who signs
    /// many variants of a slot can make us keep is bounded by what blocks name of them. A dropped one can be fetched again.
    /// </summary>
    public void DropUnnamed(IEnumerable<LaneTip> named)
    {
        HashSet<Hash256> kept = [];
        foreach (LaneTip tip in named.Append(Tip))
        {
            Hash256 hash = tip.Hash;
            while (_byHash.TryGetValue(hash, out VertexEntry? entry) && kept.Add(hash))
            {
                hash = entry.Header.Predecessor;
            }
        }

        VertexEntry[] all = [.. _byHash.Values.Where(entry => entry.Signature is null || kept.Contains(entry.Header.Hash)).OrderBy(entry => entry.Header.Height)];
        _byHash.Clear();
        _byHeight.Clear();
        Bytes = 0;
        foreach (VertexEntry entry in all)
        {
            entry.NextVariant = null;
            Add(entry);
        }
    }

    /// <summary>Moves the final cut: forgets what is at or below it and what can no longer be ordered.</summary>
    public void Finalize(in LaneTip tip, long now)
    {
        if (tip == Final)
        {
            return;
        }

        Require.That(tip.Height > Final.Height);
        for (ulong height = Final.Height + 1; height <= tip.Height; height++)
        {
            for (VertexEntry? entry = At(height); entry is not null; entry = entry.NextVariant)
            {
                Bytes -= _byHash.Remove(entry.Header.Hash) ? entry.Header.PayloadBytes : 0;
            }

            _byHeight.Remove(height);
        }

        bool tipStays = Tip.Height > tip.Height && DescendsFrom(Tip, tip);
        Final = tip;
        if (!tipStays)
        {
            Tip = tip;
            AdvancedMicros = now;
            for (VertexEntry? entry = At(tip.Height + 1); entry is not null; entry = entry.NextVariant)
            {
                if (entry.Header.Predecessor == tip.Hash && entry.Durable)
                {
                    Hold(entry, now);
                }
            }
        }
    }

    /// <summary>Walks own predecessors from a held vertex: does it lead to <paramref name="ancestor"/>?</summary>
    public bool DescendsFrom(LaneTip tip, in LaneTip ancestor)
    {
        while (tip.Height > ancestor.Height)
        {
            if (!_byHash.TryGetValue(tip.Hash, out VertexEntry? entry))
            {
                // Only the final cut itself may lie below the table.
                return false;
            }

            tip = new LaneTip(tip.Height - 1, entry.Header.Predecessor);
        }

        return tip == ancestor;
    }

    /// <summary>The vertex at <paramref name="height"/> on the chain below a held vertex.</summary>
    public LaneTip AncestorAt(LaneTip tip, ulong height)
    {
        while (tip.Height > height)
        {
            tip = new LaneTip(tip.Height - 1, _byHash[tip.Hash].Header.Predecessor);
        }

        return tip;
    }

    private bool PredecessorHeld(VertexEntry entry)
    {
        VertexHeader header = entry.Header;
        if (header.Height == Final.Height + 1)
        {
            return header.Predecessor == Final.Hash;
        }

        return _byHash.TryGetValue(header.Predecessor, out VertexEntry? below) && below.Held;
    }

    private bool Hold(VertexEntry entry, long now)
    {
        // Iterative along the chain: a gap that closes may release thousands of vertices.
        while (true)
        {
            entry.Held = true;
            if (entry.Header.Height == Tip.Height + 1 && entry.Header.Predecessor == Tip.Hash)
            {
                Tip = entry.Tip;
                AdvancedMicros = now;
            }

            VertexEntry? next = null;
            for (VertexEntry? above = At(entry.Header.Height + 1); above is not null; above = above.NextVariant)
            {
                if (above.Durable && !above.Held && above.Header.Predecessor == entry.Header.Hash)
                {
                    if (next is null)
                    {
                        next = above;
                    }
                    else
                    {
                        Hold(above, now);
                    }
                }
            }

            if (next is null)
            {
                return true;
            }

            entry = next;
        }
    }
}
