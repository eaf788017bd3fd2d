using System.Globalization;
using System.Security.Cryptography;
using System.Text;

namespace Validator.Host.Keys;

public enum KeyPurpose : byte
{
    Consensus,
    Transport,
}

/// <summary>
/// A private key's file: four lines of text (format and version, purpose, algorithm, the 32-byte seed in hexadecimal),
/// mode 0600. The purpose keeps one key from being used as the other.
/// </summary>
public static class KeyFile
{
    public const int SeedBytes = 32;

    private const string Header = "validator-key 1";
    private const string Algorithm = "ml-dsa-87";
    private const int MaxFileBytes = 4096;

    private const UnixFileMode OwnerOnly = UnixFileMode.UserRead | UnixFileMode.UserWrite;

    /// <summary>Makes a seed and writes it to a new file; an existing file is never replaced.</summary>
    /// <exception cref="KeyException">The file exists or cannot be written.</exception>
    public static byte[] Create(string path, KeyPurpose purpose)
    {
        byte[] seed = RandomNumberGenerator.GetBytes(SeedBytes);
        try
        {
            using FileStream file = new(path, new FileStreamOptions
            {
                Mode = FileMode.CreateNew,
                Access = FileAccess.Write,
                UnixCreateMode = OwnerOnly,
            });
            file.Write(Encoding.ASCII.GetBytes(Text(purpose, seed)));
            file.Flush(flushToDisk: true);
        }
        catch (IOException) when (File.Exists(path))
        {
            throw new KeyException($"{path}: exists already; a key is never overwritten. Choose another folder, or move it away");
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new KeyException($"{path}: cannot be written: {e.Message}");
        }

        return seed;
    }

    /// <exception cref="KeyException">Missing, readable by others, or damaged; the message says what to do.</exception>
    public static byte[] Read(string path, KeyPurpose purpose)
    {
        try
        {
            UnixFileMode mode = File.GetUnixFileMode(path);
            if ((mode & ~OwnerOnly) != 0)
            {
                string octal = Convert.ToString((int)mode, 8).PadLeft(4, '0');
                throw new KeyException($"{path}: mode {octal} lets others at the private key; run: chmod 0600 {path}");
            }

            if (new FileInfo(path).Length > MaxFileBytes)
            {
                throw new KeyException($"{path}: is not a key file (longer than {MaxFileBytes} bytes)");
            }

            return Parse(path, File.ReadAllText(path), purpose);
        }
        catch (FileNotFoundException)
        {
            throw new KeyException($"{path}: is missing; validator keygen makes one, and genesis must name its public key");
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new KeyException($"{path}: cannot be read: {e.Message}");
        }
    }

    private static string Text(KeyPurpose purpose, byte[] seed) => string.Create(
        CultureInfo.InvariantCulture,
        $"{Header}\npurpose: {Name(purpose)}\nalgorithm: {Algorithm}\nseed: {Convert.ToHexStringLower(seed)}\n");

    private static byte[] Parse(string path, string text, KeyPurpose purpose)
    {
        string[] lines = text.TrimEnd('\n').Split('\n');
        if (!lines[0].StartsWith("validator-key ", StringComparison.Ordinal))
        {
            throw new KeyException($"{path}:1: is not a key file; expected '{Header}'");
        }

        if (lines[0] != Header)
        {
            throw new KeyException($"{path}:1: '{lines[0]}' is a format this version does not know; expected '{Header}'");
        }

        if (lines.Length != 4)
        {
            throw new KeyException($"{path}: expected 4 lines, not {lines.Length}");
        }

        Expect(path, lines, 1, $"purpose: {Name(purpose)}");
        Expect(path, lines, 2, $"algorithm: {Algorithm}");
        const string Seed = "seed: ";
        byte[] seed = new byte[SeedBytes];
        if (lines[3].Length != Seed.Length + (2 * SeedBytes)
            || !lines[3].StartsWith(Seed, StringComparison.Ordinal)
            || Convert.FromHexString(lines[3].AsSpan(Seed.Length), seed, out _, out _) != System.Buffers.OperationStatus.Done)
        {
            throw new KeyException($"{path}:4: expected 'seed: ' and {2 * SeedBytes} hexadecimal digits");
        }

        return seed;
    }

    private static void Expect(string path, string[] lines, int index, string expected)
    {
        if (lines[index] != expected)
        {
            throw new KeyException($"{path}:{index + 1}: expected '{expected}', not '{lines[index]}'");
        }
    }

    private static string Name(KeyPurpose purpose) => purpose == KeyPurpose.Consensus ? "consensus" : "transport";
}
