using System.Collections;

namespace Validator.Host.Config;

/// <summary>
/// Every known key with the value that was given for it, by file or by environment, and where. Faults are collected so
/// that an operator sees all of them at once.
/// </summary>
internal sealed class Settings
{
    /// <summary>
    /// Environment variables with this prefix and a double underscore override a key: VALIDATOR_NETWORK__QUIC_PORT.
    /// </summary>
    public const string Prefix = "VALIDATOR_";

    private readonly Dictionary<string, (TomlValue Value, string Where)> _given = new(StringComparer.Ordinal);
    private readonly Dictionary<string, SettingKey> _known;
    private readonly string _file;

    private Settings(string file)
    {
        _file = file;
        _known = SettingKey.All.ToDictionary(k => k.Path, StringComparer.Ordinal);
    }

    public List<string> Errors { get; } = [];

    /// <param name="file">Path, named in errors.</param>
    /// <param name="environment">All variables of the process, or a test's.</param>
    public static Settings Read(string file, string text, IDictionary environment)
    {
        Settings settings = new(file);
        try
        {
            settings.AddTable(TomlReader.Read(text), "");
        }
        catch (TomlException e)
        {
            throw new ConfigException($"{file}:{e.Line}:{e.Column}: {e.Message}");
        }

        settings.AddEnvironment(environment);
        return settings;
    }

    public bool Has(string path) => _given.ContainsKey(path);

    public string Where(string path) => _given.TryGetValue(path, out var given) ? given.Where : $"{_file}: {path}";

    public void Fail(string path, string message) => Errors.Add($"{Where(path)}: {message}");

    public string String(string path, string fallback) =>
        Value(path, TomlKind.String) is { } value ? (string)value.Value : fallback;

    public bool Boolean(string path, bool fallback) =>
        Value(path, TomlKind.Boolean) is { } value ? (bool)value.Value : fallback;

    public int Integer(string path, int fallback, int min, int max)
    {
        if (Value(path, TomlKind.Integer) is not { } value)
        {
            return fallback;
        }

        long number = (long)value.Value;
        if (number < min || number > max)
        {
            Fail(path, $"expected {min} to {max}, not {number}");
            return fallback;
        }

        return (int)number;
    }

    /// <summary>A number; an integer counts as one.</summary>
    public double? Number(string path)
    {
        if (_given.TryGetValue(path, out var given) && given.Value.Kind == TomlKind.Integer)
        {
            return (long)given.Value.Value;
        }

        return Value(path, TomlKind.Float) is { } value ? (double)value.Value : null;
    }

    public string[] Strings(string path)
    {
        if (Value(path, TomlKind.Array) is not { } value)
        {
            return [];
        }

        List<TomlValue> items = (List<TomlValue>)value.Value;
        foreach (TomlValue item in items)
        {
            if (item.Kind != TomlKind.String)
            {
                Fail(path, $"expected an array of strings; it has {item.KindName} (line {item.Line})");
                return [];
            }
        }

        return [.. items.Select(i => (string)i.Value)];
    }

    private TomlValue? Value(string path, TomlKind kind)
    {
        if (!_given.TryGetValue(path, out var given))
        {
            return null;
        }

        if (given.Value.Kind != kind)
        {
            Fail(path, $"expected {TomlValue.Name(kind)}, not {given.Value.KindName}");
            return null;
        }

        if (HoldsNul(given.Value))
        {
            Fail(path, "holds a NUL character, which no path, address or name has");
            return null;
        }

        return given.Value;
    }

    /// <summary>In TOML a string may contain one as an escape.</summary>
    private static bool HoldsNul(TomlValue value) =>
        value.Value is string text ? text.Contains('\0', StringComparison.Ordinal) : value.Value is List<TomlValue> items && items.Exists(HoldsNul);

