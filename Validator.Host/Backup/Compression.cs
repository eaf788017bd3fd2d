using System.IO.Compression;
using System.Runtime.InteropServices;
using Validator.Core.Primitives;
using Validator.Host.Config;

namespace Validator.Host.Backup;

/// <summary>
/// Makes pieces smaller, each by itself: one gzip member (RFC 1952) or zstd frame (RFC 8878, by the library that RocksDB brings),
/// which other tools read too.
/// </summary>
internal static unsafe partial class Compression
{
    /// <summary>Zstd's own default.</summary>
    private const int ZstdLevel = 3;

    public static byte[] Compress(BackupCompression kind, ReadOnlySpan<byte> content) => kind switch
    {
        BackupCompression.None => content.ToArray(),
        BackupCompression.Gzip => Gzip(content),
        _ => Zstd(content),
    };

    /// <summary>Null where it is damaged, or does not give exactly so many bytes.</summary>
    public static byte[]? Expand(BackupCompression kind, ReadOnlyMemory<byte> stored, int bytes) => kind switch
    {
        BackupCompression.None => stored.Length == bytes ? stored.ToArray() : null,
        BackupCompression.Gzip => FromGzip(stored, bytes),
        _ => FromZstd(stored.Span, bytes),
    };

    private static byte[] Gzip(ReadOnlySpan<byte> content)
    {
        using MemoryStream output = new(content.Length / 2);
        using (GZipStream gzip = new(output, CompressionLevel.Fastest, leaveOpen: true))
        {
            gzip.Write(content);
        }

        return output.ToArray();
    }

    private static byte[]? FromGzip(ReadOnlyMemory<byte> stored, int bytes)
    {
        byte[] content = new byte[bytes];
        using MemoryStream input = new(stored.ToArray(), writable: false);
        using GZipStream gzip = new(input, CompressionMode.Decompress);
        try
        {
            return gzip.ReadAtLeast(content, bytes, throwOnEndOfStream: false) == bytes && gzip.ReadByte() < 0 ? content : null;
        }
        catch (InvalidDataException)
        {
            return null;
        }
    }

    private static byte[] Zstd(ReadOnlySpan<byte> content)
    {
        byte[] output = new byte[ZSTD_compressBound((nuint)content.Length)];
        nuint written;
        fixed (byte* to = output, from = content)
        {
            written = ZSTD_compress(to, (nuint)output.Length, from, (nuint)content.Length, ZstdLevel);
        }

        Require.That(ZSTD_isError(written) == 0, "a buffer of ZSTD_compressBound suffices");
        return output[..(int)written];
    }

    private static byte[]? FromZstd(ReadOnlySpan<byte> stored, int bytes)
    {
        byte[] content = new byte[bytes];
        fixed (byte* to = content, from = stored)
        {
            nuint written = ZSTD_decompress(to, (nuint)bytes, from, (nuint)stored.Length);
            return ZSTD_isError(written) == 0 && written == (nuint)bytes ? content : null;
        }
    }

    [LibraryImport("validator_native")]
    private static partial nuint ZSTD_compressBound(nuint bytes);

    [LibraryImport("validator_native")]
    private static partial nuint ZSTD_compress(byte* to, nuint room, byte* from, nuint bytes, int level);

    [LibraryImport("validator_native")]
    private static partial nuint ZSTD_decompress(byte* to, nuint room, byte* from, nuint bytes);

    [LibraryImport("validator_native")]
    private static partial uint ZSTD_isError(nuint code);
}
