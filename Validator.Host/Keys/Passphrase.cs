using System.Globalization;
using Microsoft.Win32.SafeHandles;
using Validator.Crypto.Simd;

namespace Validator.Host.Keys;

/// <summary>A passphrase handed over on an inherited file descriptor, so that no command line or environment shows it.</summary>
public static class Passphrase
{
    /// <summary>The most bytes of a passphrase.</summary>
    public const int MaxBytes = 1024;

    /// <summary>Reads a descriptor to its end; one line feed at the end, as echo writes it, does not count.</summary>
    /// <exception cref="KeyException">It cannot be read, is empty, or holds too much.</exception>
    public static SecretBuffer Read(int descriptor)
    {
        string name = string.Create(CultureInfo.InvariantCulture, $"--passphrase-fd {descriptor}");
        using SecretBuffer text = new(MaxBytes + 2);
        int length = 0;
        try
        {
            using SafeFileHandle handle = new(descriptor, ownsHandle: false);
            using FileStream stream = new(handle, FileAccess.Read, bufferSize: 0);
            while (length < text.Length)
            {
                int got = stream.Read(text.Span[length..]);
                if (got == 0)
                {
                    break;
                }

                length += got;
            }
        }
        catch (Exception e) when (e is IOException or ArgumentException or UnauthorizedAccessException or NotSupportedException)
        {
            throw new KeyException($"{name}: cannot be read: {e.Message}");
        }

        if (length > 0 && text.Span[length - 1] == (byte)'\n')
        {
            length--;
        }

        if (length is 0 or > MaxBytes)
        {
            throw new KeyException($"{name}: expected a passphrase of 1 to {MaxBytes} bytes");
        }

        SecretBuffer passphrase = new(length);
        text.Span[..length].CopyTo(passphrase.Span);
        return passphrase;
    }
}
