namespace Validator.Tests.Tidy;

/// <summary>The repository's text as files on disk, without what builds leave behind.</summary>
internal static class SourceTree
{
    private static readonly string[] Text =
        [".cs", ".md", ".csproj", ".props", ".targets", ".sln", ".sh", ".c", ".h", ".cpp", ".json", ".toml", ".yml", ".yaml", ".txt", ".aot", ".mk"];

    private static readonly string[] Left = ["bin", "obj", "artifacts", ".git", ".native", ".cache", "TestResults", "BenchmarkDotNet.Artifacts", "node_modules", "dist"];

    public static string Root { get; } = FindRoot();

    /// <summary>All text files, by path relative to the root with forward slashes.</summary>
    public static IReadOnlyList<string> Files { get; } = [.. Walk(Root).Select(p => Path.GetRelativePath(Root, p).Replace('\\', '/')).Order(StringComparer.Ordinal)];

    public static IEnumerable<string> Sources => Files.Where(f => f.EndsWith(".cs", StringComparison.Ordinal));

    public static string[] Lines(string file) => File.ReadAllLines(Path.Combine(Root, file));

    private static string FindRoot()
    {
        DirectoryInfo? folder = new(AppContext.BaseDirectory);
        while (folder is not null && !File.Exists(Path.Combine(folder.FullName, "Validator.sln")))
        {
            folder = folder.Parent;
        }

        return folder?.FullName ?? throw new InvalidOperationException("the tests run outside the repository");
    }

    private static IEnumerable<string> Walk(string folder)
    {
        foreach (string file in Directory.EnumerateFiles(folder))
        {
            if (Text.Contains(Path.GetExtension(file)) || Path.GetFileName(file) is "Makefile")
            {
                yield return file;
            }
        }

        foreach (string inner in Directory.EnumerateDirectories(folder))
        {
            if (!Left.Contains(Path.GetFileName(inner)))
            {
                foreach (string file in Walk(inner))
                {
                    yield return file;
                }
            }
        }
    }
}
