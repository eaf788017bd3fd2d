using Validator.Core.Primitives;

namespace Validator.Host.Config;

/// <summary>
/// Reads TOML 1.0 (toml.io/en/v1.0.0) strictly, except for two things that a node's configuration does not need and that are
/// refused by name: dates and times, and arrays of tables.
/// </summary>
public sealed partial class TomlReader
{
    private const int MaxDepth = 32;

    private readonly string _text;
    private int _at;
    private int _line = 1;
    private int _lineStart;
    private int _depth;

    private TomlReader(string text) => _text = text;

    private int Column => _at - _lineStart + 1;

    private char Current => _at < _text.Length ? _text[_at] : '\0';

    private bool AtEnd => _at >= _text.Length;

    /// <exception cref="TomlException">The text is not TOML; with line and column.</exception>
    public static TomlTable Read(string text) => new TomlReader(text).Document();

    /// <summary>Reads a single value, as it may follow an equals sign, and nothing after it.</summary>
    /// <exception cref="TomlException">It is not one.</exception>
    public static TomlValue ReadValue(string text)
    {
        TomlReader reader = new(text);
        reader.SkipBlanks();
        TomlValue value = reader.Value();
        reader.SkipBlanks();
        return reader.AtEnd ? value : throw reader.Error("nothing may follow the value");
    }

    private TomlTable Document()
    {
        TomlTable root = new();
        TomlTable table = root;
        while (true)
        {
            SkipToContent();
            if (AtEnd)
            {
                return root;
            }

            if (Current == '[')
            {
                table = Header(root);
            }
            else
            {
                KeyValue(table);
            }

            EndOfLine();
        }
    }

    private TomlTable Header(TomlTable root)
    {
        int line = _line;
        int column = Column;
        _at++;
        if (Current == '[')
        {
            throw Error("an array of tables ([[...]]) has no place in this file");
        }

        SkipBlanks();
        List<string> path = Key();
        SkipBlanks();
        Expect(']', "']' to end the table's name");
        TomlTable table = root;
        foreach (string part in path)
        {
            table = Step(table, part, line, column, dotted: false);
        }

        if (table.HasHeader)
        {
            throw new TomlException(line, column, $"table [{string.Join('.', path)}] is defined a second time");
        }

        if (table.IsDotted)
        {
            throw new TomlException(line, column, $"table [{string.Join('.', path)}] was made by a dotted key above");
        }

        table.HasHeader = true;
        return table;
    }

    private void KeyValue(TomlTable table)
    {
        int line = _line;
        int column = Column;
        List<string> path = Key();
        SkipBlanks();
        Expect('=', "'=' after the key");
        SkipBlanks();
        TomlValue value = Value();
        foreach (string part in path[..^1])
        {
            table = Step(table, part, line, column, dotted: true);
        }

        if (table[path[^1]] is { } first)
        {
            throw new TomlException(line, column, $"key '{string.Join('.', path)}' is given a second time (first at line {first.Line})");
        }

        table.Add(path[^1], value, line, column);
    }

    private static TomlTable Step(TomlTable table, string part, int line, int column, bool dotted)
    {
        TomlValue? known = table[part];
        if (known is null)
        {
            TomlTable added = new() { IsDotted = dotted };
            table.Add(part, new TomlValue(TomlKind.Table, added, line, column), line, column);
            return added;
        }

        if (known.Value is not TomlTable next)
        {
            throw new TomlException(line, column, $"'{part}' is {known.KindName} already (line {known.Line})");
        }

        if (next.IsClosed || (dotted && next.HasHeader))
        {
            throw new TomlException(line, column, $"table '{part}' is complete where it was defined (line {known.Line})");
        }

        return next;
    }

    private List<string> Key()
    {
        List<string> path = [];
        while (true)
        {
            path.Add(KeyPart());
            SkipBlanks();
            if (Current != '.')
            {
                return path;
            }

            _at++;
            SkipBlanks();
        }
    }

    private string KeyPart()
    {
        if (Current == '"')
        {
            return BasicString(allowMultiline: false);
        }

        if (Current == '\'')
        {
            return LiteralString(allowMultiline: false);
        }

        int start = _at;
        while (char.IsAsciiLetterOrDigit(Current) || Current is '-' or '_')
        {
            _at++;
        }

        return _at > start ? _text[start.._at] : throw Error($"expected a key, not {Here()}");
    }

    private TomlValue Value()
    {
        int line = _line;
        int column = Column;
        switch (Current)
        {
            case '"':
                return new TomlValue(TomlKind.String, BasicString(allowMultiline: true), line, column);
            case '\'':
                return new TomlValue(TomlKind.String, LiteralString(allowMultiline: true), line, column);
            case '[':
                return new TomlValue(TomlKind.Array, Nested(Array), line, column);
            case '{':
                return new TomlValue(TomlKind.Table, Nested(InlineTable), line, column);
            default:
                return Bare(line, column);
        }
    }

    private T Nested<T>(Func<T> read)
    {
        if (++_depth > MaxDepth)
        {
            throw Error($"values nest more than {MaxDepth} deep");
        }

        T value = read();
        _depth--;
        return value;
    }

