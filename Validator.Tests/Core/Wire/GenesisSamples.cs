using Validator.Core.Primitives;

namespace Validator.Tests.Core.Wire;

/// <summary>Genesis with filler keys.</summary>
internal static class GenesisSamples
{
    /// <summary>The executed committee at the start of <see cref="Four"/>.</summary>
    public static Validator.Core.Execution.CommitteeState Committee() => new(0, Four().Members);

    internal static Genesis Four() => new(
        "golden-1",
        1_750_000_000_000_000,
        new GenesisParameters(),
        [Member("alpha", 1, 1), Member("beta", 3, 1), Member("gamma", 5, 1), Member("delta.4_x", 7, 1)]);

    internal static Member Member(string name, byte fill, uint weight) => new(name, Key(fill), Key((byte)(fill + 1)), weight);

    internal static byte[] Key(byte fill)
    {
        byte[] key = new byte[Limits.PublicKeyBytes];
        Array.Fill(key, fill);
        return key;
    }
}
