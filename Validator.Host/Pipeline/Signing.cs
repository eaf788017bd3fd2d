using Validator.Core.Primitives;
using Validator.Core.Wire;
using Validator.Core.Wire.Validation;
using Validator.Crypto.Simd;

namespace Validator.Host.Pipeline;

/// <summary>Makes signatures with the consensus key. One thread.</summary>
internal interface ISigner : IDisposable
{
    /// <param name="kind">The ML-DSA context, one byte.</param>
    /// <param name="signature">4627 bytes, written whole.</param>
    void Sign(MessageKind kind, ReadOnlySpan<byte> preimage, Span<byte> signature);
}

/// <summary>Checks signatures of committee members in batches. One instance per thread.</summary>
internal interface IVerifier
{
    /// <param name="keys">Of the epoch that the senders are counted in.</param>
    /// <param name="valid">One verdict per check.</param>
    void Verify(CommitteeKeys keys, ReadOnlySpan<SignatureCheck> checks, Span<bool> valid);
}

/// <summary>ML-DSA-87 with the consensus key, hedged.</summary>
internal sealed class ConsensusSigner(ReadOnlySpan<byte> seed) : ISigner
{
    private readonly MlDsa87Signer _key = new(seed);

    public void Sign(MessageKind kind, ReadOnlySpan<byte> preimage, Span<byte> signature)
    {
        byte context = (byte)kind;
        _key.Sign(preimage, new ReadOnlySpan<byte>(in context), signature);
    }

    public void Dispose() => _key.Dispose();
}

/// <summary>
/// An epoch's keys by member, expanded once from the executed state's bytes and never read from elsewhere; shared by the
/// verifying threads, and disposed by the <see cref="EpochBoard"/> after the last of them.
/// </summary>
internal sealed class CommitteeKeys(PreparedVerificationKey[] keys)
{
    public PreparedVerificationKey this[int member] => keys[member];
}

/// <summary>ML-DSA-87 in batches, grouped by key. Its buffers grow to the largest batch met.</summary>
internal sealed class BatchedVerifier(Hash256 chainId) : IVerifier
{
    private static readonly byte[][] Contexts = Enumerable.Range(0, 1 + (int)MessageKind.RecoveryProposal).Select(k => new[] { (byte)k }).ToArray();

    private VerificationItem[] _items = [];
    private byte[] _preimages = [];

    public void Verify(CommitteeKeys keys, ReadOnlySpan<SignatureCheck> checks, Span<bool> valid)
    {
        if (_items.Length < checks.Length)
        {
            int capacity = Math.Max(checks.Length, 2 * _items.Length);
            _items = new VerificationItem[capacity];
            _preimages = new byte[capacity * SignedHeaderCodec.PreimageBytes];
        }

        for (int i = 0; i < checks.Length; i++)
        {
            ref readonly SignatureCheck check = ref checks[i];
            Memory<byte> preimage = _preimages.AsMemory(i * SignedHeaderCodec.PreimageBytes, SignedHeaderCodec.PreimageBytes);
            SignedHeaderCodec.WritePreimage(check.Header, chainId, preimage.Span);
            _items[i] = new VerificationItem
            {
                Key = keys[check.Sender],
                Message = preimage,
                Context = Contexts[(int)check.Header.Kind],
                Signature = check.Signature,
            };
        }

        BatchVerifier.Verify(_items.AsSpan(0, checks.Length));
        for (int i = 0; i < checks.Length; i++)
        {
            valid[i] = _items[i].Valid;
        }

        Array.Clear(_items, 0, checks.Length);
    }
}
