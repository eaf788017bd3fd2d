using Validator.Core.Primitives;
using Validator.Crypto.Simd;

namespace Validator.Core.Wire;

/// <summary>One envelope of a payload, and whose.</summary>
/// <param name="Offset">Of its first byte, behind the kind.</param>
/// <param name="Key">Which of the payload's account keys is its signer's.</param>
public readonly record struct EnvelopeEntry(int Offset, int Length, int Key);

/// <summary>
/// The envelopes of one payload with the account keys that go with them. Holds the rule that a list of transactions has one
/// payload: keys ascend by account, each is used, none is missing. Grows to the largest vertex met, then never allocates.
/// </summary>
public sealed class EnvelopeIndex
{
    private EnvelopeEntry[] _entries = [];
    private int[] _offsets = [];
    private int[] _lengths = [];
    private byte[] _accounts = [];
    private bool[] _used = [];
    private int _count;

    public int Keys { get; private set; }

    /// <summary>Account ids of the keys, 32 bytes each, ascending.</summary>
    public ReadOnlySpan<byte> Accounts => _accounts.AsSpan(0, Keys * Hash256.Size);

    /// <summary>Envelopes in the order of the payload.</summary>
    public ReadOnlySpan<EnvelopeEntry> Entries => _entries.AsSpan(0, _count);

    /// <summary>Where a key's 2,592 bytes begin in the payload.</summary>
    public static int KeyOffset(int key) => (key * PayloadWriter.AccountKeyBytes) + Limits.TransactionFramingBytes;

    /// <summary>Starts anew with a payload that begins with so many account keys.</summary>
    public DecodeError Begin(ReadOnlySpan<byte> payload, int keys)
    {
        _count = 0;
        Keys = keys;
        if (keys == 0)
        {
            return DecodeError.None;
        }

        Grow(keys);
        for (int i = 0; i < keys; i++)
        {
            _offsets[i] = KeyOffset(i) - 1;
            _lengths[i] = 1 + Limits.PublicKeyBytes;
        }

        Blake3.HashMany(payload, _offsets.AsSpan(0, keys), _lengths.AsSpan(0, keys), _accounts.AsSpan(0, keys * Hash256.Size));
        _used.AsSpan(0, keys).Clear();
        for (int i = 1; i < keys; i++)
        {
            if (Account(i - 1).SequenceCompareTo(Account(i)) >= 0)
            {
                return DecodeError.AccountKeysNotAscending;
            }
        }

        return DecodeError.None;
    }

    /// <summary>Takes the payload's next envelope.</summary>
    /// <param name="offset">Of its first byte, behind the kind.</param>
    public DecodeError Add(ReadOnlySpan<byte> payload, int offset, int length)
    {
        if (!EnvelopeCodec.TryRead(payload.Slice(offset, length), out Envelope envelope))
        {
            return DecodeError.EnvelopeMalformed;
        }

        int key = Find(envelope.Account);
        if (key < 0)
        {
            return DecodeError.AccountKeyMissing;
        }

        if (_count == _entries.Length)
        {
            Array.Resize(ref _entries, Math.Max(128, 2 * _entries.Length));
        }

        _used[key] = true;
        _entries[_count++] = new EnvelopeEntry(offset, length, key);
        return DecodeError.None;
    }

    /// <summary>After the last envelope.</summary>
    public DecodeError Finish() =>
        _used.AsSpan(0, Keys).Contains(false) ? DecodeError.AccountKeyUnused : DecodeError.None;

    private ReadOnlySpan<byte> Account(int key) => _accounts.AsSpan(key * Hash256.Size, Hash256.Size);

    private int Find(ReadOnlySpan<byte> account)
    {
        int low = 0;
        int high = Keys - 1;
        while (low <= high)
        {
            int middle = (low + high) >>> 1;
            int order = Account(middle).SequenceCompareTo(account);
            if (order == 0)
            {
                return middle;
            }

            (low, high) = order < 0 ? (middle + 1, high) : (low, middle - 1);
        }

        return -1;
    }

    private void Grow(int keys)
    {
        if (_offsets.Length < keys)
        {
            int capacity = Math.Max(keys, 2 * _offsets.Length);
            _offsets = new int[capacity];
            _lengths = new int[capacity];
            _used = new bool[capacity];
            _accounts = new byte[capacity * Hash256.Size];
        }
    }
}
