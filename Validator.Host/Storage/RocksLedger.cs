using System.Buffers;
using System.Buffers.Binary;
using System.Diagnostics.CodeAnalysis;
using Validator.Core.Execution;
using Validator.Core.Primitives;
using Validator.Core.Wire;
using Validator.Host.Primitives;
using Validator.Host.Storage.Native;

namespace Validator.Host.Storage;

/// <summary>An executed block as stored.</summary>
/// <param name="Certificate">Of it or of a descendant; null where it was dropped.</param>
internal sealed record FinalRecord(Block Block, Certificate? Certificate, ExecutionResult Result, Hash256[] Order);

/// <summary>
/// Vertices with payload and executed blocks with their outcome. One thread adds and commits; any thread reads. Families:
/// vertices: hash to signature, header, payload. index_height: epoch, author, height, vertex hash. finalized: block sequence to
/// block, certificate or none, result, vertices in order. metadata: H block hash to sequence; G first global index to sequence; O
/// key hash: the newest vertex that this key authored. edges and index_timestamp are of older formats, and empty.
/// Integers in keys big-endian. The executed state (RocksLedger.State, RocksLedger.Accounts), where a transaction is
/// found (TransactionIndex) and what is forgotten (RocksLedger.Pruning, RocksLedger.Certificates) have files of their own.
/// </summary>
internal sealed partial class RocksLedger : ILedger
{
    private const long ProbeBytes = 8 << 20;
    private const int LeastFamilyShare = 96;
    private const int MostFamilyShare = 144;
    private const int HeadBytes = 3 * sizeof(int);
    private const int OwnTipBytes = (2 * sizeof(ulong)) + Hash256.Size;

    private const int LaneBytes = 10;

    private const int Vertices = 1;
    private const int Edges = 2;
    private const int Metadata = 3;
    private const int IndexHeight = 4;
    private const int IndexTimestamp = 5;
    private const int Finalized = 6;

    private static readonly string[] Families =
        ["default", "vertices", "edges", "metadata", "index_height", "index_timestamp", "finalized"];

    /// <summary>
    /// What a block adds to "default", ids and index entries, is large and dies in the order in which it came. In tables every
    /// few flushes wrote all of it again, some 40 MB/s for each validator at 60,000 tx/s, in all of them at once.
    /// </summary>
    private static readonly string[] s_blobFamilies = ["default", "vertices"];

    private static readonly byte[] IdentityKey = [(byte)'I'];

    private readonly RocksDb _database;
    private readonly RocksDbBatch _batch;
    private readonly int _committeeSize;
    private readonly StoreIdentity _identity;
    private readonly byte[] _ownTipKey;
    private readonly CompressionGauge _gauge = new();
    private readonly Func<ulong, TransactionScratch, IEnumerable<FinalTransaction>> _transactions;

    private RocksLedger(RocksDb database, StoreIdentity identity, int committeeSize, uint dedupWindow, int indexSegment)
    {
        _database = database;
        _identity = identity;
        _ownTipKey = Key('O', identity.ConsensusKeyHash);
        _batch = new RocksDbBatch(database);
        _committeeSize = committeeSize;
        _dedupWindow = dedupWindow;
        _transactions = Transactions;
        ReadKept();
        ReadCheckpoint();
        ReadSnapshots();
        _index = new TransactionIndex(database, _newest.Sequence + 1, indexSegment);
        ReadTail();
    }

