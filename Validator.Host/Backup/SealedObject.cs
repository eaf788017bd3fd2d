using System.Buffers.Binary;
using System.Security.Cryptography;
using System.Text;
using Validator.Crypto.Simd;

namespace Validator.Host.Backup;

/// <summary>
/// An object that one private key alone opens. Layout: 8 bytes <c>VALSEAL1</c>; an X-Wing ciphertext (<see cref="HybridKem"/>);
/// then chunks of 65,536 bytes of content, the last one shorter or empty, each under AES-256-GCM with its tag behind it. The key
/// is BLAKE3's derive_key over shared secret, ciphertext, public key and the object's whole name, so it is another one for each
/// object, and an object under another's name does not open. Nonces are 11 bytes of the chunk's number, big-endian, and 1 for
/// the last chunk, 0 for others (STREAM; Hoang and others, "Online Authenticated-Encryption and its Nonce-Reuse
/// Misuse-Resistance", 2015), so that chunks cannot be cut off, dropped or exchanged.
/// </summary>
internal static class SealedObject
{
    public const int HeadBytes = 8 + HybridKem.CiphertextBytes;
    public const int ChunkBytes = 64 * 1024;
    private const int TagBytes = 16;
    private const int KeyBytes = 32;
    private const int NonceBytes = 12;

    private static ReadOnlySpan<byte> Magic => "VALSEAL1"u8;

    private static ReadOnlySpan<byte> Context => "validator backup object, version 1"u8;

    /// <summary>Bytes of a sealed object with so much content.</summary>
    public static int SizeOf(int content) => HeadBytes + content + ((content / ChunkBytes) + 1) * TagBytes;

    /// <summary>Whether it begins as one.</summary>
    public static bool Is(ReadOnlySpan<byte> stored) => stored.StartsWith(Magic);

    public static byte[] Seal(ReadOnlySpan<byte> publicKey, string name, ReadOnlySpan<byte> content)
    {
        byte[] result = new byte[SizeOf(content.Length)];
        Magic.CopyTo(result);
        Span<byte> ciphertext = result.AsSpan(8, HybridKem.CiphertextBytes);
        using SecretBuffer secret = new(HybridKem.SharedSecretBytes);
        if (!HybridKem.TryEncapsulate(publicKey, ciphertext, secret.Span))
        {
            throw new BackupException("backup.encryption_key: is no X-Wing public key");
        }

        using AesGcm cipher = Cipher(secret.Span, ciphertext, publicKey, name);
        Span<byte> nonce = stackalloc byte[NonceBytes];
        Span<byte> to = result.AsSpan(HeadBytes);
        for (ulong chunk = 0; ; chunk++)
        {
            int length = Math.Min(content.Length, ChunkBytes);
            bool last = length < ChunkBytes;
            Nonce(nonce, chunk, last);
            cipher.Encrypt(nonce, content[..length], to[..length], to.Slice(length, TagBytes));
            content = content[length..];
            to = to[(length + TagBytes)..];
            if (last)
            {
                return result;
            }
        }
    }

    /// <exception cref="BackupException">It is no sealed object, of another key or name, or changed.</exception>
    public static byte[] Open(SecretBuffer seed, string name, ReadOnlySpan<byte> stored)
    {
        if (stored.Length < HeadBytes + TagBytes || !stored[..8].SequenceEqual(Magic))
        {
            throw new BackupException($"{name}: is no encrypted object of a backup");
        }

        ReadOnlySpan<byte> ciphertext = stored.Slice(8, HybridKem.CiphertextBytes);
        using SecretBuffer secret = new(HybridKem.SharedSecretBytes);
        if (!HybridKem.TryDecapsulate(seed.Span, ciphertext, secret.Span))
        {
            throw new BackupException($"{name}: is damaged");
        }

        using AesGcm cipher = Cipher(secret.Span, ciphertext, BackupKeys.PublicKeyOf(seed), name);
        ReadOnlySpan<byte> rest = stored[HeadBytes..];
        int chunks = (rest.Length / (ChunkBytes + TagBytes)) + 1;
        int bytes = rest.Length - (chunks * TagBytes);
        if (bytes < (chunks - 1) * ChunkBytes)
        {
            throw new BackupException($"{name}: is cut off");
        }

        byte[] content = new byte[bytes];
        Span<byte> to = content;
        Span<byte> nonce = stackalloc byte[NonceBytes];
        for (int chunk = 0; chunk < chunks; chunk++)
        {
            bool last = chunk == chunks - 1;
            int length = last ? to.Length : ChunkBytes;
            Nonce(nonce, (ulong)chunk, last);
            try
            {
                cipher.Decrypt(nonce, rest[..length], rest.Slice(length, TagBytes), to[..length]);
            }
            catch (AuthenticationTagMismatchException)
            {
                throw new BackupException(
                    $"{name}: does not open: it was sealed for another key, or under another name, or it was changed");
            }

            rest = rest[(length + TagBytes)..];
            to = to[length..];
        }

        return content;
    }

    private static AesGcm Cipher(
        ReadOnlySpan<byte> secret, ReadOnlySpan<byte> ciphertext, ReadOnlySpan<byte> publicKey, string name)
    {
        Blake3Hasher hasher = Blake3Hasher.ForDeriveKey(Context);
        hasher.Update(secret);
        hasher.Update(ciphertext);
        hasher.Update(publicKey);
        hasher.Update(Encoding.UTF8.GetBytes(name));
        using SecretBuffer key = new(KeyBytes);
        hasher.Finalize(key.Span);
        return new AesGcm(key.Span, TagBytes);
    }

    private static void Nonce(Span<byte> nonce, ulong chunk, bool last)
    {
        nonce.Clear();
        BinaryPrimitives.WriteUInt64BigEndian(nonce[3..], chunk);
        nonce[11] = last ? (byte)1 : (byte)0;
    }
}
