using System.Runtime.InteropServices;
using Validator.Core.Primitives;
using Validator.Core.Wire;
using Validator.Crypto.Simd;

namespace Validator.Bench.Simulation;

public enum KeyKind : byte
{
    /// <summary>A keyed hash where a forger would need the key; 32 bytes stand for 4627.</summary>
    Short,

    /// <summary>The same hash in front of zeros: as long as the wire wants it.</summary>
    Padded,

    /// <summary>ML-DSA-87.</summary>
    Real,
}

/// <summary>
/// Signatures of one simulated world. A key is known by its machine's place in the world; nobody signs with another's.
/// </summary>
public sealed class SimKeys(KeyKind kind)
{
    private const int MostReal = 8;
    private static readonly Lazy<MlDsa87Signer[]> Signers = new(() => [.. Enumerable.Range(0, MostReal).Select(i => new MlDsa87Signer(Seed(i)))]);
    private static readonly Lazy<PreparedVerificationKey[]> Keys = new(
        () => [.. Signers.Value.Select(s => PreparedVerificationKey.Create(s.PublicKey))]);

    private readonly HashSet<Hash256> _verified = [];

    public byte[] Sign(int key, in SignedHeader header, in Hash256 chainId)
    {
        if (kind != KeyKind.Real)
        {
            byte[] signature = new byte[kind == KeyKind.Short && header.Kind != MessageKind.CommitteeChange ? Hash256.Size : Limits.SignatureBytes];
            Seal(key, header, chainId, signature.AsSpan(0, Hash256.Size));
            return signature;
        }

        Span<byte> preimage = stackalloc byte[SignedHeaderCodec.PreimageBytes];
        SignedHeaderCodec.WritePreimage(header, chainId, preimage);
        byte[] real = new byte[Limits.SignatureBytes];
        Signers.Value[key].SignDeterministic(preimage, [(byte)header.Kind], real);
        return real;
    }

    /// <summary>As long as the wire and files want it, whatever this world's are.</summary>
    public static byte[] Padded(byte[] signature) => [.. signature, .. new byte[Limits.SignatureBytes - signature.Length]];

    public bool Verify(int key, in SignedHeader header, ReadOnlySpan<byte> signature, in Hash256 chainId)
    {
        if (kind != KeyKind.Real)
        {
            Span<byte> seal = stackalloc byte[Hash256.Size];
            Seal(key, header, chainId, seal);
            return signature[..Hash256.Size].SequenceEqual(seal) && !signature[Hash256.Size..].ContainsAnyExcept((byte)0);
        }

        Span<byte> preimage = stackalloc byte[SignedHeaderCodec.PreimageBytes + Hash256.Size];
        SignedHeaderCodec.WritePreimage(header, chainId, preimage);
        Hash256.Of(signature).CopyTo(preimage[SignedHeaderCodec.PreimageBytes..]);
        Hash256 known = Hash256.Of(preimage);
        if (_verified.Contains(known))
        {
            return true;
        }

        bool holds = Keys.Value[key].Verify(preimage[..SignedHeaderCodec.PreimageBytes], [(byte)header.Kind], signature);
        if (holds)
        {
            _verified.Add(known);
        }

        return holds;
    }

    /// <summary>
    /// Of the very bytes that a real signature covers. Fast, and good enough where nobody looks for collisions.
    /// </summary>
    private static void Seal(int key, in SignedHeader header, in Hash256 chainId, Span<byte> seal)
    {
        Span<byte> preimage = stackalloc byte[SignedHeaderCodec.PreimageBytes];
        SignedHeaderCodec.WritePreimage(header, chainId, preimage);
        ulong state = (ulong)key + 1;
        foreach (ulong word in MemoryMarshal.Cast<byte, ulong>(preimage))
        {
            state = SimRandom.Mix(state ^ word);
        }

        foreach (ref ulong word in MemoryMarshal.Cast<byte, ulong>(seal))
        {
            word = state = SimRandom.Mix(state);
        }
    }

    /// <summary>The member that the machine at this place in the world can be.</summary>
    public Member MakeMember(int place, uint weight)
    {
        byte[] key = new byte[Limits.PublicKeyBytes];
        key[0] = (byte)place;
        byte[] transport = new byte[Limits.PublicKeyBytes];
        transport[0] = (byte)place;
        transport[1] = 1;
        return new Member(NameOf(place), kind == KeyKind.Real ? Signers.Value[place].PublicKey.ToArray() : key, transport, weight);
    }

    public static string NameOf(int place) => $"node-{place}";

    /// <summary>Whose key a member has; its name may be an earlier machine's.</summary>
    public static int PlaceOf(Member member) => member.TransportKey[0];

    /// <summary>Whose consensus key it is, or -1.</summary>
    public int PlaceOf(byte[] consensusKey) => kind != KeyKind.Real ? consensusKey[0]
        : Array.FindIndex(Signers.Value, signer => signer.PublicKey.SequenceEqual(consensusKey));

    private static byte[] Seed(int member)
    {
        byte[] seed = new byte[MlDsa87.SeedBytes];
        seed[0] = (byte)member;
        return seed;
    }
}
