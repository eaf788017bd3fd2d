using System.Buffers.Binary;
using Validator.Core.Execution;
using Validator.Core.Primitives;
using Validator.Core.Trust;
using Validator.Core.Wire;

namespace Validator.Host.Storage;

/// <summary>What became of a transaction, by its id, for everything that is kept. See <see cref="TransactionIndex"/>.</summary>
internal sealed partial class RocksLedger
{
    private readonly TransactionIndex _index;
    private ulong _unreadable;

    /// <param name="place">As in the index.</param>
    private delegate void TakeTransaction(ReadOnlySpan<byte> id, ulong place);

    /// <param name="first">The number of its first transaction in the block, from 0.</param>
    private delegate void TakeVertex(VertexHeader header, int first);

    /// <summary>Blocks that are kept but not indexed yet; mostly null. Any thread.</summary>
    public (ulong First, ulong Last)? NotIndexed => _index.Gap(_kept.Sequence);

    /// <summary>The outcome of the accepted transaction with this id, else of the newest that was dropped. Any thread.</summary>
    public bool TryFindTransaction(in Hash256 id, out TransactionState state)
    {
        state = default;
        if (!_index.TryFind(id, _kept, _newest, out ulong place))
        {
            return false;
        }

        if ((place & TransactionIndex.Dropped) == 0)
        {
            state = new TransactionState(TransactionStage.Finalized, place, BlockOf(place), TransactionRejection.None);
            return true;
        }

        if (Final(place & ~TransactionIndex.Dropped) is not { } final)
        {
            // Deleted since.
            return false;
        }

        ulong? why = null;
        int rejected = 0;
        byte[] wanted = id.ToArray();
        ReadBlock(final, new TransactionScratch(), (found, outcome) =>
        {
            if ((outcome & TransactionIndex.Dropped) != 0)
            {
                why = found.SequenceEqual(wanted) ? final.Result.Rejections[rejected] : why;
                rejected++;
            }
        });
        state = why is { } reason ? TransactionOutcome.Rejected(reason, final.Block.Sequence) : default;
        return why is not null;
    }

    /// <summary>One step of the index's background work. The pruning thread.</summary>
    /// <param name="damaged">Called once for a block that cannot be read.</param>
    /// <returns>Whether there was something to do.</returns>
    public bool TendIndex(Retention retention, Action<string> damaged, out string? error)
    {
        if (_index.Tend(_kept.Sequence, retention.Transactions / 8, out error))
        {
            return true;
        }

        int resets = _index.Resets;
        if (_unreadable != 0 || _index.Gap(_kept.Sequence) is not { } gap)
        {
            return false;
        }

        try
        {
            (IndexTail entries, ulong last) = ReadForward(gap.First, gap.Last);
            error = _index.Fill(entries, last, resets);
            return true;
        }
        catch (StoreException e)
        {
            if (_index.Resets == resets)
            {
                _unreadable = gap.First;
                damaged(e.Message);
            }

            return false;
        }
    }

    private (IndexTail Entries, ulong Last) ReadForward(ulong first, ulong last)
    {
        TransactionScratch scratch = new();
        List<(UInt128 Id, ulong Place)> entries = [];
        long bytes = 0;
        ulong next = first;
        for (; next <= last && bytes < TransactionIndex.SegmentPayloadBytes && entries.Count < _index.MostEntries / 2; next++)
        {
            if (Final(next) is { } final)
            {
                bytes += Collect(final, scratch, entries);
            }
        }

        return (TailOf(first, entries, bytes), next - 1);
    }

    /// <summary>
    /// At the start: reads the newest blocks that no segment has, up to a segment's size; more than that is a gap to be filled.
    /// </summary>
    private void ReadTail()
    {
        ulong end = _kept.Sequence - 1;
        foreach (IndexSegment segment in _index.Segments)
        {
            end = Math.Max(end, segment.Last);
        }

        TransactionScratch scratch = new();
        List<(UInt128 Id, ulong Place)> entries = [];
        long bytes = 0;
        ulong first = _newest.Sequence + 1;
        try
        {
            while (first > end + 1 && Final(first - 1) is { } final
                && entries.Count + final.Result.Accepted + final.Result.Rejected <= _index.MostEntries && bytes < TransactionIndex.SegmentPayloadBytes)
            {
                bytes += Collect(final, scratch, entries);
                first--;
            }
        }
        catch (StoreException)
        {
            // Whoever reads that block meets and reports the damage; the other blocks follow from here.
            (first, bytes) = (_newest.Sequence + 1, 0);
            entries.Clear();
        }

        _index.SetTail(TailOf(first, entries, bytes));
    }

    private IndexTail TailOf(ulong first, List<(UInt128 Id, ulong Place)> entries, long payloadBytes)
    {
        IndexTail tail = _index.NewTail(entries.Count).Begin(first);
        entries.ForEach(e => tail.Add(e.Id, e.Place));
        tail.PayloadBytes = payloadBytes;
        return tail;
    }

    private void AddToIndex(ExecutedBlock executed)
    {
        ExecutionResult result = executed.Result;
        long bytes = 0;
        foreach (HeldVertex vertex in executed.Vertices)
        {
            bytes += vertex.Payload.Length;
        }

        IndexTail tail = _index.BeginBlock(_batch, result.Sequence, (int)(result.Accepted + result.Rejected), bytes);
        ulong index = result.FirstIndex;
        int transaction = 0;
        foreach (HeldVertex vertex in executed.Vertices)
        {
            ReadOnlySpan<byte> ids = vertex.Ids;
            for (int at = 0; at < ids.Length; at += Hash256.Size)
            {
                tail.Add(ids[at..], result.IsAccepted(transaction++) ? index++ : TransactionIndex.Dropped | result.Sequence);
            }
        }
    }

