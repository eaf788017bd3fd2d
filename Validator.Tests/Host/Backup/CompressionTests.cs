using System.IO.Compression;
using Validator.Host.Backup;
using Validator.Host.Config;

namespace Validator.Tests.Host.Backup;

/// <summary>Pieces of a backup, made smaller.</summary>
public class CompressionTests
{
    /// <summary>Protects restores: each kind gives back what it got, and damage or another length is noticed.</summary>
    [Theory]
    [InlineData("none")]
    [InlineData("gzip")]
    [InlineData("zstd")]
    public void Pieces_come_back_or_are_refused(string name)
    {
        BackupCompression kind = Enum.Parse<BackupCompression>(name, ignoreCase: true);
        Random random = new(3);
        foreach (int length in (int[])[1, 100, 100_000])
        {
            byte[] content = new byte[length];
            random.NextBytes(content.AsSpan(0, length / 2));
            byte[] stored = Compression.Compress(kind, content);
            Assert.Equal(content, Compression.Expand(kind, stored, length));
            Assert.Null(Compression.Expand(kind, stored, length - 1));
            Assert.Null(Compression.Expand(kind, stored, length + 1));
            if (kind != BackupCompression.None)
            {
                Assert.Null(Compression.Expand(kind, stored.AsMemory(0, stored.Length / 2), length));
                Assert.Null(Compression.Expand(kind, new byte[100], length));
                Assert.True(length < 1000 || stored.Length < length * 3 / 4);
            }
        }
    }

    /// <summary>
    /// Protects operators without this binary: an unencrypted backup's parts, one behind the other, are a gzip file.
    /// </summary>
    [Fact]
    public void Parts_in_a_row_are_one_gzip_file()
    {
        byte[] first = [.. Enumerable.Repeat((byte)1, 500)], second = [.. Enumerable.Repeat((byte)2, 300)];
        using MemoryStream all =
            new([.. Compression.Compress(BackupCompression.Gzip, first),
            .. Compression.Compress(BackupCompression.Gzip, second)]);
        using GZipStream gzip = new(all, CompressionMode.Decompress);
        using MemoryStream output = new();
        gzip.CopyTo(output);
        Assert.Equal([.. first, .. second], output.ToArray());
    }
}
