using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Validator.Crypto.Simd.Hashing;

/// <summary>
/// Several sponges side by side, a vector lane each: word w of lane i lies at <c>state[w * width + i]</c>. The width is 4, or
/// 8 with 512-bit vectors; on paths without a vector kernel the lanes are permuted one after the other.
/// </summary>
internal static unsafe class KeccakLanes
{
    /// <summary>The widest width; buffers are sized by it.</summary>
    internal const int MaxWidth = 8;

    /// <summary>Words of the largest state.</summary>
    internal const int MaxStateWords = 25 * MaxWidth;

    /// <summary>Lanes permuted together on the path in use.</summary>
    internal static int Width => CpuPaths.UseAvx512 ? 8 : 4;

    internal static void Clear(ulong* state, int width) => new Span<ulong>(state, 25 * width).Clear();

    internal static void ClearLane(ulong* state, int width, int lane)
    {
        for (int i = 0; i < 25; i++)
        {
            state[(i * width) + lane] = 0;
        }
    }

    /// <summary>Permutes all lanes.</summary>
    internal static void Permute(ulong* state, int width)
    {
        if (width == 8 && CpuPaths.UseAvx512)
        {
            KeccakVector<Keccak512, Vector512<ulong>>.Permute(state, width);
        }
        else if (width == 4 && CpuPaths.UseAvx2)
        {
            KeccakAvx2.Permute(state);
        }
        else if (CpuPaths.UseVector128)
        {
            KeccakVector<Keccak128, Vector128<ulong>>.Permute(state, width);
        }
        else
        {
            PermuteEach(state, width);
        }
    }

    /// <summary>XORs <paramref name="bytes"/> bytes, at most the rate, into one lane from the start of its block.</summary>
    internal static void Absorb(ulong* state, int width, int lane, byte* input, int bytes)
    {
        ulong* at = state + lane;
        for (; bytes >= 8; bytes -= 8, input += 8, at += width)
        {
            *at ^= Unsafe.ReadUnaligned<ulong>(input);
        }

        ulong last = 0;
        for (int i = 0; i < bytes; i++)
        {
            last |= (ulong)input[i] << (8 * i);
        }

        *at ^= last;
    }

    /// <summary>Pads one lane after <paramref name="position"/> bytes of its block (SHAKE's domain).</summary>
    internal static void Pad(ulong* state, int width, int lane, int position, int rate)
    {
        state[((position >> 3) * width) + lane] ^= 0x1FUL << (8 * (position & 7));
        state[(((rate >> 3) - 1) * width) + lane] ^= 0x80UL << 56;
    }

    /// <summary>Copies <paramref name="words"/> 64-bit words from the start of one lane.</summary>
    internal static void Extract(ulong* state, int width, int lane, byte* output, int words)
    {
        for (int i = 0; i < words; i++)
        {
            Unsafe.WriteUnaligned(output + (8 * i), state[(i * width) + lane]);
        }
    }

    /// <summary>
    /// Copies the first <paramref name="words"/> (at most 24) 64-bit words of every lane, lanes <paramref name="stride"/> bytes
    /// apart; may write up to three words more of each. Four by four: words stored singly and loaded as vectors are waited for.
    /// </summary>
    internal static void ExtractAll(ulong* state, int width, byte* output, int stride, int words)
    {
        if (!CpuPaths.UseAvx2)
        {
            for (int lane = 0; lane < width; lane++)
            {
                Extract(state, width, lane, output + (lane * stride), words);
            }

            return;
        }

        for (int lane = 0; lane < width; lane += 4)
        {
            KeccakAvx2.Extract(state + lane, width, output + (lane * stride), stride, words);
        }
    }

    private static void PermuteEach(ulong* state, int width)
    {
        ulong* one = stackalloc ulong[25];
        for (int lane = 0; lane < width; lane++)
        {
            for (int i = 0; i < 25; i++)
            {
                one[i] = state[(i * width) + lane];
            }

            KeccakScalar.Permute(one);
            for (int i = 0; i < 25; i++)
            {
                state[(i * width) + lane] = one[i];
            }
        }
    }
}
