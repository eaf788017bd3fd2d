using System.Text;
using Validator.Host.Cli;

namespace Validator.Tests.Host.Cli;

public sealed class TerminalTextTests
{
    // Protects whoever reads transactions of strangers on a terminal: nothing is obeyed, one line stays one, and it can be turned
    // back.
    [Theory]
    [InlineData("plain, \u00e4\u4e16\U0001F600", "plain, \u00e4\u4e16\U0001F600", true)]
    [InlineData("\u001b]0;title\u0007\u001b[2J", "\\x1b]0;title\\x07\\x1b[2J", false)]
    [InlineData("one\ntwo\r\tthree\0", "one\\ntwo\\r\\tthree\\x00", false)]
    [InlineData("\u007f\u009b31m\u0085", "\\x7f\\u009b31m\\u0085", false)]
    [InlineData("a\u202eb\u2066c\u200fd", "a\\u202eb\\u2066c\\u200fd", true)]
    [InlineData("a\u202eb", "a\u202eb", false)]
    [InlineData("\\x1b", "\\\\x1b", true)]
    [InlineData("\u2028", "\\u2028", false)]
    public void Control_characters_are_spelled_out(string text, string shown, bool terminal) =>
        Assert.Equal(shown, TerminalText.Line(Encoding.UTF8.GetBytes(text), terminal));

    // Protects bytes that are no text: each is shown as it is, and what stands around them too.
    [Fact]
    public void Bytes_that_are_no_text_are_spelled_out() => Assert.Equal("a\\xffb\\xc3\\xe4\\xb8", TerminalText.Line([(byte)'a', 0xff, (byte)'b', 0xc3, 0xe4, 0xb8], true));

    // Protects messages of whatever answers there.
    [Fact]
    public void Messages_stay_lines() => Assert.Equal("a\n\tb\\x1b[1m\\u202ec", TerminalText.Lines("a\r\n\tb\u001b[1m\u202ec"));
}
