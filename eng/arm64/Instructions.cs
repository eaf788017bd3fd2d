// The six AArch64 instructions that Validator.Crypto.Simd names (LaneOps128). The core library for x86-64, the only one at hand,
// declares them unsupported; here they are declared so that the compiler for AArch64 knows them again. All other vector code is
// portable, and compiled from the core library's own.
#pragma warning disable CS0436, CA2231
using System.Runtime.CompilerServices;

namespace System.Runtime.CompilerServices
{
    [AttributeUsage(AttributeTargets.All)]
    internal sealed class IntrinsicAttribute : Attribute;
}

namespace System.Runtime.Intrinsics.Arm
{
    /// <summary>Each method is replaced by its instruction, also inside itself.</summary>
    [Intrinsic]
    public abstract class AdvSimd
    {
        public static bool IsSupported { [Intrinsic] get => IsSupported; }

        [Intrinsic]
        public static Vector128<long> MultiplyWideningLower(Vector64<int> left, Vector64<int> right) => MultiplyWideningLower(left, right);

        [Intrinsic]
        public static Vector128<long> MultiplyWideningUpper(Vector128<int> left, Vector128<int> right) => MultiplyWideningUpper(left, right);

        [Intrinsic]
        public abstract class Arm64
        {
            public static bool IsSupported { [Intrinsic] get => IsSupported; }

            [Intrinsic]
            public static Vector128<int> UnzipEven(Vector128<int> left, Vector128<int> right) => UnzipEven(left, right);

            [Intrinsic]
            public static Vector128<int> UnzipOdd(Vector128<int> left, Vector128<int> right) => UnzipOdd(left, right);

            [Intrinsic]
            public static Vector128<int> ZipLow(Vector128<int> left, Vector128<int> right) => ZipLow(left, right);

            [Intrinsic]
            public static Vector128<int> ZipHigh(Vector128<int> left, Vector128<int> right) => ZipHigh(left, right);
        }
    }
}
