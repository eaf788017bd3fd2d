using System.Buffers.Binary;
using System.Collections.Concurrent;
using System.Diagnostics.CodeAnalysis;
using Validator.Core.Consensus;
using Validator.Core.Primitives;
using Validator.Core.Shell;
using Validator.Core.Wire;
using Validator.Host.Primitives;
using Validator.Host.Storage.Native;

namespace Validator.Host.Storage;

/// <summary>
/// Own signed records with what they rest on, in a small database of its own, so that a vote's sync never waits behind payload.
/// One thread adds and commits; any thread may find; recovery comes before both. Keys: S number: a signed record and its body; B
/// sequence hash: an accepted block; C sequence view: a prepared certificate; N: the NewView entered; T: own lane's newest vertex
/// ever signed; F: the sequence below which votes are forgotten; E: the epoch below which they are; L epoch: what is not signed
/// in it, and A: what was stated to have been accepted in it (rule E9); R: the fork's recovery signed last (rule R3). What
/// belongs to an ended epoch is deleted, and not read
/// back.
/// </summary>
internal sealed partial class RocksVoteStore : IVoteStore
{
    private const byte SignedKey = (byte)'S';
    private const byte BlockKey = (byte)'B';
    private const byte CertificateKey = (byte)'C';

    private const byte LimitKey = (byte)'L';
    private const int LimitBytes = (3 * sizeof(ulong)) + 1;

    private static readonly string[] Families = ["default"];
    private static readonly byte[] IdentityKey = [(byte)'I'];
    private static readonly byte[] NewViewKey = [(byte)'N'];
    private static readonly byte[] TipKey = [(byte)'T'];
    private static readonly byte[] ForgottenKey = [(byte)'F'];
    private static readonly byte[] EpochKey = [(byte)'E'];
    private static readonly byte[] StatedKey = [(byte)'A'];
    private static readonly byte[] RecoveryKey = [(byte)'R'];

    private static readonly RocksDbOptions Options = new()
    {
        LogBlocks = 8 * 1024,
        LogWritten = true,
        WriteBufferBytes = 8 << 20,
        CacheBytes = 4 << 20,
        OpenFiles = DescriptorBudget.VoteFiles,
    };

    private readonly string _path;
    private readonly RocksDb _database;
    private readonly RocksDbBatch _batch;
    private readonly SortedDictionary<ulong, SignedHeader> _numbers = [];
    private readonly Dictionary<(MessageKind Kind, ulong Epoch, ulong View, ulong Sequence), (Hash256 Digest, ulong Number)> _slots = [];
    private readonly SortedSet<(ulong Sequence, Hash256 Hash)> _blocks = [];
    private readonly SortedSet<(ulong Sequence, ulong View)> _certificates = [];
    private readonly SortedSet<ulong> _limits = [];
    private ulong _next = 1;
    private LaneTip _tip;
    private ulong _tipEpoch;
    private ulong _newViewEpoch;
    private ulong _forgottenBelow;
    private string? _failure;

    private RocksVoteStore(RocksDb database, string path)
    {
        _path = path;
        _database = database;
        _batch = new RocksDbBatch(database);
    }

    /// <summary>For tests: may return a failure in place of the next write.</summary>
    internal Func<string?>? Fault { get; set; }

    public static bool Exists(string path) => StoreDirectory.Exists(path);

    /// <summary>Whether the place for a new store is empty.</summary>
    public static bool IsFree(string path) => StoreDirectory.IsFree(path);

    /// <summary>Creates an empty store: once in the life of a key.</summary>
    /// <param name="beginAt">It replaces one that was lost: nothing is signed with it before that epoch.</param>
    /// <param name="replaces">Whether what is in its place is deleted.</param>
    public static void Create(string path, StoreIdentity identity, ulong? beginAt = null, bool replaces = false) => StoreDirectory.Create(
        path, Families, Options, 0, IdentityKey, identity.Encode(StoreKind.Votes), batch =>
        {
            if (beginAt is { } epoch)
            {
                Put(batch, EpochKey, epoch);
            }
        },
        replaces);