    private List<TomlValue> Array()
    {
        _at++;
        List<TomlValue> items = [];
        while (true)
        {
            SkipToContent();
            if (Current == ']')
            {
                _at++;
                return items;
            }

            items.Add(Value());
            SkipToContent();
            if (Current == ',')
            {
                _at++;
            }
            else if (Current != ']')
            {
                throw Error($"expected ',' or ']' in the array, not {Here()}");
            }
        }
    }

    private TomlTable InlineTable()
    {
        _at++;
        TomlTable table = new();
        SkipBlanks();
        if (Current == '}')
        {
            _at++;
            table.IsClosed = true;
            return table;
        }

        while (true)
        {
            SkipBlanks();
            KeyValue(table);
            SkipBlanks();
            if (Current == '}')
            {
                _at++;
                table.IsClosed = true;
                return table;
            }

            Expect(',', "',' or '}' in the inline table");
        }
    }

    /// <summary>Numbers and booleans: everything up to the next delimiter.</summary>
    private TomlValue Bare(int line, int column)
    {
        int start = _at;
        while (!AtEnd && Current is not (' ' or '\t' or '\r' or '\n' or ',' or ']' or '}' or '#' or '='))
        {
            _at++;
        }

        string token = _text[start.._at];
        switch (token)
        {
            case "":
                throw new TomlException(line, column, $"expected a value, not {Here()}");
            case "true":
                return new TomlValue(TomlKind.Boolean, true, line, column);
            case "false":
                return new TomlValue(TomlKind.Boolean, false, line, column);
        }

        if (TryInteger(token, out long integer, out bool overflows))
        {
            return new TomlValue(TomlKind.Integer, integer, line, column);
        }

        if (overflows)
        {
            throw new TomlException(line, column, $"integer {token} does not fit 64 bits");
        }

        if (TryFloat(token, out double number))
        {
            return new TomlValue(TomlKind.Float, number, line, column);
        }

        bool date = token.Length >= 8 && char.IsAsciiDigit(token[0]) && (token.Contains('-') || token.Contains(':'));
        throw new TomlException(line, column, date
            ? $"'{token}' looks like a date or time, which no key here takes"
            : $"'{token}' is not a value; a string needs quotes");
    }

    private static bool TryInteger(string token, out long value, out bool overflows)
    {
        value = 0;
        overflows = false;
        int numberBase = token.StartsWith("0x", StringComparison.Ordinal) ? 16
            : token.StartsWith("0o", StringComparison.Ordinal) ? 8
            : token.StartsWith("0b", StringComparison.Ordinal) ? 2 : 10;
        bool signed = numberBase == 10 && token[0] is '+' or '-';
        ReadOnlySpan<char> digits = token.AsSpan(numberBase != 10 ? 2 : signed ? 1 : 0);
        if (!AreDigits(digits, numberBase) || (numberBase == 10 && digits.Length > 1 && digits[0] == '0'))
        {
            return false;
        }

        Int128 total = 0;
        foreach (char c in digits)
        {
            if (c != '_')
            {
                total = (total * numberBase) + (c <= '9' ? c - '0' : (c | ' ') - 'a' + 10);
                if (total > (Int128)long.MaxValue + 1)
                {
                    overflows = true;
                    return false;
                }
            }
        }

        total = token[0] == '-' ? -total : total;
        overflows = total > long.MaxValue;
        value = overflows ? 0 : (long)total;
        return !overflows;
    }

    /// <summary>Digits of the base, with single underscores between them.</summary>
    private static bool AreDigits(ReadOnlySpan<char> text, int numberBase)
    {
        bool digitBefore = false;
        foreach (char c in text)
        {
            bool digit = numberBase == 16 ? char.IsAsciiHexDigit(c) : c >= '0' && c < '0' + numberBase;
            if (!digit && (c != '_' || !digitBefore))
            {
                return false;
            }

            digitBefore = digit;
        }

        return digitBefore;
    }

    private static bool TryFloat(string token, out double value)
    {
        string unsigned = token[0] is '+' or '-' ? token[1..] : token;
        value = 0;
        if (unsigned is "inf" or "nan")
        {
            value = unsigned == "nan" ? double.NaN : token[0] == '-' ? double.NegativeInfinity : double.PositiveInfinity;
            return true;
        }

        int exponent = unsigned.IndexOfAny(['e', 'E']);
        string mantissa = exponent < 0 ? unsigned : unsigned[..exponent];
        if (exponent >= 0)
        {
            string power = unsigned[(exponent + 1)..];
            if (!AreDigits(power.Length > 0 && power[0] is '+' or '-' ? power.AsSpan(1) : power, 10))
            {
                return false;
            }
        }

        int point = mantissa.IndexOf('.');
        string whole = point < 0 ? mantissa : mantissa[..point];
        if ((point < 0 && exponent < 0)
            || !AreDigits(whole, 10) || (whole.Length > 1 && whole[0] == '0')
            || (point >= 0 && !AreDigits(mantissa.AsSpan(point + 1), 10)))
        {
            return false;
        }

        return StrictNumber.TryReadReal(token.Replace("_", "", StringComparison.Ordinal), out value);
    }
}
