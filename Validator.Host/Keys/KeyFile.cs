using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using Validator.Core.Primitives;
using Validator.Crypto.Simd;
using Validator.Host.Storage;

namespace Validator.Host.Keys;

public enum KeyPurpose : byte
{
    Consensus,
    Transport,

    /// <summary>A client's key, which signs envelopes.</summary>
    Account,

    /// <summary>An operator's key, which opens backups: of X-Wing, all others are of ML-DSA-87.</summary>
    Backup,
}

/// <summary>
/// A private key's file, mode 0600 (or as <see cref="SecretFile"/> allows). Version 1 is four lines of text: format and version,
/// purpose, algorithm, the 32-byte seed in hexadecimal. Version 2 is encrypted; its last two lines are <c>kdf: argon2id
/// memory-kib passes salt</c> and <c>sealed: nonce, ciphertext and tag</c> (<see cref="SeedSeal"/>), the lines before the last
/// being authenticated with it. The purpose keeps a key from being used as another kind.
/// </summary>
public static class KeyFile
{
    public const int SeedBytes = 32;

    private const string Header = "validator-key 1";
    private const string SealedHeader = "validator-key 2";
    private const string Kdf = "kdf: argon2id ";
    private const string Seed = "seed: ";
    private const string Sealed = "sealed: ";
    private const int MaxFileBytes = 4096;

    private const UnixFileMode OwnerOnly = UnixFileMode.UserRead | UnixFileMode.UserWrite;

    /// <summary>
    /// Makes a seed and writes it to a new file, encrypted if a passphrase is given; an existing file is never replaced.
    /// </summary>
    /// <exception cref="KeyException">The file exists or cannot be written.</exception>
    public static SecretBuffer Create(string path, KeyPurpose purpose, SecretBuffer? passphrase = null) =>
        Create(path, purpose, passphrase, PassphraseCost.Default);

    /// <summary>The same, with a chosen cost of the passphrase.</summary>
    public static SecretBuffer Create(string path, KeyPurpose purpose, SecretBuffer? passphrase, PassphraseCost cost)
    {
        SecretBuffer seed = new(SeedBytes);
        RandomNumberGenerator.Fill(seed.Span);
        byte[] text = passphrase is null ? PlainText(purpose, seed.Span) : SealedText(purpose, seed.Span, passphrase.Span, cost);
        try
        {
            DurableFile.Create(path, text, OwnerOnly);
        }
        catch (IOException) when (File.Exists(path))
        {
            throw new KeyException($"{path}: exists already; a key is never overwritten. Choose another folder, or move it away");
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new KeyException($"{path}: cannot be written: {e.Message}");
        }
        finally
        {
            CryptographicOperations.ZeroMemory(text);
        }

        return seed;
    }

    /// <exception cref="KeyException">
    /// Missing, readable by others, damaged, encrypted under another passphrase or none; the message says what to do.
    /// </exception>
    public static SecretBuffer Read(string path, KeyPurpose purpose, SecretBuffer? passphrase = null)
    {
        using SecretBuffer text = new(MaxFileBytes + 1);
        int length = 0;
        try
        {
            using FileStream file = new(path, new FileStreamOptions { BufferSize = 0 });
            if (SecretFile.Fault(file.SafeFileHandle, path) is { } fault)
            {
                throw new KeyException($"{path}: {fault}");
            }

            length = file.ReadAtLeast(text.Span, text.Length, throwOnEndOfStream: false);
        }
        catch (FileNotFoundException)
        {
            throw new KeyException($"{path}: is missing; validator keygen makes one, and genesis must name its public key");
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new KeyException($"{path}: cannot be read: {e.Message}");
        }

        if (length > MaxFileBytes)
        {
            throw new KeyException($"{path}: is not a key file (longer than {MaxFileBytes} bytes)");
        }

        return Parse(path, text.Span[..length], purpose, passphrase);
    }

