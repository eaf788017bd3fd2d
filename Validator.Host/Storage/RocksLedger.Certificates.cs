using System.Buffers.Binary;
using Validator.Core.Primitives;
using Validator.Core.Shell;
using Validator.Core.Wire;
using Validator.Host.Storage.Native;

namespace Validator.Host.Storage;

/// <summary>
/// Certificates that a descendant's makes needless. A block's record is written again without its own, so that what was written
/// first goes with the next flush or compaction. The one of a checkpoint is never touched: whatever of these writes a crash
/// leaves, every block is proven. Key of the family "metadata": C: the newest checkpoint; all below it is done.
/// </summary>
internal sealed partial class RocksLedger
{
    private static readonly byte[] s_checkpointKey = [(byte)'C'];

    private ulong _checkpoint;
    private ulong _compactedTo;

    /// <summary>The format of what is stored here.</summary>
    public ushort Format
    {
        get
        {
            using PinnedValue record = _database.Get(Metadata, IdentityKey);
            return StoreIdentity.FormatOf(record.Span);
        }
    }

    /// <summary>Drops the certificates between the newest checkpoint and the next one. Prune's thread.</summary>
    /// <param name="newest">Newest blocks that keep all of theirs.</param>
    /// <param name="span">See <see cref="Checkpoints.After"/>.</param>
    /// <param name="error">What RocksDB said of a failed write.</param>
    /// <returns>Blocks up to the next checkpoint; 0 when nothing is due.</returns>
    public int DropCertificates(ulong newest, int span, out string? error)
    {
        error = null;
        ulong last = Math.Max(_checkpoint, _kept.Sequence - 1);
        ulong end = _newest.Sequence - Math.Min(_newest.Sequence, newest);
        if (Checkpoints.After(this, last, end, span, Snapshots()) is not { } next)
        {
            return 0;
        }

        using RocksDbBatch batch = new(_database);
        for (ulong sequence = last + 1; sequence < next; sequence++)
        {
            using PinnedValue record = _database.Get(Finalized, Sequence(sequence));
            if (record.Found)
            {
                batch.Put(Finalized, Sequence(sequence), WithoutCertificate(record.Span, batch));
            }
        }

        batch.Put(Metadata, s_checkpointKey, Sequence(next));
        // Builds of an earlier format would call such a record damaged: from now on they refuse the ledger by its format.
        batch.Put(Metadata, IdentityKey, _identity.Encode(StoreKind.Ledger));
        error = _database.Write(batch, sync: false);
        if (error is not null)
        {
            return 0;
        }

        _checkpoint = next;
        return (int)(next - last);
    }

    /// <summary>Gives back the room of the certificates dropped since the last time.</summary>
    public void CompactDropped()
    {
        _database.Compact(Finalized, Sequence(_compactedTo), Sequence(_checkpoint));
        _compactedTo = _checkpoint;
    }

    public (Block Block, Certificate? Certificate)? FindFinal(ulong sequence) =>
        Final(sequence) is { } final ? (final.Block, final.Certificate) : null;

    public StoredBlock? ShowBlock(ulong sequence) =>
        Final(sequence) is { } final && Checkpoints.Prove(this, sequence, sequence, TransactionProofCodec.MaxBlocks) is { } proof
            ? new StoredBlock(
                final.Block, proof.Blocks[1..], proof.Certificate, final.Result.FirstIndex, final.Result.Accepted,
                final.Result.Root)
            : null;

    private void ReadCheckpoint()
    {
        using PinnedValue value = _database.Get(Metadata, s_checkpointKey);
        _compactedTo = _checkpoint = value.Found ? Number(value.Span, "the newest checkpoint") : 0;
    }

    private static ReadOnlySpan<byte> WithoutCertificate(ReadOnlySpan<byte> record, RocksDbBatch batch)
    {
        (int block, int certificate, int result) = Parts(record);
        Span<byte> value = batch.Room(record.Length - certificate);
        BinaryPrimitives.WriteInt32LittleEndian(value, block);
        BinaryPrimitives.WriteInt32LittleEndian(value[4..], 0);
        BinaryPrimitives.WriteInt32LittleEndian(value[8..], result);
        record.Slice(HeadBytes, block).CopyTo(value[HeadBytes..]);
        record[(HeadBytes + block + certificate)..].CopyTo(value[(HeadBytes + block)..]);
        return value;
    }

    /// <summary>Certificates that are kept, and their bytes.</summary>
    private (ulong Count, ulong Bytes) CountCertificates()
    {
        (ulong count, ulong bytes) = (0, 0);
        using RocksDbIterator finals = _database.Iterate(Finalized);
        for (finals.Seek(Sequence(_kept.Sequence)); finals.Valid; finals.Next())
        {
            int certificate = Parts(finals.Value).Certificate;
            count += certificate > 0 ? 1u : 0u;
            bytes += (ulong)certificate;
        }

        return (count, bytes);
    }

    /// <summary>Checks that every block has a certificate, or a descendant in its epoch that has its own.</summary>
    private void VerifyCertificates(Action<string> found)
    {
        ulong unproven = 0;
        for (ulong sequence = _kept.Sequence; sequence <= _newest.Sequence; sequence++)
        {
            if (Final(sequence) is not { } final)
            {
                continue;
            }

            bool own = final.Certificate?.Sequence == sequence;
            if (own && !final.Certificate!.Proves(final.Block))
            {
                found($"block {sequence}: its certificate is not of it");
            }

            unproven = own ? 0 : final.Certificate is null && unproven == 0 ? sequence : unproven;
            if (unproven > 0 && (final.Block.EndsEpoch || sequence == _newest.Sequence))
            {
                found($"blocks {unproven} to {sequence}: no certificate proves them");
                unproven = 0;
            }
        }
    }
}
