using System.Buffers.Binary;
using System.Numerics;
using Validator.Crypto.Simd.Hashing;

namespace Validator.Tests.Crypto;

/// <summary>
/// The pre-hash functions of HashML-DSA that the base library lacks: SHA-224, SHA-512/224, SHA-512/256 (FIPS 180-4, with
/// constants computed from the roots of primes that define them) and SHA3-224.
/// </summary>
internal static class PreHashReference
{
    internal static byte[] Compute(string name, byte[] message) => name switch
    {
        "SHA2-224" => Sha2(message, 32, Roots(8, 2, 64, skip: 8).Select(root => root & uint.MaxValue).ToArray())[..28],
        "SHA2-512/224" => Sha512Truncated(message, 224),
        "SHA2-512/256" => Sha512Truncated(message, 256),
        "SHA3-224" => Sha3(message),
        _ => throw new InvalidDataException(name),
    };

    private static byte[] Sha3(byte[] message)
    {
        byte[] digest = new byte[28];
        Shake.InitRate(out Shake sponge, 144);
        sponge.Absorb(message);
        sponge.Finish(0x06);
        sponge.Squeeze(digest);
        return digest;
    }

    private static byte[] Sha512Truncated(byte[] message, int bits)
    {
        ulong[] iv = Roots(8, 2, 64).Select(root => root ^ 0xA5A5A5A5A5A5A5A5).ToArray();
        byte[] own = Sha2(System.Text.Encoding.ASCII.GetBytes($"SHA-512/{bits}"), 64, iv);
        ulong[] start = Enumerable.Range(0, 8).Select(i => BinaryPrimitives.ReadUInt64BigEndian(own.AsSpan(8 * i))).ToArray();
        return Sha2(message, 64, start)[..(bits / 8)];
    }

    /// <summary>Fractional bits of the square or cube roots of the first primes; SHA-224 takes the ninth to sixteenth.</summary>
    private static ulong[] Roots(int count, int degree, int bits, int skip = 0)
    {
        List<ulong> roots = [];
        for (int n = 2; roots.Count < count + skip; n++)
        {
            if (Enumerable.Range(2, n - 2).All(d => n % d != 0))
            {
                BigInteger target = new BigInteger(n) << (degree * bits);
                BigInteger low = 0, high = BigInteger.One << (bits + 10);
                while (high - low > 1)
                {
                    BigInteger middle = (low + high) / 2;
                    (low, high) = BigInteger.Pow(middle, degree) <= target ? (middle, high) : (low, middle);
                }

                roots.Add((ulong)(low & ((BigInteger.One << bits) - 1)));
            }
        }

        return roots.Skip(skip).ToArray();
    }

    private static byte[] Sha2(byte[] message, int word, ulong[] iv)
    {
        ulong mask = word == 64 ? ulong.MaxValue : uint.MaxValue;
        ulong[] h = [.. iv];
        int rounds = word == 64 ? 80 : 64, block = 2 * word;
        ulong[] k = Roots(rounds, 3, word);
        int[] r = word == 64 ? [28, 34, 39, 14, 18, 41, 1, 8, 7, 19, 61, 6] : [2, 13, 22, 6, 11, 25, 7, 18, 3, 17, 19, 10];
        ulong Rot(ulong x, int n) => ((x >> n) | (x << (word - n))) & mask;
        byte[] padded = new byte[(message.Length + 1 + (word / 4) + block - 1) / block * block];
        message.CopyTo(padded, 0);
        padded[message.Length] = 0x80;
        BinaryPrimitives.WriteUInt64BigEndian(padded.AsSpan(padded.Length - 8), 8 * (ulong)message.Length);
        for (int at = 0; at < padded.Length; at += block)
        {
            ulong[] w = new ulong[rounds];
            for (int i = 0; i < rounds; i++)
            {
                w[i] = i < 16
                    ? word == 64
                        ? BinaryPrimitives.ReadUInt64BigEndian(padded.AsSpan(at + (8 * i)))
                        : BinaryPrimitives.ReadUInt32BigEndian(padded.AsSpan(at + (4 * i)))
                    : ((Rot(w[i - 2], r[9]) ^ Rot(w[i - 2], r[10]) ^ (w[i - 2] >> r[11])) + w[i - 7]
                        + (Rot(w[i - 15], r[6]) ^ Rot(w[i - 15], r[7]) ^ (w[i - 15] >> r[8])) + w[i - 16]) & mask;
            }

            ulong[] v = [.. h];
            for (int i = 0; i < rounds; i++)
            {
                ulong t1 = v[7] + (Rot(v[4], r[3]) ^ Rot(v[4], r[4]) ^ Rot(v[4], r[5])) + ((v[4] & v[5]) ^ (~v[4] & v[6])) + k[i] + w[i];
                ulong t2 = (Rot(v[0], r[0]) ^ Rot(v[0], r[1]) ^ Rot(v[0], r[2])) + ((v[0] & v[1]) ^ (v[0] & v[2]) ^ (v[1] & v[2]));
                v = [(t1 + t2) & mask, v[0], v[1], v[2], (v[3] + t1) & mask, v[4], v[5], v[6]];
            }

            h = h.Zip(v, (x, y) => (x + y) & mask).ToArray();
        }

        byte[] digest = new byte[word];
        for (int i = 0; i < 8; i++)
        {
            for (int j = 0; j < word / 8; j++)
            {
                digest[(i * word / 8) + j] = (byte)(h[i] >> (word - 8 - (8 * j)));
            }
        }

        return digest;
    }
}
