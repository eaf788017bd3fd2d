using System.Text.Json;

namespace Validator.Tests.Crypto;

/// <summary>Finds the folder of shared test vectors beside the clone (../shared/vectors).</summary>
internal static class VectorFiles
{
    internal static string? Folder { get; } = Find();

    internal static bool Exists(string name) => Folder is not null && File.Exists(Path.Combine(Folder, name));

    internal static JsonElement Load(string name)
    {
        Assert.True(Exists(name), $"The vector file {name} is missing beside the clone.");
        using JsonDocument document = JsonDocument.Parse(File.ReadAllBytes(Path.Combine(Folder!, name)));
        return document.RootElement.Clone();
    }

    internal static byte[] Hex(this JsonElement element, string name) =>
        element.TryGetProperty(name, out JsonElement value) ? Convert.FromHexString(value.GetString()!) : [];

    private static string? Find()
    {
        for (DirectoryInfo? at = new(AppContext.BaseDirectory); at is not null; at = at.Parent)
        {
            string candidate = Path.Combine(at.FullName, "shared", "vectors");
            if (Directory.Exists(candidate))
            {
                return candidate;
            }
        }

        return null;
    }
}

/// <summary>A fact that needs a vector file: skipped, saying so, where it is missing; run, and so failed, when CI=true.</summary>
[AttributeUsage(AttributeTargets.Method)]
public sealed class VectorFactAttribute : FactAttribute
{
    public VectorFactAttribute(string file)
    {
        if (!VectorFiles.Exists(file) && Environment.GetEnvironmentVariable("CI") != "true")
        {
            Skip = $"The vector file {file} is not beside this clone.";
        }
    }
}

/// <summary>Tests that force a path for the whole process: nothing else may hash meanwhile, or it hashes wrong.</summary>
[CollectionDefinition(Name, DisableParallelization = true)]
public sealed class CpuPathTests
{
    public const string Name = "cpu paths";
}

/// <summary>Runs a check on every path of the processor, in tests of the collection above.</summary>
internal static class EveryPath
{
    internal static void Run(Action<CpuPathCase> check)
    {
        Validator.Crypto.Simd.CpuPath before = Validator.Crypto.Simd.CpuPaths.Current;
        try
        {
            foreach (Validator.Crypto.Simd.CpuPath path in Enum.GetValues<Validator.Crypto.Simd.CpuPath>())
            {
                if (Validator.Crypto.Simd.CpuPaths.CanRun(path))
                {
                    Validator.Crypto.Simd.CpuPaths.Force(path);
                    check(new CpuPathCase(path.ToString()));
                }
            }
        }
        finally
        {
            Validator.Crypto.Simd.CpuPaths.Force(before);
        }
    }
}

/// <summary>The name of the path under test, for messages of failed assertions.</summary>
internal readonly record struct CpuPathCase(string Name);
