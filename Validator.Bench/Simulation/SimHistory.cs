using System.Buffers.Binary;
using Validator.Core.Primitives;

namespace Validator.Bench.Simulation;

/// <summary>
/// Hashes of the newest executed blocks, oldest first: part of the state, in place of the ids of the dedup window.
/// </summary>
public sealed class SimHistory
{
    public const int EntryBytes = 8 + Hash256.Size;

    /// <summary>Blocks that are part of the state, and how many share a piece of it.</summary>
    public const int Window = 40;
    public const int Segment = 8;

    private readonly List<(ulong Sequence, Hash256 Hash)> _blocks = [];

    public void Add(ulong sequence, in Hash256 hash)
    {
        Require.That(_blocks.Count == 0 || sequence > _blocks[^1].Sequence);
        _blocks.Add((sequence, hash));
    }

    public void Clear() => _blocks.Clear();

    public void CopyTo(SimHistory other) => other._blocks.AddRange(_blocks);

    /// <summary>What no state after that block holds any more.</summary>
    public void ForgetBehind(ulong newest)
    {
        int gone = 0;
        while (gone < _blocks.Count && _blocks[gone].Sequence + Window + Segment < newest)
        {
            gone++;
        }

        _blocks.RemoveRange(0, gone);
    }

    /// <summary>The pieces: of each block the sequence, 8 bytes, and the hash.</summary>
    public List<byte[]> Segments()
    {
        ulong newest = _blocks.Count == 0 ? 0 : _blocks[^1].Sequence;
        ulong start = newest > Window ? newest - Window + 1 : 1;
        start -= start % Segment;
        List<byte[]> segments = [];
        int next = 0;
        while (next < _blocks.Count && _blocks[next].Sequence < start)
        {
            next++;
        }

        while (next < _blocks.Count)
        {
            ulong number = _blocks[next].Sequence / Segment;
            int end = next;
            while (end < _blocks.Count && _blocks[end].Sequence / Segment == number)
            {
                end++;
            }

            byte[] segment = new byte[(end - next) * EntryBytes];
            for (Span<byte> rest = segment; next < end; next++, rest = rest[EntryBytes..])
            {
                BinaryPrimitives.WriteUInt64LittleEndian(rest, _blocks[next].Sequence);
                _blocks[next].Hash.CopyTo(rest[8..]);
            }

            segments.Add(segment);
        }

        return segments;
    }
}