    /// <summary>Opens the ledger, or creates it where there is none: unlike votes it can be fetched again.</summary>
    /// <param name="committeeSize">Of genesis.</param>
    /// <param name="dedupWindow">From genesis: how many ids the executed state holds.</param>
    /// <param name="creates">Create it where there is none, or one whose creation was cut short.</param>
    /// <param name="notice">Called with what was found of an unfinished one.</param>
    /// <param name="indexSegment">See <see cref="TransactionIndex"/>.</param>
    /// <param name="takeOver">Asked when it belongs to another key of this chain: whether it becomes ours. Nothing in it is
    /// private to a key.</param>
    /// <param name="flushBytesPerSecond">Of flushes and compactions together; 0: without limit.</param>
    public static RocksLedger Open(
        string path, StoreIdentity identity, int committeeSize, uint dedupWindow, long cacheBytes, long writeBufferBytes, Func<bool>? takeOver = null,
        int indexSegment = TransactionIndex.SegmentEntries, bool creates = true, Action<string>? notice = null, long flushBytesPerSecond = 0)
    {
        RocksDbOptions options = new()
        {
            CacheBytes = cacheBytes,
            WriteBufferBytes = writeBufferBytes,
            BlobFamilies = s_blobFamilies,
            FlushBytesPerSecond = flushBytesPerSecond,
            // All members hold the same data: equal buffers would be full at the same moment everywhere.
            FamilyShare = LeastFamilyShare + (identity.ConsensusKeyHash.ToArray()[0] % (MostFamilyShare - LeastFamilyShare + 1)),
            OpenFiles = DescriptorBudget.Own.LedgerFiles,
            Counts = true,
        };
        RocksDb OpenDatabase() => StoreDirectory.Open(
            path, Families, options, Metadata, IdentityKey, identity, StoreKind.Ledger, "It is created at the first start.", takeOver);
        RocksDb database;
        try
        {
            database = OpenDatabase();
        }
        catch (StoreException e) when (creates && e.Fault is StoreFault.Missing or StoreFault.Corrupt or StoreFault.NewerFormat)
        {
            bool unfinished = StoreDirectory.IsUnfinished(path, Families, options, Metadata, IdentityKey);
            if (e.Fault != StoreFault.Missing && !unfinished)
            {
                throw;
            }

            if (unfinished)
            {
                notice?.Invoke($"{path}: the creation of this ledger was cut short, and it holds nothing: it is removed and made again");
            }

            StoreDirectory.Create(
                path, Families, options, Metadata, IdentityKey, identity.Encode(StoreKind.Ledger), replaces: unfinished, notice: notice);
            database = OpenDatabase();
        }

        try
        {
            return new RocksLedger(database, identity, committeeSize, dedupWindow, indexSegment);
        }
        catch
        {
            database.Dispose();
            throw;
        }
    }

    /// <summary>For <c>run --check</c>; see <see cref="StoreDirectory.Probe"/>.</summary>
    public static void Probe(string path, StoreIdentity identity, bool takesOver) => StoreDirectory.Probe(
        path, Families, new RocksDbOptions { CacheBytes = ProbeBytes, WriteBufferBytes = ProbeBytes, BlobFamilies = s_blobFamilies }, Metadata, IdentityKey,
        identity, StoreKind.Ledger, takesOver);

    /// <summary>For <c>validator db migrate</c>; see <see cref="StoreDirectory.Migrate"/>.</summary>
    public static List<string> Migrate(string path, StoreIdentity identity, long cacheBytes, bool dryRun)
    {
        RocksDbOptions options = new()
        {
            CacheBytes = cacheBytes,
            WriteBufferBytes = cacheBytes,
            BlobFamilies = s_blobFamilies,
            OpenFiles = DescriptorBudget.Own.LedgerFiles,
        };
        return StoreDirectory.Migrate(path, Families, options, Metadata, IdentityKey, identity, StoreKind.Ledger, dryRun);
    }

    /// <summary>Deletes what earlier formats had and nobody read.</summary>
    internal static void DropUnread(RocksDbBatch batch)
    {
        byte[] end = new byte[(2 * Hash256.Size) + 1];
        end.AsSpan().Fill(0xff);
        batch.DeleteRange(Edges, [], end);
        batch.DeleteRange(IndexTimestamp, [], end);
    }

    public void AddVertex(VertexHeader header, ReadOnlySpan<byte> signature, ReadOnlySpan<byte> payload)
    {
        Span<byte> prefix = _batch.Room(Limits.SignatureBytes + VertexCodec.HeaderSize(header.Parents.Length));
        signature.CopyTo(prefix);
        VertexCodec.WriteHeader(header, prefix[Limits.SignatureBytes..]);
        Span<byte> hash = stackalloc byte[Hash256.Size];
        header.Hash.CopyTo(hash);
        _batch.Put(Vertices, hash, prefix, payload);
        _batch.Put(IndexHeight, HeightKey(header.Epoch, header.Author, header.Height, header.Hash), default);
        if (_gauge.Add(payload))
        {
            // If that fails, values are compressed as before: slower or larger, and no less safe.
            _ = _database.SetBlobCompression(Vertices, _gauge.IsWorthIt);
        }
    }

