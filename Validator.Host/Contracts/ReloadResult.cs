namespace Validator.Host.Contracts;

/// <summary>What came of reading the configuration again.</summary>
/// <param name="Applied">What counts from now on.</param>
/// <param name="NeedsRestart">What was changed in the file and counts only after a restart.</param>
/// <param name="Error">Why nothing was changed; null when all went well.</param>
public sealed record ReloadResult(string[] Applied, string[] NeedsRestart, string? Error);
