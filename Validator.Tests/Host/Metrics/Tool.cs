namespace Validator.Tests.Host.Metrics;

/// <summary>Programs of others that tests run; <c>make test</c> installs them where it may.</summary>
internal static class Tool
{
    /// <summary>Where it is; its name alone, which cannot be started, where it is not.</summary>
    public static string Path(string name) => (Environment.GetEnvironmentVariable("PATH") ?? "").Split(':')
        .Select(folder => System.IO.Path.Combine(folder, name)).FirstOrDefault(File.Exists) ?? name;

    /// <summary>Null where it is there, or has to be: in CI a missing one is a failure.</summary>
    public static string? Missing(string name) => Path(name) != name || Environment.GetEnvironmentVariable("CI") == "true"
        ? null : $"{name} is not installed (Debian's package prometheus).";
}

/// <summary>Needs a program of others; skipped, saying so, where it is missing.</summary>
[AttributeUsage(AttributeTargets.Method)]
public sealed class ToolFactAttribute : FactAttribute
{
    public ToolFactAttribute(string name) => Skip = Tool.Missing(name);
}

/// <summary>The same for a theory.</summary>
[AttributeUsage(AttributeTargets.Method)]
public sealed class ToolTheoryAttribute : TheoryAttribute
{
    public ToolTheoryAttribute(string name) => Skip = Tool.Missing(name);
}
