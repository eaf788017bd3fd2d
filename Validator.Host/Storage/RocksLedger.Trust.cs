using System.Buffers.Binary;
using System.Text;
using Validator.Core.Execution;
using Validator.Core.Primitives;
using Validator.Core.Trust;
using Validator.Host.Storage.Native;

namespace Validator.Host.Storage;

/// <summary>
/// The trust state as of the newest executed block, and its history. Keys of the family "default": V: standings; Y: u32 count of
/// stake records, then uptime (W is the log's); K place: a stake record, of no use from that count on; J subject, sequence,
/// place: what happened, under the zero hash for all, that of its group, the account's, and that of the member's name, with what
/// is kept of it for that subject. Written with the block that changed it. The history is never deleted.
/// </summary>
internal sealed partial class RocksLedger
{
    private const byte StandingKey = (byte)'V';
    private const byte UptimeKey = (byte)'Y';
    private const int EventKeyBytes = 1 + Hash256.Size + sizeof(ulong) + sizeof(uint);

    /// <summary>By what the events of a member are found: no account's number, which is the hash of a key.</summary>
    public static Hash256 SubjectOf(string member) => Hash256.Of(Encoding.ASCII.GetBytes($"member:{member}"));

    /// <summary>By what the snapshots are found that this ledger went on from: no member has that name.</summary>
    public static Hash256 BeginningSubject { get; } = SubjectOf("");

    /// <summary>By what offences, bans and returns of all members are found.</summary>
    public static Hash256 OffenceSubject { get; } = Hash256.Of("events:offences"u8);

    /// <summary>By what rewards of all members are found, paid and failed.</summary>
    public static Hash256 RewardSubject { get; } = Hash256.Of("events:rewards"u8);

    /// <summary>Puts a state back to where it is on disk.</summary>
    /// <returns>False where what is stored is none, or damaged.</returns>
    public bool ReadTrust(TrustState state)
    {
        using PinnedValue standing = _database.Get(State, [StandingKey]);
        using PinnedValue uptime = _database.Get(State, [UptimeKey]);
        if (!standing.Found || !uptime.Found || uptime.Span.Length < sizeof(int))
        {
            return false;
        }

        int count = BinaryPrimitives.ReadInt32LittleEndian(uptime.Span);
        byte[] records = new byte[checked(count * StakeTable.RecordBytes)];
        int place = 0;
        using RocksDbIterator stored = _database.Iterate(State);
        for (stored.Seek("K"u8); stored.Valid && stored.Key[0] == (byte)'K' && place < count; stored.Next(), place++)
        {
            if (stored.Key.Length != 1 + sizeof(uint) || BinaryPrimitives.ReadUInt32BigEndian(stored.Key[1..]) != place
                || stored.Value.Length != StakeTable.RecordBytes)
            {
                return false;
            }

            stored.Value.CopyTo(records.AsSpan(place * StakeTable.RecordBytes));
        }

        return place == count && state.Load(standing.Span, uptime.Span[sizeof(int)..], records);
    }

    /// <summary>The newest first.</summary>
    /// <param name="subject">An account, <see cref="SubjectOf"/> a member, or zero for all.</param>
    /// <param name="before">Those at this place and later ones are left out.</param>
    public IEnumerable<StoredTrustEvent> FindEvents(Hash256 subject, EventPlace before)
    {
        if (before is { Sequence: 0, Place: 0 })
        {
            yield break;
        }

        byte[] from = before.Place > 0
            ? EventKey(subject, before.Sequence, before.Place - 1) : EventKey(subject, before.Sequence - 1, uint.MaxValue);
        using RocksDbIterator stored = _database.Iterate(State);
        for (stored.Seek(from); stored.Valid && IsOfSubject(stored.Key, from); stored.Next())
        {
            yield return ReadEvent(stored);
        }
    }

    private static bool IsOfSubject(ReadOnlySpan<byte> key, byte[] from) =>
        key.Length == EventKeyBytes && key[..(1 + Hash256.Size)].SequenceEqual(from.AsSpan(0, 1 + Hash256.Size));

    private static StoredTrustEvent ReadEvent(RocksDbIterator stored)
    {
        ReadOnlySpan<byte> key = stored.Key;
        ulong sequence = ~BinaryPrimitives.ReadUInt64BigEndian(key[(1 + Hash256.Size)..]);
        uint place = ~BinaryPrimitives.ReadUInt32BigEndian(key[^sizeof(uint)..]);
        StakeTrace? trace = StakeTrace.None;
        return TrustEvent.TryRead(stored.Value, out TrustEvent value, out ReadOnlySpan<byte> rest)
            && (rest.IsEmpty || StakeTrace.TryRead(rest, out trace))
            ? new StoredTrustEvent(sequence, place, value, trace!)
            : throw Damaged($"the history of trust at block {sequence}");
    }

