using Validator.Core.Primitives;

namespace Validator.Host.Storage;

/// <summary>
/// The newest executed blocks that are on disk, as they were executed: whoever follows the chain reads them here, and none anew
/// from its bytes. One thread adds and commits, any thread finds.
/// </summary>
internal sealed class NewestFinals
{
    /// <summary>What followers may lag behind; a power of two. A block takes some 20 KB, most of it the certificate.</summary>
    private const int Kept = 16;

    private readonly FinalRecord?[] _kept = new FinalRecord?[Kept];
    private readonly List<FinalRecord> _added = [];

    /// <summary>Found from <see cref="Commit"/> on.</summary>
    public void Add(ExecutedBlock executed)
    {
        Hash256[] order = new Hash256[executed.Vertices.Length];
        for (int i = 0; i < order.Length; i++)
        {
            order[i] = executed.Vertices[i].Header.Hash;
        }

        _added.Add(new FinalRecord(executed.Block, executed.Certificate, executed.Result, order));
    }

    /// <summary>What was added is on disk.</summary>
    public void Commit()
    {
        foreach (FinalRecord record in _added)
        {
            Volatile.Write(ref _kept[record.Block.Sequence % Kept], record);
        }

        _added.Clear();
    }

    /// <summary>The block with this sequence; null where it is not among the newest.</summary>
    public FinalRecord? Find(ulong sequence) =>
        Volatile.Read(ref _kept[sequence % Kept]) is { } record && record.Block.Sequence == sequence ? record : null;

    /// <summary>The block with an accepted transaction of this global index; null where none of the newest has it.</summary>
    public FinalRecord? FindByIndex(ulong index)
    {
        for (int i = 0; i < Kept; i++)
        {
            if (Volatile.Read(ref _kept[i]) is { } record && index - record.Result.FirstIndex < record.Result.Accepted)
            {
                return record;
            }
        }

        return null;
    }
}
