using System.Diagnostics.CodeAnalysis;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace Validator.Crypto.Simd.Hashing;

/// <summary>
/// BLAKE3's compression of one block with its state as four rows of a 4 x 4 matrix, a 128-bit vector each: the path of a message
/// that comes alone. The four G functions of a half round run side by side; between halves rows are turned, so that diagonals
/// stand in columns. Row 0 is turned in place of row 1, which would be waited for.
/// </summary>
internal static unsafe class Blake3Rows
{
    /// <summary>
    /// The chaining value of one chunk of at most 1,024 bytes, which stays in registers from block to block: nothing is called
    /// once it is there.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    internal static void Chunk<TOps>(
        uint* key, byte* input, int length, ulong counter, uint flags, uint lastFlags, byte* output)
        where TOps : struct, IRowOps
    {
        if (length < Blake3Scalar.BlockBytes)
        {
            Short<TOps>(key, input, length, counter, flags | Blake3Scalar.ChunkStart | Blake3Scalar.ChunkEnd | lastFlags, output);
            return;
        }

        LastBlock padded;
        byte* last = (byte*)&padded;
        if ((length & (Blake3Scalar.BlockBytes - 1)) == 0)
        {
            last = input + length - Blake3Scalar.BlockBytes;
        }
        else
        {
            LastBlock.Pad(input, length, &padded);
        }

        Vector128<uint> row0 = Vector128.Load(key), row1 = Vector128.Load(key + 4);
        flags |= Blake3Scalar.ChunkStart;
        while (true)
        {
            bool ends = length <= Blake3Scalar.BlockBytes;
            Rounds<TOps>(
                ref row0, ref row1, out Vector128<uint> row2, out Vector128<uint> row3, ends ? last : input,
                ends ? (uint)length : Blake3Scalar.BlockBytes, counter, ends ? flags | Blake3Scalar.ChunkEnd | lastFlags : flags);
            row0 ^= row2;
            row1 ^= row3;
            if (ends)
            {
                break;
            }

            flags &= ~Blake3Scalar.ChunkStart;
            input += Blake3Scalar.BlockBytes;
            length -= Blake3Scalar.BlockBytes;
        }

        row0.AsByte().Store(output);
        row1.AsByte().Store(output + 16);
    }

    /// <summary>A chunk of less than one block: its padded words are made in registers.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Short<TOps>(uint* key, byte* input, int length, ulong counter, uint flags, byte* output)
        where TOps : struct, IRowOps
    {
        byte* end = input + length;
        bool lookBack = length >= 16;
        Vector128<byte> w0 = LastBlock.Words(input, end, lookBack), w1 = LastBlock.Words(input + 16, end, lookBack);
        Vector128<byte> w2 = LastBlock.Words(input + 32, end, lookBack), w3 = LastBlock.Words(input + 48, end, lookBack);
        Vector128<uint> row0 = Vector128.Load(key), row1 = Vector128.Load(key + 4);
        Rounds<TOps>(
            ref row0, ref row1, out Vector128<uint> row2, out Vector128<uint> row3,
            w0, w1, w2, w3, (uint)length, counter, flags);
        (row0 ^ row2).AsByte().Store(output);
        (row1 ^ row3).AsByte().Store(output + 16);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    internal static void CompressInPlace<TOps>(uint* cv, byte* block, uint blockLength, ulong counter, uint flags)
        where TOps : struct, IRowOps
    {
        Vector128<uint> row0 = Vector128.Load(cv), row1 = Vector128.Load(cv + 4);
        Rounds<TOps>(ref row0, ref row1, out Vector128<uint> row2, out Vector128<uint> row3, block, blockLength, counter, flags);
        (row0 ^ row2).Store(cv);
        (row1 ^ row3).Store(cv + 4);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    internal static void CompressXof<TOps>(uint* cv, byte* block, uint blockLength, ulong counter, uint flags, byte* output64)
        where TOps : struct, IRowOps
    {
        Vector128<uint> cv0 = Vector128.Load(cv), cv1 = Vector128.Load(cv + 4), row0 = cv0, row1 = cv1;
        Rounds<TOps>(ref row0, ref row1, out Vector128<uint> row2, out Vector128<uint> row3, block, blockLength, counter, flags);
        (row0 ^ row2).AsByte().Store(output64);
        (row1 ^ row3).AsByte().Store(output64 + 16);
        (row2 ^ cv0).AsByte().Store(output64 + 32);
        (row3 ^ cv1).AsByte().Store(output64 + 48);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Rounds<TOps>(
        ref Vector128<uint> row0, ref Vector128<uint> row1, out Vector128<uint> row2, out Vector128<uint> row3,
        byte* block, uint blockLength, ulong counter, uint flags)
        where TOps : struct, IRowOps => Rounds<TOps>(
            ref row0, ref row1, out row2, out row3, Vector128.Load(block), Vector128.Load(block + 16),
            Vector128.Load(block + 32), Vector128.Load(block + 48), blockLength, counter, flags);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Rounds<TOps>(
        ref Vector128<uint> row0, ref Vector128<uint> row1, out Vector128<uint> row2, out Vector128<uint> row3,
        Vector128<byte> w0, Vector128<byte> w1, Vector128<byte> w2, Vector128<byte> w3, uint blockLength, ulong counter, uint flags)
        where TOps : struct, IRowOps
    {
        row2 = Vector128.Create(Blake3Scalar.Iv0, Blake3Scalar.Iv1, Blake3Scalar.Iv2, Blake3Scalar.Iv3);
        row3 = Vector128.Create(counter, ((ulong)flags << 32) | blockLength).AsUInt32();

        // The words of one round: of the columns' first and second halves, then of the diagonals', these turned as row 0 is.
        TOps.Deal(
            w0.AsUInt32(), w1.AsUInt32(), w2.AsUInt32(), w3.AsUInt32(),
            out Vector128<uint> m0, out Vector128<uint> m1, out Vector128<uint> m2, out Vector128<uint> m3);
        for (int round = 0; ; round++)
        {
            First<TOps>(ref row0, ref row1, ref row2, ref row3, m0);
            Second<TOps>(ref row0, ref row1, ref row2, ref row3, m1);
            row0 = Vector128.Shuffle(row0, Vector128.Create(3u, 0, 1, 2));
            row3 = Vector128.Shuffle(row3, Vector128.Create(2u, 3, 0, 1));
            row2 = Vector128.Shuffle(row2, Vector128.Create(1u, 2, 3, 0));
            First<TOps>(ref row0, ref row1, ref row2, ref row3, m2);
            Second<TOps>(ref row0, ref row1, ref row2, ref row3, m3);
            row0 = Vector128.Shuffle(row0, Vector128.Create(1u, 2, 3, 0));
            row3 = Vector128.Shuffle(row3, Vector128.Create(2u, 3, 0, 1));
            row2 = Vector128.Shuffle(row2, Vector128.Create(3u, 0, 1, 2));
            if (round == 6)
            {
                return;
            }

            TOps.Permute(ref m0, ref m1, ref m2, ref m3);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void First<TOps>(ref Vector128<uint> a, ref Vector128<uint> b, ref Vector128<uint> c, ref Vector128<uint> d, Vector128<uint> m)
        where TOps : struct, IRowOps
    {
        a = a + m + b;
        d = TOps.Right16(d ^ a);
        c += d;
        b = TOps.Right12(b ^ c);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Second<TOps>(ref Vector128<uint> a, ref Vector128<uint> b, ref Vector128<uint> c, ref Vector128<uint> d, Vector128<uint> m)
        where TOps : struct, IRowOps
    {
        a = a + m + b;
        d = TOps.Right8(d ^ a);
        c += d;
        b = TOps.Right7(b ^ c);
    }
}

/// <summary>
/// A message's last block, padded a whole vector at a time: what is stored in pieces and loaded whole is waited for.
/// </summary>
internal unsafe struct LastBlock
{
    private Vector128<byte> _w0, _w1, _w2, _w3;

    /// <param name="length">Of the message; what is beyond its last whole block is padded, and nothing outside the message is
    /// read.</param>
    internal static void Pad(byte* input, int length, LastBlock* block)
    {
        byte* end = input + length;
        byte* at = input + (length & ~(Blake3Scalar.BlockBytes - 1));
        bool lookBack = length >= 16;
        block->_w0 = Words(at, end, lookBack);
        block->_w1 = Words(at + 16, end, lookBack);
        block->_w2 = Words(at + 32, end, lookBack);
        block->_w3 = Words(at + 48, end, lookBack);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static Vector128<byte> Words(byte* at, byte* end, bool lookBack)
    {
        long left = end - at;
        return left >= 16 ? Vector128.Load(at) : left <= 0 ? Vector128<byte>.Zero : Last(at, (int)left, lookBack);
    }

    /// <summary>The last 1 to 15 bytes and zeros; where <paramref name="lookBack"/> from the message's last 16.</summary>
    private static Vector128<byte> Last(byte* at, int left, bool lookBack)
    {
        if (lookBack)
        {
            // Places past the vector's end give zero.
            return Vector128.Shuffle(Vector128.Load(at + left - 16), Vector128<byte>.Indices + Vector128.Create((byte)(16 - left)));
        }

        ulong low = 0, high = 0;
        for (int i = Math.Min(left, 8); --i >= 0;)
        {
            low = (low << 8) | at[i];
        }

        for (int i = left; --i >= 8;)
        {
            high = (high << 8) | at[i];
        }

        return Vector128.Create(low, high).AsByte();
    }
}

/// <summary>What differs between instruction sets: rotations, and gathering words out of several vectors.</summary>
internal interface IRowOps
{
    static abstract Vector128<uint> Right16(Vector128<uint> x);

    static abstract Vector128<uint> Right12(Vector128<uint> x);

    static abstract Vector128<uint> Right8(Vector128<uint> x);

    static abstract Vector128<uint> Right7(Vector128<uint> x);

    /// <summary>Of words 0 to 15 in order: (0 2 4 6), (1 3 5 7), (14 8 10 12), (15 9 11 13).</summary>
    static abstract void Deal(
        Vector128<uint> w0, Vector128<uint> w1, Vector128<uint> w2, Vector128<uint> w3,
        out Vector128<uint> m0, out Vector128<uint> m1, out Vector128<uint> m2, out Vector128<uint> m3);

    /// <summary>The next round's words, in the same places (paper, table 2).</summary>
    static abstract void Permute(ref Vector128<uint> m0, ref Vector128<uint> m1, ref Vector128<uint> m2, ref Vector128<uint> m3);
}

/// <summary>Portable vectors: for AArch64, and run by tests everywhere.</summary>
internal readonly struct PortableRows : IRowOps
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<uint> Right16(Vector128<uint> x) => (x >>> 16) | (x << 16);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<uint> Right12(Vector128<uint> x) => (x >>> 12) | (x << 20);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<uint> Right8(Vector128<uint> x) => (x >>> 8) | (x << 24);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<uint> Right7(Vector128<uint> x) => (x >>> 7) | (x << 25);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Deal(
        Vector128<uint> w0, Vector128<uint> w1, Vector128<uint> w2, Vector128<uint> w3,
        out Vector128<uint> m0, out Vector128<uint> m1, out Vector128<uint> m2, out Vector128<uint> m3)
    {
        Vector128<uint> low = Vector128.Create(~0u, ~0u, 0, 0), first = Vector128.Create(~0u, 0, 0, 0);
        m0 = Select(low, w0, Vector128.Create(0u, 2, 0, 0), w1, Vector128.Create(0u, 0, 0, 2));
        m1 = Select(low, w0, Vector128.Create(1u, 3, 0, 0), w1, Vector128.Create(0u, 0, 1, 3));
        Vector128<uint> even = Select(Vector128.Create(0, ~0u, ~0u, 0), w2, Vector128.Create(0u, 0, 2, 0), w3, Vector128.Create(0u, 0, 0, 0));
        Vector128<uint> odd = Select(Vector128.Create(0, ~0u, ~0u, 0), w2, Vector128.Create(0u, 1, 3, 0), w3, Vector128.Create(0u, 0, 0, 1));
        m2 = Vector128.ConditionalSelect(first, Vector128.Shuffle(w3, Vector128.Create(2u, 0, 0, 0)), even);
        m3 = Vector128.ConditionalSelect(first, Vector128.Shuffle(w3, Vector128.Create(3u, 0, 0, 0)), odd);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Permute(ref Vector128<uint> m0, ref Vector128<uint> m1, ref Vector128<uint> m2, ref Vector128<uint> m3)
    {
        Vector128<uint> t0 = Select(Vector128.Create(~0u, 0, 0, ~0u), m0, Vector128.Create(1u, 0, 0, 2), m1, Vector128.Create(0u, 1, 3, 0));
        Vector128<uint> t1 = Select(Vector128.Create(~0u, 0, ~0u, 0), m0, Vector128.Create(3u, 0, 0, 0), m2, Vector128.Create(0u, 2, 0, 0));
        t1 = Vector128.ConditionalSelect(Vector128.Create(0, 0, 0, ~0u), m3, t1);
        Vector128<uint> t2 = Select(Vector128.Create(~0u, 0, 0, ~0u), m3, Vector128.Create(0u, 0, 0, 1), m1, Vector128.Create(0u, 0, 0, 0));
        t2 = Vector128.ConditionalSelect(Vector128.Create(0, 0, ~0u, 0), Vector128.Shuffle(m2, Vector128.Create(0u, 0, 3, 0)), t2);
        Vector128<uint> t3 = Select(Vector128.Create(~0u, 0, 0, ~0u), m2, Vector128.Create(1u, 0, 0, 0), m1, Vector128.Create(0u, 0, 2, 0));
        t3 = Vector128.ConditionalSelect(Vector128.Create(0, ~0u, 0, 0), Vector128.Shuffle(m3, Vector128.Create(0u, 2, 0, 0)), t3);
        (m0, m1, m2, m3) = (t0, t1, t2, t3);
    }

    /// <summary>Where the mask is set, words of x, elsewhere of y, each from the place given.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector128<uint> Select(
        Vector128<uint> mask, Vector128<uint> x, Vector128<uint> fromX, Vector128<uint> y, Vector128<uint> fromY) =>
        Vector128.ConditionalSelect(mask, Vector128.Shuffle(x, fromX), Vector128.Shuffle(y, fromY));
}

/// <summary>x86-64 with SSE4.1 and SSSE3, which AVX2 implies.</summary>
internal readonly struct SseRows : IRowOps
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<uint> Right16(Vector128<uint> x) =>
        Ssse3.Shuffle(x.AsByte(), Vector128.Create((byte)2, 3, 0, 1, 6, 7, 4, 5, 10, 11, 8, 9, 14, 15, 12, 13)).AsUInt32();

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<uint> Right12(Vector128<uint> x) => (x >>> 12) | (x << 20);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<uint> Right8(Vector128<uint> x) =>
        Ssse3.Shuffle(x.AsByte(), Vector128.Create((byte)1, 2, 3, 0, 5, 6, 7, 4, 9, 10, 11, 8, 13, 14, 15, 12)).AsUInt32();

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<uint> Right7(Vector128<uint> x) => (x >>> 7) | (x << 25);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Deal(
        Vector128<uint> w0, Vector128<uint> w1, Vector128<uint> w2, Vector128<uint> w3,
        out Vector128<uint> m0, out Vector128<uint> m1, out Vector128<uint> m2, out Vector128<uint> m3)
    {
        m0 = Pick(w0, w1, 0b10_00_10_00);
        m1 = Pick(w0, w1, 0b11_01_11_01);
        m2 = Sse2.Shuffle(Pick(w2, w3, 0b10_00_10_00), 0b10_01_00_11);
        m3 = Sse2.Shuffle(Pick(w2, w3, 0b11_01_11_01), 0b10_01_00_11);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Permute(ref Vector128<uint> m0, ref Vector128<uint> m1, ref Vector128<uint> m2, ref Vector128<uint> m3)
    {
        Vector128<uint> t0 = Sse2.Shuffle(Pick(m0, m1, 0b11_01_01_10), 0b00_11_10_01);
        Vector128<uint> t1 = Sse41.Blend(Sse2.Shuffle(m0, 0b00_00_11_11).AsUInt16(), Pick(m2, m3, 0b11_11_10_10).AsUInt16(), 0b1100_1100).AsUInt32();
        Vector128<uint> t2 = Sse2.UnpackLow(m3.AsUInt64(), m1.AsUInt64()).AsUInt32();
        t2 = Sse2.Shuffle(Sse41.Blend(t2.AsUInt16(), m2.AsUInt16(), 0b1100_0000).AsUInt32(), 0b01_11_10_00);
        Vector128<uint> t3 = Sse2.Shuffle(Sse2.UnpackLow(m2, Sse2.UnpackHigh(m1, m3)), 0b00_01_11_10);
        (m0, m1, m2, m3) = (t0, t1, t2, t3);
    }

    /// <summary>Two words of x, then two of y.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector128<uint> Pick(Vector128<uint> x, Vector128<uint> y, [ConstantExpected] byte places) =>
        Sse.Shuffle(x.AsSingle(), y.AsSingle(), places).AsUInt32();
}

/// <summary>AVX-512's rotations in one instruction each.</summary>
internal readonly struct Avx512Rows : IRowOps
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<uint> Right16(Vector128<uint> x) => Avx512F.VL.RotateRight(x, 16);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<uint> Right12(Vector128<uint> x) => Avx512F.VL.RotateRight(x, 12);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<uint> Right8(Vector128<uint> x) => Avx512F.VL.RotateRight(x, 8);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<uint> Right7(Vector128<uint> x) => Avx512F.VL.RotateRight(x, 7);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Deal(
        Vector128<uint> w0, Vector128<uint> w1, Vector128<uint> w2, Vector128<uint> w3,
        out Vector128<uint> m0, out Vector128<uint> m1, out Vector128<uint> m2, out Vector128<uint> m3) =>
        SseRows.Deal(w0, w1, w2, w3, out m0, out m1, out m2, out m3);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Permute(ref Vector128<uint> m0, ref Vector128<uint> m1, ref Vector128<uint> m2, ref Vector128<uint> m3) =>
        SseRows.Permute(ref m0, ref m1, ref m2, ref m3);
}
