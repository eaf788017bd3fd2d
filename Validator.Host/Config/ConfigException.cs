namespace Validator.Host.Config;

/// <summary>A fault of an operator's file or variable. The message names it and says what was expected.</summary>
public sealed class ConfigException(string message) : Exception(message);
