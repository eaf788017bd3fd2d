using System.Text;

namespace Validator.Host.Cli;

/// <summary>
/// Lines of an answer that has no end, in UTF-8. What a server sends is never kept beyond one line of bounded length.
/// </summary>
/// <param name="most">Bytes of the longest line.</param>
internal sealed class AnswerLines(Stream body, int most)
{
    private byte[] _buffer = new byte[Math.Min(most, 16 * 1024)];
    private int _start;
    private int _end;

    /// <summary>The next line without its end; null at the end of the answer, where a line that was cut off is dropped.</summary>
    /// <exception cref="FormatException">The line is too long.</exception>
    public async ValueTask<string?> ReadAsync(CancellationToken cancellation)
    {
        int searched = 0;
        while (true)
        {
            int length = _buffer.AsSpan((_start + searched)..(_end)).IndexOf((byte)'\n');
            if (length >= 0)
            {
                ReadOnlySpan<byte> line = _buffer.AsSpan(_start, searched + length);
                _start += line.Length + 1;
                return Encoding.UTF8.GetString(line is [.. var text, (byte)'\r'] ? text : line);
            }

            searched = _end - _start;
            MakeRoom();
            int read = await body.ReadAsync(_buffer.AsMemory(_end), cancellation).ConfigureAwait(false);
            if (read == 0)
            {
                return null;
            }

            _end += read;
        }
    }

    /// <exception cref="FormatException">There is none.</exception>
    private void MakeRoom()
    {
        if (_start > 0)
        {
            _buffer.AsSpan(_start.._end).CopyTo(_buffer);
            (_start, _end) = (0, _end - _start);
        }

        if (_end < _buffer.Length)
        {
            return;
        }

        if (_buffer.Length >= most)
        {
            throw new FormatException($"it has a line of more than {most} bytes");
        }

        Array.Resize(ref _buffer, Math.Min(most, 2 * _buffer.Length));
    }
}
