namespace Validator.Host.Config;

public enum TomlKind : byte
{
    String,
    Integer,
    Float,
    Boolean,
    Array,
    Table,
}

/// <summary>One value of a TOML document and where it stands.</summary>
/// <param name="Value">string, long, double, bool, <c>List&lt;TomlValue&gt;</c> or <see cref="TomlTable"/>, as Kind says.</param>
/// <param name="Line">From 1.</param>
/// <param name="Column">From 1, in characters.</param>
public sealed record TomlValue(TomlKind Kind, object Value, int Line, int Column)
{
    /// <summary>The kind as an operator would call it.</summary>
    public string KindName => Name(Kind);

    public static string Name(TomlKind kind) => kind switch
    {
        TomlKind.String => "a string",
        TomlKind.Integer => "an integer",
        TomlKind.Float => "a number",
        TomlKind.Boolean => "true or false",
        TomlKind.Array => "an array",
        _ => "a table",
    };
}

/// <summary>Keys in the order of the file.</summary>
public sealed class TomlTable
{
    private readonly Dictionary<string, TomlValue> _values = new(StringComparer.Ordinal);

    /// <summary>Where each key stands.</summary>
    public List<(string Key, int Line, int Column)> Keys { get; } = [];

    public TomlValue? this[string key] => _values.GetValueOrDefault(key);

    /// <summary>Named by a header of its own; a second one is an error.</summary>
    internal bool HasHeader { get; set; }

    /// <summary>Made by a dotted key, so that no header may name it.</summary>
    internal bool IsDotted { get; set; }

    /// <summary>An inline table: complete as written.</summary>
    internal bool IsClosed { get; set; }

    internal void Add(string key, TomlValue value, int line, int column)
    {
        _values.Add(key, value);
        Keys.Add((key, line, column));
    }
}

/// <summary>A document that is not TOML, or uses a part of TOML that is not read here.</summary>
public sealed class TomlException(int line, int column, string message) : Exception(message)
{
    public int Line { get; } = line;

    public int Column { get; } = column;
}
