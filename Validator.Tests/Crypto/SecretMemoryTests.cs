using Validator.Crypto.Simd;

namespace Validator.Tests.Crypto;

public unsafe class SecretMemoryTests
{
    // A secret is gone from memory when disposed, and the kernel was told to leave it out of core dumps.
    [Fact]
    public void Disposal_zeroes()
    {
        SecretBuffer buffer = new(100);
        Assert.True(buffer.Span.IndexOfAnyExcept((byte)0) < 0);
        buffer.Span.Fill(0xA5);
        Assert.True(buffer.Block.LeftOutOfDumps);
        Assert.Contains("dd", Flags((nint)buffer.Block.Pointer), StringComparison.Ordinal);
        AssertZeroed(buffer.Block, buffer.Dispose);
        Assert.Throws<ObjectDisposedException>(() => buffer.Span.Length);
        buffer.Dispose();

        MlDsa87Signer signer = new(new byte[32]);
        Assert.True(new ReadOnlySpan<byte>(signer.Memory.Pointer, signer.Memory.Length).IndexOfAnyExcept((byte)0) >= 0);
        Assert.Contains("dd", Flags((nint)signer.Memory.Pointer), StringComparison.Ordinal);
        AssertZeroed(signer.Memory, signer.Dispose);
    }

    private static void AssertZeroed(NativeBlock block, Action dispose)
    {
        bool called = false;
        block.Freeing = address =>
        {
            called = true;
            Assert.True(new ReadOnlySpan<byte>((void*)address, block.Length).IndexOfAnyExcept((byte)0) < 0);
        };
        dispose();
        Assert.True(called);
    }

    /// <summary>The kernel's flags of the mapping around an address: "dd" is "not in dumps".</summary>
    private static string Flags(nint address)
    {
        bool inside = false;
        foreach (string line in File.ReadLines("/proc/self/smaps"))
        {
            string[] range = line.Split(' ')[0].Split('-');
            if (range.Length == 2 && ulong.TryParse(range[0], System.Globalization.NumberStyles.HexNumber, null, out ulong from)
                && ulong.TryParse(range[1], System.Globalization.NumberStyles.HexNumber, null, out ulong to))
            {
                inside = from <= (ulong)address && (ulong)address < to;
            }
            else if (inside && line.StartsWith("VmFlags:", StringComparison.Ordinal))
            {
                return line;
            }
        }

        return string.Empty;
    }
}
