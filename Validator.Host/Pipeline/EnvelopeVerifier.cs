using System.Collections.Concurrent;
using Validator.Core.Primitives;
using Validator.Core.Wire;
using Validator.Crypto.Simd;

namespace Validator.Host.Pipeline;

/// <summary>
/// Prepared keys of the accounts met last, shared by all threads that check envelopes: 66 KB each, taken from the system as they
/// come to be used. The lock covers finding a key, and making one that is not there (80 us), never a check. Disposal waits for
/// the keys that are lent out: a request may be cut off in the middle of its check when the node stops.
/// </summary>
internal sealed class PreparedAccounts(int capacity = 1024) : IDisposable
{
    private readonly PreparedKeyCache _cache = new(capacity);
    private readonly Lock _lock = new();
    private int _lent;
    private bool _closed;

    /// <exception cref="ObjectDisposedException">The node has stopped.</exception>
    public PreparedKeyCache.Lease Rent(ReadOnlySpan<byte> publicKey)
    {
        lock (_lock)
        {
            ObjectDisposedException.ThrowIf(_closed, this);
            PreparedKeyCache.Lease lease = _cache.Rent(publicKey);
            _lent++;
            return lease;
        }
    }

    public void Return(ReadOnlySpan<PreparedKeyCache.Lease> leases)
    {
        lock (_lock)
        {
            foreach (ref readonly PreparedKeyCache.Lease lease in leases)
            {
                lease.Dispose();
            }

            _lent -= leases.Length;
            DisposeWhenIdle();
        }
    }

    public void Dispose()
    {
        lock (_lock)
        {
            _closed = true;
            DisposeWhenIdle();
        }
    }

    private void DisposeWhenIdle()
    {
        if (_closed && _lent == 0)
        {
            _cache.Dispose();
        }
    }
}

/// <summary>
/// Checks all envelopes of a payload as one batch, those of an account side by side. Its buffers grow to the largest payload met.
/// For one thread at a time.
/// </summary>
internal sealed class EnvelopeVerifier(PreparedAccounts accounts, Hash256 chainId)
{
    private static readonly byte[] Context = EnvelopeCodec.Context.ToArray();

    private VerificationItem[] _items = [];
    private byte[] _preimages = [];
    private int[] _places = [];
    private int[] _starts = [];
    private PreparedKeyCache.Lease[] _leases = [];

    /// <param name="payload">
    /// Account keys and transactions, with the structure that <paramref name="envelopes"/> was made from.
    /// </param>
    /// <returns>Which envelope is the first whose signature does not hold; -1: all hold.</returns>
    public int FirstInvalid(ReadOnlyMemory<byte> payload, EnvelopeIndex envelopes)
    {
        ReadOnlySpan<EnvelopeEntry> entries = envelopes.Entries;
        if (entries.IsEmpty)
        {
            return -1;
        }

        Grow(entries.Length, envelopes.Keys);
        int rented = 0;
        try
        {
            for (; rented < envelopes.Keys; rented++)
            {
                _leases[rented] = accounts.Rent(payload.Span.Slice(EnvelopeIndex.KeyOffset(rented), Limits.PublicKeyBytes));
            }

            Fill(payload, entries, envelopes.Keys);
            BatchVerifier.Verify(_items.AsSpan(0, entries.Length));
            for (int i = 0; i < entries.Length; i++)
            {
                if (!_items[_places[i]].Valid)
                {
                    return i;
                }
            }

            return -1;
        }
        finally
        {
            accounts.Return(_leases.AsSpan(0, rented));
            Array.Clear(_leases, 0, rented);
            Array.Clear(_items, 0, entries.Length);
        }
    }

    /// <summary>Puts each envelope behind those of lower keys: a counting sort.</summary>
    private void Fill(ReadOnlyMemory<byte> payload, ReadOnlySpan<EnvelopeEntry> entries, int keys)
    {
        Span<int> starts = _starts.AsSpan(0, keys + 1);
        starts.Clear();
        foreach (ref readonly EnvelopeEntry entry in entries)
        {
            starts[entry.Key + 1]++;
        }

        for (int key = 1; key <= keys; key++)
        {
            starts[key] += starts[key - 1];
        }

        for (int i = 0; i < entries.Length; i++)
        {
            EnvelopeEntry entry = entries[i];
            int place = starts[entry.Key]++;
            _places[i] = place;
            Require.That(EnvelopeCodec.TryRead(payload.Span.Slice(entry.Offset, entry.Length), out Envelope envelope));
            Memory<byte> preimage = _preimages.AsMemory(place * EnvelopeCodec.PreimageBytes, EnvelopeCodec.PreimageBytes);
            EnvelopeCodec.WritePreimage(chainId, envelope, preimage.Span);
            _items[place] = new VerificationItem
            {
                Key = _leases[entry.Key].Key,
                Message = preimage,
                Context = Context,
                Signature = payload.Slice(entry.Offset + entry.Length - Limits.SignatureBytes, Limits.SignatureBytes),
            };
        }
    }

    private void Grow(int envelopes, int keys)
    {
        if (_items.Length < envelopes)
        {
            int capacity = Math.Max(envelopes, 2 * _items.Length);
            _items = new VerificationItem[capacity];
            _places = new int[capacity];
            _preimages = new byte[capacity * EnvelopeCodec.PreimageBytes];
        }

        if (_leases.Length < keys)
        {
            _leases = new PreparedKeyCache.Lease[Math.Max(keys, 2 * _leases.Length)];
            _starts = new int[_leases.Length + 1];
        }
    }
}

/// <summary>
/// Checks the two signatures of a proof of an offence, by the key that comes with it. Any thread.
/// </summary>
internal static class OffenceProofVerifier
{
    public static bool Holds(OffenceProof proof, PreparedAccounts accounts, in Hash256 chainId)
    {
        PreparedKeyCache.Lease lease = accounts.Rent(proof.ConsensusKey);
        try
        {
            VerificationItem[] items = [
                ItemOf(proof.Evidence.First, lease, chainId), ItemOf(proof.Evidence.Second, lease, chainId)];
            BatchVerifier.Verify(items);
            return items[0].Valid && items[1].Valid;
        }
        finally
        {
            accounts.Return([lease]);
        }
    }

    private static VerificationItem ItemOf(Signed signed, in PreparedKeyCache.Lease lease, in Hash256 chainId)
    {
        byte[] preimage = new byte[SignedHeaderCodec.PreimageBytes];
        SignedHeaderCodec.WritePreimage(signed.Header, chainId, preimage);
        return new VerificationItem
        {
            Key = lease.Key,
            Message = preimage,
            Context = new[] { (byte)signed.Header.Kind },
            Signature = signed.Signature,
        };
    }
}

/// <summary>Lends a verifier to whoever checks a client's envelopes, on any thread.</summary>
internal sealed class EnvelopeVerifiers(PreparedAccounts accounts, Hash256 chainId)
{
    private readonly ConcurrentBag<EnvelopeVerifier> _idle = [];

    public int FirstInvalid(ReadOnlyMemory<byte> payload, EnvelopeIndex envelopes)
    {
        EnvelopeVerifier verifier = _idle.TryTake(out EnvelopeVerifier? idle) ? idle : new EnvelopeVerifier(accounts, chainId);
        int invalid = verifier.FirstInvalid(payload, envelopes);
        _idle.Add(verifier);
        return invalid;
    }
}