    /// <summary>Creates one in place of a lost one, with the content that rule E9 gives it.</summary>
    /// <param name="ownTip">The newest own vertex of the epoch; height 0 for none.</param>
    public static void Create(string path, StoreIdentity identity, RevivalPlan plan, int self, LaneTip ownTip) => StoreDirectory.Create(
        path, Families, Options, 0, IdentityKey, identity.Encode(StoreKind.Votes), batch =>
        {
            Put(batch, EpochKey, plan.Limit.Epoch);
            Put(batch, plan.Limit);
            if (plan.Next is { } next)
            {
                Put(batch, next);
            }

            if (plan.Certificate is { } certificate)
            {
                byte[] value = new byte[CertificateCodec.EncodedSize(certificate)];
                CertificateCodec.Write(certificate, value);
                batch.Put(0, KeyOf(certificate.Sequence, certificate.View), value);
            }

            if (!plan.Accepted.Entries.IsEmpty)
            {
                batch.Put(0, StatedKey, StatedAcceptances.Encode(plan.Limit.Epoch, plan.Accepted));
            }

            if (ownTip.Height > 0)
            {
                // Only the slot matters here; the vertex with its signature is in the ledger.
                SignedHeader header = new(MessageKind.Vertex, self, plan.Limit.Epoch, 0, ownTip.Height, ownTip.Hash);
                byte[] value = new byte[SignedCodec.EncodedSize];
                SignedCodec.Write(new Signed(header, new byte[Limits.SignatureBytes]), value);
                batch.Put(0, TipKey, value);
            }
        });

    /// <summary>Whether the store there was never finished, and so never held a vote.</summary>
    public static bool IsUnfinished(string path) => StoreDirectory.IsUnfinished(path, Families, Options, 0, IdentityKey, strict: true);

    /// <summary>Whose store it is, if it is of that chain and of this format; else null.</summary>
    public static StoreIdentity? OwnerOf(string path, Hash256 chainId)
    {
        using RocksDb? database = RocksDb.TryOpen(path, Families, Options, out _);
        if (database is null)
        {
            return null;
        }

        using PinnedValue record = database.Get(0, IdentityKey);
        return record.Found && StoreIdentity.Read(record.Span, StoreKind.Votes) is { } owner && owner.ChainId == chainId
            ? owner : null;
    }

    public static RocksVoteStore Open(string path, StoreIdentity identity) => new(StoreDirectory.Open(
        path, Families, Options with { Counts = true }, 0, IdentityKey, identity, StoreKind.Votes,
        "For a key that has never signed anything: stop, and make it once with 'validator votes create'."), path);

    /// <summary>For <c>run --check</c>; see <see cref="StoreDirectory.Probe"/>.</summary>
    public static void Probe(string path, StoreIdentity identity) =>
        StoreDirectory.Probe(path, Families, Options, 0, IdentityKey, identity, StoreKind.Votes, takesOver: false);

    /// <summary>For <c>validator db migrate</c>; see <see cref="StoreDirectory.Migrate"/>.</summary>
    public static List<string> Migrate(string path, StoreIdentity identity, bool dryRun) =>
        StoreDirectory.Migrate(path, Families, Options, 0, IdentityKey, identity, StoreKind.Votes, dryRun);

    public StoreReading? Read() => StoreReading.Of("votes", _database);

