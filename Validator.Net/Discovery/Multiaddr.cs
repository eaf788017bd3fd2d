using System.Net;
using System.Net.Sockets;
using Validator.Core.Primitives;

namespace Validator.Net.Discovery;

/// <summary>
/// The subset of the multiaddr text format (multiformats.io) that names a QUIC endpoint:
/// /(ip4|ip6|dns|dns4|dns6)/HOST/udp/PORT/(quic|quic-v1). Everything else is an error with a reason.
/// </summary>
public static class Multiaddr
{
    private const int MaxNameLength = 253; // RFC 1035, section 3.1, in text form
    private const int MaxLabelLength = 63;

    /// <summary>Reads one address; on false, error says what was expected.</summary>
    public static bool TryParse(string? text, out PeerAddress address, out string error)
    {
        address = default;
        error = "";
        string[] parts = (text ?? "").Split('/');
        if (parts.Length != 6 || parts[0].Length != 0)
        {
            return Fail("expected /ip4|ip6|dns|dns4|dns6/HOST/udp/PORT/quic-v1", out error);
        }
        if (!TryKind(parts[1], out HostKind kind)) return Fail($"unknown host kind '{parts[1]}': expected ip4, ip6, dns, dns4 or dns6", out error);
        if (parts[3] != "udp") return Fail($"expected udp, not '{parts[3]}'", out error);
        if (parts[5] is not ("quic" or "quic-v1")) return Fail($"expected quic or quic-v1, not '{parts[5]}'", out error);
        if (!TryPort(parts[4], out ushort port)) return Fail($"port '{parts[4]}' is not a number from 1 to 65535", out error);
        if (!TryHost(kind, parts[2], out string host)) return Fail($"'{parts[2]}' is not a valid {parts[1]} host", out error);
        address = new PeerAddress(kind, host, port);
        return true;
    }

    private static bool Fail(string message, out string error)
    {
        error = message;
        return false;
    }

    private static bool TryKind(string text, out HostKind kind)
    {
        (bool known, kind) = text switch
        {
            "ip4" => (true, HostKind.Ip4),
            "ip6" => (true, HostKind.Ip6),
            "dns" => (true, HostKind.Dns),
            "dns4" => (true, HostKind.Dns4),
            "dns6" => (true, HostKind.Dns6),
            _ => (false, default),
        };
        return known;
    }

    private static bool TryPort(string text, out ushort port) =>
        StrictNumber.TryRead(text, out port) && port != 0 && text[0] != '0';

    private static bool TryHost(HostKind kind, string text, out string host)
    {
        host = "";
        if (kind is HostKind.Dns or HostKind.Dns4 or HostKind.Dns6)
        {
            if (!IsName(text)) return false;
            host = text.ToLowerInvariant();
            return true;
        }
        if (!AddressText.TryRead(text, out IPAddress? address)) return false;
        AddressFamily family = kind == HostKind.Ip4 ? AddressFamily.InterNetwork : AddressFamily.InterNetworkV6;
        if (address.AddressFamily != family) return false;
        host = address.ToString();
        return true;
    }

    private static bool IsName(string text)
    {
        if (text.Length is 0 or > MaxNameLength) return false;
        foreach (string label in text.Split('.'))
        {
            if (label.Length is 0 or > MaxLabelLength || label[0] == '-' || label[^1] == '-') return false;
            foreach (char c in label)
            {
                if (!char.IsAsciiLetterOrDigit(c) && c != '-' && c != '_') return false;
            }
        }
        return true;
    }
}
