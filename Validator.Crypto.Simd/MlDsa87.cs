using Validator.Crypto.Simd.Lattice;

namespace Validator.Crypto.Simd;

/// <summary>
/// ML-DSA-87 (FIPS 204), pure variant with context strings. Keys that verify or sign more than once are better prepared:
/// <see cref="PreparedVerificationKey"/>, <see cref="MlDsa87Signer"/>. Nothing here allocates. Inputs may overlap each other and,
/// but where said, the output, which is written last.
/// </summary>
public static unsafe class MlDsa87
{
    /// <summary>Bytes of an encoded public key.</summary>
    public const int PublicKeyBytes = MlDsaParameters.PublicKeyBytes;

    /// <summary>Bytes of an encoded (expanded) secret key.</summary>
    public const int SecretKeyBytes = MlDsaParameters.SecretKeyBytes;

    /// <summary>Bytes of a signature.</summary>
    public const int SignatureBytes = MlDsaParameters.SignatureBytes;

    /// <summary>Bytes of the seed a key pair is generated from, which is the form to store.</summary>
    public const int SeedBytes = MlDsaParameters.SeedBytes;

    /// <summary>The most bytes of a context string.</summary>
    public const int MaxContextBytes = MlDsaParameters.MaxContextBytes;

    /// <summary>Bytes of the message representative mu.</summary>
    public const int MuBytes = MlDsaParameters.MuBytes;

    /// <summary>
    /// The key pair of a 32-byte seed (ML-DSA.KeyGen_internal, algorithm 6). The seed may lie in an output.
    /// </summary>
    /// <exception cref="ArgumentException">A buffer has the wrong length, or the outputs overlap.</exception>
    public static void KeyGen(ReadOnlySpan<byte> seed, Span<byte> publicKey, Span<byte> secretKey)
    {
        RequireLength(seed.Length, SeedBytes, nameof(seed));
        RequireLength(publicKey.Length, PublicKeyBytes, nameof(publicKey));
        RequireLength(secretKey.Length, SecretKeyBytes, nameof(secretKey));
        RequireApart(publicKey, secretKey, nameof(publicKey));
        using NativeBlock matrix = new(KeyCore.MatrixBytes);
        fixed (byte* s = seed, pk = publicKey, sk = secretKey)
        {
            KeyCore.Generate(s, pk, sk, (int*)matrix.Pointer);
        }
    }

    /// <summary>
    /// Verifies with a key used once (algorithm 3). Wrong lengths and contexts above 255 bytes are invalid signatures.
    /// </summary>
    public static bool Verify(
        ReadOnlySpan<byte> publicKey, ReadOnlySpan<byte> message, ReadOnlySpan<byte> context, ReadOnlySpan<byte> signature)
    {
        if (publicKey.Length != PublicKeyBytes || signature.Length != SignatureBytes || context.Length > MaxContextBytes)
        {
            return false;
        }

        byte* preparedSpace = stackalloc byte[VerifyCore.PreparedBytes + Scratch.Slack];
        byte* prepared = (byte*)Scratch.Align(preparedSpace);
        byte* mu = stackalloc byte[MuBytes];
        fixed (byte* pk = publicKey, sig = signature)
        {
            VerifyCore.Prepare(pk, prepared);
            VerifyCore.Mu(prepared + VerifyCore.MatrixBytes, context, message, mu);
            return VerifyCore.VerifyMu(prepared, mu, sig);
        }
    }

    /// <summary>Verifies a signature on a message representative computed elsewhere ("external mu").</summary>
    public static bool VerifyMu(ReadOnlySpan<byte> publicKey, ReadOnlySpan<byte> mu, ReadOnlySpan<byte> signature)
    {
        if (publicKey.Length != PublicKeyBytes || signature.Length != SignatureBytes || mu.Length != MuBytes)
        {
            return false;
        }

        byte* preparedSpace = stackalloc byte[VerifyCore.PreparedBytes + Scratch.Slack];
        byte* prepared = (byte*)Scratch.Align(preparedSpace);
        fixed (byte* pk = publicKey, m = mu, sig = signature)
        {
            VerifyCore.Prepare(pk, prepared);
            return VerifyCore.VerifyMu(prepared, m, sig);
        }
    }

    /// <summary>The message representative mu of a public key, context and message, for <see cref="VerifyMu"/>.</summary>
    /// <exception cref="ArgumentException">A buffer has the wrong length, or the context more than 255 bytes.</exception>
    public static void ComputeMu(
        ReadOnlySpan<byte> publicKey, ReadOnlySpan<byte> message, ReadOnlySpan<byte> context, Span<byte> mu)
    {
        RequireLength(publicKey.Length, PublicKeyBytes, nameof(publicKey));
        RequireLength(mu.Length, MuBytes, nameof(mu));
        RequireContext(context);
        byte* tr = stackalloc byte[MlDsaParameters.TrBytes];
        fixed (byte* m = mu)
        {
            HashKey(publicKey, tr);
            VerifyCore.Mu(tr, context, message, m);
        }
    }

    /// <summary>
    /// mu of an already formatted M' (the standard's internal interface): domain byte, context length, context and message,
    /// or HashML-DSA's object identifier and digest.
    /// </summary>
    /// <exception cref="ArgumentException">A buffer has the wrong length.</exception>
    public static void ComputeMuOfFormatted(ReadOnlySpan<byte> publicKey, ReadOnlySpan<byte> formatted, Span<byte> mu)
    {
        RequireLength(publicKey.Length, PublicKeyBytes, nameof(publicKey));
        RequireLength(mu.Length, MuBytes, nameof(mu));
        byte* tr = stackalloc byte[MlDsaParameters.TrBytes];
        fixed (byte* m = mu)
        {
            HashKey(publicKey, tr);
            VerifyCore.MuOfFormatted(tr, formatted, m);
        }
    }

    internal static void RequireLength(int actual, int expected, string name)
    {
        if (actual != expected)
        {
            throw new ArgumentException($"Expected {expected} bytes, got {actual}.", name);
        }
    }

    /// <summary>Refuses an output over memory that is written or still read while it is filled.</summary>
    internal static void RequireApart(ReadOnlySpan<byte> output, ReadOnlySpan<byte> other, string name)
    {
        if (output.Overlaps(other))
        {
            throw new ArgumentException("The output overlaps another buffer of this call.", name);
        }
    }

    internal static void RequireContext(ReadOnlySpan<byte> context)
    {
        if (context.Length > MaxContextBytes)
        {
            throw new ArgumentException("A context has at most 255 bytes.", nameof(context));
        }
    }

    private static void HashKey(ReadOnlySpan<byte> publicKey, byte* tr)
    {
        Hashing.Shake.Init256(out Hashing.Shake shake);
        shake.Absorb(publicKey);
        shake.Finish();
        shake.Squeeze(new Span<byte>(tr, MlDsaParameters.TrBytes));
    }
}