    /// <summary>
    /// A second, different digest in one slot is a broken invariant and ends the process, so that it never leaves. Slots that
    /// were forgotten lie behind the executed block, where Core does not sign.
    /// </summary>
    public void AddSigned(Signed signed, ReadOnlySpan<byte> body)
    {
        SignedHeader header = signed.Header;
        Span<byte> value = _batch.Room(SignedCodec.EncodedSize + body.Length);
        SignedCodec.Write(signed, value);
        if (header.Kind == MessageKind.Vertex)
        {
            // Heights only grow in an epoch, so the newest says which slots are taken; the vertices themselves are in the ledger.
            Require.That(
                header.Epoch > _tipEpoch
                || (header.Epoch == _tipEpoch
                    && (header.Sequence > _tip.Height || (header.Sequence == _tip.Height && header.Digest == _tip.Hash))));
            _tip = new LaneTip(header.Sequence, header.Digest);
            _tipEpoch = header.Epoch;
            _batch.Put(0, TipKey, value);
            return;
        }

        body.CopyTo(value[SignedCodec.EncodedSize..]);
        Span<byte> key = stackalloc byte[9];
        key[0] = SignedKey;
        BinaryPrimitives.WriteUInt64BigEndian(key[1..], _next);
        Require.That(TryRemember(_next++, header));
        _batch.Put(0, key, value);
    }

    public void AddBlock(Block block)
    {
        Span<byte> value = _batch.Room(BlockCodec.EncodedSize(block.Cut.Length));
        BlockCodec.Write(block, value);
        _batch.Put(0, KeyOf(block.Sequence, block.Hash), value);
        _blocks.Add((block.Sequence, block.Hash));
    }

    public void AddPreparedCertificate(Certificate certificate)
    {
        Span<byte> value = _batch.Room(CertificateCodec.EncodedSize(certificate));
        CertificateCodec.Write(certificate, value);
        _batch.Put(0, KeyOf(certificate.Sequence, certificate.View), value);
        _certificates.Add((certificate.Sequence, certificate.View));
    }

    public void AddNewView(NewView newView)
    {
        Span<byte> value = _batch.Room(NewViewCodec.EncodedSize(newView));
        NewViewCodec.Write(newView, value);
        _batch.Put(0, NewViewKey, value);
        _newViewEpoch = newView.Signed.Header.Epoch;
    }

    /// <summary>
    /// After a failure every later commit fails too: what the failed one held is gone, and what comes after rests on it (RocksDB
    /// itself would resume once a full disk has room).
    /// </summary>
    public bool Commit([NotNullWhen(false)] out string? error)
    {
        _failure ??= Fault?.Invoke() ?? _database.Write(_batch, sync: true);
        _batch.Clear();
        error = _failure;
        return error is null;
    }

    public void ForgetBelow(ulong sequence)
    {
        if (sequence <= _forgottenBelow)
        {
            // After the loss of the ledger, execution is behind what was already forgotten; that does not go back.
            return;
        }

        _forgottenBelow = sequence;
        Put(_batch, ForgottenKey, sequence);
        ForgetSigned(sequence);
        while (_blocks.Count > 0 && _blocks.Min.Sequence < sequence)
        {
            _batch.Delete(0, KeyOf(_blocks.Min.Sequence, _blocks.Min.Hash));
            _blocks.Remove(_blocks.Min);
        }

        if (_certificates.Count == 0)
        {
            return;
        }

        // The highest by (view, sequence) stays, final or not: a ViewChange claims it (rule V3).
        (ulong Sequence, ulong View) highest = _certificates.MaxBy(c => (c.View, c.Sequence));
        foreach ((ulong Sequence, ulong View) certificate in _certificates.Where(c => c.Sequence < sequence && c != highest).ToArray())
        {
            _batch.Delete(0, KeyOf(certificate.Sequence, certificate.View));
            _certificates.Remove(certificate);
        }
    }

    public void ForgetEpochsBelow(ulong epoch)
    {
        Put(_batch, EpochKey, epoch);
        Span<byte> key = stackalloc byte[9];
        key[0] = SignedKey;
        foreach ((ulong number, SignedHeader header) in _numbers.ToArray())
        {
            if (header.Epoch < epoch)
            {
                BinaryPrimitives.WriteUInt64BigEndian(key[1..], number);
                _batch.Delete(0, key);
                _numbers.Remove(number);
                _slots.Remove(SlotOf(header));
            }
        }

        // No record of the new epoch is here yet, since Core's effects keep their order.
        foreach ((ulong sequence, Hash256 hash) in _blocks)
        {
            _batch.Delete(0, KeyOf(sequence, hash));
        }

        foreach ((ulong sequence, ulong view) in _certificates)
        {
            _batch.Delete(0, KeyOf(sequence, view));
        }

        _blocks.Clear();
        _certificates.Clear();
        foreach (ulong ended in _limits.GetViewBetween(0, epoch).Where(e => e < epoch).ToArray())
        {
            _batch.Delete(0, KeyOf(ended));
            _limits.Remove(ended);
        }

        if (_newViewEpoch < epoch)
        {
            _batch.Delete(0, NewViewKey);
        }

        _batch.Delete(0, StatedKey);
    }

