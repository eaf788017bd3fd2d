using System.Collections.Concurrent;
using System.Diagnostics.CodeAnalysis;
using Validator.Core.Consensus;
using Validator.Core.Execution;
using Validator.Core.Primitives;
using Validator.Core.Shell;
using Validator.Core.Wire;
using Validator.Host.Contracts;
using Validator.Host.Storage;

namespace Validator.Tests.Host.Node;

/// <summary>Stores without a disk, for tests of the pipeline alone. Commits can be told to fail.</summary>
internal static class MemoryStores
{
    public static NodeStores Open(NodeContext context) => Open(context, hasVotes: true);

    public static NodeStores Open(NodeContext context, bool hasVotes)
    {
        VoteStanding standing = new(hasVotes, 0, 0);
        standing.Enter(0);
        return new NodeStores(
            new Votes(), new MemoryLedger(), new RecoveredState(), Executor.ForGenesis(context.Genesis, context.ChainId), standing,
            EpochConfiguration.First(context.Genesis, context.ChainId))
        { Fresh = _ => new Votes() };
    }

    internal sealed class Votes : IVoteStore
    {
        public string? Failure { get; set; }

        public int Commits { get; private set; }

        public void AddSigned(Signed signed, ReadOnlySpan<byte> body)
        {
        }

        public void AddBlock(Block block)
        {
        }

        public void AddPreparedCertificate(Certificate certificate)
        {
        }

        public void AddNewView(NewView newView)
        {
        }

        public bool Commit([NotNullWhen(false)] out string? error)
        {
            Commits++;
            error = Failure;
            return error is null;
        }

        public void ForgetBelow(ulong sequence)
        {
        }

        public void ForgetEpochsBelow(ulong epoch)
        {
        }

        public void Dispose()
        {
        }
    }

    private sealed class MemoryLedger : ILedger
    {
        private readonly ConcurrentDictionary<Hash256, (VertexHeader Header, byte[] Signature, byte[] Payload)> _vertices = new();
        private readonly ConcurrentDictionary<ulong, (Block Block, Certificate Certificate)> _finals = new();
        private readonly List<(ulong Sequence, Hash256 Id, byte[] Bytes)> _stream = [];

        public void AddVertex(VertexHeader header, ReadOnlySpan<byte> signature, ReadOnlySpan<byte> payload) =>
            _vertices[header.Hash] = (header, signature.ToArray(), payload.ToArray());

        public void AddOwnTip(VertexHeader header)
        {
        }

        public void AddFinal(ExecutedBlock executed)
        {
            _finals[executed.Block.Sequence] = (executed.Block, executed.Certificate);
            int transaction = 0;
            foreach (HeldVertex vertex in executed.Vertices)
            {
                PayloadReader reader = new(vertex.Payload);
                for (int i = 0; reader.MoveNext(); i++)
                {
                    if (executed.Result.IsAccepted(transaction++))
                    {
                        Hash256 id = new(vertex.Ids[(32 * i)..]);
                        lock (_stream)
                        {
                            _stream.Add((executed.Block.Sequence, id, reader.Bytes.ToArray()));
                        }
                    }
                }
            }
        }

        public bool Commit([NotNullWhen(false)] out string? error)
        {
            error = null;
            return true;
        }

        public Hash256[] EndEpoch(Block last, int self) =>
        [
            .. _vertices.Values.Select(v => v.Header)
                .Where(h => h.Epoch == last.Epoch && h.Author == self && h.Height > last.Cut[self].Height)
                .OrderBy(h => h.Height).Select(h => h.Hash),
        ];

        public void ForgetVertex(in Hash256 hash) => _vertices.TryRemove(hash, out _);

        public bool TryGetVertex(
            in Hash256 hash, [NotNullWhen(true)] out VertexHeader? header, [NotNullWhen(true)] out byte[]? signature,
            [NotNullWhen(true)] out byte[]? payload)
        {
            bool found = _vertices.TryGetValue(hash, out (VertexHeader Header, byte[] Signature, byte[] Payload) vertex);
            (header, signature, payload) = vertex;
            return found;
        }

        public EpochConfiguration? ReadEpoch() => null;

        public EpochEnd? FindEpochEnd(ulong epoch) => null;

        public Hash256[] SkipEpoch(EpochEnd end, int self) => EndEpoch(end.Last, self);

        public ChainPosition FirstKept { get; } = new(1, 0);

        public ChainPosition Newest => FirstKept;

        public FinalRecord? Final(ulong sequence) => null;

        public IEnumerable<LaneTip> Lane(ulong epoch, int author, ulong from) => [];

        public ulong HighestOf(ulong epoch, int author) => 0;

        public VertexHeader? FindVertexHeader(in Hash256 hash) =>
            TryGetVertex(hash, out VertexHeader? header, out _, out _) ? header : null;

        public uint DedupWindow => 1;

        public ulong[] Snapshots() => [];

        public SnapshotState? FindSnapshot(ulong sequence) => null;

        public StateRecord? FindState(ulong sequence) => null;

        public byte[]? FindChunk(in Hash256 segment) => null;

        public bool TryReadIds(ulong from, Span<byte> ids) => false;

        public void AddManifest(SnapshotManifest manifest)
        {
        }

        public void AddChunk(SnapshotChunk chunk)
        {
        }

        public void DropSnapshot()
        {
        }

        public bool Install(SnapshotManifest manifest, EpochConfiguration epoch, Executor executor, [NotNullWhen(false)] out string? error)
        {
            error = "no snapshot is served here";
            return false;
        }

        public Block? FindBlock(in Hash256 hash)
        {
            foreach ((Block block, _) in _finals.Values)
            {
                if (block.Hash == hash)
                {
                    return block;
                }
            }

            return null;
        }

        public (Block Block, Certificate? Certificate)? FindFinal(ulong sequence) =>
            _finals.TryGetValue(sequence, out (Block Block, Certificate Certificate) final) ? final : null;

        public StoredBlock? ShowBlock(ulong sequence) => null;

        public AccountState? FindAccount(in Hash256 account) => null;

        public int ReadFinalized(FinalizedCursor cursor, ulong end, FinalizedPage page)
        {
            int added = 0;
            while (!page.IsFull && cursor.Next < end && cursor.TryTake((index, _) => From(index), out FinalTransaction t))
            {
                page.Add(t.Index, t.Sequence, t.Id, 0, t.Payload);
                added++;
            }

            cursor.Release();
            return added;
        }

        private FinalTransaction[] From(ulong index)
        {
            lock (_stream)
            {
                return [.. _stream.Skip((int)index).Select((t, i) => new FinalTransaction(index + (ulong)i, t.Sequence, t.Id, t.Bytes, 0, t.Bytes.Length))];
            }
        }

        public void Dispose()
        {
        }
    }
}
