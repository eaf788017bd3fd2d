using Validator.Host.Config;

namespace Validator.Host.Backup;

/// <summary>Opens the target that a configuration names.</summary>
internal static class Targets
{
    /// <param name="settings">With a target.</param>
    /// <exception cref="BackupException">Its credentials are missing or at fault.</exception>
    public static IBackupTarget Open(BackupSection settings)
    {
        BackupTargetUrl url = settings.Target!;
        TargetCredentials credentials = new(settings.Credentials, Environment.GetEnvironmentVariable);
        switch (url.Kind)
        {
            case BackupTargetKind.S3:
                credentials.S3();
                return new S3Target(url, credentials.S3);
            case BackupTargetKind.Gcs:
                credentials.Gcs();
                return new S3Target(url, credentials.Gcs);
            case BackupTargetKind.AzureBlob:
                credentials.Azure();
                return new AzureTarget(url, credentials.Azure);
            default:
                return new FolderTarget(url.Container);
        }
    }
}
