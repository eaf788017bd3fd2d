using System.Runtime.InteropServices;
using Validator.Crypto.Simd.Hashing;

namespace Validator.Crypto.Simd;

/// <summary>
/// BLAKE3 (O'Connor, Aumasson, Neves, Wilcox-O'Hearn, 2020): hash, keyed hash, key derivation, extendable output, and many
/// short messages at a time. Nothing here allocates. Of single messages input and output may be the same memory.
/// </summary>
public static unsafe class Blake3
{
    /// <summary>Bytes of a digest.</summary>
    public const int OutputBytes = 32;

    /// <summary>Bytes of a key of <see cref="KeyedHash"/>.</summary>
    public const int KeyBytes = 32;

    /// <summary>Hashes <paramref name="input"/> into the 32 bytes of <paramref name="output32"/>.</summary>
    /// <exception cref="ArgumentException"><paramref name="output32"/> is not 32 bytes.</exception>
    public static void Hash(ReadOnlySpan<byte> input, Span<byte> output32)
    {
        if (output32.Length != OutputBytes)
        {
            throw new ArgumentException("A digest has 32 bytes.", nameof(output32));
        }

        HashXof(input, output32);
    }

    /// <summary>Hashes into an output of any length; its first 32 bytes are the digest.</summary>
    public static void HashXof(ReadOnlySpan<byte> input, Span<byte> output)
    {
        Blake3Tree.HashAll(Blake3Scalar.InitialCv, 0, input, output);
    }

    /// <summary>
    /// The digest of very long input by up to <paramref name="threads"/> threads of the pool and the caller's; 0 takes one for
    /// each processor. The same bytes as <see cref="HashXof"/>, which this is below 256 KiB. Unlike all else here it allocates.
    /// </summary>
    /// <exception cref="ArgumentOutOfRangeException">A negative number of threads.</exception>
    public static void HashParallel(ReadOnlySpan<byte> input, Span<byte> output, int threads = 0)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(threads);
        threads = threads == 0 ? Environment.ProcessorCount : threads;
        if (threads == 1 || input.Length < 2 * Blake3Threads.MinPartBytes)
        {
            HashXof(input, output);
            return;
        }