    /// <returns>Bytes of payload read.</returns>
    private long Collect(FinalRecord final, TransactionScratch scratch, List<(UInt128 Id, ulong Place)> to) =>
        ReadBlock(final, scratch, (id, place) => to.Add((BinaryPrimitives.ReadUInt128BigEndian(id), place)));

    /// <summary>Reads a block's transactions from its payloads, whose ids are computed anew.</summary>
    /// <returns>Bytes of payload read.</returns>
    private long ReadBlock(FinalRecord final, TransactionScratch scratch, TakeTransaction take)
    {
        ulong index = final.Result.FirstIndex;
        return ReadVertices(final, scratch, (header, first) =>
        {
            for (int i = 0; i < header.TransactionCount; i++)
            {
                bool accepted = final.Result.IsAccepted(first + i);
                take(scratch.Ids.Slice(i * Hash256.Size, Hash256.Size), accepted ? index++ : TransactionIndex.Dropped | final.Result.Sequence);
            }
        });
    }

    /// <summary>Reads a block's vertices in order; the ids of each are in the scratch while it is looked at.</summary>
    /// <returns>Bytes of payload read.</returns>
    private long ReadVertices(FinalRecord final, TransactionScratch scratch, TakeVertex take)
    {
        uint count = final.Result.Accepted + final.Result.Rejected;
        uint transaction = 0;
        long bytes = 0;
        foreach (Hash256 hash in final.Order)
        {
            if (!TryGetVertex(hash, out VertexHeader? header, out _, out byte[]? payload)
                || !scratch.TryCompute(payload, (int)header.TransactionCount, out Hash256 root, out _) || root != header.TransactionRoot
                || header.TransactionCount > count - transaction)
            {
                throw Damaged($"vertex {hash}");
            }

            bytes += payload.Length;
            take(header, (int)transaction);
            transaction += header.TransactionCount;
        }

        return bytes;
    }
}

/// <summary>The outcome of execution, as clients see it.</summary>
internal static class TransactionOutcome
{
    /// <param name="why">See <see cref="Rejection"/>.</param>
    public static TransactionState Rejected(ulong why, ulong sequence) => why switch
    {
        <= Rejection.HighestIndex => new(TransactionStage.Rejected, why, sequence, TransactionRejection.Repeat),
        Rejection.NonceUsed => new(TransactionStage.Rejected, 0, sequence, TransactionRejection.NonceUsed),
        Rejection.NonceTooOld => new(TransactionStage.Rejected, 0, sequence, TransactionRejection.NonceTooOld),
        Rejection.AccountsFull => new(TransactionStage.Rejected, 0, sequence, TransactionRejection.AccountsFull),
        _ => new(TransactionStage.Rejected, 0, sequence, why switch
        {
            <= Rejection.StakeRefused => Of((StakeRefusal)(Rejection.StakeRefused - why)),
            <= Rejection.ProofRefused => Of((ProofRefusal)(Rejection.ProofRefused - why)),
            _ => Of((ChangeRefusal)(Rejection.ChangeRefused - why)),
        }),
    };

    private static TransactionRejection Of(ChangeRefusal refusal) => refusal switch
    {
        ChangeRefusal.WrongEpoch => TransactionRejection.EpochEnded,
        ChangeRefusal.AnotherPending => TransactionRejection.AnotherPending,
        ChangeRefusal.UnknownMember => TransactionRejection.UnknownMember,
        ChangeRefusal.NoCommittee => TransactionRejection.NoCommittee,
        ChangeRefusal.WeightsAreReckoned => TransactionRejection.WeightsAreReckoned,
        _ => TransactionRejection.TooFewToGoOn,
    };

    private static TransactionRejection Of(ProofRefusal refusal) => refusal switch
    {
        ProofRefusal.TrustOff => TransactionRejection.TrustOff,
        ProofRefusal.OtherEpoch => TransactionRejection.OtherEpoch,
        ProofRefusal.NotTheMembersKey => TransactionRejection.NotTheMembersKey,
        ProofRefusal.AlreadyCounted => TransactionRejection.AlreadyCounted,
        _ => TransactionRejection.EnoughCounted,
    };

    private static TransactionRejection Of(StakeRefusal refusal) => refusal switch
    {
        StakeRefusal.ZeroAmount => TransactionRejection.ZeroAmount,
        StakeRefusal.UnknownMember => TransactionRejection.UnknownMember,
        StakeRefusal.TooLittleBalance => TransactionRejection.TooLittleBalance,
        StakeRefusal.TooLittleDeposit => TransactionRejection.TooLittleDeposit,
        StakeRefusal.TooManyPositions => TransactionRejection.TooManyPositions,
        StakeRefusal.PoolSpent => TransactionRejection.PoolSpent,
        StakeRefusal.NothingToClaim => TransactionRejection.NothingToClaim,
        StakeRefusal.AccountsFull => TransactionRejection.StakeAccountsFull,
        StakeRefusal.TrustOff => TransactionRejection.TrustOff,
        _ => TransactionRejection.StakeMalformed,
    };
}
