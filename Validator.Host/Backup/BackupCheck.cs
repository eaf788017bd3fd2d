using Validator.Core.Primitives;
using Validator.Crypto.Simd;

namespace Validator.Host.Backup;

/// <summary>Whether a backup can be restored, as far as one wants to know.</summary>
internal static class BackupCheck
{
    /// <summary>
    /// Every part has the sum that the signed manifest gives it; with the key, or unencrypted, the content too.
    /// </summary>
    /// <exception cref="BackupException">It names the first part that is not.</exception>
    public static void Parts(BackupManifest manifest, SecretBuffer? seed, IBackupTarget target, BackupPlace place)
    {
        if (seed is null && manifest.Recipient is not null)
        {
            for (int number = 0; number < manifest.Parts.Length; number++)
            {
                PartReader.Fetch(target, place, manifest, number);
            }

            return;
        }

        string unused = Path.Combine(Path.GetTempPath(), Path.GetRandomFileName());
        try
        {
            Restorer.Extract(manifest, seed, unused, target, place, static _ => false);
        }
        finally
        {
            Remove(unused);
        }
    }

    /// <summary>Restores it into a folder, checks every certificate from genesis on, and removes the folder.</summary>
    /// <param name="folder">Does not exist yet.</param>
    public static void Chain(
        BackupManifest manifest, SecretBuffer? seed, string folder, Genesis genesis, in Hash256 chainId, IBackupTarget target,
        BackupPlace place, Action<string> tell)
    {
        if (Directory.Exists(folder))
        {
            throw new BackupException($"{folder}: exists already; give a folder that does not, with room for the ledger");
        }

        try
        {
            Restorer.Build(manifest, seed, folder, genesis, chainId, target, place, tell).Dispose();
        }
        finally
        {
            Remove(folder);
        }
    }

    private static void Remove(string folder)
    {
        if (Directory.Exists(folder))
        {
            Directory.Delete(folder, recursive: true);
        }
    }
}
