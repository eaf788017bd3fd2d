using FsCheck;
using FsCheck.Fluent;
using Validator.Host.Config;

namespace Validator.Tests.Host.Config;

public class TomlReaderTests
{
    // Protects the value forms of TOML 1.0: each is read as the specification says.
    [Theory]
    [InlineData("\"a\\tb\\u00e9\\\"\"", "a\tb\u00e9\"")]
    [InlineData("'C:\\no\\escape'", "C:\\no\\escape")]
    [InlineData("\"\"\"\nfirst\nsecond\"\"\"", "first\nsecond")]
    [InlineData("\"\"\"one \\\n   two\"\"\"", "one two")]
    [InlineData("'''\nit's'''", "it's")]
    [InlineData("\"\"\"\"quoted\"\"\"\"\"", "\"quoted\"\"")]
    [InlineData("1_000", 1000L)]
    [InlineData("-9223372036854775808", long.MinValue)]
    [InlineData("0xdead_BEEF", 0xdeadbeefL)]
    [InlineData("0o755", 493L)]
    [InlineData("0b1010", 10L)]
    [InlineData("+0.67", 0.67)]
    [InlineData("6.626e-34", 6.626e-34)]
    [InlineData("5e2", 500.0)]
    [InlineData("-inf", double.NegativeInfinity)]
    [InlineData("true", true)]
    public void Reads_every_kind_of_value(string text, object expected) =>
        Assert.Equal(expected, TomlReader.ReadValue(text).Value);

    // Protects structure: headers, dotted and quoted keys, inline tables, multiline arrays with comments end up in one tree.
    [Fact]
    public void Reads_tables_however_they_are_written()
    {
        TomlTable root = TomlReader.Read("""
            top = 1 # comment
            [a.b]
            c.d = "x"
            "quoted key" = [ 1, # one
                2,
            ]
            [a]
            inline = { x = 1, y.z = 'deep' }
            """.ReplaceLineEndings("\r\n"));
        Assert.Equal(1L, root["top"]!.Value);
        TomlTable a = (TomlTable)root["a"]!.Value;
        TomlTable b = (TomlTable)a["b"]!.Value;
        Assert.Equal("x", ((TomlTable)b["c"]!.Value)["d"]!.Value);
        Assert.Equal([1L, 2L], ((List<TomlValue>)b["quoted key"]!.Value).Select(v => (long)v.Value));
        TomlTable inline = (TomlTable)a["inline"]!.Value;
        Assert.Equal("deep", ((TomlTable)((TomlValue)inline["y"]!).Value)["z"]!.Value);
    }

    // Protects strictness: what TOML forbids is refused at the right place, in words an operator understands.
    [Theory]
    [InlineData("a = 1\na = 2", 2, 1, "second time")]
    [InlineData("[a]\nb = 1\n[a]", 3, 1, "second time")]
    [InlineData("a.b = 1\n[a]", 2, 1, "dotted key")]
    [InlineData("a = { b = 1 }\n[a.c]", 2, 1, "complete where it was defined")]
    [InlineData("a = 1\n[a.b]", 2, 1, "is an integer already")]
    [InlineData("[[peers]]", 1, 2, "array of tables")]
    [InlineData("a = \"open", 1, 10, "not closed")]
    [InlineData("a = \"open\nb = 1", 1, 10, "not closed on its line")]
    [InlineData("a = \"\\x\"", 1, 6, "unknown escape")]
    [InlineData("a = \"\\ud800\"", 1, 6, "scalar value")]
    [InlineData("a = \"\\u00e\0\"", 1, 6, "scalar value")]
    [InlineData("a = 1\0", 1, 5, "not a value")]
    [InlineData("a = 1.5\0", 1, 5, "not a value")]
    [InlineData("a = 01", 1, 5, "not a value")]
    [InlineData("a = 1__0", 1, 5, "not a value")]
    [InlineData("a = .5", 1, 5, "not a value")]
    [InlineData("a = 9223372036854775808", 1, 5, "64 bits")]
    [InlineData("a = 1979-05-27", 1, 5, "date")]
    [InlineData("a = bare", 1, 5, "needs quotes")]
    [InlineData("a = ", 1, 5, "expected a value")]
    [InlineData("a = 1 b = 2", 1, 7, "end of the line")]
    [InlineData("a 1", 1, 3, "'='")]
    [InlineData("a = [1 2]", 1, 8, "',' or ']'")]
    [InlineData("a = { b = 1, }", 1, 14, "expected a key")]
    [InlineData("a = \"\u0001\"", 1, 6, "control character")]
    [InlineData("# \u0007", 1, 3, "control character")]
    public void Refuses_with_line_and_column(string text, int line, int column, string part)
    {
        TomlException refused = Assert.Throws<TomlException>(() => TomlReader.Read(text));
        Assert.Contains(part, refused.Message, StringComparison.Ordinal);
        Assert.Equal((line, column), (refused.Line, refused.Column));
    }

    // Protects against crashes: any text is either read or refused with a place, never another exception.
    [Fact]
    public void Never_fails_otherwise_on_any_text()
    {
        Gen<string> text = Gen.Elements("[", "]", "{", "}", "=", ".", ",", "\"", "'", "\"\"\"", "'''", "\\", "\\u", "\n", "\r", "#", " ", "a", "b", "0", "1", "-", "e", "_", "inf", "\u00e9")
            .ArrayOf().Select(string.Concat);
        Prop.ForAll(text.ToArbitrary(), given =>
        {
            try
            {
                TomlReader.Read(given);
            }
            catch (TomlException e)
            {
                Assert.True(e.Line >= 1 && e.Column >= 1);
            }
        }).Check(FsCheck.Config.QuickThrowOnFailure.WithMaxTest(3000));
    }

    // Protects round trips: any string in a basic string with escapes comes back as it was.
    [Fact]
    public void Reads_back_every_string() =>
        Prop.ForAll<NonNull<string>>(given =>
        {
            string text = string.Concat(given.Get.EnumerateRunes().Select(r => $"\\U{r.Value:X8}"));
            string expected = string.Concat(given.Get.EnumerateRunes().Select(r => r.ToString()));
            return (string)TomlReader.ReadValue($"\"{text}\"").Value == expected;
        }).QuickCheckThrowOnFailure();
}
