using Validator.Core.Primitives;
using Validator.Core.Wire;
using Validator.Core.Wire.Validation;
using Validator.Crypto.Simd;
using Validator.Host.Pipeline;

namespace Validator.Tests.Core.Wire;

public class EnvelopeTests
{
    private static readonly Hash256 Chain = Hash256.Of([2]);
    private readonly TransactionScratch _scratch = new();

    // The bytes of an envelope, of what is signed, of an account's id and of a payload with keys: a change is a change of format.
    [Fact]
    public void Envelopes_match_their_golden_files()
    {
        byte[] envelope = EnvelopeSamples.Sign(0, 7, "pay"u8, Chain);
        Assert.True(EnvelopeCodec.TryRead(envelope, out Envelope read));
        Assert.Equal((7UL, "pay"), (read.Nonce, System.Text.Encoding.ASCII.GetString(read.Data)));
        byte[] preimage = new byte[EnvelopeCodec.PreimageBytes];
        EnvelopeCodec.WritePreimage(Chain, read, preimage);
        Golden.Compare("envelope.hex", envelope);
        Golden.Compare("envelope-signed-bytes.hex", preimage);
        Golden.Compare("envelope-account.hex", EnvelopeSamples.Account(0).ToArray());
        byte[] payload = EnvelopeSamples.Payload(
            [0, 1], EnvelopeSamples.Entry(TransactionKind.Envelope, envelope), EnvelopeSamples.Entry(TransactionKind.Opaque, "x"u8),
            EnvelopeSamples.Entry(TransactionKind.Envelope, EnvelopeSamples.Sign(1, 1, "y"u8, Chain)));
        Golden.Compare("envelope-payload-hash.hex", Hash256.Of(payload).ToArray());
        Assert.Equal(DecodeError.None, Check(payload, 3));
        Assert.Equal(2, _scratch.Envelopes.Entries.Length);
    }

    // A list of transactions has one payload: keys in order, once, all used, none missing, none in between.
    [Fact]
    public void Payloads_with_keys_are_canonical()
    {
        int[] order = [.. Enumerable.Range(0, 3).OrderBy(EnvelopeSamples.Account)];
        byte[][] keys = [.. order.Select(a => EnvelopeSamples.Entry(TransactionKind.AccountKey, EnvelopeSamples.PublicKey(a)))];
        byte[][] envelopes = [.. order.Select(a => Unsigned(a, 1))];
        byte[] plain = EnvelopeSamples.Entry(TransactionKind.Opaque, "x"u8);
        Assert.Equal(DecodeError.None, Check([.. keys[0], .. keys[1], .. envelopes[1], .. plain, .. envelopes[0]], 3));
        Assert.Equal(DecodeError.AccountKeysNotAscending, Check([.. keys[1], .. keys[0], .. envelopes[0], .. envelopes[1]], 2));
        Assert.Equal(DecodeError.AccountKeysNotAscending, Check([.. keys[0], .. keys[0], .. envelopes[0]], 1));
        Assert.Equal(DecodeError.AccountKeyUnused, Check([.. keys[0], .. keys[1], .. envelopes[0]], 1));
        Assert.Equal(DecodeError.AccountKeyUnused, Check([.. keys[0], .. plain], 1));
        Assert.Equal(DecodeError.AccountKeyMissing, Check([.. keys[0], .. envelopes[0], .. envelopes[2]], 2));
        Assert.Equal(DecodeError.AccountKeyMissing, Check(envelopes[0], 1));
        Assert.Equal(DecodeError.AccountKeyMisplaced, Check([.. envelopes[0], .. keys[0]], 1));
        Assert.Equal(DecodeError.AccountKeyLength, Check([.. EnvelopeSamples.Entry(TransactionKind.AccountKey, new byte[2591]), .. plain], 1));
        Assert.Equal(DecodeError.TransactionCount, Check([.. keys[0], .. keys[1]], 1));
    }

    // What is not an envelope to the byte is none: a later version's must not pass as this one's.
    [Fact]
    public void Malformed_envelopes_are_refused()
    {
        byte[] good = EnvelopeSamples.Unsigned(EnvelopeSamples.Account(0), 1, "x"u8);
        Assert.False(EnvelopeCodec.TryRead(good.AsSpan(1), out _));
        Assert.False(EnvelopeCodec.TryRead(good.AsSpan(0, EnvelopeCodec.FixedBytes), out _));
        for (int at = 0; at < 8; at++)
        {
            byte[] bad = [.. good];
            bad[at] ^= 1;
            Assert.False(EnvelopeCodec.TryRead(bad, out _), $"byte {at}");
            Assert.Equal(DecodeError.EnvelopeMalformed, Check(
                EnvelopeSamples.Payload([0], EnvelopeSamples.Entry(TransactionKind.Envelope, bad)), 1));
        }
    }

