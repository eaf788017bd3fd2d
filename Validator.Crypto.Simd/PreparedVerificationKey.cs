using Validator.Crypto.Simd.Lattice;

namespace Validator.Crypto.Simd;

/// <summary>
/// An ML-DSA-87 public key with its matrix expanded and transformed, about 66 KB of native memory: built once from
/// public-key bytes, then used for any number of verifications, by any number of threads. Disposal must come after the last.
/// </summary>
public sealed unsafe class PreparedVerificationKey : IDisposable
{
    private static int s_nextOrder;

    private readonly NativeBlock _prepared = new(VerifyCore.PreparedBytes);
    private readonly byte[] _publicKey;

    private PreparedVerificationKey(ReadOnlySpan<byte> publicKey)
    {
        _publicKey = publicKey.ToArray();
        fixed (byte* pk = publicKey)
        {
            VerifyCore.Prepare(pk, _prepared.Pointer);
        }
    }

    /// <summary>The encoded public key, 2,592 bytes.</summary>
    public ReadOnlySpan<byte> PublicKey => _publicKey;

    internal byte* Pointer => _prepared.Pointer;

    /// <summary>A number of its own, by which batches are grouped.</summary>
    internal int Order { get; } = Interlocked.Increment(ref s_nextOrder);

    /// <summary>Prepares a key; null unless it has 2,592 bytes. Every such string is a key (FIPS 204, algorithm 23).</summary>
    public static PreparedVerificationKey? TryCreate(ReadOnlySpan<byte> publicKey) =>
        publicKey.Length == MlDsa87.PublicKeyBytes ? new PreparedVerificationKey(publicKey) : null;

    /// <summary>Prepares a key.</summary>
    /// <exception cref="ArgumentException">It has not 2,592 bytes.</exception>
    public static PreparedVerificationKey Create(ReadOnlySpan<byte> publicKey)
    {
        MlDsa87.RequireLength(publicKey.Length, MlDsa87.PublicKeyBytes, nameof(publicKey));
        return new PreparedVerificationKey(publicKey);
    }

    /// <summary>
    /// Verifies one signature (algorithm 3). Wrong lengths and contexts above 255 bytes are invalid signatures.
    /// </summary>
    public bool Verify(ReadOnlySpan<byte> message, ReadOnlySpan<byte> context, ReadOnlySpan<byte> signature)
    {
        if (signature.Length != MlDsa87.SignatureBytes || context.Length > MlDsa87.MaxContextBytes)
        {
            return false;
        }

        byte* mu = stackalloc byte[MlDsa87.MuBytes];
        byte* prepared = _prepared.Pointer;
        VerifyCore.Mu(prepared + VerifyCore.MatrixBytes, context, message, mu);
        fixed (byte* sig = signature)
        {
            bool valid = VerifyCore.VerifyMu(prepared, mu, sig);
            GC.KeepAlive(this);
            return valid;
        }
    }

    /// <summary>Verifies one signature on a message representative computed elsewhere.</summary>
    public bool VerifyMu(ReadOnlySpan<byte> mu, ReadOnlySpan<byte> signature)
    {
        if (signature.Length != MlDsa87.SignatureBytes || mu.Length != MlDsa87.MuBytes)
        {
            return false;
        }

        fixed (byte* m = mu, sig = signature)
        {
            bool valid = VerifyCore.VerifyMu(_prepared.Pointer, m, sig);
            GC.KeepAlive(this);
            return valid;
        }
    }

    /// <summary>Frees the memory.</summary>
    public void Dispose() => _prepared.Dispose();
}
