using System.Text;
using Validator.Core.Primitives;
using Validator.Core.Wire;

namespace Validator.Core.Trust;

/// <summary>
/// The state as bytes (FORMATS.md, "Trust state"): standings, which change rarely; uptime of the epoch, which changes with each
/// block; stake in segments. The digest is BLAKE3 over their hashes, so that each is a chunk of a snapshot.
/// </summary>
public sealed partial class TrustState
{
    private const byte IsBannedFlag = 1;
    private const int HeadBytes = 40;
    private const int OffenceBytes = 27;

    /// <summary>Hashes of the chunks, 32 bytes each: standings, uptime, segments of stake.</summary>
    public byte[] ChunkHashes()
    {
        _standingHash ??= Hash256.Of(EncodeStanding());
        ReadOnlySpan<byte> segments = Stake.Records.SegmentHashes();
        byte[] hashes = new byte[(2 * Hash256.Size) + segments.Length];
        _standingHash.Value.CopyTo(hashes);
        Hash256.Of(EncodeUptime()).CopyTo(hashes.AsSpan(Hash256.Size));
        segments.CopyTo(hashes.AsSpan(2 * Hash256.Size));
        return hashes;
    }

    /// <summary>Enters the executed root (rule P6).</summary>
    public Hash256 Digest() => Hash256.Of(ChunkHashes());

    /// <summary>The chunks that <see cref="ChunkHashes"/> are of.</summary>
    public IEnumerable<byte[]> Chunks() => Enumerable.Range(0, 2 + Stake.Records.Segments).Select(Chunk);

    /// <summary>The one that <see cref="ChunkHashes"/> has at this place.</summary>
    public byte[] Chunk(int place) => place switch
    {
        0 => EncodeStanding(),
        1 => EncodeUptime(),
        _ => Stake.Records.Segment(place - 2).ToArray(),
    };

    /// <summary>The same array until it changes: it is stored and hashed with each block.</summary>
    public byte[] EncodeUptime() => _uptimeBytes ??= WriteUptime();

    /// <summary>The same array until it changes.</summary>
    public byte[] EncodeStanding() => _standingBytes ??= WriteStanding();

    private byte[] WriteUptime()
    {
        byte[] encoded = new byte[_uptime.EncodedSize];
        WireWriter writer = new(encoded);
        _uptime.Write(ref writer);
        return encoded;
    }

    private byte[] WriteStanding()
    {
        int size = HeadBytes + _known.Sum(SizeOf) + _rosters.Sum(SizeOf) + (_counted.Count * OffenceBytes);
        byte[] encoded = new byte[size];
        WireWriter writer = new(encoded);
        writer.U8(WireTags.TrustStanding);
        writer.Zeros(7);
        writer.U64(Epoch);
        writer.U64(EpochStart);
        writer.U32((uint)_known.Count);
        writer.U32((uint)_rosters.Count);
        writer.U32((uint)_counted.Count);
        writer.Zeros(4);
        foreach (Standing standing in _known)
        {
            Write(ref writer, standing);
        }

        foreach (Roster roster in _rosters)
        {
            writer.U64(roster.Epoch);
            writer.U16(roster.Members.Length);
            foreach ((ushort number, Hash256 key) in roster.Members)
            {
                writer.U16(number);
                writer.Hash(key);
            }
        }

        foreach (CountedOffence counted in _counted)
        {
            writer.U64(counted.Epoch);
            writer.U16(counted.Number);
            writer.U8((byte)counted.Slot);
            writer.U64(counted.View);
            writer.U64(counted.Sequence);
        }

        Require.That(writer.Written == size && size <= SnapshotChunkCodec.MaxData);
        return encoded;
    }

    /// <summary>Goes on from what was stored or fetched.</summary>
    /// <param name="stake">All records, in the order of places.</param>
    /// <returns>False where it is damaged; then this state is of no use any more.</returns>
    public bool Load(ReadOnlySpan<byte> standing, ReadOnlySpan<byte> uptime, ReadOnlySpan<byte> stake)
    {
        WireReader reader = new(standing);
        _known.Clear();
        _byName.Clear();
        _rosters.Clear();
        _counted.Clear();
        ReadStanding(ref reader);
        if (!reader.Finish(out _) || _rosters.Count == 0 || _rosters[^1].Epoch != Epoch)
        {
            return false;
        }

        _uptime = new UptimeTrack(_rosters[^1].Members.Length);
        _uptimeBytes = null;
        Touch();
        BeginBlock();
        return _uptime.Read(uptime) && Stake.Load(Known, stake);
    }

