namespace Validator.Host.Backup;

/// <summary>
/// A backup that is damaged, changed, of another chain or not there; or a target that does not do what it was asked. The message
/// names the object, and says what to do where that is not plain.
/// </summary>
public sealed class BackupException(string message) : Exception(message);
