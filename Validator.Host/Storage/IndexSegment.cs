using System.Buffers.Binary;
using System.Numerics;
using Validator.Core.Primitives;

namespace Validator.Host.Storage;

/// <summary>The part of the index for some blocks.</summary>
/// <param name="Level">0 as first written; a segment of the next level is made of sixteen of this one.</param>
internal sealed record IndexSegment(int Level, ulong First, ulong Last, ulong Count)
{
    public const int MostLevel = 5;

    /// <summary>How many leading bits select a value: some 256 entries, a few kilobytes, in each at every level.</summary>
    public int BucketBits => 8 + (4 * Level);
}
