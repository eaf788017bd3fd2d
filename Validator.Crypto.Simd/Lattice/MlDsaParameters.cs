namespace Validator.Crypto.Simd.Lattice;

/// <summary>Constants of ML-DSA-87 (FIPS 204, section 4, tables 1 and 2).</summary>
internal static class MlDsaParameters
{
    internal const int N = 256;
    internal const int Q = 8380417;

    /// <summary>Q^-1 mod 2^32, for Montgomery reduction.</summary>
    internal const int QInverse = 58728449;

    /// <summary>Dropped bits of t.</summary>
    internal const int D = 13;
    internal const int K = 8;
    internal const int L = 7;
    internal const int Tau = 60;
    internal const int Eta = 2;
    internal const int Beta = Tau * Eta;
    internal const int Gamma1 = 1 << 19;
    internal const int Gamma2 = (Q - 1) / 32;
    internal const int Omega = 75;

    /// <summary>Bytes of the challenge hash: lambda / 4.</summary>
    internal const int ChallengeBytes = 64;
    internal const int MuBytes = 64;
    internal const int TrBytes = 64;
    internal const int SeedBytes = 32;
    internal const int MaxContextBytes = 255;

    internal const int T1PolyBytes = 320;
    internal const int T0PolyBytes = 416;
    internal const int EtaPolyBytes = 96;
    internal const int ZPolyBytes = 640;
    internal const int W1PolyBytes = 128;
    internal const int W1Bytes = K * W1PolyBytes;
    internal const int ZOffset = ChallengeBytes;
    internal const int HintOffset = ZOffset + (L * ZPolyBytes);
    internal const int HintBytes = Omega + K;

    internal const int PublicKeyBytes = SeedBytes + (K * T1PolyBytes);
    internal const int SecretKeyBytes = (2 * SeedBytes) + TrBytes + ((K + L) * EtaPolyBytes) + (K * T0PolyBytes);
    internal const int SignatureBytes = HintOffset + HintBytes;

    /// <summary>32-bit coefficients of a vector register's worth of a polynomial, the unit of the matrix layout.</summary>
    internal const int Lanes = 8;
}
