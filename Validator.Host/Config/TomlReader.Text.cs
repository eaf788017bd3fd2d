using System.Text;
using Validator.Core.Primitives;

namespace Validator.Host.Config;

public sealed partial class TomlReader
{
    private string BasicString(bool allowMultiline)
    {
        bool multiline = Opens('"', allowMultiline);
        StringBuilder text = new();
        while (true)
        {
            if (Closes('"', multiline, text))
            {
                return text.ToString();
            }

            if (Current == '\\' && !AtEnd)
            {
                Escape(text, multiline);
            }
            else
            {
                Character(text, multiline);
            }
        }
    }

    private string LiteralString(bool allowMultiline)
    {
        bool multiline = Opens('\'', allowMultiline);
        StringBuilder text = new();
        while (!Closes('\'', multiline, text))
        {
            Character(text, multiline);
        }

        return text.ToString();
    }

    /// <summary>Takes the opening quotes; a newline right after three of them is not part of the string.</summary>
    private bool Opens(char quote, bool allowMultiline)
    {
        bool multiline = allowMultiline && Run(quote) >= 3;
        _at += multiline ? 3 : 1;
        if (multiline)
        {
            TryNewline();
        }

        return multiline;
    }

    /// <summary>Takes the closing quotes; up to two quotes may stand right before three closing ones.</summary>
    private bool Closes(char quote, bool multiline, StringBuilder text)
    {
        int run = Run(quote);
        if (!multiline)
        {
            _at += Math.Min(run, 1);
            return run > 0;
        }

        if (run > 5)
        {
            throw Error("too many quotes in a row");
        }

        if (run > 0)
        {
            text.Append(quote, run >= 3 ? run - 3 : run);
            _at += run;
        }

        return run >= 3;
    }

    private int Run(char quote)
    {
        int run = 0;
        while (_at + run < _text.Length && _text[_at + run] == quote)
        {
            run++;
        }

        return run;
    }

    private void Character(StringBuilder text, bool multiline)
    {
        if (AtEnd)
        {
            throw Error("the string is not closed");
        }

        if (Current is '\n' or '\r')
        {
            if (!multiline)
            {
                throw Error("the string is not closed on its line");
            }

            if (!TryNewline())
            {
                throw Error("a carriage return without a line feed");
            }

            text.Append('\n');
            return;
        }

        RefuseControl();
        text.Append(Current);
        _at++;
    }

    private void Escape(StringBuilder text, bool multiline)
    {
        char code = _at + 1 < _text.Length ? _text[_at + 1] : '\0';
        if (multiline && code is ' ' or '\t' or '\r' or '\n')
        {
            FoldLines();
            return;
        }

        int digits = code == 'u' ? 4 : code == 'U' ? 8 : 0;
        if (digits > 0)
        {
            CodePoint(text, digits);
            return;
        }

        char value = code switch
        {
            'b' => '\b',
            't' => '\t',
            'n' => '\n',
            'f' => '\f',
            'r' => '\r',
            '"' => '"',
            '\\' => '\\',
            _ => throw Error("unknown escape; allowed are \\b \\t \\n \\f \\r \\\" \\\\ \\uXXXX \\UXXXXXXXX"),
        };
        text.Append(value);
        _at += 2;
    }

    /// <summary>A backslash at a line's end: blanks and newlines up to the next character vanish.</summary>
    private void FoldLines()
    {
        int start = _at;
        _at++;
        SkipBlanks();
        if (!TryNewline())
        {
            _at = start;
            throw Error("a backslash before blanks must end the line");
        }

        do
        {
            SkipBlanks();
        }
        while (TryNewline());
    }

    private void CodePoint(StringBuilder text, int digits)
    {
        if (_at + 2 + digits > _text.Length
            || !StrictNumber.TryReadHex(_text.AsSpan(_at + 2, digits), out uint value)
            || !Rune.IsValid(value))
        {
            throw Error($"expected {digits} hexadecimal digits of a Unicode scalar value");
        }

        text.Append(new Rune(value).ToString());
        _at += 2 + digits;
    }

    private void RefuseControl()
    {
        if ((Current < ' ' && Current != '\t') || Current == '\u007f')
        {
            throw Error($"control character U+{(int)Current:X4}");
        }
    }

    private bool TryNewline()
    {
        int length = Current == '\n' ? 1 : Current == '\r' && _at + 1 < _text.Length && _text[_at + 1] == '\n' ? 2 : 0;
        if (length == 0)
        {
            return false;
        }

        _at += length;
        _line++;
        _lineStart = _at;
        return true;
    }

    private void SkipBlanks()
    {
        while (Current is ' ' or '\t')
        {
            _at++;
        }
    }

    private void SkipComment()
    {
        if (Current != '#')
        {
            return;
        }

        while (!AtEnd && Current is not ('\n' or '\r'))
        {
            RefuseControl();
            _at++;
        }
    }

    private void SkipToContent()
    {
        do
        {
            SkipBlanks();
            SkipComment();
        }
        while (TryNewline());
    }

    private void EndOfLine()
    {
        SkipBlanks();
        SkipComment();
        if (!AtEnd && !TryNewline())
        {
            throw Error($"expected the end of the line, not {Here()}");
        }
    }

    private void Expect(char c, string what)
    {
        if (AtEnd || Current != c)
        {
            throw Error($"expected {what}, not {Here()}");
        }

        _at++;
    }

    private string Here() => AtEnd ? "the end of the file"
        : Current is '\n' or '\r' ? "the end of the line"
        : char.IsControl(Current) ? $"U+{(int)Current:X4}" : $"'{Current}'";

    private TomlException Error(string message) => new(_line, Column, message);
}