    /// <summary>The format of what is stored here.</summary>
    public ushort Format
    {
        get
        {
            using PinnedValue record = _database.Get(0, IdentityKey);
            return StoreIdentity.FormatOf(record.Span);
        }
    }

    /// <summary>The epoch of the votes; what this key signed in earlier ones is forgotten (PROTOCOL.md, rule E7).</summary>
    public ulong Epoch()
    {
        ulong highest = 0;
        using RocksDbIterator records = _database.Iterate(0);
        for (records.Seek([]); records.Valid; records.Next())
        {
            highest = Math.Max(highest, records.Key[0] == LimitKey ? 0 : EpochOf(records, 0));
        }

        return highest;
    }

    /// <summary>Records durably what is not signed in that epoch from now on; before the first Add.</summary>
    /// <exception cref="StoreException">The disk fails.</exception>
    public void Bind(VoteLimit limit)
    {
        Put(_batch, limit);
        _limits.Add(limit.Epoch);
        if (!Commit(out string? error))
        {
            throw new StoreException(StoreFault.Unwritable, $"{_path}: {error}");
        }
    }

    /// <summary>
    /// Reads what belongs to the epoch back into <paramref name="state"/>; what is older is deleted with the first commit. Before
    /// the first Add.
    /// </summary>
    /// <param name="epoch">At least <see cref="Epoch"/>.</param>
    /// <param name="committeeSize">The epoch's.</param>
    public void Recover(ulong epoch, int committeeSize, RecoveredState state)
    {
        VoteRecovery recovery = new(epoch, state);
        using RocksDbIterator records = _database.Iterate(0);
        for (records.Seek([]); records.Valid; records.Next())
        {
            ulong found = EpochOf(records, epoch);
            if (found != epoch && records.Key[0] != (byte)'E' && (records.Key[0] != LimitKey || found < epoch))
            {
                Require.That(found < epoch);
                ForgetRecord(records.Key);
                continue;
            }

            bool whole = records.Key[0] switch
            {
                SignedKey => RecoverSigned(records.Key, records.Value, committeeSize, recovery),
                BlockKey => RecoverBlock(records.Value, committeeSize, recovery),
                CertificateKey => RecoverCertificate(records.Value, committeeSize, recovery),
                (byte)'N' => RecoverNewView(records.Value, committeeSize, recovery),
                (byte)'T' => RecoverTip(records.Value, committeeSize, recovery),
                (byte)'F' => RecoverForgotten(records.Value, recovery),
                LimitKey => RecoverLimit(records.Value, recovery),
                (byte)'A' => RecoverStated(records.Value, recovery),
                (byte)'E' => records.Value.Length == sizeof(ulong),
                _ => true,
            };
            if (!whole)
            {
                throw new StoreException(
                    StoreFault.Corrupt,
                    $"{_path}: record {Convert.ToHexStringLower(records.Key)} is damaged. {StoreErrors.VotesSteps(_path)}");
            }
        }
    }

    public void Dispose()
    {
        _batch.Dispose();
        _database.Dispose();
    }

    private static void Put(RocksDbBatch batch, byte[] key, ulong number)
    {
        Span<byte> value = stackalloc byte[sizeof(ulong)];
        BinaryPrimitives.WriteUInt64LittleEndian(value, number);
        batch.Put(0, key, value);
    }

