using Microsoft.Extensions.Logging;

namespace Validator.Host.Logging;

/// <summary>
/// All lines of the log that are made by the framework's generator. One class has them: the generator orders classes differently
/// from build to build, and one commit has to give the same bytes (make reproduce).
/// </summary>
internal static partial class HostLog
{
    [LoggerMessage(
        Level = LogLevel.Warning, Message = "{EndPoint}: connections cannot be accepted: {Error}; trying again ten times a second")]
    public static partial void LogPause(ILogger logger, string endPoint, string error);

    [LoggerMessage(Level = LogLevel.Warning, Message = "{Notice}")]
    public static partial void LogNotice(ILogger logger, string notice);

    [LoggerMessage(Message = "clients' QUIC: {Message}")]
    public static partial void LogClients(ILogger logger, LogLevel level, string message);

    [LoggerMessage(
        Level = LogLevel.Information,
        Message = "started {Node} of chain {Chain}, version {Version}: API {Api}, metrics {Metrics}, QUIC port {QuicPort}")]
    public static partial void LogStarted(
        ILogger logger, string node, string chain, string version, string api, string metrics, int quicPort);

    [LoggerMessage(Level = LogLevel.Information, Message = "{Cause} before the start was done: nothing was signed, exit code 130")]
    public static partial void LogCalledOff(ILogger logger, string cause);

    [LoggerMessage(Level = LogLevel.Information, Message = "stopping: {Cause}, exit code {Code}")]
    public static partial void LogStopping(ILogger logger, string cause, int code);

    [LoggerMessage(Level = LogLevel.Error, Message = "the configuration was read again and nothing was changed: {Error}")]
    public static partial void LogRefused(ILogger logger, string error);

    [LoggerMessage(Level = LogLevel.Information, Message = "the configuration was read again: {Applied}")]
    public static partial void LogReloaded(ILogger logger, string applied);

    [LoggerMessage(Level = LogLevel.Warning, Message = "changed in the configuration, and needs a restart: {Later}")]
    public static partial void LogLater(ILogger logger, string later);

    [LoggerMessage(Level = LogLevel.Error, Message = "the archive takes no blocks, and is tried again: {Error}")]
    public static partial void LogArchiveFailed(ILogger logger, string error);

    [LoggerMessage(
        Level = LogLevel.Warning,
        Message = "{Blocks} blocks were no longer kept here when they were to be archived: make a full backup, which bridges"
        + " them")]
    public static partial void LogArchiveMissed(ILogger logger, ulong blocks);

    [LoggerMessage(Level = LogLevel.Information, Message = "{Told}")]
    public static partial void LogBackupTold(ILogger logger, string told);

    [LoggerMessage(
        Level = LogLevel.Information,
        Message = "backup {Id}, up to block {Block}: {Bytes} bytes in {Parts} parts after {Seconds:F1} s")]
    public static partial void LogBackupMade(ILogger logger, string id, ulong block, long bytes, int parts, double seconds);

    [LoggerMessage(Level = LogLevel.Error, Message = "the backup failed: {Error}")]
    public static partial void LogBackupFailed(ILogger logger, string error);

    [LoggerMessage(
        Level = LogLevel.Warning, Message = "what the target holds of backups cannot be read, and a new one is made: {Error}")]
    public static partial void LogBackupUnread(ILogger logger, string error);
}
