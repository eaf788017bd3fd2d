namespace Validator.Host.Contracts;

/// <summary>The result of reading the configuration again.</summary>
/// <param name="Applied">What is in force from now on.</param>
/// <param name="NeedsRestart">What was changed in the file and takes effect only after a restart.</param>
/// <param name="Error">Why nothing was changed; null when all went well.</param>
public sealed record ReloadResult(string[] Applied, string[] NeedsRestart, string? Error);