    public void AddOwnTip(VertexHeader header)
    {
        Span<byte> value = stackalloc byte[OwnTipBytes];
        BinaryPrimitives.WriteUInt64LittleEndian(value, header.Epoch);
        BinaryPrimitives.WriteUInt64LittleEndian(value[8..], header.Height);
        header.Hash.CopyTo(value[16..]);
        _batch.Put(Metadata, _ownTipKey, value);
    }

    /// <summary>Before the start, durably: forgets where our lane ended.</summary>
    /// <exception cref="StoreException">The disk fails.</exception>
    public void ForgetOwnTip()
    {
        _batch.Delete(Metadata, _ownTipKey);
        if (_database.Write(_batch, sync: true) is { } error)
        {
            throw new StoreException(StoreErrors.Classify(error), $"ledger: {error}");
        }

        _batch.Clear();
    }

    public void AddFinal(ExecutedBlock executed)
    {
        Block block = executed.Block;
        Span<byte> sequence = stackalloc byte[8];
        BinaryPrimitives.WriteUInt64BigEndian(sequence, block.Sequence);
        _batch.Put(Finalized, sequence, Encode(executed));
        _batch.Put(Metadata, Key('H', block.Hash), sequence);
        if (executed.Result.Accepted > 0)
        {
            _batch.Put(Metadata, Key('G', executed.Result.FirstIndex), sequence);
        }

        AddState(executed);
        if (executed.Epoch is { } epoch)
        {
            AddEpoch(epoch);
            if (executed.EndsEpoch)
            {
                AddEpochEnd(new EpochEnd(block, executed.Certificate, epoch.Members));
            }
        }

        AddAccounts(_batch, executed.Result.Accounts);
        if (executed.Result.Trust is { } trust)
        {
            AddTrust(_batch, block.Sequence, block.TimestampMicros, trust);
        }

        AddToIndex(executed);
        _newestFinals.Add(executed);
    }

    public bool Commit([NotNullWhen(false)] out string? error)
    {
        error = _database.Write(_batch, sync: true);
        _batch.Clear();
        if (error is not null)
        {
            return false;
        }

        _newest = _added ?? _newest;
        _newestFinals.Commit();
        _index.Committed();
        return true;
    }

    public bool TryGetVertex(
        in Hash256 hash, [NotNullWhen(true)] out VertexHeader? header, [NotNullWhen(true)] out byte[]? signature,
        [NotNullWhen(true)] out byte[]? payload)
    {
        header = null;
        signature = payload = null;
        using PinnedValue value = _database.Get(Vertices, hash.ToArray());
        if (!value.Found)
        {
            return false;
        }

        header = ReadHeader(hash, value.Span, out int headerEnd);
        signature = value.Span[..Limits.SignatureBytes].ToArray();
        payload = value.Span[headerEnd..].ToArray();
        return true;
    }

    public VertexHeader? FindVertexHeader(in Hash256 hash)
    {
        using PinnedValue value = _database.Get(Vertices, hash.ToArray());
        return value.Found ? ReadHeader(hash, value.Span, out _) : null;
    }

    private static VertexHeader ReadHeader(in Hash256 hash, ReadOnlySpan<byte> value, out int headerEnd)
    {
        // Each epoch's committee has its own size; a record states it.
        int members = VertexCodec.CommitteeSizeOf(value[Math.Min(value.Length, Limits.SignatureBytes)..]);
        headerEnd = Limits.SignatureBytes + VertexCodec.HeaderSize(members);
        return members > 0 && value.Length >= headerEnd
            && VertexCodec.TryReadHeader(value[Limits.SignatureBytes..headerEnd], members, out VertexHeader? header, out _)
            && header.Hash == hash && value.Length - headerEnd == header.PayloadBytes ? header : throw Damaged($"vertex {hash}");
    }