    // Nothing of an envelope can be changed, moved to another account or chain, or taken from another purpose.
    [Fact]
    public void Forged_envelopes_do_not_hold()
    {
        using PreparedAccounts accounts = new(2);
        EnvelopeVerifier verifier = new(accounts, Chain);
        byte[] good = EnvelopeSamples.Sign(0, 5, "data"u8, Chain);
        Assert.Equal(-1, First(verifier, [0], good));
        Assert.Equal(0, First(verifier, [0], EnvelopeSamples.Sign(0, 5, "data"u8, Hash256.Of([3]))));
        foreach (int at in (int[])[8, 15, 48, 51, 52, 60, good.Length - 1])
        {
            byte[] bad = [.. good];
            bad[at] ^= 1;
            Assert.Equal(0, First(verifier, [0], bad));
        }

        byte[] stolen = EnvelopeSamples.Unsigned(EnvelopeSamples.Account(1), 5, "data"u8);
        good.AsSpan(^Limits.SignatureBytes..).CopyTo(stolen.AsSpan(^Limits.SignatureBytes..));
        Assert.Equal(0, First(verifier, [1], stolen));

        // The same bytes signed as a validator signs its votes.
        byte[] preimage = new byte[EnvelopeCodec.PreimageBytes];
        Assert.True(EnvelopeCodec.TryRead(good, out Envelope envelope));
        EnvelopeCodec.WritePreimage(Chain, envelope, preimage);
        using MlDsa87Signer signer = new([0, 0xac, .. new byte[30]]);
        signer.SignDeterministic(preimage, [(byte)MessageKind.Prepare], good.AsSpan(^Limits.SignatureBytes..));
        Assert.Equal(0, First(verifier, [0], good));
    }

    // The verdict names the envelope at fault, whatever the grouping by key and however few keys are kept prepared.
    [Fact]
    public void A_bad_signature_is_found_among_many() => CodecPropertyTests.ForSeeds(8, seed =>
    {
        Random random = new(seed);
        using PreparedAccounts accounts = new(1 + random.Next(4));
        EnvelopeVerifier verifier = new(accounts, Chain);
        int[] of = [.. Enumerable.Range(0, 1 + random.Next(30)).Select(_ => random.Next(EnvelopeSamples.Count))];
        byte[][] envelopes = [.. of.Select((a, i) => EnvelopeSamples.Sign(a, (ulong)i, "x"u8, Chain))];
        Assert.Equal(-1, First(verifier, of, envelopes));
        int bad = random.Next(of.Length);
        envelopes[bad][^1] ^= 1;
        Assert.Equal(bad, First(verifier, of, envelopes));
    });

    // Whatever is done to one byte of a payload, it is refused by its structure, its root, or a signature; never passed.
    [Fact]
    public void Mutated_payloads_never_pass() => CodecPropertyTests.ForSeeds(20, seed =>
    {
        Random random = new(seed);
        using PreparedAccounts accounts = new(4);
        EnvelopeVerifier verifier = new(accounts, Chain);
        byte[] payload = EnvelopeSamples.Payload(
            [0, 1], Entry(0, 1), EnvelopeSamples.Entry(TransactionKind.Opaque, "x"u8), Entry(1, 1));
        VertexHeader header = EnvelopeSamples.Header(payload, 3);
        for (int i = 0; i < 50; i++)
        {
            byte[] copy = [.. payload];
            copy[random.Next(copy.Length)] ^= (byte)random.Next(1, 256);
            DecodeError error = VertexValidation.CheckPayload(header, copy, new GenesisParameters(), _scratch);
            Assert.NotEqual(DecodeError.None, error);

            // An author that lies in its root, too.
            if (VertexValidation.CheckPayload(EnvelopeSamples.Header(copy, 3), copy, new GenesisParameters(), _scratch) == DecodeError.None)
            {
                bool opaque = _scratch.Offsets.Length == 3 && copy.AsSpan(_scratch.Offsets[1], 2).IndexOfAnyExcept("\0x"u8) >= 0;
                Assert.True(opaque || verifier.FirstInvalid(copy, _scratch.Envelopes) >= 0);
            }
        }
    });

    private static byte[] Entry(int account, ulong nonce) =>
        EnvelopeSamples.Entry(TransactionKind.Envelope, EnvelopeSamples.Sign(account, nonce, "x"u8, Chain));

    private static byte[] Unsigned(int account, ulong nonce) =>
        EnvelopeSamples.Entry(TransactionKind.Envelope, EnvelopeSamples.Unsigned(EnvelopeSamples.Account(account), nonce, "x"u8));

    private DecodeError Check(byte[] payload, int transactions) =>
        VertexValidation.CheckPayload(EnvelopeSamples.Header(payload, transactions), payload, new GenesisParameters(), _scratch);

    private int First(EnvelopeVerifier verifier, int[] accounts, params byte[][] envelopes)
    {
        byte[] payload = EnvelopeSamples.Payload(
            accounts, [.. envelopes.Select(e => EnvelopeSamples.Entry(TransactionKind.Envelope, e))]);
        Assert.Equal(DecodeError.None, Check(payload, envelopes.Length));
        return verifier.FirstInvalid(payload, _scratch.Envelopes);
    }
}
