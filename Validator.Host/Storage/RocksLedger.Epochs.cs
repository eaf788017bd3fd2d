using System.Text;
using Validator.Core.Primitives;
using Validator.Core.Wire;
using Validator.Host.Storage.Native;

namespace Validator.Host.Storage;

/// <summary>
/// Epochs in the ledger. Keys of the family "default": E: the epoch that the executed state is in; U hash: an own vertex of an
/// ended epoch that no block ordered; M epoch: its members, a line each: name, consensus key's hash; L epoch: how it ended, for
/// ever. Written with the block that they belong to. Where epochs were skipped, E is the one whose snapshot is awaited.
/// </summary>
internal sealed partial class RocksLedger
{
    private const byte UnorderedKey = (byte)'U';

    private static readonly byte[] EpochKey = [(byte)'E'];

    /// <summary>The epoch that the executed state is in; null in the first one, while no committee change is pending.</summary>
    public EpochConfiguration? ReadEpoch()
    {
        using PinnedValue value = _database.Get(State, EpochKey);
        return !value.Found ? null
            : EpochCodec.TryRead(value.Span, out EpochConfiguration? epoch, out _) ? epoch
            : throw Damaged("the epoch");
    }

    /// <summary>The same, with the first epoch where nothing is stored of any.</summary>
    public EpochConfiguration ReadEpoch(Genesis genesis, in Hash256 chainId) => ReadEpoch() ?? EpochConfiguration.First(genesis, chainId);

    /// <summary>Names and hashes of consensus keys of an epoch's members; empty where this ledger does not know them.</summary>
    public (string Name, Hash256 Key)[] FindMembers(ulong epoch)
    {
        using PinnedValue value = _database.Get(State, Key('M', epoch));
        return value.Found ? Array.ConvertAll(Encoding.ASCII.GetString(value.Span).Split('\n'), ReadMember) : [];
    }

    public string[] FindNames(ulong epoch) => Array.ConvertAll(FindMembers(epoch), m => m.Name);

    private static (string, Hash256) ReadMember(string line) =>
        line.Split(' ') is [string name, string key] && Hash256.TryParse(key, out Hash256 hash) ? (name, hash) : throw Damaged("an epoch's members");

    private void AddEpoch(EpochConfiguration epoch)
    {
        _batch.Put(State, EpochKey, EpochCodec.Encode(epoch));
        _batch.Put(State, Key('M', epoch.Number), Encoding.ASCII.GetBytes(string.Join('\n', epoch.Members.Select(m => $"{m.Name} {Hash256.Of(m.ConsensusKey)}"))));
    }

    /// <summary>How an epoch ended; null where it has not, or where that is not known here. Any thread.</summary>
    public EpochEnd? FindEpochEnd(ulong epoch)
    {
        using PinnedValue value = _database.Get(State, Key('L', epoch));
        if (!value.Found)
        {
            return null;
        }

        return EpochEndCodec.TryRead(value.Span, EpochEndCodec.CommitteeSizeOf(value.Span), out EpochEnd? end, out _) ? end : throw Damaged($"the end of epoch {epoch}");
    }

    private void AddEpochEnd(EpochEnd end)
    {
        byte[] value = new byte[EpochEndCodec.EncodedSize(end)];
        EpochEndCodec.Write(end, value);
        _batch.Put(State, Key('L', end.Epoch), value);
    }

    public Hash256[] SkipEpoch(EpochEnd end, int self)
    {
        AddEpochEnd(end);
        AddEpoch(EpochConfiguration.After(end.Last, end.Next));
        return EndEpoch(end.Last, self);
    }

    /// <summary>
    /// Own vertices of ended epochs whose transactions are in no other vertex yet, in the order in which they were authored: an
    /// account's nonces are far from each other in others.
    /// </summary>
    public List<Hash256> Unordered()
    {
        List<(ulong Epoch, ulong Height, Hash256 Hash)> found = [];
        using RocksDbIterator records = _database.Iterate(State);
        for (records.Seek([UnorderedKey]); records.Valid && records.Key[0] == UnorderedKey; records.Next())
        {
            Hash256 hash = records.Key.Length == 1 + Hash256.Size ? new Hash256(records.Key[1..]) : default;
            VertexHeader header = FindVertexHeader(hash) ?? throw Damaged("an own vertex of an ended epoch");
            found.Add((header.Epoch, header.Height, hash));
        }

        return [.. found.OrderBy(vertex => vertex.Epoch).ThenBy(vertex => vertex.Height).Select(vertex => vertex.Hash)];
    }

    public Hash256[] EndEpoch(Block last, int self)
    {
        List<Hash256> own = [];
        for (int author = 0; author < last.Cut.Length; author++)
        {
            foreach (Hash256 hash in VerticesAbove(last.Epoch, author, last.Cut[author].Height))
            {
                if (author == self)
                {
                    own.Add(hash);
                    _batch.Put(State, Key((char)UnorderedKey, hash), default);
                }
                else
                {
                    ForgetVertex(hash);
                }
            }
        }

        return [.. own];
    }

    public void ForgetVertex(in Hash256 hash)
    {
        if (!TryGetVertex(hash, out VertexHeader? header, out _, out _))
        {
            return;
        }

        byte[] key = hash.ToArray();
        _batch.Delete(Vertices, key);
        _batch.Delete(IndexHeight, HeightKey(header.Epoch, header.Author, header.Height, hash));
        _batch.Delete(State, Key((char)UnorderedKey, hash));
        ForgetCarried(header);
    }
}
