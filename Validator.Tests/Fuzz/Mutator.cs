using System.Buffers.Binary;

namespace Validator.Tests.Fuzz;

/// <summary>
/// Makes inputs that are almost right: from samples that a parser accepts, by what attackers and bad disks do to bytes. It knows
/// nothing of a format but that lengths are numbers and that texts have signs. One thread each; a seed repeats exactly.
/// </summary>
internal sealed class Mutator
{
    private static readonly ulong[] s_numbers =
        [0, 1, 2, 3, 4, 127, 128, 255, 256, 0x7FFF, 0x8000, 0xFFFF, 0x10000, 0x7FFF_FFFF, 0x8000_0000, 0xFFFF_FFFF, 1UL << 63, ulong.MaxValue, 4627, 2592];

    private static readonly byte[] s_signs = "{}[]\"'\\=.,:#/-+_\n\r\t 0eE\0\x80\xFF"u8.ToArray();

    private readonly byte[][] _samples;
    private readonly int _most;
    private byte[] _buffer;
    private int _length;
    private ulong _state;

    /// <param name="most">Longest input to make.</param>
    public Mutator(byte[][] samples, int most, int seed)
    {
        _samples = [.. samples.OrderBy(s => s.Length)];
        _most = most;
        _buffer = new byte[most];
        _state = (ulong)seed * 0x9E3779B97F4A7C15UL + 0xD1B54A32D192ED03UL;
    }

    /// <summary>The next input; good until the next call.</summary>
    public ReadOnlySpan<byte> Next()
    {
        // Short ones more often: they are read in less time, and a change is more likely to hit what matters.
        byte[] sample = _samples[Math.Min(Below(_samples.Length), Below(_samples.Length))];
        _length = Math.Min(sample.Length, _most);
        sample.AsSpan(0, _length).CopyTo(_buffer);
        for (int i = 1 + Below(4); i > 0; i--)
        {
            Change();
        }

        return _buffer.AsSpan(0, _length);
    }

    private void Change()
    {
        if (_length == 0)
        {
            Insert(1 + Below(16));
            return;
        }

        // Heads hold what steers a parser: half of the changes go there.
        int at = Below(2) == 0 ? Below(Math.Min(_length, 96)) : Below(_length);
        switch (Below(11))
        {
            case 0:
                _buffer[at] ^= (byte)(1 << Below(8));
                break;
            case 1:
                _buffer[at] = (byte)Random();
                break;
            case 2:
                _buffer[at] = s_signs[Below(s_signs.Length)];
                break;
            case 3 or 4:
                WriteNumber(at);
                break;
            case 5:
                _length = at;
                break;
            case 6:
                Insert(1 + Below(64));
                break;
            case 7:
                Remove(at, 1 + Below(64));
                break;
            case 8:
                Copy(at);
                break;
            case 9:
                Splice(at);
                break;
            default:
                _buffer[at] += (byte)(Below(2) == 0 ? 1 : 255);
                break;
        }
    }

    private void WriteNumber(int at)
    {
        ulong number = Below(3) == 0 ? (ulong)(_length + Below(9) - 4) : s_numbers[Below(s_numbers.Length)];
        Span<byte> bytes = stackalloc byte[8];
        BinaryPrimitives.WriteUInt64LittleEndian(bytes, number);
        int width = Math.Min(1 << Below(4), _length - at);
        bytes[..width].CopyTo(_buffer.AsSpan(at));
    }

    private void Insert(int count)
    {
        int at = Below(_length + 1);
        count = Math.Min(count, _most - _length);
        _buffer.AsSpan(at, _length - at).CopyTo(_buffer.AsSpan(at + count));
        byte sign = s_signs[Below(s_signs.Length)];
        bool same = Below(2) == 0;
        for (int i = 0; i < count; i++)
        {
            _buffer[at + i] = same ? sign : (byte)Random();
        }

        _length += count;
    }

    private void Remove(int at, int count)
    {
        count = Math.Min(count, _length - at);
        _buffer.AsSpan(at + count, _length - at - count).CopyTo(_buffer.AsSpan(at));
        _length -= count;
    }

    /// <summary>Repeats a piece of itself.</summary>
    private void Copy(int at)
    {
        int count = Math.Min(1 + Below(256), Math.Min(_length - at, _most - _length));
        int to = Below(_length + 1);
        Span<byte> piece = stackalloc byte[256];
        _buffer.AsSpan(at, count).CopyTo(piece);
        _buffer.AsSpan(to, _length - to).CopyTo(_buffer.AsSpan(to + count));
        piece[..count].CopyTo(_buffer.AsSpan(to));
        _length += count;
    }

    /// <summary>Goes on as another sample does.</summary>
    private void Splice(int at)
    {
        byte[] other = _samples[Below(_samples.Length)];
        int from = Below(other.Length + 1);
        int count = Math.Min(other.Length - from, _most - at);
        other.AsSpan(from, count).CopyTo(_buffer.AsSpan(at));
        _length = at + count;
    }

    private int Below(int bound) => (int)(Random() % (uint)bound);

    /// <summary>splitmix64.</summary>
    private ulong Random()
    {
        ulong z = _state += 0x9E3779B97F4A7C15UL;
        z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9UL;
        z = (z ^ (z >> 27)) * 0x94D049BB133111EBUL;
        return z ^ (z >> 31);
    }
}
