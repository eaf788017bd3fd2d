using Validator.Core.Primitives;

namespace Validator.Core.Trust;

/// <summary>Divides a fixed number of units in proportion to claims, in integers, with nothing lost.</summary>
public static class Apportion
{
    /// <summary>
    /// Each gets the whole units of its part; those left over go one each to the largest fractions, of equal ones to the first
    /// (Hamilton's method).
    /// </summary>
    /// <param name="claims">Their sum times the units below 2^128. All zero: every claim counts the same.</param>
    public static ulong[] ByLargestRemainder(ReadOnlySpan<UInt128> claims, ulong units)
    {
        Require.That(claims.Length > 0);
        UInt128 sum = 0;
        foreach (UInt128 claim in claims)
        {
            sum = checked(sum + claim);
        }

        UInt128[] counted = claims.ToArray();
        if (sum == 0)
        {
            Array.Fill(counted, UInt128.One);
            sum = (UInt128)claims.Length;
        }

        ulong[] parts = new ulong[claims.Length];
        UInt128[] fractions = new UInt128[claims.Length];
        ulong left = units;
        for (int i = 0; i < parts.Length; i++)
        {
            UInt128 product = checked(counted[i] * units);
            parts[i] = (ulong)(product / sum);
            fractions[i] = product % sum;
            left -= parts[i];
        }

        int[] order = new int[parts.Length];
        for (int i = 0; i < order.Length; i++)
        {
            order[i] = i;
        }

        Array.Sort(order, (a, b) => fractions[a] != fractions[b] ? fractions[b].CompareTo(fractions[a]) : a.CompareTo(b));
        for (int i = 0; (ulong)i < left; i++)
        {
            Require.That(fractions[order[i]] > 0);
            parts[order[i]]++;
        }

        return parts;
    }

    /// <summary>
    /// The same, with nobody above a cap: what those above it lose goes to the others in proportion, again and again until nobody
    /// is above (water-filling). Cutting off and normalising once would break the cap.
    /// </summary>
    /// <param name="cap">Times the number of claims at least the units.</param>
    public static ulong[] Capped(ReadOnlySpan<UInt128> claims, ulong units, ulong cap)
    {
        Require.That((UInt128)cap * (UInt128)claims.Length >= units);
        ulong[] parts = new ulong[claims.Length];
        bool[] capped = new bool[claims.Length];
        while (true)
        {
            int[] rest = [.. Enumerable.Range(0, parts.Length).Where(i => !capped[i])];
            ulong free = units - (cap * (ulong)(parts.Length - rest.Length));
            if (rest.Length == 0)
            {
                return parts;
            }

            UInt128[] theirs = new UInt128[rest.Length];
            UInt128 sum = 0;
            for (int i = 0; i < rest.Length; i++)
            {
                theirs[i] = claims[rest[i]];
                sum = checked(sum + theirs[i]);
            }

            // By the exact parts, before any rounding.
            bool any = false;
            foreach (int i in rest)
            {
                bool above = sum == 0
                    ? free > (UInt128)cap * (UInt128)rest.Length : checked(claims[i] * free) > checked(sum * cap);
                if (above)
                {
                    (capped[i], parts[i]) = (true, cap);
                    any = true;
                }
            }

            if (any)
            {
                continue;
            }

            ulong[] shared = ByLargestRemainder(theirs, free);
            for (int i = 0; i < rest.Length; i++)
            {
                parts[rest[i]] = shared[i];
            }

            return parts;
        }
    }
}
