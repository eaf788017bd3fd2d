using Validator.Core.Primitives;
using Validator.Core.Wire;

namespace Validator.Host.Storage;

/// <summary>
/// Transactions of an abandoned branch, for this validator to author again (PROTOCOL.md, rule R3): kept as own vertices of an
/// ended epoch are. They are no vertices of any lane, so no index of heights knows them.
/// </summary>
internal sealed partial class RocksLedger
{
    /// <summary>Above every height of a lane.</summary>
    private const ulong CarriedHeight = 1UL << 63;

    /// <summary>Goes with the next commit. The same content and number make the same record.</summary>
    /// <param name="of">Where the payload comes from.</param>
    /// <param name="epoch">The one that all that is carried has: with it the order is that of the numbers.</param>
    /// <param name="number">Differs for each that is carried, ascending as they are to be authored.</param>
    public void AddCarried(VertexHeader of, byte[] payload, ulong epoch, int self, ulong number)
    {
        VertexHeader header = VertexCodec.Seal(
            epoch, self, CarriedHeight + number, of.Hash, new LaneTip[of.Parents.Length], of.TransactionRoot, of.PayloadBytes,
            of.TransactionCount);
        // Nobody asks for it: it has no signature.
        Span<byte> prefix = _batch.Room(Limits.SignatureBytes + VertexCodec.HeaderSize(header.Parents.Length));
        prefix[..Limits.SignatureBytes].Clear();
        VertexCodec.WriteHeader(header, prefix[Limits.SignatureBytes..]);
        _batch.Put(Vertices, header.Hash.ToArray(), prefix, payload);
        _batch.Put(State, Key((char)UnorderedKey, header.Hash), default);
    }
}
