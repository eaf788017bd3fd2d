using System.Runtime.InteropServices;
using Validator.Host.Storage.Native;

namespace Validator.Host.Storage;

/// <summary>
/// Segments of the index becoming one of the next level: written in parts before it is named, so that nobody waits for it and
/// whoever writes may rest between them. What a crash leaves of it is dropped at the next start.
/// </summary>
/// <param name="run">Segments of one level that follow each other.</param>
/// <param name="resets">How often the index had been dropped when they were read.</param>
/// <param name="partBytes">What is written at once, at least: each write is a sync.</param>
internal sealed class IndexMerge(IndexSegment[] run, int resets, int partBytes)
{
    private uint _bucket;

    public IndexSegment[] Run { get; } = run;

    public int Resets { get; } = resets;

    public IndexSegment Whole { get; } = new(run[0].Level + 1, run[0].First, run[^1].Last, run.Aggregate(0UL, (sum, s) => sum + s.Count));

    public bool IsWritten => _bucket == 1u << Run[0].BucketBits;

    /// <summary>Writes the next buckets.</summary>
    /// <returns>What failed, in words.</returns>
    public string? WritePart(RocksDb database)
    {
        int split = 1 << (Whole.BucketBits - Run[0].BucketBits);
        List<byte>[] buckets = [.. Enumerable.Range(0, split).Select(_ => new List<byte>())];
        using RocksDbBatch batch = new(database);
        for (; !IsWritten && batch.Data.Length < partBytes; _bucket++)
        {
            foreach (IndexSegment segment in Run)
            {
                using PinnedValue value = database.Get(TransactionIndex.State, TransactionIndex.EntriesKeyOf(segment, _bucket));
                ReadOnlySpan<byte> entries = value.Span;
                for (; entries.Length >= TransactionIndex.EntryBytes; entries = entries[TransactionIndex.EntryBytes..])
                {
                    uint bucket = TransactionIndex.BucketOf(TransactionIndex.Read(entries).Id, Whole);
                    buckets[bucket & (uint)(split - 1)].AddRange(entries[..TransactionIndex.EntryBytes]);
                }
            }

            for (int i = 0; i < split; i++)
            {
                if (buckets[i].Count > 0)
                {
                    byte[] key = TransactionIndex.EntriesKeyOf(Whole, (_bucket * (uint)split) + (uint)i);
                    batch.Put(TransactionIndex.State, key, CollectionsMarshal.AsSpan(buckets[i]));
                    buckets[i].Clear();
                }
            }
        }

        return database.Write(batch, sync: false);
    }
}
