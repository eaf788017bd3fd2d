using System.Buffers.Binary;
using System.Numerics;
using System.Security.Cryptography;
using System.Text;
using Validator.Crypto.Simd.Hashing;

namespace Validator.Crypto.Simd.SelfTest;

/// <summary>
/// What HashML-DSA signs instead of a message (FIPS 204, section 5.4.1), for its vectors alone. Of the functions the base library
/// lacks, SHA-224, SHA-512/224 and SHA-512/256 are written out (FIPS 180-4, with constants computed from the roots of primes that
/// define them).
/// </summary>
internal static class PreHash
{
    /// <summary>The object identifier (arc 2.16.840.1.101.3.4.2) of the function ACVP names so, and its digest.</summary>
    /// <exception cref="InvalidDataException">There is no such function.</exception>
    internal static byte[] Of(string name, byte[] message)
    {
        (byte last, byte[] digest) = name switch
        {
            "SHA2-256" => ((byte)1, SHA256.HashData(message)),
            "SHA2-384" => ((byte)2, SHA384.HashData(message)),
            "SHA2-512" => ((byte)3, SHA512.HashData(message)),
            "SHA2-224" => ((byte)4, Sha224(message)),
            "SHA2-512/224" => ((byte)5, Sha512Truncated(message, 224)),
            "SHA2-512/256" => ((byte)6, Sha512Truncated(message, 256)),
            "SHA3-224" => ((byte)7, Keccak(message, 144, 0x06, 28)),
            "SHA3-256" => ((byte)8, Keccak(message, 136, 0x06, 32)),
            "SHA3-384" => ((byte)9, Keccak(message, 104, 0x06, 48)),
            "SHA3-512" => ((byte)10, Keccak(message, 72, 0x06, 64)),
            "SHAKE-128" => ((byte)11, Keccak(message, Shake.Rate128, 0x1F, 32)),
            "SHAKE-256" => ((byte)12, Keccak(message, Shake.Rate256, 0x1F, 64)),
            _ => throw new InvalidDataException($"Not a pre-hash function: {name}"),
        };
        return [0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, last, .. digest];
    }

    private static byte[] Keccak(byte[] message, int rate, byte domain, int length)
    {
        byte[] digest = new byte[length];
        Shake.InitRate(out Shake sponge, rate);
        sponge.Absorb(message);
        sponge.Finish(domain);
        sponge.Squeeze(digest);
        return digest;
    }

    private static byte[] Sha224(byte[] message) =>
        Sha2(message, 32, Roots(8, 2, 64, skip: 8).Select(root => root & uint.MaxValue).ToArray())[..28];

    private static byte[] Sha512Truncated(byte[] message, int bits)
    {
        ulong[] iv = Roots(8, 2, 64).Select(root => root ^ 0xA5A5A5A5A5A5A5A5).ToArray();
        byte[] own = Sha2(Encoding.ASCII.GetBytes($"SHA-512/{bits}"), 64, iv);
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
