using Validator.Core.Primitives;
using Validator.Host.Config;
using Validator.Host.Storage;

namespace Validator.Host.Backup;

/// <summary>
/// A backup that is damaged, changed, of another chain or not there; or a target that does not do what it was asked. The message
/// names the object, and says what to do where that is not plain.
/// </summary>
public sealed class BackupException(string message) : Exception(message)
{
    /// <summary>
    /// Whether a backup's thread goes on after an exception: after all but a broken invariant of our own, the end of memory, and
    /// a stop that was asked for. A target and its answers are others', so no list of what they may cause is complete.
    /// </summary>
    internal static bool IsFault(Exception e, CancellationToken stopping) =>
        e is not (InvariantViolationException or OutOfMemoryException)
        && !(e is OperationCanceledException && stopping.IsCancellationRequested);

    /// <summary>What a log says of it: messages of types that nobody expects do not stand alone.</summary>
    internal static string Tell(Exception e) =>
        e is BackupException or ConfigException or StoreException or IOException or UnauthorizedAccessException
            ? e.Message : $"{e.GetType().Name}: {e.Message}";
}
