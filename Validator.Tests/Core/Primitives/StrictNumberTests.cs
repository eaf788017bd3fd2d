using System.Globalization;
using Validator.Core.Primitives;

namespace Validator.Tests.Core.Primitives;

/// <summary>What the framework's readers let pass around a number, and ours does not.</summary>
public class StrictNumberTests
{
    // Protects operators and clients: a number is read as every other program reads it.
    [Theory]
    [InlineData("0", 0UL)]
    [InlineData("007", 7UL)]
    [InlineData("18446744073709551615", ulong.MaxValue)]
    public void Digits_are_read(string text, ulong expected)
    {
        Assert.True(StrictNumber.TryRead(text, out ulong value));
        Assert.Equal(expected, value);
    }

    // Protects against two meanings of one text: what is not digits alone is no number, in any culture.
    [Theory]
    [InlineData("")]
    [InlineData("1\0")]
    [InlineData("1\0\0\0")]
    [InlineData("\01")]
    [InlineData("\0")]
    [InlineData(" 1")]
    [InlineData("1\n")]
    [InlineData("+1")]
    [InlineData("-0")]
    [InlineData("1.0")]
    [InlineData("1,0")]
    [InlineData("1_0")]
    [InlineData("0x1")]
    [InlineData("1e2")]
    [InlineData("\u0661")]
    [InlineData("\uff11")]
    [InlineData("18446744073709551616")]
    public void Nothing_else_is_a_number(string text)
    {
        Assert.False(StrictNumber.TryRead(text, out ulong _));
        Assert.False(StrictNumber.TryRead(text, out long _));
        Assert.False(StrictNumber.TryRead(text, out byte _));
    }

    // Protects code points in node.toml.
    [Fact]
    public void Hexadecimal_digits_are_read()
    {
        Assert.True(StrictNumber.TryReadHex("00eF", out uint value));
        Assert.Equal(0xEFU, value);
        foreach (string text in new[] { "", "00e\0", "e ", " e", "+e", "0xe", "100000000" })
        {
            Assert.False(StrictNumber.TryReadHex(text, out uint _), text);
        }
    }

    // Protects fractions: one form, whatever the machine's culture.
    [Fact]
    public void Fractions_are_read_in_one_form()
    {
        CultureInfo before = CultureInfo.CurrentCulture;
        try
        {
            CultureInfo.CurrentCulture = new CultureInfo("") { NumberFormat = new NumberFormatInfo { NumberDecimalSeparator = ",", NegativeSign = "~" } };
            foreach ((string text, double expected) in new[] { ("-1.5e3", -1500.0), ("+0.67", 0.67), ("2E-1", 0.2), ("7", 7.0) })
            {
                Assert.True(StrictNumber.TryReadReal(text, out double value), text);
                Assert.Equal(expected, value);
            }

            foreach (string text in new[] { "", "1.5\0", " 1", "1 ", "1,5", "~1", "NaN", "Infinity", "1.2.3", "--1", "1e" })
            {
                Assert.False(StrictNumber.TryReadReal(text, out _), text);
            }
        }
        finally
        {
            CultureInfo.CurrentCulture = before;
        }
    }
}
