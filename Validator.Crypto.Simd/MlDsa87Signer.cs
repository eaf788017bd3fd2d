using System.Security.Cryptography;
using Validator.Crypto.Simd.Lattice;

namespace Validator.Crypto.Simd;

/// <summary>
/// A prepared ML-DSA-87 signing key. What is secret lives in native memory and is zeroed on disposal. Signing may go on in
/// several threads at once; disposal must come after the last. What is signed may overlap the signature.
/// </summary>
public sealed unsafe class MlDsa87Signer : IDisposable
{
    private readonly NativeBlock _prepared = new(SignCore.PreparedBytes, secret: true);
    private readonly byte[] _publicKey = new byte[MlDsa87.PublicKeyBytes];

    /// <summary>The key pair of a 32-byte seed.</summary>
    /// <exception cref="ArgumentException">The seed is not 32 bytes.</exception>
    public MlDsa87Signer(ReadOnlySpan<byte> seed)
    {
        MlDsa87.RequireLength(seed.Length, MlDsa87.SeedBytes, nameof(seed));
        byte* secretKey = stackalloc byte[MlDsa87.SecretKeyBytes];
        fixed (byte* s = seed, pk = _publicKey)
        {
            KeyCore.Generate(s, pk, secretKey, (int*)_prepared.Pointer);
        }

        SignCore.Prepare(secretKey, _prepared.Pointer);
        CryptographicOperations.ZeroMemory(new Span<byte>(secretKey, MlDsa87.SecretKeyBytes));
    }

    private MlDsa87Signer()
    {
    }

    internal NativeBlock Memory => _prepared;

    /// <summary>The encoded public key, 2,592 bytes.</summary>
    public ReadOnlySpan<byte> PublicKey => _publicKey;

    /// <summary>
    /// Imports an expanded secret key; null if its length, a coefficient, t0 or tr is not what the standard requires.
    /// </summary>
    public static MlDsa87Signer? TryImport(ReadOnlySpan<byte> secretKey)
    {
        if (secretKey.Length != MlDsa87.SecretKeyBytes)
        {
            return null;
        }

        MlDsa87Signer signer = new();
        fixed (byte* sk = secretKey, pk = signer._publicKey)
        {
            if (!KeyCore.TryRecoverPublicKey(sk, pk, (int*)signer._prepared.Pointer))
            {
                signer.Dispose();
                return null;
            }

            SignCore.Prepare(sk, signer._prepared.Pointer);
        }

        return signer;
    }

    /// <summary>Signs with fresh randomness (algorithm 2, hedged).</summary>
    /// <exception cref="ArgumentException">The context has more than 255 bytes, or the signature is not 4,627.</exception>
    public void Sign(ReadOnlySpan<byte> message, ReadOnlySpan<byte> context, Span<byte> signature)
    {
        byte* random = stackalloc byte[32];
        RandomNumberGenerator.Fill(new Span<byte>(random, 32));
        Sign(message, context, random, signature);
        CryptographicOperations.ZeroMemory(new Span<byte>(random, 32));
    }

    /// <summary>Signs without randomness (algorithm 2, deterministic): the same input gives the same bytes.</summary>
    /// <exception cref="ArgumentException">The context has more than 255 bytes, or the signature is not 4,627.</exception>
    public void SignDeterministic(ReadOnlySpan<byte> message, ReadOnlySpan<byte> context, Span<byte> signature)
    {
        byte* zero = stackalloc byte[32];
        new Span<byte>(zero, 32).Clear();
        Sign(message, context, zero, signature);
    }

    /// <summary>Signs a message representative computed elsewhere (external mu); hedged.</summary>
    /// <exception cref="ArgumentException">A buffer has the wrong length.</exception>
    public void SignMu(ReadOnlySpan<byte> mu, Span<byte> signature)
    {
        byte* random = stackalloc byte[32];
        RandomNumberGenerator.Fill(new Span<byte>(random, 32));
        SignMu(mu, new ReadOnlySpan<byte>(random, 32), signature);
        CryptographicOperations.ZeroMemory(new Span<byte>(random, 32));
    }

    /// <summary>Zeroes and frees the key.</summary>
    public void Dispose() => _prepared.Dispose();

    /// <summary>The standard's internal interface with its randomness given.</summary>
    internal void SignMu(ReadOnlySpan<byte> mu, ReadOnlySpan<byte> random32, Span<byte> signature)
    {
        MlDsa87.RequireLength(mu.Length, MlDsa87.MuBytes, nameof(mu));
        MlDsa87.RequireLength(random32.Length, 32, nameof(random32));
        MlDsa87.RequireLength(signature.Length, MlDsa87.SignatureBytes, nameof(signature));
        fixed (byte* m = mu, random = random32, sig = signature)
        {
            SignCore.SignMu(_prepared.Pointer, m, random, sig);
        }

        GC.KeepAlive(this);
    }

    private void Sign(ReadOnlySpan<byte> message, ReadOnlySpan<byte> context, byte* random, Span<byte> signature)
    {
        MlDsa87.RequireContext(context);
        byte* mu = stackalloc byte[MlDsa87.MuBytes];
        VerifyCore.Mu(SignCore.Tr(_prepared.Pointer), context, message, mu);
        SignMu(new ReadOnlySpan<byte>(mu, MlDsa87.MuBytes), new ReadOnlySpan<byte>(random, 32), signature);
    }
}
