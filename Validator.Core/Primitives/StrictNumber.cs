using System.Buffers;
using System.Globalization;
using System.Numerics;

namespace Validator.Core.Primitives;

/// <summary>
/// Numbers in what others wrote: ASCII digits and nothing else. The framework's readers let any number of NULs follow, blanks
/// surround them, and by default the machine's culture decide; whoever reads the same text with another program gets another
/// answer.
/// </summary>
public static class StrictNumber
{
    private static readonly SearchValues<char> s_digits = SearchValues.Create("0123456789");
    private static readonly SearchValues<char> s_hexDigits = SearchValues.Create("0123456789abcdefABCDEF");
    private static readonly SearchValues<char> s_realSigns = SearchValues.Create("0123456789+-.eE");

    /// <summary>Digits alone, with no sign; zeros may lead.</summary>
    public static bool TryRead<T>(ReadOnlySpan<char> text, out T value)
        where T : struct, IBinaryInteger<T>
    {
        value = default;
        return !text.ContainsAnyExcept(s_digits) && T.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out value);
    }

    /// <summary>Hexadecimal digits of either case alone.</summary>
    public static bool TryReadHex<T>(ReadOnlySpan<char> text, out T value)
        where T : struct, IBinaryInteger<T>
    {
        value = default;
        return !text.ContainsAnyExcept(s_hexDigits) && T.TryParse(text, NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out value);
    }

    /// <summary>A decimal fraction with sign and exponent as they may be; no infinity or NaN by name.</summary>
    public static bool TryReadReal(ReadOnlySpan<char> text, out double value)
    {
        const NumberStyles Parts = NumberStyles.AllowLeadingSign | NumberStyles.AllowDecimalPoint | NumberStyles.AllowExponent;
        value = 0;
        return !text.ContainsAnyExcept(s_realSigns) && double.TryParse(text, Parts, CultureInfo.InvariantCulture, out value);
    }
}