    /// <summary>
    /// The newest vertex that our key authored in the present epoch; height 0 where it authored none in it. Null: this ledger
    /// does not know, since it was made after the key had begun to author.
    /// </summary>
    public LaneTip? OwnTip(EpochConfiguration epoch, int self)
    {
        using PinnedValue value = _database.Get(Metadata, _ownTipKey);
        if (!value.Found)
        {
            return null;
        }

        if (value.Span.Length != OwnTipBytes)
        {
            throw Damaged("the own lane's newest vertex");
        }

        ulong of = BinaryPrimitives.ReadUInt64LittleEndian(value.Span);
        LaneTip tip = of == epoch.Number ? new LaneTip(BinaryPrimitives.ReadUInt64LittleEndian(value.Span[8..]), new Hash256(value.Span[16..])) : default;
        ulong ordered = LastFinal() is { } last && last.Block.Epoch == epoch.Number ? last.Block.Cut[self].Height : 0;

        // Higher than what is noted: it was authored with another ledger, or by a binary that notes nothing.
        return of <= epoch.Number && ordered <= tip.Height && !VerticesAbove(epoch.Number, self, tip.Height).Any() ? tip : null;
    }

    /// <summary>Vertices of a lane above a height, by height.</summary>
    public IEnumerable<Hash256> VerticesAbove(ulong epoch, int author, ulong height) =>
        Lane(epoch, author, height + 1).Select(tip => tip.Hash);

    public IEnumerable<LaneTip> Lane(ulong epoch, int author, ulong from)
    {
        using RocksDbIterator heights = _database.Iterate(IndexHeight);
        byte[] lane = HeightKey(epoch, author, from, Hash256.Zero);
        for (heights.Seek(lane); heights.Valid && heights.Key.StartsWith(lane.AsSpan(0, LaneBytes)); heights.Next())
        {
            yield return heights.Key.Length == lane.Length ? TipOf(heights.Key) : throw Damaged("a lane's index");
        }
    }

    public ulong HighestOf(ulong epoch, int author)
    {
        using RocksDbIterator heights = _database.Iterate(IndexHeight);
        byte[] end = HeightKey(epoch, author, ulong.MaxValue, Hash256.Zero);
        heights.SeekForPrevious(end);
        return heights.Valid && heights.Key.Length == end.Length && heights.Key.StartsWith(end.AsSpan(0, LaneBytes))
            ? TipOf(heights.Key).Height : 0;
    }

    private static LaneTip TipOf(ReadOnlySpan<byte> key) =>
        new(BinaryPrimitives.ReadUInt64BigEndian(key[LaneBytes..]), new Hash256(key[18..]));

    public Block? FindBlock(in Hash256 hash)
    {
        using PinnedValue sequence = _database.Get(Metadata, Key('H', hash));
        return sequence.Found ? Final(Number(sequence.Span, "an index of block hashes"))?.Block : null;
    }

    /// <summary>The newest executed block; null at genesis.</summary>
    public FinalRecord? LastFinal()
    {
        using RocksDbIterator finals = _database.Iterate(Finalized);
        Span<byte> last = stackalloc byte[8];
        last.Fill(0xff);
        finals.SeekForPrevious(last);
        return !finals.Valid ? null
            : Decode(finals.Value) is { Certificate: not null } newest ? newest
            : throw Damaged("the newest block");
    }

    /// <summary>An executed block; null where there is none yet, or no longer.</summary>
    public FinalRecord? Final(ulong sequence)
    {
        if (sequence < _kept.Sequence)
        {
            return null;
        }

        if (_newestFinals.Find(sequence) is { } newest)
        {
            return newest;
        }

        Span<byte> key = stackalloc byte[8];
        BinaryPrimitives.WriteUInt64BigEndian(key, sequence);
        using PinnedValue value = _database.Get(Finalized, key);
        return value.Found ? Decode(value.Span) : null;
    }

    public StoreReading? Read() => StoreReading.Of("ledger", _database);

    public void Dispose()
    {
        _batch.Dispose();
        _database.Dispose();
    }

    /// <summary>The block that holds a global index, or the last one with an index below it; else the first.</summary>
    private ulong BlockOf(ulong index)
    {
        if (_newestFinals.FindByIndex(index) is { } newest)
        {
            return Math.Max(newest.Block.Sequence, _kept.Sequence);
        }

        using RocksDbIterator firsts = _database.Iterate(Metadata);
        firsts.SeekForPrevious(Key('G', index));
        return firsts.Valid && firsts.Key[0] == (byte)'G' ? Math.Max(Number(firsts.Value, "an index of transactions"), _kept.Sequence)
            : _kept.Sequence;
    }

