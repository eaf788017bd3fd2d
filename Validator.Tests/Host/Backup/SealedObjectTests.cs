using System.Security.Cryptography;
using Validator.Crypto.Simd;
using Validator.Host.Backup;

namespace Validator.Tests.Host.Backup;

/// <summary>Objects that the operator's offline key alone opens.</summary>
public class SealedObjectTests
{
    private const int Chunk = SealedObject.ChunkBytes;

    /// <summary>Protects restores: whatever its length, content comes back, under its own name and key.</summary>
    [Fact]
    public void Content_of_any_length_comes_back()
    {
        using SecretBuffer seed = Seed(1);
        foreach (int length in (int[])[0, 1, 1000, Chunk - 1, Chunk, Chunk + 1, (3 * Chunk) + 17, 4 * Chunk])
        {
            byte[] content = RandomNumberGenerator.GetBytes(length);
            byte[] stored = SealedObject.Seal(BackupKeys.PublicKeyOf(seed), "a/b", content);
            Assert.Equal(SealedObject.SizeOf(length), stored.Length);
            Assert.Equal(content, SealedObject.Open(seed, "a/b", stored));
        }
    }

    /// <summary>Protects secrecy: the same content is never sealed into the same bytes, nor is any of it to be seen.</summary>
    [Fact]
    public void Two_sealings_have_nothing_in_common()
    {
        using SecretBuffer seed = Seed(1);
        byte[] content = [.. Enumerable.Repeat((byte)'x', 4096)];
        byte[] first = SealedObject.Seal(BackupKeys.PublicKeyOf(seed), "a", content), second =
            SealedObject.Seal(BackupKeys.PublicKeyOf(seed), "a", content);
        Assert.True(first.AsSpan(8).CommonPrefixLength(second.AsSpan(8)) < 8);
        Assert.Equal(-1, first.AsSpan().IndexOf("xxxxxxxx"u8));
        Assert.False(first.AsSpan(SealedObject.HeadBytes, 64).SequenceEqual(second.AsSpan(SealedObject.HeadBytes, 64)));
    }

    /// <summary>
    /// Protects from whoever owns the bucket: an object under another's name, a bit anywhere, chunks that are cut off, dropped,
    /// doubled or exchanged, and another key are refused.
    /// </summary>
    [Fact]
    public void What_was_changed_does_not_open()
    {
        using SecretBuffer seed = Seed(1), other = Seed(2);
        byte[] content = RandomNumberGenerator.GetBytes((3 * Chunk) + 100);
        byte[] stored = SealedObject.Seal(BackupKeys.PublicKeyOf(seed), "a", content);
        Refused(seed, "b", stored);
        Refused(other, "a", stored);
        Random random = new(5);
        for (int i = 0; i < 60; i++)
        {
            byte[] changed = [.. stored];
            changed[i < 20 ? i * (SealedObject.HeadBytes / 20) : random.Next(stored.Length)] ^= (byte)(1 << random.Next(8));
            Refused(seed, "a", changed);
        }

        const int Sealed = Chunk + 16;
        byte[] Part(int chunk)
        {
            int start = SealedObject.HeadBytes + (chunk * Sealed);
            return stored[start..Math.Min(stored.Length, start + Sealed)];
        }

        byte[] head = stored[..SealedObject.HeadBytes];
        Refused(seed, "a", [.. head, .. Part(0), .. Part(1)]);
        Refused(seed, "a", [.. head, .. Part(0), .. Part(1), .. Part(2)]);
        Refused(seed, "a", [.. head, .. Part(0), .. Part(2), .. Part(3)]);
        Refused(seed, "a", [.. head, .. Part(1), .. Part(0), .. Part(2), .. Part(3)]);
        Refused(seed, "a", [.. stored, .. Part(3)]);
        for (int length = 0; length < 40; length++)
        {
            Refused(seed, "a", stored[..(length * SealedObject.HeadBytes / 39)]);
        }
    }

    private static void Refused(SecretBuffer seed, string name, byte[] stored)
    {
        BackupException e = Assert.Throws<BackupException>(() => SealedObject.Open(seed, name, stored));
        Assert.StartsWith(name, e.Message);
    }

    internal static SecretBuffer Seed(byte fill)
    {
        SecretBuffer seed = new(HybridKem.SeedBytes);
        seed.Span.Fill(fill);
        return seed;
    }
}
