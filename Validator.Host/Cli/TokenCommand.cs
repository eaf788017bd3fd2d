using System.CommandLine;
using Validator.Host.Api;
using Validator.Host.Config;
using Validator.Host.Primitives;
using Validator.Host.Storage;

namespace Validator.Host.Cli;

/// <summary><c>validator token</c>: adds a bearer token to a file.</summary>
internal static class TokenCommand
{
    public static Command Create()
    {
        Option<string> role = new("--role") { Description = "submit, read, admin, or several with commas between", Required = true };
        Option<string> file = new("--out") { Description = "The file of api.tokens; made with mode 0600, or added to", Required = true };
        Option<string> name = new("--name") { Description = "Who gets it, for people", DefaultValueFactory = _ => "" };
        Command command = new("token", "Add a bearer token of the HTTP API to a file, and print it") { role, file, name };
        command.SetAction(parsed => CommandAction.Guard(() => Add(parsed.GetValue(file)!, parsed.GetValue(role)!, parsed.GetValue(name)!)));
        return command;
    }

    private static int Add(string file, string role, string name)
    {
        if (!ApiTokens.TryRoles(role, out _))
        {
            throw new ConfigException($"--role: expected submit, read or admin, with commas between, not '{role}'");
        }

        if (File.Exists(file))
        {
            // Refuses a file that is open to others, or not a token file at all.
            ApiTokens.Read(file);
        }

        string token = ApiTokens.NewToken();
        try
        {
            DurableFile.MakeFolder(Path.GetDirectoryName(Path.GetFullPath(file))!);
            using FileStream stream = new(file, new FileStreamOptions
            {
                Mode = FileMode.Append,
                Access = FileAccess.Write,
                UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite,
            });
            using StreamWriter writer = new(stream);
            writer.WriteLine($"{role} {token} {name.ReplaceLineEndings(" ")}".TrimEnd());
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new ConfigException($"--out: {file}: {e.Message}");
        }

        Console.WriteLine(token);
        return ExitCodes.Success;
    }
}
