using Validator.Crypto.Simd;
using Validator.Core.Primitives;

namespace Validator.Host.Backup;

/// <summary>
/// The content of a full backup, read part by part: each has the size and the sums that the signed manifest gives it, or reading
/// ends with an exception that names it. One part is in memory at a time.
/// </summary>
/// <param name="seed">Of the key that opens it; null where it is not encrypted.</param>
internal sealed class PartReader(IBackupTarget target, BackupPlace place, BackupManifest manifest, SecretBuffer? seed) : Stream
{
    private byte[] _content = [];
    private int _read;
    private int _next;

    public override bool CanRead => true;

    public override bool CanSeek => false;

    public override bool CanWrite => false;

    public override long Length => manifest.Bytes;

    public override long Position
    {
        get => throw new NotSupportedException();
        set => throw new NotSupportedException();
    }

    /// <exception cref="BackupException">A part is missing, damaged, changed or out of its place.</exception>
    public override int Read(Span<byte> buffer)
    {
        if (_read == _content.Length)
        {
            if (_next == manifest.Parts.Length)
            {
                return 0;
            }

            _content = ReadPart(_next++);
            _read = 0;
        }

        int length = Math.Min(buffer.Length, _content.Length - _read);
        _content.AsSpan(_read, length).CopyTo(buffer);
        _read += length;
        return length;
    }

    public override int Read(byte[] buffer, int offset, int count) => Read(buffer.AsSpan(offset, count));

    /// <summary>A part as it is stored, checked against the manifest's sums. No key is needed.</summary>
    /// <exception cref="BackupException">It is missing, damaged, changed or out of its place.</exception>
    public static byte[] Fetch(IBackupTarget target, BackupPlace place, BackupManifest manifest, int number)
    {
        string name = place.Part(manifest.Id, number);
        BackupPart part = manifest.Parts[number];
        byte[] stored = target.Get(name, BackupManifest.MostStoredBytes)
            ?? throw new BackupException($"{name}: is missing, of {manifest.Parts.Length} parts");
        if (stored.Length != part.Stored || Hash256.Of(stored).ToString() != part.StoredBlake3)
        {
            string sum = Hash256.Of(stored).ToString();
            string which = Array.FindIndex(manifest.Parts, p => p.StoredBlake3 == sum) is var other and >= 0
                ? $"has the content of part {other}: parts were exchanged"
                : $"has {stored.Length} bytes with another sum than the {part.Stored} that were written: it is damaged, or"
                    + $" was changed";
            throw new BackupException($"{name}: {which}");
        }

        return stored;
    }

    private byte[] ReadPart(int number)
    {
        string name = place.Part(manifest.Id, number);
        BackupPart part = manifest.Parts[number];
        byte[] stored = Fetch(target, place, manifest, number);
        byte[] packed = seed is null ? stored : SealedObject.Open(seed, NameToSeal(place, name), stored);
        return Compression.Expand(manifest.Packing, packed, part.Bytes) is { } content
            && Hash256.Of(content).ToString() == part.Blake3
            ? content
            : throw new BackupException($"{name}: does not give the {part.Bytes} bytes that were backed up");
    }

    /// <summary>What an object's key is bound to: no two chains share it.</summary>
    public static string NameToSeal(BackupPlace place, string name) => $"{place.ChainId}/{name}";

    public override void Flush()
    {
    }

    public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

    public override void SetLength(long value) => throw new NotSupportedException();

    public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();
}
