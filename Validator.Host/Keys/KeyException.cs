namespace Validator.Host.Keys;

/// <summary>A key file that is missing, readable by others, damaged, or not the one that genesis names.</summary>
public sealed class KeyException(string message) : Exception(message);
