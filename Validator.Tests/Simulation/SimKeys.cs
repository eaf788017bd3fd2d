using Validator.Core.Primitives;
using Validator.Core.Wire;
using Validator.Crypto.Simd;

namespace Validator.Tests.Simulation;

public enum KeyKind : byte
{
    /// <summary>A hash where a forger would need the key; 32 bytes stand for 4627.</summary>
    Short,

    /// <summary>The same hash in front of zeros: as long as the wire wants it.</summary>
    Padded,

    /// <summary>ML-DSA-87.</summary>
    Real,
}

/// <summary>Signatures of one simulated world. Who asks for one says whose key it may use: nobody signs with another's index.</summary>
public sealed class SimKeys(KeyKind kind)
{
    private const int MostReal = 8;
    private static readonly Lazy<MlDsa87Signer[]> Signers = new(() => [.. Enumerable.Range(0, MostReal).Select(i => new MlDsa87Signer(Seed(i)))]);
    private static readonly Lazy<PreparedVerificationKey[]> Keys = new(
        () => [.. Signers.Value.Select(s => PreparedVerificationKey.Create(s.PublicKey))]);

    private readonly HashSet<Hash256> _verified = [];

    public byte[] Sign(in SignedHeader header, in Hash256 chainId)
    {
        if (kind != KeyKind.Real)
        {
            byte[] signature = new byte[kind == KeyKind.Short ? Hash256.Size : Limits.SignatureBytes];
            Seal(header, chainId).CopyTo(signature);
            return signature;
        }

        Span<byte> preimage = stackalloc byte[SignedHeaderCodec.PreimageBytes];
        SignedHeaderCodec.WritePreimage(header, chainId, preimage);
        byte[] real = new byte[Limits.SignatureBytes];
        Signers.Value[header.Sender].SignDeterministic(preimage, [(byte)header.Kind], real);
        return real;
    }

    public bool Verify(in SignedHeader header, ReadOnlySpan<byte> signature, in Hash256 chainId)
    {
        if (kind != KeyKind.Real)
        {
            Span<byte> seal = stackalloc byte[Hash256.Size];
            Seal(header, chainId).CopyTo(seal);
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

        bool holds = Keys.Value[header.Sender].Verify(preimage[..SignedHeaderCodec.PreimageBytes], [(byte)header.Kind], signature);
        if (holds)
        {
            _verified.Add(known);
        }

        return holds;
    }

    /// <summary>The sender stands for its key.</summary>
    private static Hash256 Seal(in SignedHeader header, in Hash256 chainId)
    {
        Span<byte> preimage = stackalloc byte[SignedHeaderCodec.PreimageBytes + 4];
        SignedHeaderCodec.WritePreimage(header, chainId, preimage);
        BitConverter.TryWriteBytes(preimage[SignedHeaderCodec.PreimageBytes..], header.Sender);
        return Hash256.Of(preimage);
    }

    public Genesis MakeGenesis(uint[] weights, GenesisParameters parameters)
    {
        Member[] members = new Member[weights.Length];
        for (int i = 0; i < members.Length; i++)
        {
            byte[] key = new byte[Limits.PublicKeyBytes];
            key[0] = (byte)i;
            byte[] transport = new byte[Limits.PublicKeyBytes];
            transport[0] = (byte)i;
            transport[1] = 1;
            members[i] = new Member($"node-{i + 1}", kind == KeyKind.Real ? Signers.Value[i].PublicKey.ToArray() : key, transport, weights[i]);
        }

        return new Genesis("simulation", 1_700_000_000_000_000, parameters, members);
    }

    private static byte[] Seed(int member)
    {
        byte[] seed = new byte[MlDsa87.SeedBytes];
        seed[0] = (byte)member;
        return seed;
    }
}
