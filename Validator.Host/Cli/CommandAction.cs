using System.CommandLine;
using System.CommandLine.Parsing;
using System.Globalization;
using Validator.Core.Primitives;
using Validator.Host.Backup;
using Validator.Host.Config;
using Validator.Host.Keys;
using Validator.Host.Logging;
using Validator.Host.Primitives;
using Validator.Host.Storage;

namespace Validator.Host.Cli;

/// <summary>What commands have in common: faults become exit codes, and options are read strictly.</summary>
internal static class CommandAction
{
    /// <summary>Timers take hardly more.</summary>
    private static readonly TimeSpan s_longest = TimeSpan.FromDays(24);

    /// <summary>Runs an action; an operator's fault becomes its message and exit code.</summary>
    public static int Guard(Func<int> action)
    {
        try
        {
            return action();
        }
        catch (ConfigException e)
        {
            StderrLogs.Say(e.Message);
            return ExitCodes.Usage;
        }
        catch (KeyException e)
        {
            StderrLogs.Say(e.Message);
            return ExitCodes.Keys;
        }
        catch (StoreException e)
        {
            StderrLogs.Say(e.Message);
            return ExitCodes.Store;
        }
        catch (BackupException e)
        {
            StderrLogs.Say(e.Message);
            return ExitCodes.Failed;
        }
        catch (Exception e) when (OutsideFaults.Tell(e) is { } told)
        {
            StderrLogs.Say(told.Message);
            return told.Code;
        }
    }

    /// <summary>An option's number, still unchecked; null when it is none.</summary>
    public static int? Integer(OptionResult option, int fallback) =>
        option.Tokens.Count == 0 ? fallback
        : StrictNumber.TryRead(option.Tokens[^1].Value, out int value) ? value
        : null;

    /// <summary>An option that reads 500ms, 30s, 5m or 1h.</summary>
    public static Option<TimeSpan> Duration(string name, string description, TimeSpan fallback) => new(name)
    {
        Description = description,
        HelpName = "30s",
        DefaultValueFactory = _ => fallback,
        CustomParser = result =>
        {
            string text = result.Tokens[0].Value;
            if (!TryDuration(text, out TimeSpan value))
            {
                result.AddError($"{name}: '{text}' is not a duration; expected 500ms, 30s, 5m or 1h, and {s_longest.TotalHours:0}h at most");
            }

            return value;
        },
    };

    public static bool TryDuration(string text, out TimeSpan value)
    {
        int unit = text.AsSpan().IndexOfAnyExceptInRange('0', '9');
        value = default;
        if (unit <= 0 || !StrictNumber.TryRead(text.AsSpan(0, unit), out int number))
        {
            return false;
        }

        double seconds = number * (text[unit..] switch { "ms" => 0.001, "s" => 1, "m" => 60, "h" => 3600, _ => double.NaN });
        if (!(seconds <= s_longest.TotalSeconds))
        {
            return false;
        }

        value = TimeSpan.FromSeconds(seconds);
        return true;
    }
}
