using Validator.Core.Primitives;
using Validator.Core.Wire;
using Validator.Core.Wire.Validation;
using Validator.Net.Native;

namespace Validator.Host.Node;

/// <summary>Makes signatures with the consensus key. One thread.</summary>
internal interface ISigner : IDisposable
{
    /// <param name="kind">The ML-DSA context, one byte.</param>
    /// <param name="signature">4627 bytes, written whole.</param>
    void Sign(MessageKind kind, ReadOnlySpan<byte> preimage, Span<byte> signature);
}

/// <summary>Checks signatures of committee members in batches. One instance per thread.</summary>
internal interface IVerifier : IDisposable
{
    /// <param name="valid">One verdict per check.</param>
    void Verify(ReadOnlySpan<SignatureCheck> checks, Span<bool> valid);
}

/// <summary>ML-DSA-87 by OpenSSL.</summary>
internal sealed class OpenSslSigner(ReadOnlySpan<byte> seed) : ISigner
{
    private readonly OpenSslMlDsa87 _key = OpenSslMlDsa87.FromSeed(seed);

    public void Sign(MessageKind kind, ReadOnlySpan<byte> preimage, Span<byte> signature)
    {
        byte context = (byte)kind;
        _key.Sign(new ReadOnlySpan<byte>(in context), preimage, signature);
    }

    public void Dispose() => _key.Dispose();
}

/// <summary>ML-DSA-87 by OpenSSL. The keys are built from genesis' bytes, never read from elsewhere.</summary>
internal sealed class OpenSslVerifier : IVerifier
{
    private readonly OpenSslMlDsa87[] _keys;
    private readonly Hash256 _chainId;

    public OpenSslVerifier(Genesis genesis, Hash256 chainId)
    {
        _chainId = chainId;
        _keys = Array.ConvertAll(genesis.Members, member =>
        {
            Require.That(OpenSslMlDsa87.TryFromPublicKey(member.ConsensusKey, out OpenSslMlDsa87 key), "genesis holds valid keys");
            return key;
        });
    }

    public void Verify(ReadOnlySpan<SignatureCheck> checks, Span<bool> valid)
    {
        Span<byte> preimage = stackalloc byte[SignedHeaderCodec.PreimageBytes];
        for (int i = 0; i < checks.Length; i++)
        {
            ref readonly SignatureCheck check = ref checks[i];
            SignedHeaderCodec.WritePreimage(check.Header, _chainId, preimage);
            byte context = (byte)check.Header.Kind;
            valid[i] = _keys[check.Sender].Verify(new ReadOnlySpan<byte>(in context), preimage, check.Signature);
        }
    }

    public void Dispose()
    {
        foreach (OpenSslMlDsa87 key in _keys)
        {
            key.Dispose();
        }
    }
}
