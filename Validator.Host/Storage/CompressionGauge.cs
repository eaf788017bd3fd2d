using System.Runtime.InteropServices;

namespace Validator.Host.Storage;

/// <summary>
/// Decides from samples whether values are worth compressing: LZ4 costs as much on bytes that do not compress (ciphertext,
/// signatures, hashes) as on others. It changes slowly, since each change is told to the database. One thread.
/// </summary>
internal sealed class CompressionGauge(long sampleEveryBytes = 4L * 1024 * 1024)
{
    /// <summary>LZ4 can refer back 64 KB; a quarter of that also shows what repeats between transactions.</summary>
    private const int SampleBytes = 16 * 1024;

    /// <summary>Too little to tell.</summary>
    private const int LeastBytes = 1024;

    /// <summary>LZ4's shortest match.</summary>
    private const int MatchBytes = 4;

    /// <summary>Matches must cover one part in this many; LZ4 itself adds about a byte in 255 where there are none.</summary>
    private const int LeastShare = 16;

    /// <summary>Samples in a row that must contradict the present setting.</summary>
    private const int Agreeing = 3;

    private const int TableBits = 12;

    private long _untilNext;
    private int _otherwise;

    /// <summary>True at first, and while samples have repetitions.</summary>
    public bool IsWorthIt { get; private set; } = true;

    /// <summary>Counts a value, and looks at it if one is due.</summary>
    /// <returns>True when <see cref="IsWorthIt"/> has changed.</returns>
    public bool Add(ReadOnlySpan<byte> value)
    {
        _untilNext -= value.Length;
        if (_untilNext > 0 || value.Length < LeastBytes)
        {
            return false;
        }

        _untilNext = sampleEveryBytes;
        _otherwise = Repeats(value[..Math.Min(value.Length, SampleBytes)]) == IsWorthIt ? 0 : _otherwise + 1;
        if (_otherwise < Agreeing)
        {
            return false;
        }

        _otherwise = 0;
        IsWorthIt = !IsWorthIt;
        return true;
    }

    /// <summary>
    /// Whether sequences of four bytes that occurred before cover enough of it: LZ4's search, without its output.
    /// </summary>
    private static bool Repeats(ReadOnlySpan<byte> sample)
    {
        Span<ushort> last = stackalloc ushort[1 << TableBits];
        last.Clear();
        int matched = 0;
        for (int at = 0; at + MatchBytes <= sample.Length;)
        {
            uint bytes = MemoryMarshal.Read<uint>(sample[at..]);
            ref ushort seen = ref last[(int)((bytes * 2654435761u) >> (32 - TableBits))];
            int before = seen - 1;
            seen = (ushort)(at + 1);
            bool match = before >= 0 && MemoryMarshal.Read<uint>(sample[before..]) == bytes;
            matched += match ? MatchBytes : 0;
            at += match ? MatchBytes : 1;
        }

        return matched * LeastShare >= sample.Length;
    }
}
