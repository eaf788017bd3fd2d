using Validator.Core.Primitives;
using Validator.Core.Wire;

namespace Validator.Core.Trust;

/// <summary>
/// In how many windows of an epoch each member's lane advanced in some cut. A window is over with the first block after which it
/// has both its least blocks and its least time; what is left at the epoch's end counts only where there was no whole one.
/// </summary>
public sealed class UptimeTrack(int members)
{
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