    private static void AddTrust(RocksDbBatch batch, ulong sequence, ulong timestampMicros, TrustChanges changes)
    {
        if (changes.Standing is { } standing)
        {
            batch.Put(State, [StandingKey], standing);
        }

        byte[] uptime = new byte[sizeof(int) + changes.Uptime.Length];
        BinaryPrimitives.WriteInt32LittleEndian(uptime, changes.StakeRecords);
        changes.Uptime.CopyTo(uptime.AsSpan(sizeof(int)));
        batch.Put(State, [UptimeKey], uptime);
        Span<byte> key = stackalloc byte[1 + sizeof(uint)];
        key[0] = (byte)'K';
        foreach ((int place, byte[] record) in changes.Stake)
        {
            BinaryPrimitives.WriteInt32BigEndian(key[1..], place);
            batch.Put(State, key, record);
        }

        for (int i = 0; i < changes.Events.Length; i++)
        {
            foreach ((Hash256 subject, StakeTrace trace) in Traces(changes.Events[i], changes.Effects[i], timestampMicros))
            {
                AddEvent(batch, subject, sequence, (uint)i, changes.Events[i], trace);
            }
        }

        foreach ((Hash256 account, StakeEffect effect) in changes.Opened)
        {
            AddOpened(batch, sequence - 1, account, effect);
        }
    }

    /// <summary>Under which subjects an event is kept, and what of it.</summary>
    internal static IEnumerable<(Hash256 Subject, StakeTrace Trace)> Traces(
        TrustEvent happened, StakeEffect effect, ulong atMicros)
    {
        yield return (Hash256.Zero, new StakeTrace(atMicros, [], null));
        if (GroupOf(happened.Kind) is { IsZero: false } group)
        {
            yield return (group, new StakeTrace(atMicros, [], null));
        }

        IEnumerable<string> members = effect.Pools.Select(pool => pool.Member);
        foreach (string member in members.Append(happened.Member).Distinct().Where(member => member.Length > 0))
        {
            yield return (SubjectOf(member), new StakeTrace(atMicros, effect.Pools, null));
        }

        if (!happened.Account.IsZero)
        {
            yield return (happened.Account, new StakeTrace(atMicros, effect.Pools, effect.Account));
        }

        if (!happened.To.IsZero && happened.To != happened.Account)
        {
            yield return (happened.To, new StakeTrace(atMicros, effect.Pools, effect.To));
        }
    }

    /// <summary>Zero where it is of none.</summary>
    public static Hash256 GroupOf(TrustEventKind kind) => kind switch
    {
        TrustEventKind.Offence or TrustEventKind.Banned or TrustEventKind.BanWaits or TrustEventKind.Returned => OffenceSubject,
        TrustEventKind.Rewarded or TrustEventKind.RewardFailed => RewardSubject,
        _ => Hash256.Zero,
    };

    private static void AddEvent(
        RocksDbBatch batch, in Hash256 subject, ulong sequence, uint place, in TrustEvent happened, StakeTrace trace) =>
        batch.Put(State, EventKey(subject, sequence, place), [.. happened.Encode(), .. trace.Encode()]);

    private static void AddOpened(RocksDbBatch batch, ulong sequence, in Hash256 account, StakeEffect effect) => AddEvent(
        batch, account, sequence, 0, new TrustEvent(TrustEventKind.Opened, Account: account),
        new StakeTrace(0, effect.Pools, effect.Account));

    /// <summary>Sequence and place inverted, so that the newest comes first.</summary>
    private static byte[] EventKey(in Hash256 subject, ulong sequence, uint place)
    {
        byte[] key = new byte[EventKeyBytes];
        key[0] = (byte)'J';
        subject.CopyTo(key.AsSpan(1));
        BinaryPrimitives.WriteUInt64BigEndian(key.AsSpan(1 + Hash256.Size), ~sequence);
        BinaryPrimitives.WriteUInt32BigEndian(key.AsSpan(EventKeyBytes - sizeof(uint)), ~place);
        return key;
    }

    private void InstallTrust(RocksDbBatch batch, in Hash256 digest, ulong sequence, Executor executor)
    {
        batch.DeleteRange(State, "K"u8, "L"u8);
        if (digest.IsZero != executor.Trust is null)
        {
            throw Damaged("a snapshot's trust state");
        }

        if (executor.Trust is not { } trust)
        {
            return;
        }

        List<byte[]> chunks = [];
        foreach (Hash256 hash in Listed(digest))
        {
            using PinnedValue chunk = Chunk(hash);
            chunks.Add(chunk.Span.ToArray());
            batch.Put(State, Key('N', hash), chunk.Span);
        }

        if (!trust.Load(chunks) || trust.Digest() != digest)
        {
            throw Damaged("a snapshot's trust state");
        }

        AddTrust(batch, sequence, 0, TrustChanges.Of(trust, opened: []));
        AddEvent(batch, BeginningSubject, sequence, 0, new TrustEvent(TrustEventKind.Opened), StakeTrace.None);
        foreach ((Hash256 account, StakeEffect effect) in trust.Stake.Accounts())
        {
            AddOpened(batch, sequence, account, effect);
        }
    }
}
