using Validator.Core.Primitives;
using Validator.Core.Wire;

namespace Validator.Host.Pipeline;

/// <summary>
/// Remembers which signatures were found valid, by the BLAKE3 of (member, preimage, signature), so that a certificate made
/// of votes already seen costs hashes only. Fixed size, two places per bucket, the older one is replaced.
/// Any thread reads and writes, a bucket guarded by a version that is odd while it is written: a lost race only costs a
/// verification.
/// </summary>
internal sealed class SignatureCache
{
    private struct Bucket
    {
        public uint Version;
        public Hash256 Newest;
        public Hash256 Older;
    }

    private readonly Bucket[] _buckets;

    /// <param name="capacity">Signatures remembered; a power of two.</param>
    public SignatureCache(int capacity = 1 << 15)
    {
        Require.That(capacity >= 2 && (capacity & (capacity - 1)) == 0);
        _buckets = new Bucket[capacity / 2];
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
        ref Bucket bucket = ref BucketOf(key);
        uint version = Volatile.Read(ref bucket.Version);
        bool found = bucket.Newest == key || bucket.Older == key;

        // What was compared is whole only if nobody wrote meanwhile.
        Volatile.ReadBarrier();
        return found && (version & 1) == 0 && bucket.Version == version;
    }

    public void Add(in Hash256 key)
    {
        ref Bucket bucket = ref BucketOf(key);
        uint version = Volatile.Read(ref bucket.Version);
        if ((version & 1) != 0 || Interlocked.CompareExchange(ref bucket.Version, version + 1, version) != version)
        {
            return;
        }

        if (bucket.Newest != key)
        {
            bucket.Older = bucket.Newest;
            bucket.Newest = key;
        }

        Volatile.Write(ref bucket.Version, version + 2);
    }

    private ref Bucket BucketOf(in Hash256 key) => ref _buckets[key.GetHashCode() & (_buckets.Length - 1)];
}