    /// <summary>From the chunks of a snapshot, in order.</summary>
    public bool Load(IReadOnlyList<byte[]> chunks)
    {
        if (chunks.Count < 2)
        {
            return false;
        }

        byte[] stake = [.. chunks.Skip(2).SelectMany(chunk => chunk)];
        return Load(chunks[0], chunks[1], stake);
    }

    private static int SizeOf(Roster roster) => 10 + (roster.Members.Length * (2 + Hash256.Size));

    private static int SizeOf(Standing standing) =>
        1 + standing.Name.Length + 1 + 8 + 8 + 4 + (standing.Banned is null ? 0 : 4 + (2 * Limits.PublicKeyBytes));

    private static void Write(ref WireWriter writer, Standing standing)
    {
        writer.U8((byte)standing.Name.Length);
        foreach (char c in standing.Name)
        {
            writer.U8((byte)c);
        }

        writer.U8(standing.Banned is null ? (byte)0 : IsBannedFlag);
        writer.U64(standing.Reputation.Penalty);
        writer.U64(standing.Reputation.AtMicros);
        writer.U32(standing.Uptime);
        if (standing.Banned is { } banned)
        {
            writer.U32(banned.Weight);
            writer.Bytes(banned.ConsensusKey);
            writer.Bytes(banned.TransportKey);
        }
    }

    private void ReadStanding(ref WireReader reader)
    {
        reader.Tag(WireTags.TrustStanding);
        reader.Reserved(7);
        Epoch = reader.U64();
        EpochStart = reader.U64();
        uint known = reader.U32(), rosters = reader.U32(), counted = reader.U32();
        reader.Reserved(4);
        reader.Check(known <= MostKnown && rosters <= TrustParameters.EvidenceEpochs + 1, DecodeError.VoteCount);
        for (uint i = 0; i < known && reader.Ok; i++)
        {
            Read(ref reader);
        }

        for (uint i = 0; i < rosters && reader.Ok; i++)
        {
            ulong epoch = reader.U64();
            int count = reader.U16();
            reader.Check(count is > 0 and <= Limits.MaxCommittee, DecodeError.LaneCountDiffers);
            reader.Need(count, 2 + Hash256.Size);
            (ushort, Hash256)[] members = new (ushort, Hash256)[reader.Ok ? count : 0];
            for (int member = 0; member < members.Length; member++)
            {
                ushort number = reader.U16();
                reader.Check(number < _known.Count, DecodeError.MemberOutOfRange);
                members[member] = (number, reader.Hash());
            }

            _rosters.Add(new Roster(epoch, members));
        }

        for (uint i = 0; i < counted && reader.Ok; i++)
        {
            CountedOffence offence = new(reader.U64(), reader.U16(), (MessageKind)reader.U8(), reader.U64(), reader.U64());
            reader.Check(_counted.Add(offence), DecodeError.NotAscending);
        }
    }

    private void Read(ref WireReader reader)
    {
        string name = Encoding.Latin1.GetString(reader.Take(reader.U8()));
        byte flags = reader.U8();
        reader.Check(GenesisCodec.IsName(name) && !_byName.ContainsKey(name)
            && flags <= IsBannedFlag, DecodeError.ChangeMalformed);
        if (!reader.Ok)
        {
            return;
        }

        Standing standing = Know(name);
        standing.Reputation = new Reputation(reader.U64(), reader.U64());
        standing.Uptime = reader.U32();
        if (flags == IsBannedFlag)
        {
            uint weight = reader.U32();
            byte[] consensus = reader.Take(Limits.PublicKeyBytes).ToArray();
            byte[] transport = reader.Take(Limits.PublicKeyBytes).ToArray();
            standing.Banned = new Member(name, consensus, transport, weight);
        }
    }
}
