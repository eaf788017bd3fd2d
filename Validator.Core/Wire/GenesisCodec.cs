using System.Diagnostics.CodeAnalysis;
using System.Text;
using Validator.Core.Primitives;

namespace Validator.Core.Wire;

/// <summary>
/// The canonical binary encoding of genesis (FORMATS.md, "Genesis"); its BLAKE3 is the chain id. A genesis that cannot run a
/// chain is refused with a reason for the operator.
/// </summary>
public static partial class GenesisCodec
{
    /// <summary>Without trust, and with it.</summary>
    public const ushort FormatVersion = 1;
    public const ushort TrustFormatVersion = 2;

    private const uint Magic = 0x4E_45_47_56; // "VGEN"
    private const int FixedBytes = 48;
    private const int MemberBytes = 4 + (2 * Limits.PublicKeyBytes);

    // Relations: a transaction of the largest size fits in a vertex; one vertex of every lane fits in a block; a window of
    // blocks fits in memory; timestamps may not drift by more than an hour.
    private const uint MinVertexPayloadBytes = Limits.MaxTransactionBytes + Limits.TransactionFramingBytes;
    private const uint MaxBlockVertices = 1 << 16;
    private const uint MaxWindowBlocks = 1024;
    private const uint MaxDedupWindow = 1 << 24;
    private const ulong MaxTimestampBoundMicros = 3_600_000_000;

    public static Hash256 ChainId(Genesis genesis) => Hash256.Of(Encode(genesis));

    /// <summary>Why this genesis cannot start a chain, or null when it can.</summary>
    public static string? Refusal(Genesis genesis)
    {
        if (!IsName(genesis.Network))
        {
            return $"network must be 1 to {Limits.MaxNameBytes} characters of a-z 0-9 . - _";
        }

        return genesis.TimestampMicros == 0 ? "timestamp must not be zero"
            : ParameterRefusal(genesis.Parameters, genesis.Members.Length) ?? MembersRefusal(genesis.Members)
            ?? TrustRefusal(genesis.Parameters, genesis.Members);
    }

    /// <summary>Encodes a genesis that <see cref="Refusal"/> accepts.</summary>
    public static byte[] Encode(Genesis genesis)
    {
        Require.That(Refusal(genesis) is null);
        int size = FixedBytes + 1 + genesis.Network.Length + MembersSize(genesis.Members) + TrustSize(genesis.Parameters.Trust);
        byte[] encoded = new byte[size];
        WireWriter writer = new(encoded);
        GenesisParameters parameters = genesis.Parameters;
        writer.U32(Magic);
        writer.U16(parameters.Trust is null ? FormatVersion : TrustFormatVersion);
        writer.U16(Limits.ProtocolVersion);
        writer.U64(genesis.TimestampMicros);
        writer.U32(parameters.WindowBlocks);
        writer.U32(parameters.MaxVertexPayloadBytes);
        writer.U64(parameters.TimestampBoundMicros);
        writer.U32(parameters.MaxBlockVertices);
        writer.U32(parameters.DedupWindow);
        writer.U64(parameters.EpochLengthBlocks);
        WriteName(ref writer, genesis.Network);
        WriteMembers(ref writer, genesis.Members);
        WriteTrust(ref writer, parameters.Trust);
        Require.That(writer.Written == size);
        return encoded;
    }

    public static bool TryDecode(ReadOnlySpan<byte> data, [NotNullWhen(true)] out Genesis? genesis, [NotNullWhen(false)] out string? refusal)
    {
        genesis = null;
        WireReader reader = new(data);
        uint magic = reader.U32();
        uint format = reader.U16();
        uint protocol = reader.U16();
        if (!reader.Ok || magic != Magic || format is not (FormatVersion or TrustFormatVersion)
            || protocol != Limits.ProtocolVersion)
        {
            refusal = !reader.Ok || magic != Magic ? "not a genesis: wrong first bytes"
                : $"genesis format {format} for protocol {protocol}; this binary knows formats {FormatVersion} and {TrustFormatVersion} for protocol {Limits.ProtocolVersion}";
            return false;
        }

        Genesis? read = ReadBody(ref reader, format == TrustFormatVersion);
        if (!reader.Finish(out DecodeError error) || read is null)
        {
            refusal = $"genesis is damaged: {error} near byte {reader.Position}";
            return false;
        }

        refusal = Refusal(read);
        genesis = refusal is null ? read : null;
        return refusal is null;
    }

    /// <summary>BLAKE3 over epoch and members, as the executed root states the committee (rule P6).</summary>
    public static Hash256 CommitteeDigest(ulong epoch, ReadOnlySpan<Member> members)
    {
        byte[] encoded = GC.AllocateUninitializedArray<byte>(16 + MembersSize(members));
        WireWriter writer = new(encoded);
        writer.U8(WireTags.Committee);
        writer.Zeros(7);
        writer.U64(epoch);
        WriteMembers(ref writer, members);
        Require.That(writer.Written == encoded.Length);
        return Hash256.Of(encoded);
    }

    private static Genesis? ReadBody(ref WireReader reader, bool hasTrust)
    {
        ulong timestamp = reader.U64();
        uint window = reader.U32();
        uint payload = reader.U32();
        GenesisParameters parameters = new()
        {
            WindowBlocks = window,
            MaxVertexPayloadBytes = payload,
            TimestampBoundMicros = reader.U64(),
            MaxBlockVertices = reader.U32(),
            DedupWindow = reader.U32(),
            EpochLengthBlocks = reader.U64(),
        };
        string network = ReadName(ref reader);
        if (ReadMembers(ref reader) is not { } members)
        {
            return null;
        }

        parameters = hasTrust ? parameters with { Trust = ReadTrust(ref reader) } : parameters;
        return new Genesis(network, timestamp, parameters, members);
    }

