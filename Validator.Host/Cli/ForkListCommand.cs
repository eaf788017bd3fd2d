using System.CommandLine;

namespace Validator.Host.Cli;

/// <summary>fork list: what a running validator saw twice.</summary>
internal static class ForkListCommand
{
    public static Command List() => ClientCommands.Get(
        "list", "Print the forks that a validator has seen since its start, and what became of them", "/v1/forks");
}