    // Lengths of block, certificate and result, then these, then the vertices' hashes.
    private ReadOnlySpan<byte> Encode(ExecutedBlock executed)
    {
        int block = BlockCodec.EncodedSize(executed.Block.Cut.Length);
        int certificate = CertificateCodec.EncodedSize(executed.Certificate);
        int result = ExecutionResultCodec.EncodedSize(executed.Result);
        Span<byte> value = _batch.Room(HeadBytes + block + certificate + result + (executed.Vertices.Length * Hash256.Size));
        BinaryPrimitives.WriteInt32LittleEndian(value, block);
        BinaryPrimitives.WriteInt32LittleEndian(value[4..], certificate);
        BinaryPrimitives.WriteInt32LittleEndian(value[8..], result);
        Span<byte> rest = value[HeadBytes..];
        BlockCodec.Write(executed.Block, rest);
        CertificateCodec.Write(executed.Certificate, rest[block..]);
        ExecutionResultCodec.Write(executed.Result, rest[(block + certificate)..]);
        rest = rest[(block + certificate + result)..];
        foreach (HeldVertex vertex in executed.Vertices)
        {
            vertex.Header.Hash.CopyTo(rest);
            rest = rest[Hash256.Size..];
        }

        return value;
    }

    private static (int Block, int Certificate, int Result) Parts(ReadOnlySpan<byte> value)
    {
        if (value.Length < HeadBytes)
        {
            throw Damaged("a final block");
        }

        // Each length is checked, unsigned, against what is left: sums of damaged lengths could wrap.
        uint block = BinaryPrimitives.ReadUInt32LittleEndian(value);
        uint certificate = BinaryPrimitives.ReadUInt32LittleEndian(value[4..]);
        uint result = BinaryPrimitives.ReadUInt32LittleEndian(value[8..]);
        ReadOnlySpan<byte> rest = value[HeadBytes..];
        ulong parts = (ulong)block + certificate + result;
        if (parts > (ulong)rest.Length || ((ulong)rest.Length - parts) % Hash256.Size != 0)
        {
            throw Damaged("a final block");
        }

        return ((int)block, (int)certificate, (int)result);
    }

    private static FinalRecord Decode(ReadOnlySpan<byte> value)
    {
        (int block, int certificate, int result) = Parts(value);
        ReadOnlySpan<byte> rest = value[HeadBytes..];
        Certificate? proof = null;
        int members = BlockCodec.CommitteeSizeOf(rest[..block]);
        if (members == 0 || !BlockCodec.TryRead(rest[..block], members, out Block? body, out _)
            || (certificate > 0 && !CertificateCodec.TryRead(rest.Slice(block, certificate), members, out proof, out _))
            || !ExecutionResultCodec.TryRead(rest.Slice(block + certificate, result), out ExecutionResult? outcome, out _))
        {
            throw Damaged("a final block");
        }

        rest = rest[(block + certificate + result)..];
        Hash256[] order = new Hash256[rest.Length / Hash256.Size];
        for (int i = 0; i < order.Length; i++)
        {
            order[i] = new Hash256(rest[(i * Hash256.Size)..]);
        }

        return new FinalRecord(body, proof, outcome, order);
    }

    private static ulong Number(ReadOnlySpan<byte> value, string what) =>
        value.Length == sizeof(ulong) ? BinaryPrimitives.ReadUInt64BigEndian(value) : throw Damaged(what);

    private static StoreException Damaged(string what) => new(
        StoreFault.Corrupt, $"the ledger's record of {what} is damaged: {StoreErrors.LedgerAdvice}");

    private static byte[] HeightKey(ulong epoch, int author, ulong height, in Hash256 hash)
    {
        byte[] key = new byte[18 + Hash256.Size];
        BinaryPrimitives.WriteUInt64BigEndian(key, epoch);
        BinaryPrimitives.WriteUInt16BigEndian(key.AsSpan(8), (ushort)author);
        BinaryPrimitives.WriteUInt64BigEndian(key.AsSpan(10), height);
        hash.CopyTo(key.AsSpan(18));
        return key;
    }

    private static byte[] Key(char kind, in Hash256 hash)
    {
        byte[] key = new byte[1 + Hash256.Size];
        key[0] = (byte)kind;
        hash.CopyTo(key.AsSpan(1));
        return key;
    }

    private static byte[] Key(char kind, ulong number)
    {
        byte[] key = new byte[9];
        key[0] = (byte)kind;
        BinaryPrimitives.WriteUInt64BigEndian(key.AsSpan(1), number);
        return key;
    }
}
