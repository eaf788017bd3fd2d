using Validator.Core.Primitives;

namespace Validator.Core.Trust;

/// <summary>
/// Numbers from 0 to 1 as integers, in units of 2^-30, rounded down: the same on every machine, where floating point is not
/// (docs/TRUST.md, "Units").
/// </summary>
public static class Ratio
{
    /// <summary>1.</summary>
    public const uint One = 1u << Bits;

    internal const int Bits = 30;

    /// <param name="part">At most the whole.</param>
    /// <param name="whole">Not 0.</param>
    public static uint Of(ulong part, ulong whole)
    {
        Require.That(part <= whole && whole > 0);
        return (uint)(((UInt128)part << Bits) / whole);
    }

    /// <summary>Thousandths, as genesis and operators write them.</summary>
    public static uint OfThousandths(uint thousandths) => Of(thousandths, 1000);
}
