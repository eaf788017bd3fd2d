using System.Runtime.CompilerServices;

namespace Validator.Crypto.Simd;

/// <summary>Cache-line alignment of stack memory, which is aligned to 16 bytes only: vectors across lines cost twice.</summary>
internal static unsafe class Scratch
{
    /// <summary>Bytes to allocate beyond what is used.</summary>
    internal const int Slack = 64;

    /// <summary>The first cache line boundary at or after <paramref name="start"/>.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static void* Align(byte* start) => (void*)(((nuint)start + (Slack - 1)) & ~(nuint)(Slack - 1));
}
