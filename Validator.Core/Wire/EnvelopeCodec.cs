using System.Buffers.Binary;
using Validator.Core.Primitives;
using Validator.Crypto.Simd;

namespace Validator.Core.Wire;

/// <summary>Who is meant by an envelope's data. Signed with it, so that nobody can give it another meaning.</summary>
public enum EnvelopePurpose : byte
{
    /// <summary>The application.</summary>
    Data = 1,

    /// <summary>The ledger itself: a stake operation (PROTOCOL.md, section 17).</summary>
    Stake = 2,
}

/// <summary>A signed envelope's fields, where they lie.</summary>
public readonly ref struct Envelope
{
    /// <summary>BLAKE3 of the signing key, see <see cref="EnvelopeCodec.AccountOf"/>; 32 bytes.</summary>
    public ReadOnlySpan<byte> Account { get; init; }

    public EnvelopePurpose Purpose { get; init; }

    public ulong Nonce { get; init; }

    /// <summary>What the client means, at least one byte.</summary>
    public ReadOnlySpan<byte> Data { get; init; }

    /// <summary>ML-DSA-87, 4,627 bytes.</summary>
    public ReadOnlySpan<byte> Signature { get; init; }
}

/// <summary>
/// A transaction of kind 1 (FORMATS.md, "Envelope"): who, nonce, data, signature. The key itself is not in it; a vertex carries
/// each key once, before its transactions.
/// </summary>
public static class EnvelopeCodec
{
    /// <summary>Bytes before the data.</summary>
    public const int HeadBytes = 48;

    /// <summary>Bytes around the data.</summary>
    public const int FixedBytes = HeadBytes + Limits.SignatureBytes;

    /// <summary>Most bytes of data.</summary>
    public const int MaxDataBytes = Limits.MaxTransactionBytes - FixedBytes;

    /// <summary>Bytes that are signed.</summary>
    public const int PreimageBytes = 112;

    private const int NonceOffset = 8;
    private const int AccountOffset = 16;
    private const int DigestOffset = PreimageBytes - Hash256.Size;

    /// <summary>The ML-DSA context: longer than that of any validator's message, which is one byte.</summary>
    public static ReadOnlySpan<byte> Context => "validator-envelope"u8;

    /// <summary>The account of a public key: the id of its entry in a payload, BLAKE3(kind, key).</summary>
    public static Hash256 AccountOf(ReadOnlySpan<byte> publicKey)
    {
        Require.That(publicKey.Length == Limits.PublicKeyBytes);
        Span<byte> entry = stackalloc byte[1 + Limits.PublicKeyBytes];
        entry[0] = (byte)TransactionKind.AccountKey;
        publicKey.CopyTo(entry[1..]);
        return Hash256.Of(entry);
    }

    /// <summary>What its first byte says; the rest may still be anything.</summary>
    public static bool IsStake(ReadOnlySpan<byte> bytes) => !bytes.IsEmpty && bytes[0] == (byte)EnvelopePurpose.Stake;

    /// <summary>Reads an envelope, the bytes of a transaction without its kind; its signature is not checked.</summary>
    public static bool TryRead(ReadOnlySpan<byte> bytes, out Envelope envelope)
    {
        if (bytes.Length <= FixedBytes || (EnvelopePurpose)bytes[0] is not (EnvelopePurpose.Data or EnvelopePurpose.Stake)
            || bytes[1..NonceOffset].ContainsAnyExcept((byte)0))
        {
            envelope = default;
            return false;
        }

        envelope = new Envelope
        {
            Account = bytes.Slice(AccountOffset, Hash256.Size),
            Purpose = (EnvelopePurpose)bytes[0],
            Nonce = BinaryPrimitives.ReadUInt64LittleEndian(bytes[NonceOffset..]),
            Data = bytes[HeadBytes..^Limits.SignatureBytes],
            Signature = bytes[^Limits.SignatureBytes..],
        };
        return true;
    }

    /// <summary>Writes everything but the signature, for which the last 4,627 bytes are left.</summary>
    /// <returns>Bytes of the whole envelope.</returns>
    public static int Write(
        Span<byte> destination, in Hash256 account, ulong nonce, ReadOnlySpan<byte> data,
            EnvelopePurpose purpose = EnvelopePurpose.Data)
    {
        Require.That(data.Length is > 0 and <= MaxDataBytes);
        destination[..NonceOffset].Clear();
        destination[0] = (byte)purpose;
        BinaryPrimitives.WriteUInt64LittleEndian(destination[NonceOffset..], nonce);
        account.CopyTo(destination[AccountOffset..]);
        data.CopyTo(destination[HeadBytes..]);
        return FixedBytes + data.Length;
    }

    /// <summary>
    /// The 112 bytes that are signed: tag, purpose, reserved, chain id, account, nonce, BLAKE3 of the data. Of one length, so
    /// that many are hashed side by side.
    /// </summary>
    public static void WritePreimage(in Hash256 chainId, in Envelope envelope, Span<byte> destination)
    {
        destination[..8].Clear();
        destination[0] = WireTags.Envelope;
        destination[1] = (byte)envelope.Purpose;
        chainId.CopyTo(destination[8..]);
        envelope.Account.CopyTo(destination[40..]);
        BinaryPrimitives.WriteUInt64LittleEndian(destination[72..], envelope.Nonce);
        Blake3.Hash(envelope.Data, destination.Slice(DigestOffset, Hash256.Size));
    }
}
