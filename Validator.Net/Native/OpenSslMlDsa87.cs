using System.Runtime.InteropServices;
using Validator.Core.Primitives;

namespace Validator.Net.Native;

/// <summary>
/// ML-DSA-87 (FIPS 204) by OpenSSL: a key pair made from its 32-byte seed, or a public key alone. A handle may be used
/// by many threads at once.
/// </summary>
public sealed unsafe class OpenSslMlDsa87 : IDisposable
{
    public const int SeedBytes = 32;
    public const int PublicKeyBytes = 2592;
    public const int PrivateKeyBytes = 4896;
    public const int SignatureBytes = 4627;
    public const int MaxContextBytes = 255;

    private nint _key;
    private readonly bool _canSign;

    private OpenSslMlDsa87(nint key, bool canSign)
    {
        _key = key;
        _canSign = canSign;
    }

    /// <summary>The key pair of a seed (xi of FIPS 204, algorithm 6).</summary>
    public static OpenSslMlDsa87 FromSeed(ReadOnlySpan<byte> seed)
    {
        ArgumentOutOfRangeException.ThrowIfNotEqual(seed.Length, SeedBytes);
        fixed (byte* s = seed)
        {
            nint key = MlDsaNative.PrivateNew(s);
            Require.That(key != 0, "OpenSSL made no ML-DSA-87 key from a seed");
            return new OpenSslMlDsa87(key, canSign: true);
        }
    }

    /// <summary>A public key from its 2592 raw bytes; false for another length or bytes OpenSSL refuses.</summary>
    public static bool TryFromPublicKey(ReadOnlySpan<byte> publicKey, out OpenSslMlDsa87 key)
    {
        key = null!;
        if (publicKey.Length != PublicKeyBytes) return false;
        fixed (byte* p = publicKey)
        {
            nint handle = MlDsaNative.PublicNew(p);
            if (handle == 0) return false;
            key = new OpenSslMlDsa87(handle, canSign: false);
            return true;
        }
    }

    /// <summary>Writes the public key, 2592 bytes, of a seed.</summary>
    public static void PublicKeyFromSeed(ReadOnlySpan<byte> seed, Span<byte> publicKey)
    {
        using OpenSslMlDsa87 key = FromSeed(seed);
        key.CopyPublicKey(publicKey);
    }

    /// <summary>Writes the raw public key, 2592 bytes.</summary>
    public void CopyPublicKey(Span<byte> destination)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(destination.Length, PublicKeyBytes);
        fixed (byte* d = destination) Require.That(MlDsaNative.GetPublic(_key, d) == 1, "ML-DSA-87 public key");
    }

    /// <summary>Writes the expanded private key, 4896 bytes. Key pairs only.</summary>
    public void CopyPrivateKey(Span<byte> destination)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(destination.Length, PrivateKeyBytes);
        Require.That(_canSign, "a public key has no private part");
        fixed (byte* d = destination) Require.That(MlDsaNative.GetPrivate(_key, d) == 1, "ML-DSA-87 private key");
    }

    /// <summary>Signs. Key pairs only.</summary>
    /// <param name="context">0 to 255 bytes.</param>
    /// <param name="message">Any length.</param>
    /// <param name="signature">At least 4627 bytes.</param>
    /// <param name="deterministic">Without fresh randomness: the same signature each time.</param>
    public void Sign(ReadOnlySpan<byte> context, ReadOnlySpan<byte> message, Span<byte> signature, bool deterministic = false)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan(context.Length, MaxContextBytes);
        ArgumentOutOfRangeException.ThrowIfLessThan(signature.Length, SignatureBytes);
        Require.That(_canSign, "a public key does not sign");
        byte none;
        fixed (byte* c = context, m = message, s = signature)
        {
            int done = MlDsaNative.Sign(_key, c == null ? &none : c, (nuint)context.Length, m == null ? &none : m,
                (nuint)message.Length, deterministic ? 1 : 0, s);
            Require.That(done == 1, "OpenSSL did not sign");
        }
    }

    /// <summary>True if the signature is valid for exactly this context and message.</summary>
    public bool Verify(ReadOnlySpan<byte> context, ReadOnlySpan<byte> message, ReadOnlySpan<byte> signature)
    {
        if (context.Length > MaxContextBytes || signature.Length != SignatureBytes) return false;
        byte none;
        fixed (byte* c = context, m = message, s = signature)
        {
            return MlDsaNative.Verify(_key, c == null ? &none : c, (nuint)context.Length, m == null ? &none : m,
                (nuint)message.Length, s, (nuint)signature.Length) == 1;
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        nint key = Interlocked.Exchange(ref _key, 0);
        if (key != 0) MlDsaNative.Free(key);
    }
}

internal static unsafe partial class MlDsaNative
{
    private const string Library = "validator_native";

    [LibraryImport(Library, EntryPoint = "vq_mldsa87_private_new")]
    internal static partial nint PrivateNew(byte* seed);

    [LibraryImport(Library, EntryPoint = "vq_mldsa87_public_new")]
    internal static partial nint PublicNew(byte* publicKey);

    [LibraryImport(Library, EntryPoint = "vq_mldsa87_free")]
    internal static partial void Free(nint key);

    [LibraryImport(Library, EntryPoint = "vq_mldsa87_get_public")]
    internal static partial int GetPublic(nint key, byte* publicKey);

    [LibraryImport(Library, EntryPoint = "vq_mldsa87_get_private")]
    internal static partial int GetPrivate(nint key, byte* privateKey);

    [LibraryImport(Library, EntryPoint = "vq_mldsa87_sign")]
    internal static partial int Sign(nint key, byte* context, nuint contextLength, byte* message, nuint messageLength,
        int deterministic, byte* signature);

    [LibraryImport(Library, EntryPoint = "vq_mldsa87_verify")]
    internal static partial int Verify(nint key, byte* context, nuint contextLength, byte* message, nuint messageLength,
        byte* signature, nuint signatureLength);
}
