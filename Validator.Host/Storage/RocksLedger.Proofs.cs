using System.Buffers;
using Validator.Core.Primitives;
using Validator.Core.Wire;

namespace Validator.Host.Storage;

/// <summary>Where a transaction stands: what its proof begins with.</summary>
/// <param name="Ids">Of its vertex's transactions, 32 bytes each.</param>
/// <param name="Position">Its own among them.</param>
/// <param name="AcceptedIds">Of what its block accepted, 32 bytes each; empty where it was rejected.</param>
/// <param name="AcceptedPosition">Its own among them.</param>
internal sealed record OrderedTransaction(
    Block Block, VertexHeader Vertex, byte[] Ids, uint Position, byte[] AcceptedIds, uint AcceptedPosition);

/// <summary>Places of transactions, for proofs.</summary>
internal sealed partial class RocksLedger
{
    public OrderedTransaction? Locate(in Hash256 id)
    {
        if (!_index.TryFind(id, _kept, _newest, out ulong place))
        {
            return null;
        }

        bool accepted = (place & TransactionIndex.Dropped) == 0;
        if (Final(accepted ? BlockOf(place) : place & ~TransactionIndex.Dropped) is not { } final)
        {
            return null;
        }

        try
        {
            return Locate(final, id, accepted);
        }
        catch (StoreException) when (final.Block.Sequence < _kept.Sequence)
        {
            // Deleted while it was read.
            return null;
        }
    }

    private OrderedTransaction? Locate(FinalRecord final, in Hash256 id, bool accepted)
    {
        OrderedTransaction? found = null;
        byte[] wanted = id.ToArray();
        ArrayBufferWriter<byte> acceptedIds = new();
        TransactionScratch scratch = new();
        ReadVertices(final, scratch, (header, first) =>
        {
            for (int i = 0; i < header.TransactionCount; i++)
            {
                ReadOnlySpan<byte> here = scratch.Ids.Slice(i * Hash256.Size, Hash256.Size);
                bool taken = final.Result.IsAccepted(first + i);
                if (found is null && taken == accepted && here.SequenceEqual(wanted))
                {
                    found = new OrderedTransaction(
                        final.Block, header, scratch.Ids.ToArray(), (uint)i, [], (uint)(acceptedIds.WrittenCount / Hash256.Size));
                }

                if (accepted && taken)
                {
                    acceptedIds.Write(here);
                }
            }
        });
        return found is not null && accepted ? found with { AcceptedIds = acceptedIds.WrittenSpan.ToArray() } : found;
    }
}