    private void AddTable(TomlTable table, string prefix)
    {
        foreach ((string key, int line, int column) in table.Keys)
        {
            TomlValue value = table[key]!;
            string path = prefix + key;
            string where = $"{_file}:{line}:{column}: {path}";
            if (_known.ContainsKey(path))
            {
                _given[path] = (value, where);
            }
            else if (value.Value is TomlTable inner && SettingKey.IsSection(path))
            {
                AddTable(inner, path + ".");
            }
            else
            {
                Errors.Add($"{where}: unknown {(value.Kind == TomlKind.Table ? "section" : "key")}{Hint(path, value.Kind == TomlKind.Table)}");
            }
        }
    }

    private static string Hint(string path, bool section)
    {
        string? nearest = section
            ? NearestName.Find(path, SettingKey.Sections)
            : NearestName.Find(path, SettingKey.All.Select(k => k.Path));
        return nearest is null ? "" : $"; did you mean {nearest}?";
    }

    private void AddEnvironment(IDictionary environment)
    {
        Dictionary<string, SettingKey> names = SettingKey.All.ToDictionary(k => k.Variable, StringComparer.Ordinal);
        foreach (DictionaryEntry entry in environment)
        {
            string name = (string)entry.Key;
            if (!name.StartsWith(Prefix, StringComparison.Ordinal) || !name.Contains("__", StringComparison.Ordinal))
            {
                continue;
            }

            if (!names.TryGetValue(name, out SettingKey? key))
            {
                string? nearest = NearestName.Find(name, names.Keys);
                Errors.Add($"environment variable {name}: names no known key{(nearest is null ? "" : $"; did you mean {nearest}?")}");
                continue;
            }

            string where = $"environment variable {name}";
            if (TryParse((string?)entry.Value ?? "", key.Kind, out TomlValue? value))
            {
                _given[key.Path] = (value!, where);
            }
            else
            {
                Errors.Add($"{where}: expected {TomlValue.Name(key.Kind)}, not '{entry.Value}'");
            }
        }
    }

    /// <summary>A variable's text is taken as it is; an array is written as in TOML, or separated by commas.</summary>
    private static bool TryParse(string text, TomlKind kind, out TomlValue? value)
    {
        value = null;
        if (kind == TomlKind.String)
        {
            value = new TomlValue(kind, text, 0, 0);
            return true;
        }

        if (kind == TomlKind.Array && !text.TrimStart().StartsWith('['))
        {
            List<TomlValue> items = [];
            foreach (string item in text.Split(',', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries))
            {
                items.Add(new TomlValue(TomlKind.String, item, 0, 0));
            }

            value = new TomlValue(kind, items, 0, 0);
            return true;
        }

        try
        {
            value = TomlReader.ReadValue(text);
        }
        catch (TomlException)
        {
            return false;
        }

        return value.Kind == kind || (kind == TomlKind.Float && value.Kind == TomlKind.Integer);
    }
}

/// <summary>The name in a list that a misspelt one most likely stands for.</summary>
internal static class NearestName
{
    /// <returns>The nearest by edit distance, also by last part alone; null when none is near.</returns>
    public static string? Find(string name, IEnumerable<string> known)
    {
        string? best = null;
        int least = Math.Max(3, name.Length / 3) + 1;
        foreach (string candidate in known)
        {
            int distance = Math.Min(Distance(name, candidate), LastPart(name) == LastPart(candidate) ? 1 : int.MaxValue);
            if (distance < least)
            {
                least = distance;
                best = candidate;
            }
        }

        return best;
    }

    private static string LastPart(string name) => name[(name.LastIndexOf('.') + 1)..];

    /// <summary>Levenshtein's distance, case ignored.</summary>
    private static int Distance(string a, string b)
    {
        int[] row = new int[b.Length + 1];
        for (int j = 0; j <= b.Length; j++)
        {
            row[j] = j;
        }

        for (int i = 1; i <= a.Length; i++)
        {
            int diagonal = row[0];
            row[0] = i;
            for (int j = 1; j <= b.Length; j++)
            {
                int cost = char.ToLowerInvariant(a[i - 1]) == char.ToLowerInvariant(b[j - 1]) ? 0 : 1;
                int next = Math.Min(Math.Min(row[j] + 1, row[j - 1] + 1), diagonal + cost);
                diagonal = row[j];
                row[j] = next;
            }
        }

        return row[b.Length];
    }
}