    private static byte[] PlainText(KeyPurpose purpose, ReadOnlySpan<byte> seed)
    {
        byte[] head = Encoding.ASCII.GetBytes($"{Header}\npurpose: {Name(purpose)}\nalgorithm: {Algorithm(purpose)}\n{Seed}");
        byte[] text = new byte[head.Length + (2 * SeedBytes) + 1];
        head.CopyTo(text, 0);
        const string Digits = "0123456789abcdef";
        for (int i = 0; i < SeedBytes; i++)
        {
            // Straight to bytes: a string of the seed could not be wiped.
            text[head.Length + (2 * i)] = (byte)Digits[seed[i] >> 4];
            text[head.Length + (2 * i) + 1] = (byte)Digits[seed[i] & 15];
        }

        text[^1] = (byte)'\n';
        return text;
    }

    private static byte[] SealedText(KeyPurpose purpose, ReadOnlySpan<byte> seed, ReadOnlySpan<byte> passphrase, PassphraseCost cost)
    {
        byte[] salt = RandomNumberGenerator.GetBytes(SeedSeal.SaltBytes);
        string head = string.Create(
            CultureInfo.InvariantCulture,
            $"{SealedHeader}\npurpose: {Name(purpose)}\nalgorithm: {Algorithm(purpose)}\n{Kdf}{cost.MemoryKib} {cost.Passes} {Convert.ToHexStringLower(salt)}\n");
        byte[] sealedSeed = SeedSeal.Seal(seed, passphrase, salt, cost, Encoding.ASCII.GetBytes(head));
        return Encoding.ASCII.GetBytes($"{head}{Sealed}{Convert.ToHexStringLower(sealedSeed)}\n");
    }

    internal static SecretBuffer Parse(string path, ReadOnlySpan<byte> text, KeyPurpose purpose, SecretBuffer? passphrase)
    {
        Span<Range> split = stackalloc Range[7];
        ReadOnlySpan<byte> body = text.TrimEnd((byte)'\n');
        int lines = Split(body, split);
        if (!body[split[0]].StartsWith("validator-key "u8))
        {
            throw new KeyException($"{path}:1: is not a key file; expected '{Header}' or '{SealedHeader}'");
        }

        string version = Encoding.ASCII.GetString(body[split[0]]);
        if (version is not (Header or SealedHeader))
        {
            throw new KeyException($"{path}:1: '{version}' is a format this version does not know; expected '{Header}' or '{SealedHeader}'");
        }

        int expected = version == Header ? 4 : 5;
        if (lines != expected)
        {
            throw new KeyException($"{path}: expected {expected} lines, not {lines}");
        }

        Expect(path, body[split[1]], 2, $"purpose: {Name(purpose)}");
        Expect(path, body[split[2]], 3, $"algorithm: {Algorithm(purpose)}");
        if (version == Header)
        {
            return passphrase is null
                ? PlainSeed(path, body[split[3]])
                : throw new KeyException($"{path}: is not encrypted, but --passphrase-fd was given; leave it out, or encrypt the key");
        }

        return passphrase is null
            ? throw new KeyException($"{path}: is encrypted; give its passphrase with --passphrase-fd N, an open file descriptor")
            : Open(path, body[split[3]], body[split[4]], body[..split[4].Start.Value], passphrase);
    }

    private static SecretBuffer PlainSeed(string path, ReadOnlySpan<byte> line)
    {
        SecretBuffer seed = new(SeedBytes);
        if (line.Length == Seed.Length + (2 * SeedBytes) && line.StartsWith("seed: "u8) && TryHex(line[Seed.Length..], seed.Span))
        {
            return seed;
        }

        seed.Dispose();
        throw new KeyException($"{path}:4: expected 'seed: ' and {2 * SeedBytes} hexadecimal digits");
    }

