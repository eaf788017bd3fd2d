using System.Buffers;
using System.Diagnostics.CodeAnalysis;
using System.Net;
using Validator.Core.Primitives;

namespace Validator.Net.Discovery;

/// <summary>
/// IP addresses as an operator writes them: four decimal numbers with dots, or IPv6 with a zone where it needs one. The framework
/// also takes "1", "0x7f.1", "010.0.0.1" (octal), brackets with a port that it drops, and NULs behind a number.
/// </summary>
public static class AddressText
{
    private static readonly SearchValues<char> s_ip6 = SearchValues.Create("0123456789abcdefABCDEF:.");
    private static readonly SearchValues<char> s_zone = SearchValues.Create("0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ-_.");

    public static bool TryRead(ReadOnlySpan<char> text, [NotNullWhen(true)] out IPAddress? address)
    {
        address = null;
        return (text.Contains(':') ? IsIp6(text) : IsDottedQuad(text)) && IPAddress.TryParse(text, out address);
    }

    private static bool IsIp6(ReadOnlySpan<char> text)
    {
        int zone = text.IndexOf('%');
        return !(zone < 0 ? text : text[..zone]).ContainsAnyExcept(s_ip6)
            && (zone < 0 || (zone + 1 < text.Length && !text[(zone + 1)..].ContainsAnyExcept(s_zone)));
    }

    private static bool IsDottedQuad(ReadOnlySpan<char> text)
    {
        int parts = 0;
        foreach (Range range in text.Split('.'))
        {
            ReadOnlySpan<char> part = text[range];
            if (++parts > 4 || (part.Length > 1 && part[0] == '0') || !StrictNumber.TryRead(part, out byte _)) return false;
        }
        return parts == 4;
    }
}