        fixed (byte* p = input)
        {
            Blake3Threads.HashAll(Blake3Scalar.InitialCv, 0, p, input.Length, threads, output);
        }
    }

    /// <summary>Keyed hash (a PRF and MAC) with a 32-byte key; extended as far as <paramref name="output"/> is long.</summary>
    /// <exception cref="ArgumentException">The key is not 32 bytes.</exception>
    public static void KeyedHash(ReadOnlySpan<byte> key32, ReadOnlySpan<byte> input, Span<byte> output)
    {
        uint* key = stackalloc uint[8];
        LoadKey(key32, key);
        Blake3Tree.HashAll(key, Blake3Scalar.KeyedHash, input, output);
        new Span<uint>(key, 8).Clear();
    }

    /// <summary>
    /// Keyed hashes of <paramref name="count"/> equal messages at equal distances, a vector lane each: message i is
    /// <paramref name="length"/> bytes at <c>i * stride</c> of <paramref name="data"/>, its digest the 32 bytes at
    /// <c>32 * i</c> of <paramref name="digests"/>.
    /// </summary>
    /// <exception cref="ArgumentException">
    /// The key is not 32 bytes, a message leaves the data, or the digests do not fit or overlap the data.
    /// </exception>
    public static void KeyedHashEach(
        ReadOnlySpan<byte> key32, ReadOnlySpan<byte> data, int length, int stride, int count, Span<byte> digests)
    {
        bool inside = length >= 0 && stride >= 0 && count >= 0 && (count == 0 || length + ((long)stride * (count - 1)) <= data.Length);
        if (!inside || digests.Length / OutputBytes < count || data.Overlaps(digests))
        {
            throw new ArgumentException("The messages must lie in the data, and the digests fit, outside of it.");
        }

        uint* key = stackalloc uint[8];
        LoadKey(key32, key);
        int width = length > Blake3Equal.MostChunks * Blake3Scalar.ChunkBytes ? 1 : Blake3Lanes.Width;
        fixed (byte* d = data, o = digests)
        {
            for (int done = 0; done < count;)
            {
                int next = Math.Min(width, count - done);
                if (next > 1)
                {
                    Blake3Equal.HashEach(
                        key, Blake3Scalar.KeyedHash, d + ((long)stride * done), length, stride, next, o + (OutputBytes * done));
                }
                else
                {
                    Blake3Tree.HashAll(
                        key, Blake3Scalar.KeyedHash, data.Slice(stride * done, length), digests.Slice(OutputBytes * done, OutputBytes));
                }

                done += next;
            }
        }

        new Span<uint>(key, 8).Clear();
    }

    /// <summary>
    /// Derives a key from <paramref name="material"/> for the purpose named by <paramref name="contextUtf8"/>, a hard-coded,
    /// globally unique string (paper, section 2.3).
    /// </summary>
    public static void DeriveKey(ReadOnlySpan<byte> contextUtf8, ReadOnlySpan<byte> material, Span<byte> output)
    {
        uint* key = stackalloc uint[8];
        ContextKey(contextUtf8, key);
        Blake3Tree.HashAll(key, Blake3Scalar.DeriveKeyMaterial, material, output);
        new Span<uint>(key, 8).Clear();
    }

    /// <summary>
    /// Hashes independent messages, a vector lane each: message i is <c>lengths[i]</c> bytes at <c>offsets[i]</c> of
    /// <paramref name="data"/>, its digest the 32 bytes at <c>32 * i</c> of <paramref name="digests"/>. Messages may overlap
    /// and differ in length; those above one chunk (1,024 bytes) take the path of long messages.
    /// </summary>
    /// <exception cref="ArgumentException">
    /// Counts differ, the digests do not fit or overlap an input, or a range leaves the data.
    /// </exception>
    public static void HashMany(ReadOnlySpan<byte> data, ReadOnlySpan<int> offsets, ReadOnlySpan<int> lengths, Span<byte> digests)
    {
        if (offsets.Length != lengths.Length || digests.Length / OutputBytes < offsets.Length)
        {
            throw new ArgumentException("There must be as many lengths as offsets, and 32 bytes of digest for each.");
        }

        if (data.Overlaps(digests) || MemoryMarshal.AsBytes(offsets).Overlaps(digests) || MemoryMarshal.AsBytes(lengths).Overlaps(digests))
        {
            throw new ArgumentException("The digests overlap what is read.", nameof(digests));
        }

        for (int i = 0; i < offsets.Length; i++)
        {
            if ((uint)offsets[i] > (uint)data.Length || (uint)lengths[i] > (uint)(data.Length - offsets[i]))
            {
                throw new ArgumentException("A message lies outside the data.");
            }
        }

        HashManyChecked(data, offsets, lengths, digests);
    }

    private static void HashManyChecked(
        ReadOnlySpan<byte> data, ReadOnlySpan<int> offsets, ReadOnlySpan<int> lengths, Span<byte> digests)
    {
        if (Blake3Lanes.Width > 1)
        {
            fixed (byte* d = data, o = digests)
            fixed (int* at = offsets, length = lengths)
            {
                Blake3Lanes.HashMany(d, at, length, offsets.Length, Blake3Scalar.InitialCv, o);
            }

            return;
        }

        for (int i = 0; i < offsets.Length; i++)
        {
            Hash(data.Slice(offsets[i], lengths[i]), digests.Slice(OutputBytes * i, OutputBytes));
        }
    }

    internal static void LoadKey(ReadOnlySpan<byte> key32, uint* key)
    {
        if (key32.Length != KeyBytes)
        {
            throw new ArgumentException("A BLAKE3 key has 32 bytes.", nameof(key32));
        }

        fixed (byte* p = key32)
        {
            for (int i = 0; i < 8; i++)
            {
                key[i] = Blake3Scalar.ReadWord(p + (4 * i));
            }
        }
    }

    internal static void ContextKey(ReadOnlySpan<byte> contextUtf8, uint* key)
    {
        byte* bytes = stackalloc byte[KeyBytes];
        Blake3Tree.HashAll(Blake3Scalar.InitialCv, Blake3Scalar.DeriveKeyContext, contextUtf8, new Span<byte>(bytes, KeyBytes));
        LoadKey(new ReadOnlySpan<byte>(bytes, KeyBytes), key);
    }
}