    private static SecretBuffer Open(
        string path, ReadOnlySpan<byte> kdf, ReadOnlySpan<byte> line, ReadOnlySpan<byte> header, SecretBuffer passphrase)
    {
        Span<byte> salt = stackalloc byte[SeedSeal.SaltBytes];
        if (!TryKdf(Encoding.ASCII.GetString(kdf), salt, out PassphraseCost cost))
        {
            throw new KeyException($"{path}:4: expected '{Kdf}', KiB of memory, passes, and a salt of {2 * SeedSeal.SaltBytes} hexadecimal digits");
        }

        Span<byte> sealedSeed = stackalloc byte[SeedSeal.SealedBytes];
        if (line.Length != Sealed.Length + (2 * SeedSeal.SealedBytes) || !line.StartsWith("sealed: "u8)
            || !TryHex(line[Sealed.Length..], sealedSeed))
        {
            throw new KeyException($"{path}:5: expected '{Sealed}' and {2 * SeedSeal.SealedBytes} hexadecimal digits");
        }

        SecretBuffer seed = new(SeedBytes);
        if (SeedSeal.TryOpen(sealedSeed, passphrase.Span, salt, cost, header, seed.Span))
        {
            return seed;
        }

        seed.Dispose();
        throw new KeyException($"{path}: the passphrase is not this key's, or the file is damaged");
    }

    private static bool TryKdf(string line, Span<byte> salt, out PassphraseCost cost)
    {
        cost = default;
        string[] parts = line.Split(' ');
        if (parts.Length != 5 || !line.StartsWith(Kdf, StringComparison.Ordinal)
            || !StrictNumber.TryRead(parts[2], out uint memory)
            || !StrictNumber.TryRead(parts[3], out uint passes)
            || parts[4].Length != 2 * salt.Length || !TryHex(Encoding.ASCII.GetBytes(parts[4]), salt))
        {
            return false;
        }

        cost = new PassphraseCost(memory, passes);
        return cost.IsValid;
    }

    private static bool TryHex(ReadOnlySpan<byte> digits, Span<byte> bytes)
    {
        bool valid = true;
        for (int i = 0; i < bytes.Length; i++)
        {
            int high = Digit(digits[2 * i]), low = Digit(digits[(2 * i) + 1]);
            valid &= (high | low) >= 0;
            bytes[i] = (byte)((high << 4) | (low & 15));
        }

        return valid;
    }

    /// <summary>
    /// A lower-case hexadecimal digit's value, negative for other bytes; no table, no string: the digit may be secret.
    /// </summary>
    private static int Digit(byte digit)
    {
        int decimalDigit = digit - '0', letter = digit - 'a';
        return (uint)decimalDigit < 10 ? decimalDigit : (uint)letter < 6 ? letter + 10 : -1;
    }

    /// <summary>The lines' ranges; a count equal to the length of <paramref name="ranges"/> means that there are more.</summary>
    private static int Split(ReadOnlySpan<byte> text, Span<Range> ranges)
    {
        int count = 0;
        for (int start = 0; start <= text.Length && count < ranges.Length; count++)
        {
            int length = text[start..].IndexOf((byte)'\n');
            int end = length < 0 ? text.Length : start + length;
            ranges[count] = start..end;
            start = end + 1;
        }

        return count;
    }

    private static void Expect(string path, ReadOnlySpan<byte> line, int number, string expected)
    {
        string text = Encoding.ASCII.GetString(line);
        if (text != expected)
        {
            throw new KeyException($"{path}:{number}: expected '{expected}', not '{text}'");
        }
    }

    private static string Name(KeyPurpose purpose) => purpose switch
    {
        KeyPurpose.Consensus => "consensus",
        KeyPurpose.Transport => "transport",
        KeyPurpose.Backup => "backup",
        _ => "account",
    };

    private static string Algorithm(KeyPurpose purpose) => purpose == KeyPurpose.Backup ? "x-wing" : "ml-dsa-87";
}
