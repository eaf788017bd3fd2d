using Validator.Core.Primitives;
using Validator.Core.Wire;

namespace Validator.Core.Trust;

/// <summary>
/// In how many windows of an epoch each member's lane advanced in some cut. A window is over with the first block after which it
/// has both its least blocks and its least time; what is left at the epoch's end counts only where there was no whole one.
/// </summary>
public sealed class UptimeTrack(int members)
{
    private const int FixedBytes = 40;
    private const int MemberBytes = 12;

    private readonly uint[] _up = new uint[members];
    private readonly ulong[] _heights = new ulong[members];
    private UInt128 _advanced;
    private uint _blocks;
    private ulong _beganMicros;

    /// <summary>Whole windows.</summary>
    public uint Windows { get; private set; }

    /// <summary>The epoch's next block is executed.</summary>
    /// <param name="cut">By member, heights only rise.</param>
    public void OnBlock(ReadOnlySpan<LaneTip> cut, ulong timestampMicros, TrustParameters parameters)
    {
        Require.That(cut.Length == members);
        _beganMicros = _blocks == 0 && Windows == 0 ? timestampMicros : _beganMicros;
        for (int i = 0; i < members; i++)
        {
            Require.That(cut[i].Height >= _heights[i]);
            _advanced |= cut[i].Height > _heights[i] ? UInt128.One << i : 0;
            _heights[i] = cut[i].Height;
        }

        _blocks++;
        if (_blocks >= parameters.WindowBlocks && timestampMicros - _beganMicros >= parameters.WindowMicros)
        {
            CloseWindow(timestampMicros);
        }
    }

    /// <summary>The part of the windows that the member was up in; null where nothing was long enough to tell.</summary>
    public uint? Of(int member, ulong timestampMicros, TrustParameters parameters) =>
        Windows > 0 ? Ratio.Of(_up[member], Windows)
        : _blocks > 0 && timestampMicros - _beganMicros >= parameters.WindowMicros ? (Advanced(member) ? Ratio.One : 0)
        : null;

    internal int EncodedSize => FixedBytes + (members * MemberBytes);

    internal void Write(ref WireWriter writer)
    {
        writer.U8(WireTags.TrustUptime);
        writer.Zeros(1);
        writer.U16(members);
        writer.U32(Windows);
        writer.U32(_blocks);
        writer.Zeros(4);
        writer.U64(_beganMicros);
        writer.U64((ulong)_advanced);
        writer.U64((ulong)(_advanced >> 64));
        for (int i = 0; i < members; i++)
        {
            writer.U32(_up[i]);
            writer.U64(_heights[i]);
        }
    }

    /// <returns>False where it is of another committee, or damaged.</returns>
    internal bool Read(ReadOnlySpan<byte> data)
    {
        WireReader reader = new(data);
        reader.Tag(WireTags.TrustUptime);
        reader.Reserved(1);
        reader.Check(reader.U16() == members, DecodeError.LaneCountDiffers);
        Windows = reader.U32();
        _blocks = reader.U32();
        reader.Reserved(4);
        _beganMicros = reader.U64();
        _advanced = reader.U64();
        _advanced |= (UInt128)reader.U64() << 64;
        for (int i = 0; i < members; i++)
        {
            _up[i] = reader.U32();
            _heights[i] = reader.U64();
            reader.Check(_up[i] <= Windows, DecodeError.HeaderMalformed);
        }

        return reader.Finish(out _);
    }

    private void CloseWindow(ulong timestampMicros)
    {
        for (int i = 0; i < members; i++)
        {
            _up[i] += Advanced(i) ? 1u : 0;
        }

        Windows++;
        _advanced = 0;
        _blocks = 0;
        _beganMicros = timestampMicros;
    }

    private bool Advanced(int member) => (_advanced >> member & UInt128.One) != 0;

    /// <summary>The average over epochs: the newest counts a quarter, what was before three quarters.</summary>
    public static uint Average(uint before, uint newest) => before - (before / 4) + (newest / 4);
}
