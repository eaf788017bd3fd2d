using Validator.Crypto.Simd.Lattice;

namespace Validator.Crypto.Simd;

/// <summary>
/// An ML-DSA-87 public key with its matrix expanded and transformed, about 66 KB of native memory: built once from
/// public-key bytes, then used for any number of verifications, by any number of threads. Disposal must come after the last.
/// </summary>
public sealed unsafe class PreparedVerificationKey : IDisposable
{
    private static int s_nextOrder;

    private readonly NativeBlock? _own;
    private readonly byte[] _publicKey;
    private byte* _prepared;

    private PreparedVerificationKey(ReadOnlySpan<byte> publicKey)
    {
        _own = new NativeBlock(VerifyCore.PreparedBytes);
        _publicKey = publicKey.ToArray();
        Prepare(_own.Pointer);
    }

    /// <summary>Prepares in memory of the caller's, which must outlive it; disposal leaves that memory alone.</summary>
    internal PreparedVerificationKey(ReadOnlySpan<byte> publicKey, byte* memory)
    {
        MlDsa87.RequireLength(publicKey.Length, MlDsa87.PublicKeyBytes, nameof(publicKey));
        _publicKey = publicKey.ToArray();
        Prepare(memory);
    }

    /// <summary>The encoded public key, 2,592 bytes.</summary>
    public ReadOnlySpan<byte> PublicKey => _publicKey;

    internal byte* Pointer
    {
        get
        {
            ObjectDisposedException.ThrowIf(_prepared is null, this);
            return _prepared;
        }
    }

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
        byte* prepared = Pointer;
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
            bool valid = VerifyCore.VerifyMu(Pointer, m, sig);
            GC.KeepAlive(this);
            return valid;
        }
    }

    /// <summary>Frees the memory.</summary>
    public void Dispose()
    {
        _prepared = null;
        _own?.Dispose();
    }

    private void Prepare(byte* memory)
    {
        fixed (byte* pk = _publicKey)
        {
            VerifyCore.Prepare(pk, memory);
        }

        _prepared = memory;
    }
}