    /// <summary>Null after an error. What they may be is not checked.</summary>
    internal static Member[]? ReadMembers(ref WireReader reader)
    {
        int count = reader.U16();
        reader.Check(count is > 0 and <= Limits.MaxCommittee, DecodeError.LaneCountDiffers);
        reader.Need(count, 1 + MemberBytes);
        if (!reader.Ok)
        {
            return null;
        }

        Member[] members = new Member[count];
        for (int i = 0; i < count; i++)
        {
            string name = ReadName(ref reader);
            uint weight = reader.U32();
            byte[] consensus = reader.Take(Limits.PublicKeyBytes).ToArray();
            byte[] transport = reader.Take(Limits.PublicKeyBytes).ToArray();
            members[i] = new Member(name, consensus, transport, weight);
        }

        return reader.Ok ? members : null;
    }

    private static string ReadName(ref WireReader reader)
    {
        // Latin-1 maps each byte to one character, so that Refusal sees what is there.
        ReadOnlySpan<byte> bytes = reader.Take(reader.U8());
        return Encoding.Latin1.GetString(bytes);
    }

    private static void WriteName(ref WireWriter writer, string name)
    {
        writer.U8((byte)name.Length);
        foreach (char c in name)
        {
            writer.U8((byte)c);
        }
    }

    internal static int MaxMembersSize(int members) => 2 + (Math.Min(members, Limits.MaxCommittee) * (1 + Limits.MaxNameBytes + MemberBytes));

    internal static int MembersSize(ReadOnlySpan<Member> members)
    {
        int size = 2;
        foreach (Member member in members)
        {
            size += 1 + member.Name.Length + MemberBytes;
        }

        return size;
    }

    internal static void WriteMembers(ref WireWriter writer, ReadOnlySpan<Member> members)
    {
        writer.U16(members.Length);
        foreach (Member member in members)
        {
            WriteName(ref writer, member.Name);
            writer.U32(member.Weight);
            writer.Bytes(member.ConsensusKey);
            writer.Bytes(member.TransportKey);
        }
    }

    /// <summary>
    /// What a network and a member may be called: 1 to <see cref="Limits.MaxNameBytes"/> characters of a-z 0-9 . - _
    /// </summary>
    public static bool IsName(string name)
    {
        foreach (char c in name)
        {
            if (!(char.IsAsciiLetterLower(c) || char.IsAsciiDigit(c) || c is '.' or '-' or '_'))
            {
                return false;
            }
        }

        return name.Length is > 0 and <= Limits.MaxNameBytes;
    }

    private static string? ParameterRefusal(GenesisParameters p, int members)
    {
        if (p.WindowBlocks is 0 or > MaxWindowBlocks)
        {
            return $"window_blocks must be 1 to {MaxWindowBlocks}, not {p.WindowBlocks}";
        }

        if (p.TimestampBoundMicros is 0 or > MaxTimestampBoundMicros)
        {
            return $"timestamp_bound_micros must be 1 to {MaxTimestampBoundMicros}, not {p.TimestampBoundMicros}";
        }

        if (p.MaxVertexPayloadBytes is < MinVertexPayloadBytes or > Limits.MaxVertexPayloadBytes)
        {
            return $"max_vertex_payload_bytes must be {MinVertexPayloadBytes} to {Limits.MaxVertexPayloadBytes}, not {p.MaxVertexPayloadBytes}";
        }

        if (p.MaxBlockVertices < members || p.MaxBlockVertices > MaxBlockVertices)
        {
            return $"max_block_vertices must be {members} (one per member) to {MaxBlockVertices}, not {p.MaxBlockVertices}";
        }

        return p.DedupWindow is 0 or > MaxDedupWindow ? $"dedup_window must be 1 to {MaxDedupWindow}, not {p.DedupWindow}" : null;
    }

    /// <summary>Why these cannot be a committee, or null when they can.</summary>
    public static string? MembersRefusal(Member[] members)
    {
        HashSet<string> names = [];
        List<byte[]> keys = [];
        foreach (Member member in members)
        {
            if (!IsName(member.Name))
            {
                return $"a member's name must be 1 to {Limits.MaxNameBytes} characters of a-z 0-9 . - _";
            }

            if (!names.Add(member.Name))
            {
                return $"two members are named {member.Name}";
            }

            if (member.ConsensusKey.Length != Limits.PublicKeyBytes || member.TransportKey.Length != Limits.PublicKeyBytes)
            {
                return $"member {member.Name}: consensus and transport key must have {Limits.PublicKeyBytes} bytes (ML-DSA-87)";
            }

            keys.Add(member.ConsensusKey);
            keys.Add(member.TransportKey);
        }

        // Equal ones come side by side.
        keys.Sort((a, b) => a.AsSpan().SequenceCompareTo(b));
        for (int i = 1; i < keys.Count; i++)
        {
            if (keys[i].AsSpan().SequenceEqual(keys[i - 1]))
            {
                Member twice = members.Last(m => m.ConsensusKey.AsSpan().SequenceEqual(keys[i]) || m.TransportKey.AsSpan().SequenceEqual(keys[i]));
                return $"member {twice.Name}: each key must occur once, and consensus and transport key must differ";
            }
        }

        return Committee.Refusal(Array.ConvertAll(members, m => m.Weight));
    }
}
