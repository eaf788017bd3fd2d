using Validator.Host.Config;
using Validator.Host.Contracts;

namespace Validator.Host.Backup;

/// <summary>
/// Archives final blocks as they are made, in segments: what has become final since the last look goes into the target, in its
/// order and without gaps, so that a restore can go on from any full backup to any block. One thread.
/// </summary>
/// <param name="read">A final block that is on disk; null: none yet, or no longer.</param>
/// <param name="range">The oldest block that is kept here, and the newest.</param>
internal sealed class Archiver(
    BackupPlace place, IBackupTarget target, BackupCompression compression, byte[]? publicKey, Func<ulong, FinalContent?> read,
    Func<(ulong First, ulong Last)> range)
{
    private const string Advice = "archive into a new target, or below a new prefix";

    /// <summary>Until this is known, nothing is added: whether the archive's end is of our ledger.</summary>
    private bool _isOurs;

    /// <summary>The newest block in the archive; null before the target was looked at.</summary>
    public ulong? Archived { get; private set; }

    /// <summary>Blocks that were no longer kept here when their turn came: a full backup must bridge them.</summary>
    public ulong Missed { get; private set; }

    /// <summary>Archives all that is final now, or as much as ends with a certificate of its own.</summary>
    /// <returns>Bytes stored.</returns>
    /// <exception cref="BackupException">The target does not take it, or holds blocks that this ledger does not
    /// have.</exception>
    public long Run(CancellationToken cancellation)
    {
        if (!_isOurs)
        {
            ArchivedSegment? end = ArchiveList.Read(target, place).LastOrDefault();
            Archived = end?.Last ?? 0;
            RequireOurs(end);
            _isOurs = true;
        }

        long stored = 0;
        while (true)
        {
            cancellation.ThrowIfCancellationRequested();
            (ulong kept, ulong newest) = range();
            ulong first = Archived!.Value + 1;
            if (first < kept)
            {
                Missed += kept - first;
                first = kept;
            }

            if (first > newest)
            {
                return stored;
            }

            List<byte[]> records = Gather(first, newest, cancellation);
            if (records.Count == 0)
            {
                return stored;
            }

            ulong last = first + (ulong)records.Count - 1;
            string name = place.Segment(first, last);
            byte[] segment = ArchiveSegment.Pack(records, compression);
            segment = publicKey is null ? segment : SealedObject.Seal(publicKey, PartReader.NameToSeal(place, name), segment);
            target.Put(name, segment);
            stored += segment.Length;
            Archived = last;
        }
    }

    /// <summary>
    /// That the archive ends with a block of this ledger. An encrypted segment cannot be read here: of that the number counts.
    /// </summary>
    private void RequireOurs(ArchivedSegment? end)
    {
        if (end is null)
        {
            return;
        }

        ulong newest = range().Last;
        if (end.Last > newest)
        {
            throw new BackupException(
                $"the archive has blocks after {newest}, up to {end.Last}, which this ledger does not have: they are of another"
                    + $" branch of the chain or another validator's ({Advice}), or the ledger was restored and catches up");
        }

        byte[]? stored = target.Get(end.Name, BackupManifest.MostStoredBytes * 2);
        if (stored is null || SealedObject.Is(stored) || read(end.Last) is not { } own)
        {
            return;
        }

        List<FinalContent> blocks = ArchiveSegment.Unpack(end.Name, stored);
        if (blocks.Count == 0 || blocks[^1].Block.Hash != own.Block.Hash)
        {
            throw new BackupException(
                $"{end.Name}: its last block is not this ledger's block {end.Last}: the archive is of another branch of the chain"
                    + $" or another validator's ({Advice})");
        }
    }

    /// <summary>Records up to the last block with its own certificate, or until a segment is full.</summary>
    private List<byte[]> Gather(ulong first, ulong newest, CancellationToken cancellation)
    {
        List<byte[]> records = [];
        long bytes = 0;
        int proven = 0;
        for (ulong next = first; next <= newest && read(next) is { } content; next++)
        {
            // Before the next read: the ledger is closed once this thread has ended.
            cancellation.ThrowIfCancellationRequested();
            byte[] record = ArchiveSegment.Encode(content);
            records.Add(record);
            bytes += record.Length;
            proven = content.Certificate is null ? proven : records.Count;
            if (bytes >= ArchiveSegment.FullBytes && proven == records.Count)
            {
                break;
            }
        }

        return records[..proven];
    }
}

/// <summary>A segment in a target, by its name.</summary>
internal sealed record ArchivedSegment(string Name, ulong First, ulong Last, long Bytes);

/// <summary>The segments of one validator, in order.</summary>
internal static class ArchiveList
{
    public static List<ArchivedSegment> Read(IBackupTarget target, BackupPlace place)
    {
        List<ArchivedSegment> found = [];
        foreach (StoredObject stored in target.List(place.Archive))
        {
            if (place.SegmentIn(stored.Name) is { } range)
            {
                found.Add(new ArchivedSegment(stored.Name, range.First, range.Last, stored.Bytes));
            }
        }

        return found;
    }

    /// <summary>Deletes segments that no full backup which stays would be rolled forward by.</summary>
    /// <param name="oldest">The lowest of the blocks with which those end.</param>
    /// <returns>How many.</returns>
    public static int Prune(IBackupTarget target, BackupPlace place, ulong oldest)
    {
        List<ArchivedSegment> gone = Read(target, place).FindAll(segment => segment.Last <= oldest);
        gone.ForEach(segment => target.Delete(segment.Name));
        return gone.Count;
    }
}
