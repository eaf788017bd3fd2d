namespace Validator.Host.Tools.Localnet;

/// <summary>How to start the validator's binary.</summary>
/// <param name="Command">Program and leading arguments: the binary alone, or dotnet with the assembly.</param>
public sealed record Executable(string[] Command)
{
    /// <summary>The file whose size counts as the binary's.</summary>
    public string File => Command[^1];

    public long Bytes => System.IO.File.Exists(File) ? new FileInfo(File).Length : 0;

    /// <summary>The binary or assembly at a path.</summary>
    public static Executable At(string path) =>
        new(Path.GetExtension(path) == ".dll" ? ["dotnet", path] : [path]);

    /// <summary>The running program itself.</summary>
    public static Executable Self()
    {
        string first = Environment.GetCommandLineArgs()[0];

        // Without /proc the path of the process is unknown; the name it was called by must do.
        string program = Environment.ProcessPath ?? Path.GetFullPath(first);
        return Path.GetFileNameWithoutExtension(program) == "dotnet"
            ? new Executable([program, Path.GetFullPath(first)])
            : new Executable([program]);
    }
}
