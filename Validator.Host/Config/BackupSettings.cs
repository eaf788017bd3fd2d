namespace Validator.Host.Config;

/// <summary>Reads the section [backup] of node.toml.</summary>
internal static class BackupSettings
{
    public static BackupSection Read(Settings settings, string folder)
    {
        BackupSchedule? schedule = null;
        string when = settings.String("backup.schedule", "");
        if (when.Length > 0 && !BackupSchedule.TryRead(when, out schedule))
        {
            settings.Fail("backup.schedule", $"expected 90m, 6h or 7d, a year at most, or a time of day as 03:30, not '{when}'");
        }

        BackupSection section = new(
            Target(settings, folder),
            schedule,
            settings.Integer("backup.keep", 7, 1, 10_000),
            settings.Integer("backup.keep_days", 0, 0, 36_500),
            Optional(settings, "backup.encryption_key", folder),
            settings.Boolean("backup.unencrypted", false),
            Compression(settings),
            Optional(settings, "backup.credentials", folder),
            settings.Integer("backup.part_mb", 16, 1, 64),
            settings.Integer("backup.rate_mb", 64, 0, 65_536),
            settings.Boolean("backup.archive", false),
            settings.Integer("backup.archive_seconds", 10, 1, 3600));
        if (section.Target is not null && section.EncryptionKey.Length > 0 == section.Unencrypted)
        {
            settings.Fail("backup.encryption_key", section.Unencrypted
                ? "a key is given, and backup.unencrypted = true: leave out one of the two"
                : "is required, as 'validator backup keygen' writes it; or, where whoever reads the target may read the ledger,"
                    + " backup.unencrypted = true");
        }

        if (section.Target is null && (section.Schedule is not null || section.Archive))
        {
            settings.Fail(section.Archive ? "backup.archive" : "backup.schedule", "needs backup.target");
        }

        return section;
    }

    private static BackupTargetUrl? Target(Settings settings, string folder)
    {
        string text = settings.String("backup.target", "");
        string endpoint = settings.String("backup.endpoint", "");
        Uri? server = null;
        if (endpoint.Length > 0
            && (!Uri.TryCreate(endpoint, UriKind.Absolute, out server) || server.Scheme is not ("http" or "https")
            || server.Query.Length > 0 || server.UserInfo.Length > 0))
        {
            settings.Fail("backup.endpoint", $"expected http:// or https:// and a host, not '{endpoint}'");
        }

        string region = settings.String("backup.region", "us-east-1");
        if (region.Length == 0 || !region.All(c => char.IsAsciiLetterOrDigit(c) || c == '-'))
        {
            settings.Fail("backup.region", $"expected a region as eu-central-1, not '{region}'");
        }

        bool pathStyle = settings.Boolean("backup.path_style", false);
        if (text.Length == 0)
        {
            return null;
        }

        BackupTargetUrl? target = BackupTargetUrl.Read(text, folder, out string fault);
        if (target is null)
        {
            settings.Fail("backup.target", fault);
        }

        return target is null ? null : target with { Endpoint = server, Region = region, PathStyle = pathStyle };
    }

    private static BackupCompression Compression(Settings settings)
    {
        string text = settings.String("backup.compression", "gzip");
        if (text is not ("gzip" or "zstd" or "none"))
        {
            settings.Fail("backup.compression", $"expected \"gzip\" or \"zstd\" or \"none\", not \"{text}\"");
        }

        return text switch { "zstd" => BackupCompression.Zstd, "none" => BackupCompression.None, _ => BackupCompression.Gzip };
    }

    private static string Optional(Settings settings, string path, string folder) =>
        settings.String(path, "") is { Length: > 0 } text ? Path.GetFullPath(text, folder) : "";
}
