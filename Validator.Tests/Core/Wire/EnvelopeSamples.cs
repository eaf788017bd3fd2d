using Validator.Core.Primitives;
using Validator.Core.Wire;
using Validator.Crypto.Simd;

namespace Validator.Tests.Core.Wire;

/// <summary>Accounts with fixed keys, and payloads of their envelopes.</summary>
internal static class EnvelopeSamples
{
    public const int Count = 6;

    private static readonly Lazy<MlDsa87Signer[]> Keys = new(() => [.. Enumerable.Range(0, Count).Select(i => new MlDsa87Signer(Seed(i)))]);

    public static byte[] PublicKey(int account) => Keys.Value[account].PublicKey.ToArray();

    public static Hash256 Account(int account) => EnvelopeCodec.AccountOf(Keys.Value[account].PublicKey);

    /// <summary>An envelope as its account signs it, without randomness.</summary>
    public static byte[] Sign(int account, ulong nonce, ReadOnlySpan<byte> data, Hash256 chainId)
    {
        byte[] bytes = Unsigned(Account(account), nonce, data);
        Assert.True(EnvelopeCodec.TryRead(bytes, out Envelope envelope));
        byte[] preimage = new byte[EnvelopeCodec.PreimageBytes];
        EnvelopeCodec.WritePreimage(chainId, envelope, preimage);
        Keys.Value[account].SignDeterministic(preimage, EnvelopeCodec.Context, bytes.AsSpan(^Limits.SignatureBytes..));
        return bytes;
    }

    public static byte[] Unsigned(Hash256 account, ulong nonce, ReadOnlySpan<byte> data)
    {
        byte[] bytes = new byte[EnvelopeCodec.FixedBytes + data.Length];
        Assert.Equal(bytes.Length, EnvelopeCodec.Write(bytes, account, nonce, data));
        return bytes;
    }

    public static byte[] Entry(TransactionKind kind, ReadOnlySpan<byte> bytes)
    {
        byte[] entry = new byte[PayloadWriter.Size(bytes.Length)];
        PayloadWriter.Append(entry, kind, bytes);
        return entry;
    }

    /// <summary>The one payload of these transactions: the accounts' keys first, ascending.</summary>
    public static byte[] Payload(int[] accounts, params byte[][] entries) =>
    [
        .. accounts.Distinct().OrderBy(Account).SelectMany(a => Entry(TransactionKind.AccountKey, PublicKey(a))),
        .. entries.SelectMany(e => e),
    ];

    /// <summary>A header of what the payload's entries are, whatever is wrong with them.</summary>
    public static VertexHeader Header(byte[] payload, int transactions, int author = 1, int lanes = 4)
    {
        List<byte> ids = [];
        PayloadReader reader = new(payload);
        while (reader.MoveNext())
        {
            ids.AddRange(Hash256.Of(payload.AsSpan(reader.Offset, reader.Length)).ToArray());
        }

        return VertexCodec.Seal(
            0, author, 1, Hash256.Zero, new LaneTip[lanes], Hash256.Of([.. ids]), (uint)payload.Length, (uint)transactions);
    }

    private static byte[] Seed(int account)
    {
        byte[] seed = new byte[MlDsa87.SeedBytes];
        seed[0] = (byte)account;
        seed[1] = 0xac;
        return seed;
    }
}
