using System.Buffers;
using System.Globalization;
using System.Text;

namespace Validator.Host.Cli;

/// <summary>
/// Other people's text on our output. A terminal obeys control characters, and text with a line feed looks like two lines. So
/// both are escaped, and so is the backslash: what is printed can be turned back.
/// </summary>
internal static class TerminalText
{
    /// <summary>One line for the bytes of a transaction, as UTF-8.</summary>
    /// <param name="terminal">Escapes characters that change the direction of text, too.</param>
    public static string Line(ReadOnlySpan<byte> utf8, bool terminal)
    {
        StringBuilder line = new(utf8.Length);
        while (!utf8.IsEmpty)
        {
            if (Rune.DecodeFromUtf8(utf8, out Rune rune, out int used) != OperationStatus.Done)
            {
                foreach (byte wrong in utf8[..used])
                {
                    line.Append(CultureInfo.InvariantCulture, $"\\x{wrong:x2}");
                }
            }
            else if (rune.Value == '\\')
            {
                line.Append("\\\\");
            }
            else
            {
                Append(line, rune, terminal);
            }

            utf8 = utf8[used..];
        }

        return line.ToString();
    }

    /// <summary>An answer or a message of several lines, which stay lines.</summary>
    public static string Lines(string text)
    {
        StringBuilder lines = new(text.Length);
        foreach (Rune rune in text.EnumerateRunes())
        {
            if (rune.Value is '\n' or '\t')
            {
                lines.Append((char)rune.Value);
            }
            else if (rune.Value != '\r')
            {
                Append(lines, rune, terminal: true);
            }
        }

        return lines.ToString();
    }

    private static void Append(StringBuilder text, Rune rune, bool terminal)
    {
        int value = rune.Value;
        switch (value)
        {
            case '\n':
                text.Append("\\n");
                break;
            case '\r':
                text.Append("\\r");
                break;
            case '\t':
                text.Append("\\t");
                break;
            case < 0x20 or 0x7f:
                text.Append(CultureInfo.InvariantCulture, $"\\x{value:x2}");
                break;

            // C1, which old terminals obey, and the separators of lines and paragraphs.
            case < 0xa0 and >= 0x80 or 0x2028 or 0x2029:
            case 0x061c or 0x200e or 0x200f or (>= 0x202a and <= 0x202e) or (>= 0x2066 and <= 0x2069) when terminal:
                text.Append(CultureInfo.InvariantCulture, $"\\u{value:x4}");
                break;
            default:
                text.Append(rune.ToString());
                break;
        }
    }
}
