using Validator.Host.Primitives;
using Validator.Host.Storage;

namespace Validator.Host.Config;

/// <summary>Files that operators and clients hand to commands, and get from them: a fault names the file.</summary>
internal static class OperatorFile
{
    /// <param name="option">What names the file, where its name alone would not say.</param>
    /// <param name="most">Bytes; a longer one is refused.</param>
    /// <exception cref="ConfigException">It cannot be read, or is too long.</exception>
    public static byte[] Read(string path, string? option = null, int most = InputFile.MostBytes) =>
        Guard(path, option, () => InputFile.Read(path, most));

    /// <summary>Standard input to its end, which options name "-".</summary>
    /// <exception cref="ConfigException">It cannot be read, or is too long.</exception>
    public static byte[] ReadInput(string option, int most) => Guard("-", option, () =>
    {
        using Stream input = Console.OpenStandardInput();
        return InputFile.Read(input, most);
    });

    /// <summary>The same as text.</summary>
    /// <exception cref="ConfigException">It cannot be read, or is too long.</exception>
    public static string ReadText(string path, string? option = null) => InputFile.Text(Read(path, option));

    /// <summary>Writes a whole file, durably, over any earlier one.</summary>
    /// <exception cref="ConfigException">It cannot be written.</exception>
    public static void Write(string path, ReadOnlySpan<byte> bytes)
    {
        try
        {
            DurableFile.Write(path, bytes);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new ConfigException($"{path}: cannot be written: {e.Message}");
        }
    }

    private static byte[] Guard(string path, string? option, Func<byte[]> read)
    {
        try
        {
            return read();
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or NotSupportedException)
        {
            throw new ConfigException($"{(option is null ? "" : $"{option}: ")}{path}: cannot be read: {e.Message}");
        }
    }
}
