using System.CommandLine;
using System.CommandLine.Parsing;
using System.Globalization;
using Validator.Core.Primitives;

namespace Validator.Host.Load;

/// <summary><c>validator load</c>, and the options that it shares with <c>validator localnet</c>.</summary>
public static class LoadCommand
{
    public static Command Create()
    {
        Option<string[]> targets = new("--target")
        {
            Description = "API address of a validator, such as http://127.0.0.1:8080; once for each",
            Required = true,
            AllowMultipleArgumentsPerToken = true,
            HelpName = "URL",
        };
        targets.Validators.Add(result =>
        {
            foreach (Token token in result.Tokens)
            {
                if (!IsBaseAddress(token.Value))
                {
                    result.AddError($"--target: '{token.Value}' is not an address like http://127.0.0.1:8080");
                }
            }
        });
        Option<int> rate = Rate();
        Option<int> size = Size();
        Option<TimeSpan> duration = Duration();
        Option<ulong> seed = Seed();
        Option<string?> report = Report();
        Command command = new("load", "Send transactions to running validators at a fixed rate, and check what they stream back")
        {
            targets, rate, size, duration, seed, report,
        };

        // Synchronous on purpose: the run has signal handlers of its own, and needs its time to stop cleanly.
        command.SetAction(parsed => LoadCommandRun.RunAsync(
            new LoadOptions
            {
                Targets = Array.ConvertAll(parsed.GetRequiredValue(targets), t => new Uri(t)),
                Rate = parsed.GetValue(rate),
                Size = parsed.GetValue(size),
                Duration = parsed.GetValue(duration),
                Seed = parsed.GetValue(seed),
            },
            parsed.GetValue(report),
            Console.Out).GetAwaiter().GetResult());
        return command;
    }

    internal static Option<int> Rate() => Whole("--rate", "Transactions per second, over all validators", 2000, 1, 1_000_000);

    internal static Option<int> Size() =>
        Whole("--size", "Bytes per transaction", 512, TransactionPattern.MinSize, Limits.MaxTransactionBytes);

    internal static Option<TimeSpan> Duration() => new("--duration")
    {
        Description = "How long to send, such as 500ms, 30s, 5m or 2h",
        DefaultValueFactory = _ => TimeSpan.FromSeconds(30),
        CustomParser = result =>
        {
            if (TryParseDuration(result.Tokens[0].Value, out TimeSpan duration))
            {
                return duration;
            }

            result.AddError($"--duration: '{result.Tokens[0].Value}' is not a length of time like 30s");
            return default;
        },
        HelpName = "TIME",
    };

    internal static Option<ulong> Seed() => new("--seed")
    {
        Description = "Of the transactions' bytes: the same seed gives the same ones, which a chain takes only once",
        DefaultValueFactory = _ => 1,
        HelpName = "N",
    };

    internal static Option<string?> Report() => new("--report")
    {
        Description = "Write the run's figures as JSON",
        HelpName = "FILE",
    };

    internal static Option<int> Whole(string name, string description, int byDefault, int least, int most)
    {
        Option<int> option = new(name)
        {
            Description = description,
            DefaultValueFactory = _ => byDefault,
            HelpName = "N",
        };
        option.Validators.Add(result =>
        {
            if (result.Tokens.Count == 1
                && int.TryParse(result.Tokens[0].Value, NumberStyles.Integer, CultureInfo.InvariantCulture, out int value)
                && (value < least || value > most))
            {
                result.AddError($"{name}: {value} is not between {least} and {most}");
            }
        });
        return option;
    }

    /// <summary>A number with ms, s, m or h; a bare number is seconds. Between 100 ms and 24 h.</summary>
    internal static bool TryParseDuration(string text, out TimeSpan duration)
    {
        (string suffix, double seconds) = text switch
        {
            _ when text.EndsWith("ms", StringComparison.Ordinal) => ("ms", 0.001),
            _ when text.EndsWith('s') => ("s", 1),
            _ when text.EndsWith('m') => ("m", 60),
            _ when text.EndsWith('h') => ("h", 3600),
            _ => ("", 1),
        };
        bool valid = double.TryParse(
            text.AsSpan(0, text.Length - suffix.Length), NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out double number)
            && number * seconds is >= 0.1 and <= 86_400;
        duration = valid ? TimeSpan.FromSeconds(number * seconds) : default;
        return valid;
    }

    private static bool IsBaseAddress(string text) =>
        Uri.TryCreate(text, UriKind.Absolute, out Uri? address) && address.Scheme is "http" && address.PathAndQuery == "/";
}
