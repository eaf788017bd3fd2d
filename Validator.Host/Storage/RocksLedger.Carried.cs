using System.Buffers.Binary;
using Validator.Core.Primitives;
using Validator.Core.Wire;
using Validator.Host.Storage.Native;

namespace Validator.Host.Storage;

/// <summary>
/// Transactions of an abandoned branch, for this validator to author again (PROTOCOL.md, rule R3): kept as own vertices of an
/// ended epoch are. They are no vertices of any lane, so no index of heights knows them; one of their own gives their order,
/// so that they are read one at a time, however many there are.
/// </summary>
internal sealed partial class RocksLedger
{
    /// <summary>Above every height of a lane.</summary>
    private const ulong CarriedHeight = 1UL << 63;

    /// <summary>State, by number: the vertex's hash.</summary>
    private const char CarriedKey = 'B';

    /// <summary>Goes with the next commit. The same content and number make the same record.</summary>
    /// <param name="of">Where the payload comes from.</param>
    /// <param name="number">From 1 on; differs for each that is carried, ascending as they are to be authored.</param>
    public void AddCarried(VertexHeader of, byte[] payload, ulong epoch, int self, ulong number)
    {
        VertexHeader header = VertexCodec.Seal(
            epoch, self, CarriedHeight + number, of.Hash, new LaneTip[of.Parents.Length], of.TransactionRoot, of.PayloadBytes,
            of.TransactionCount);
        // Nobody asks for it: it has no signature.
        Span<byte> prefix = _batch.Room(Limits.SignatureBytes + VertexCodec.HeaderSize(header.Parents.Length));
        prefix[..Limits.SignatureBytes].Clear();
        VertexCodec.WriteHeader(header, prefix[Limits.SignatureBytes..]);
        byte[] hash = header.Hash.ToArray();
        _batch.Put(Vertices, hash, prefix, payload);
        _batch.Put(State, Key(CarriedKey, number), hash);
    }

    public IEnumerable<Hash256> Carried()
    {
        for (ulong number = 0; CarriedAfter(ref number) is { } hash;)
        {
            yield return hash;
        }
    }

    /// <summary>Looked up anew each time: it may take hours until the next one is wanted.</summary>
    private Hash256? CarriedAfter(ref ulong number)
    {
        using RocksDbIterator records = _database.Iterate(State);
        records.Seek(Key(CarriedKey, number + 1));
        if (!records.Valid || records.Key[0] != CarriedKey)
        {
            return null;
        }

        if (records.Key.Length != 1 + sizeof(ulong) || records.Value.Length != Hash256.Size)
        {
            throw Damaged("what is carried over from an abandoned branch");
        }

        number = BinaryPrimitives.ReadUInt64BigEndian(records.Key[1..]);
        return new Hash256(records.Value);
    }

    private void ForgetCarried(VertexHeader header)
    {
        if (header.Height > CarriedHeight)
        {
            _batch.Delete(State, Key(CarriedKey, header.Height - CarriedHeight));
        }
    }
}
