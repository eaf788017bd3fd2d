using System.Text;
using Validator.Crypto.Simd;
using Validator.Host.Config;
using Validator.Host.Keys;
using Validator.Host.Storage;

namespace Validator.Host.Backup;

/// <summary>
/// The operator's key pair for backups, X-Wing: the private half is a key file that stays offline, the public one a text of three
/// lines that every validator may have.
/// </summary>
internal static class BackupKeys
{
    private const string Header = "validator-backup-key 1";
    private const string Algorithm = "algorithm: x-wing";
    private const string Label = "public: ";

    /// <summary>Makes a pair: <paramref name="privatePath"/> as a key file, and its public half beside it.</summary>
    /// <exception cref="KeyException">A file exists, or cannot be written.</exception>
    public static void Create(string privatePath, string publicPath, SecretBuffer? passphrase)
    {
        if (File.Exists(publicPath))
        {
            throw new KeyException(
                $"{publicPath}: exists already; a key is never overwritten. Choose another name, or move it away");
        }

        using SecretBuffer seed = KeyFile.Create(privatePath, KeyPurpose.Backup, passphrase);
        byte[] key = PublicKeyOf(seed);
        try
        {
            DurableFile.Create(
                publicPath, Encoding.ASCII.GetBytes($"{Header}\n{Algorithm}\n{Label}{Convert.ToHexStringLower(key)}\n"));
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new KeyException($"{publicPath}: cannot be written: {e.Message}");
        }
    }

    public static byte[] PublicKeyOf(SecretBuffer seed)
    {
        byte[] key = new byte[HybridKem.PublicKeyBytes];
        HybridKem.PublicKey(seed.Span, key);
        return key;
    }

    /// <exception cref="ConfigException">It is missing, or no public key for backups.</exception>
    public static byte[] ReadPublic(string path)
    {
        string[] lines = OperatorFile.ReadText(path, "backup.encryption_key").TrimEnd('\n').Split('\n');
        if (lines.Length == 3 && lines[0] == Header && lines[1] == Algorithm
            && lines[2].StartsWith(Label, StringComparison.Ordinal)
            && lines[2].Length == Label.Length + (2 * HybridKem.PublicKeyBytes))
        {
            try
            {
                byte[] key = Convert.FromHexString(lines[2].AsSpan(Label.Length));
                if (MlKem768.IsEncapsulationKey(key.AsSpan(0, MlKem768.EncapsulationKeyBytes)))
                {
                    return key;
                }
            }
            catch (FormatException)
            {
                // Said below.
            }
        }

        throw new ConfigException(
            $"backup.encryption_key: {path}: is no public key for backups, as 'validator backup keygen' writes it (NAME.pub)");
    }
}
