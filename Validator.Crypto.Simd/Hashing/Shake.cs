using System.Runtime.CompilerServices;

namespace Validator.Crypto.Simd.Hashing;

/// <summary>
/// One SHAKE sponge (FIPS 202, section 6.2): absorb any number of pieces, then squeeze. The state is read as bytes, so the
/// processor must be little-endian, as all targets are.
/// </summary>
internal unsafe struct Shake
{
    internal const int Rate128 = 168;
    internal const int Rate256 = 136;

    private fixed ulong _state[25];
    private int _rate;
    private int _position;

    /// <summary>An empty SHAKE256.</summary>
    internal static void Init256(out Shake shake)
    {
        shake = default;
        shake._rate = Rate256;
    }

    /// <summary>An empty SHAKE128.</summary>
    internal static void Init128(out Shake shake)
    {
        shake = default;
        shake._rate = Rate128;
    }

    /// <summary>An empty sponge with another rate: FIPS 202's fixed-length hashes for ML-KEM.</summary>
    internal static void InitRate(out Shake shake, int rate)
    {
        shake = default;
        shake._rate = rate;
    }

    internal void Absorb(ReadOnlySpan<byte> input)
    {
        fixed (ulong* state = _state)
        {
            byte* bytes = (byte*)state;
            fixed (byte* start = input)
            {
                byte* p = start;
                int left = input.Length;
                while (left > 0)
                {
                    int take = Math.Min(left, _rate - _position);
                    Xor(bytes + _position, p, take);
                    _position += take;
                    p += take;
                    left -= take;
                    if (_position == _rate)
                    {
                        KeccakScalar.Permute(state);
                        _position = 0;
                    }
                }
            }
        }
    }

    private static void Xor(byte* target, byte* source, int bytes)
    {
        for (; bytes >= 8; bytes -= 8, target += 8, source += 8)
        {
            Unsafe.WriteUnaligned(target, Unsafe.ReadUnaligned<ulong>(target) ^ Unsafe.ReadUnaligned<ulong>(source));
        }

        for (int i = 0; i < bytes; i++)
        {
            target[i] ^= source[i];
        }
    }

    /// <summary>
    /// Pads (FIPS 202, section 5.1) with SHAKE's domain bits unless told otherwise; then only squeezing is allowed.
    /// </summary>
    internal void Finish(byte domain = 0x1F)
    {
        fixed (ulong* state = _state)
        {
            byte* bytes = (byte*)state;
            bytes[_position] ^= domain;
            bytes[_rate - 1] ^= 0x80;
            _position = _rate;
        }
    }

    internal void Squeeze(Span<byte> output)
    {
        fixed (ulong* state = _state)
        {
            while (output.Length > 0)
            {
                if (_position == _rate)
                {
                    KeccakScalar.Permute(state);
                    _position = 0;
                }

                int take = Math.Min(output.Length, _rate - _position);
                new ReadOnlySpan<byte>((byte*)state + _position, take).CopyTo(output);
                _position += take;
                output = output[take..];
            }
        }
    }

    /// <summary>Wipes the state, which may hold a secret.</summary>
    internal void Clear() => this = default;
}
