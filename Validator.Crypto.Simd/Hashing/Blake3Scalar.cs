using System.Buffers.Binary;
using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace Validator.Crypto.Simd.Hashing;

/// <summary>
/// BLAKE3's compression function on plain integers (BLAKE3 paper, section 2.2): the oracle of the vector kernels.
/// </summary>
internal static unsafe class Blake3Scalar
{
    internal const uint Iv0 = 0x6A09E667, Iv1 = 0xBB67AE85, Iv2 = 0x3C6EF372, Iv3 = 0xA54FF53A;
    internal const uint Iv4 = 0x510E527F, Iv5 = 0x9B05688C, Iv6 = 0x1F83D9AB, Iv7 = 0x5BE0CD19;

    internal const uint ChunkStart = 1, ChunkEnd = 2, Parent = 4, Root = 8;
    internal const uint KeyedHash = 16, DeriveKeyContext = 32, DeriveKeyMaterial = 64;

    internal const int BlockBytes = 64;
    internal const int ChunkBytes = 1024;
    internal const int CvBytes = 32;

    /// <summary>The message word order of each of the seven rounds, 16 a round (paper, table 2 applied repeatedly).</summary>
    internal static ReadOnlySpan<byte> Schedule =>
    [
        0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15,
        2, 6, 3, 10, 7, 0, 4, 13, 1, 11, 12, 5, 9, 14, 15, 8,
        3, 4, 10, 12, 13, 2, 7, 14, 6, 5, 9, 0, 11, 15, 8, 1,
        10, 7, 12, 9, 14, 3, 13, 15, 4, 0, 11, 2, 5, 8, 1, 6,
        12, 13, 9, 11, 15, 10, 14, 8, 7, 2, 5, 3, 0, 1, 6, 4,
        9, 14, 11, 5, 8, 12, 15, 1, 13, 3, 0, 10, 2, 6, 4, 7,
        11, 15, 5, 0, 1, 9, 8, 6, 14, 10, 2, 12, 3, 4, 7, 13,
    ];

    /// <summary>
    /// The initial chaining value: what a plain hash has for a key. It lies in the program, so its address stays.
    /// </summary>
    internal static uint* InitialCv => (uint*)Unsafe.AsPointer(ref MemoryMarshal.GetReference(InitialWords));

    private static ReadOnlySpan<uint> InitialWords => [Iv0, Iv1, Iv2, Iv3, Iv4, Iv5, Iv6, Iv7];

    /// <summary>
    /// The chaining value of one chunk of at most 1,024 bytes, from <paramref name="key"/>, to 32 bytes of output.
    /// </summary>
    internal static void Chunk(uint* key, byte* input, int length, ulong counter, uint flags, uint lastFlags, byte* output)
    {
        uint* cv = stackalloc uint[8];
        Blake3Tree.Copy(cv, key);
        flags |= ChunkStart;
        for (; length > BlockBytes; length -= BlockBytes)
        {
            CompressInPlace(cv, input, BlockBytes, counter, flags);
            flags &= ~ChunkStart;
            input += BlockBytes;
        }

        byte* last = stackalloc byte[BlockBytes];
        new Span<byte>(last, BlockBytes).Clear();
        new ReadOnlySpan<byte>(input, length).CopyTo(new Span<byte>(last, BlockBytes));
        CompressInPlace(cv, last, (uint)length, counter, flags | ChunkEnd | lastFlags);
        Blake3Tree.Store(output, cv);
    }

    /// <summary>Compresses one 64-byte block into <paramref name="cv"/> in place (8 words).</summary>
    internal static void CompressInPlace(uint* cv, byte* block, uint blockLength, ulong counter, uint flags)
    {
        uint* state = stackalloc uint[16];
        Rounds(cv, block, blockLength, counter, flags, state);
        for (int i = 0; i < 8; i++)
        {
            cv[i] = state[i] ^ state[i + 8];
        }
    }

    /// <summary>Compresses one block and writes all 64 output bytes; counter is the output block number for the root.</summary>
    internal static void CompressXof(uint* cv, byte* block, uint blockLength, ulong counter, uint flags, byte* output64)
    {
        uint* state = stackalloc uint[16];
        Rounds(cv, block, blockLength, counter, flags, state);
        for (int i = 0; i < 8; i++)
        {
            WriteWord(output64 + (4 * i), state[i] ^ state[i + 8]);
            WriteWord(output64 + 32 + (4 * i), state[i + 8] ^ cv[i]);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static uint ReadWord(byte* source)
    {
        uint value = Unsafe.ReadUnaligned<uint>(source);
        return BitConverter.IsLittleEndian ? value : BinaryPrimitives.ReverseEndianness(value);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static void WriteWord(byte* target, uint value) =>
        Unsafe.WriteUnaligned(target, BitConverter.IsLittleEndian ? value : BinaryPrimitives.ReverseEndianness(value));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void G(ref uint a, ref uint b, ref uint c, ref uint d, uint x, uint y)
    {
        a += b + x;
        d = BitOperations.RotateRight(d ^ a, 16);
        c += d;
        b = BitOperations.RotateRight(b ^ c, 12);
        a += b + y;
        d = BitOperations.RotateRight(d ^ a, 8);
        c += d;
        b = BitOperations.RotateRight(b ^ c, 7);
    }

    [SkipLocalsInit]
    private static void Rounds(uint* cv, byte* block, uint blockLength, ulong counter, uint flags, uint* state)
    {
        uint* m = stackalloc uint[16];
        for (int i = 0; i < 16; i++)
        {
            m[i] = ReadWord(block + (4 * i));
        }

        uint v0 = cv[0], v1 = cv[1], v2 = cv[2], v3 = cv[3], v4 = cv[4], v5 = cv[5], v6 = cv[6], v7 = cv[7];
        uint v8 = Iv0, v9 = Iv1, v10 = Iv2, v11 = Iv3;
        uint v12 = (uint)counter, v13 = (uint)(counter >> 32), v14 = blockLength, v15 = flags;
        fixed (byte* schedule = Schedule)
        {
            for (byte* s = schedule; s < schedule + 112; s += 16)
            {
                G(ref v0, ref v4, ref v8, ref v12, m[s[0]], m[s[1]]);
                G(ref v1, ref v5, ref v9, ref v13, m[s[2]], m[s[3]]);
                G(ref v2, ref v6, ref v10, ref v14, m[s[4]], m[s[5]]);
                G(ref v3, ref v7, ref v11, ref v15, m[s[6]], m[s[7]]);
                G(ref v0, ref v5, ref v10, ref v15, m[s[8]], m[s[9]]);
                G(ref v1, ref v6, ref v11, ref v12, m[s[10]], m[s[11]]);
                G(ref v2, ref v7, ref v8, ref v13, m[s[12]], m[s[13]]);
                G(ref v3, ref v4, ref v9, ref v14, m[s[14]], m[s[15]]);
            }
        }

        state[0] = v0;
        state[1] = v1;
        state[2] = v2;
        state[3] = v3;
        state[4] = v4;
        state[5] = v5;
        state[6] = v6;
        state[7] = v7;
        state[8] = v8;
        state[9] = v9;
        state[10] = v10;
        state[11] = v11;
        state[12] = v12;
        state[13] = v13;
        state[14] = v14;
        state[15] = v15;
    }
}
