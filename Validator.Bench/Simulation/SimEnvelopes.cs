using System.Buffers.Binary;
using Validator.Core.Execution;
using Validator.Core.Primitives;
using Validator.Core.Wire;

namespace Validator.Bench.Simulation;

/// <summary>
/// Signed transactions of a simulated world. The number says all: bit 63, account (8 bits from 48), nonce (24 bits from 24), and
/// which of those it is (24 bits). The signature is a hash of the rest, as in <see cref="SimKeys"/>.
/// </summary>
public static class SimEnvelopes
{
    public const int Bytes = EnvelopeCodec.FixedBytes + sizeof(ulong);
    public const int Accounts = 8;

    /// <summary>Fewer than there are, so that some come too late.</summary>
    public const int AccountsKept = 6;

    private const ulong Flag = 1UL << 63;

    private static readonly byte[][] Keys = [.. Enumerable.Range(0, Accounts).Select(i => (byte[])[(byte)i, .. new byte[Limits.PublicKeyBytes - 1]])];
    private static readonly Hash256[] Ids = [.. Keys.Select(k => EnvelopeCodec.AccountOf(k))];
    private static readonly byte[][] Entries = [.. Enumerable.Range(0, 1 << Accounts).Select(EntriesOf)];

    public static bool Is(ulong transaction) => (transaction & Flag) != 0;

    public static ulong Number(int account, uint nonce, ulong which) => Flag | ((ulong)account << 48) | ((ulong)(nonce & 0xffffff) << 24) | (which & 0xffffff);

    public static Hash256 IdOf(int account) => Ids[account];

    public static int AccountOf(ulong transaction) => (int)(transaction >> 48 & 0xff) % Accounts;

    public static ulong NonceOf(ulong transaction) => transaction >> 24 & 0xffffff;

    public static NonceVerdict Execute(NonceTable nonces, ulong transaction) =>
        nonces.Take(Ids[AccountOf(transaction)].ToArray(), NonceOf(transaction));

    /// <summary>The accounts' keys as a payload has them.</summary>
    public static byte[] KeyEntries(ReadOnlySpan<ulong> transactions)
    {
        int used = 0;
        foreach (ulong transaction in transactions)
        {
            used |= Is(transaction) ? 1 << AccountOf(transaction) : 0;
        }

        return Entries[used];
    }

    private static byte[] EntriesOf(int used) => [.. Enumerable.Range(0, Accounts).Where(a => (used >> a & 1) != 0).OrderBy(a => Ids[a]).SelectMany(a =>
    {
        byte[] entry = new byte[PayloadWriter.AccountKeyBytes];
        PayloadWriter.Append(entry, TransactionKind.AccountKey, Keys[a]);
        return entry;
    })];

    public static void Write(ulong transaction, Span<byte> destination)
    {
        Span<byte> data = stackalloc byte[sizeof(ulong)];
        BinaryPrimitives.WriteUInt64LittleEndian(data, transaction);
        EnvelopeCodec.Write(destination, Ids[AccountOf(transaction)], NonceOf(transaction), data);
        Span<byte> signature = destination[^Limits.SignatureBytes..];
        signature.Clear();
        Hash256.Of(destination[..^Limits.SignatureBytes]).CopyTo(signature);
    }

    /// <summary>False where the signature, or anything else, is not its account's.</summary>
    public static bool TryRead(ReadOnlySpan<byte> bytes, out ulong transaction)
    {
        transaction = 0;
        if (bytes.Length != Bytes || !EnvelopeCodec.TryRead(bytes, out Envelope envelope))
        {
            return false;
        }

        transaction = BinaryPrimitives.ReadUInt64LittleEndian(envelope.Data);
        Span<byte> own = stackalloc byte[Bytes];
        Write(transaction, own);
        return Is(transaction) && own.SequenceEqual(bytes);
    }
}

/// <summary>The rule on nonces as plainly as it can be said: what every honest validator must have decided.</summary>
public sealed class SimNonceModel
{
    private readonly Dictionary<int, HashSet<ulong>> _accepted = [];

    public NonceVerdict Take(ulong transaction)
    {
        int account = SimEnvelopes.AccountOf(transaction);
        ulong nonce = SimEnvelopes.NonceOf(transaction);
        if (!_accepted.TryGetValue(account, out HashSet<ulong>? nonces))
        {
            if (_accepted.Count == SimEnvelopes.AccountsKept)
            {
                return NonceVerdict.AccountsFull;
            }

            _accepted.Add(account, nonces = []);
        }

        return nonces.Count > 0 && nonces.Max() >= nonce + 64 ? NonceVerdict.TooOld
            : nonces.Add(nonce) ? NonceVerdict.Fresh : NonceVerdict.Used;
    }
}
