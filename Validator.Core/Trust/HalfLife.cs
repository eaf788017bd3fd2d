using System.Buffers.Binary;
using Validator.Core.Primitives;

namespace Validator.Core.Trust;

/// <summary>
/// Exponential decay in integers: 2^(-elapsed / half-life), from a table of 1,024 steps for one half-life, linear between them,
/// rounded down. Off by less than a millionth of the amount, and by a unit or two.
/// </summary>
public static class HalfLife
{
    private const int StepBits = 10;
    private const int Steps = 1 << StepBits;

    /// <summary>2^(-i / 1024) for i from 0 to 1,024, in units of 2^-30.</summary>
    private static readonly uint[] s_table = MakeTable();

    /// <summary>Of the table, four bytes each, little endian: a constant, so that no build computes another one.</summary>
    public static Hash256 TableDigest
    {
        get
        {
            byte[] bytes = new byte[s_table.Length * sizeof(uint)];
            for (int i = 0; i < s_table.Length; i++)
            {
                BinaryPrimitives.WriteUInt32LittleEndian(bytes.AsSpan(i * sizeof(uint)), s_table[i]);
            }

            return Hash256.Of(bytes);
        }
    }

    /// <summary>What is left of an amount.</summary>
    /// <param name="elapsed">In the unit of the half-life.</param>
    /// <param name="halfLife">Not 0.</param>
    public static ulong Decay(ulong amount, ulong elapsed, ulong halfLife)
    {
        Require.That(halfLife > 0);
        ulong halvings = elapsed / halfLife;
        if (halvings >= 64)
        {
            return 0;
        }

        ulong place = (ulong)(((UInt128)(elapsed % halfLife) << (2 * StepBits)) / halfLife);
        int step = (int)(place >> StepBits);
        ulong between = place & (Steps - 1);
        ulong factor = s_table[step] - (((s_table[step] - s_table[step + 1]) * between) >> StepBits);
        return (ulong)((UInt128)amount * factor >> Ratio.Bits) >> (int)halvings;
    }

    /// <summary>
    /// From ten square roots of one half, with 62 bits: so exact that rounding down to 30 gives what the true values give, which
    /// a test shows entry by entry.
    /// </summary>
    private static uint[] MakeTable()
    {
        const int bits = 62;
        ulong[] roots = new ulong[StepBits];
        ulong root = 1UL << (bits - 1);
        for (int i = StepBits - 1; i >= 0; i--)
        {
            root = SquareRoot((UInt128)root << bits);
            roots[i] = root;
        }

        uint[] table = new uint[Steps + 1];
        for (int i = 0; i < Steps; i++)
        {
            ulong value = 1UL << bits;
            for (int bit = 0; bit < StepBits; bit++)
            {
                value = (i >> bit & 1) == 0 ? value : (ulong)((UInt128)value * roots[bit] >> bits);
            }

            table[i] = (uint)(value >> (bits - Ratio.Bits));
        }

        table[Steps] = Ratio.One / 2;
        return table;
    }

    /// <summary>Rounded down, bit by bit.</summary>
    private static ulong SquareRoot(UInt128 value)
    {
        ulong root = 0;
        for (int bit = 63; bit >= 0; bit--)
        {
            ulong with = root | 1UL << bit;
            root = (UInt128)with * with <= value ? with : root;
        }

        return root;
    }
}
