using Validator.Net.Native;

namespace Validator.Tests.Net.Native;

public class OpenSslMlDsa87Tests
{
    // Protects the handle wrappers: round trip, and every changed input makes the signature invalid.
    [Fact]
    public void Signatures_verify_only_for_their_own_inputs()
    {
        byte[] seed = new byte[OpenSslMlDsa87.SeedBytes];
        seed.AsSpan().Fill(7);
        using OpenSslMlDsa87 pair = OpenSslMlDsa87.FromSeed(seed);
        byte[] publicKey = new byte[OpenSslMlDsa87.PublicKeyBytes];
        OpenSslMlDsa87.PublicKeyFromSeed(seed, publicKey);
        Assert.True(OpenSslMlDsa87.TryFromPublicKey(publicKey, out OpenSslMlDsa87 key));

        byte[] signature = new byte[OpenSslMlDsa87.SignatureBytes];
        byte[] again = new byte[OpenSslMlDsa87.SignatureBytes];
        pair.Sign("vote"u8, "message"u8, signature, deterministic: true);
        pair.Sign("vote"u8, "message"u8, again, deterministic: true);
        Assert.Equal(signature, again);
        pair.Sign("vote"u8, "message"u8, again);
        Assert.NotEqual(signature, again);

        Assert.True(key.Verify("vote"u8, "message"u8, signature));
        Assert.True(key.Verify("vote"u8, "message"u8, again));
        Assert.False(key.Verify("Vote"u8, "message"u8, signature));
        Assert.False(key.Verify(""u8, "message"u8, signature));
        Assert.False(key.Verify("vote"u8, "messagE"u8, signature));
        Assert.False(key.Verify("vote"u8, "message"u8, signature.AsSpan(1)));
        signature[100] ^= 1;
        Assert.False(key.Verify("vote"u8, "message"u8, signature));

        pair.Sign(default, default, signature);
        Assert.True(key.Verify(default, default, signature));
        Assert.False(OpenSslMlDsa87.TryFromPublicKey(publicKey.AsSpan(1), out _));
        key.Dispose();
    }
}
