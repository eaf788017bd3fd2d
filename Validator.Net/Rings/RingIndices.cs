using System.Runtime.InteropServices;

namespace Validator.Net.Rings;

/// <summary>
/// A ring's two ends, two cache lines apart from each other and from their neighbours: the adjacent-line prefetcher
/// pairs 64-byte lines. Apart from the rings, because a generic type cannot have an explicit layout.
/// </summary>
[StructLayout(LayoutKind.Explicit, Size = 384)]
internal struct RingIndices
{
    /// <summary>Next slot to read; written by the consumer.</summary>
    [FieldOffset(128)] public long Head;

    /// <summary>The consumer's last view of Tail.</summary>
    [FieldOffset(136)] public long CachedTail;

    /// <summary>Next slot to write; written by the producer.</summary>
    [FieldOffset(256)] public long Tail;

    /// <summary>The producer's last view of Head.</summary>
    [FieldOffset(264)] public long CachedHead;
}