    private static void Put(RocksDbBatch batch, VoteLimit limit)
    {
        Span<byte> value = stackalloc byte[LimitBytes];
        BinaryPrimitives.WriteUInt64LittleEndian(value, limit.FirstView);
        BinaryPrimitives.WriteUInt64LittleEndian(value[8..], limit.Epoch);
        BinaryPrimitives.WriteUInt64LittleEndian(value[16..], limit.LostView);
        value[24] = limit.LaneKnown ? (byte)1 : (byte)0;
        batch.Put(0, KeyOf(limit.Epoch), value);
    }

    /// <summary>Every record of an epoch has the epoch's number at byte 8.</summary>
    /// <param name="other">For a record that belongs to no epoch.</param>
    private static ulong EpochOf(RocksDbIterator records, ulong other) => records.Key[0] switch
    {
        SignedKey or BlockKey or CertificateKey or LimitKey or (byte)'N' or (byte)'T' or (byte)'A' when records.Value.Length >= 16
            => BinaryPrimitives.ReadUInt64LittleEndian(records.Value[8..]),
        (byte)'E' when records.Value.Length == sizeof(ulong) => BinaryPrimitives.ReadUInt64LittleEndian(records.Value),
        _ => other,
    };

    private void ForgetSigned(ulong sequence)
    {
        // The newest of each kind stays: they show the view that we are in, and that we took part at all.
        Dictionary<MessageKind, ulong> newest = [];
        foreach ((ulong number, SignedHeader header) in _numbers)
        {
            newest[header.Kind] = number;
        }

        Span<byte> key = stackalloc byte[9];
        key[0] = SignedKey;
        foreach ((ulong number, SignedHeader header) in _numbers.ToArray())
        {
            bool vote = header.Kind is MessageKind.PrePrepare or MessageKind.Prepare or MessageKind.Commit;
            if (number != newest[header.Kind] && (!vote || header.Sequence < sequence))
            {
                BinaryPrimitives.WriteUInt64BigEndian(key[1..], number);
                _batch.Delete(0, key);
                _numbers.Remove(number);
                if (_slots[SlotOf(header)].Number == number)
                {
                    _slots.Remove(SlotOf(header));
                }
            }
        }
    }

    private void ForgetRecord(ReadOnlySpan<byte> key)
    {
        if (key[0] == SignedKey && key.Length == 9)
        {
            _next = BinaryPrimitives.ReadUInt64BigEndian(key[1..]) + 1;
        }

        _batch.Delete(0, key);
    }

    /// <returns>False when another digest has the slot.</returns>
    private bool TryRemember(ulong number, in SignedHeader header)
    {
        bool free = !_slots.TryGetValue(SlotOf(header), out (Hash256 Digest, ulong Number) taken) || taken.Digest == header.Digest;
        if (free)
        {
            _numbers[number] = header;
            _slots[SlotOf(header)] = (header.Digest, number);
        }

        return free;
    }

    private static (MessageKind Kind, ulong Epoch, ulong View, ulong Sequence) SlotOf(in SignedHeader header) =>
        (header.Kind, header.Epoch, header.View, header.Sequence);

    private static byte[] KeyOf(ulong epoch)
    {
        byte[] key = new byte[9];
        key[0] = LimitKey;
        BinaryPrimitives.WriteUInt64BigEndian(key.AsSpan(1), epoch);
        return key;
    }

    private static byte[] KeyOf(ulong sequence, in Hash256 hash)
    {
        byte[] key = new byte[9 + Hash256.Size];
        key[0] = BlockKey;
        BinaryPrimitives.WriteUInt64BigEndian(key.AsSpan(1), sequence);
        hash.CopyTo(key.AsSpan(9));
        return key;
    }

    private static byte[] KeyOf(ulong sequence, ulong view)
    {
        byte[] key = new byte[17];
        key[0] = CertificateKey;
        BinaryPrimitives.WriteUInt64BigEndian(key.AsSpan(1), sequence);
        BinaryPrimitives.WriteUInt64BigEndian(key.AsSpan(9), view);
        return key;
    }
}
