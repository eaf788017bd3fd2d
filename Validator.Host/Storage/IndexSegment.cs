using System.Buffers.Binary;
using System.Numerics;
using Validator.Core.Primitives;

namespace Validator.Host.Storage;

/// <summary>Some blocks' part of the index.</summary>
/// <param name="Level">0 as first written; each level above has what sixteen of the one below had.</param>
internal sealed record IndexSegment(int Level, ulong First, ulong Last, ulong Count)
{
    public const int MostLevel = 5;

    /// <summary>Ids are told apart by so many leading bits: some 256 entries to a value, a few kilobytes, at every level.</summary>
    public int BucketBits => 8 + (4 * Level);
}
