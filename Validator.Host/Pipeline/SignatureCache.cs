using Validator.Core.Primitives;
using Validator.Core.Wire;

namespace Validator.Host.Pipeline;

/// <summary>
/// Remembers which signatures were found valid, by the BLAKE3 of (member, preimage, signature), so that a certificate made
/// of votes already seen costs hashes only. Fixed size, two places per bucket, the older one is replaced.
/// Any thread reads and writes: a place is one reference, and a lost race only costs a verification.
/// </summary>
internal sealed class SignatureCache
{
    private sealed class Entry(Hash256 key)
    {
        public readonly Hash256 Key = key;
    }

    private readonly Entry?[] _entries;
    private readonly int _mask;

    /// <param name="capacity">Signatures remembered; a power of two.</param>
    public SignatureCache(int capacity = 1 << 15)
    {
        Require.That(capacity >= 2 && (capacity & (capacity - 1)) == 0);
        _entries = new Entry?[capacity];
        _mask = (capacity / 2) - 1;
    }

    /// <summary>The preimage names the member, so this says who signed what, and how.</summary>
    /// <param name="preimage">96 bytes, see SignedHeaderCodec.</param>
    public static Hash256 KeyOf(ReadOnlySpan<byte> preimage, ReadOnlySpan<byte> signature)
    {
        Span<byte> all = stackalloc byte[SignedHeaderCodec.PreimageBytes + Limits.SignatureBytes];
        preimage.CopyTo(all);
        signature.CopyTo(all[SignedHeaderCodec.PreimageBytes..]);
        return Hash256.Of(all);
    }

    public bool Contains(in Hash256 key)
    {
        int bucket = 2 * (key.GetHashCode() & _mask);
        return Volatile.Read(ref _entries[bucket])?.Key == key || Volatile.Read(ref _entries[bucket + 1])?.Key == key;
    }

    public void Add(in Hash256 key)
    {
        int bucket = 2 * (key.GetHashCode() & _mask);
        Entry? newest = Volatile.Read(ref _entries[bucket]);
        if (newest?.Key == key)
        {
            return;
        }

        Volatile.Write(ref _entries[bucket + 1], newest);
        Volatile.Write(ref _entries[bucket], new Entry(key));
    }
}
