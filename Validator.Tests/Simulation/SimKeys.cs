using Validator.Core.Primitives;
using Validator.Core.Wire;

namespace Validator.Tests.Simulation;

/// <summary>Signatures for simulated worlds: a keyed hash where a forger would need the key. 32 bytes stand for 4627.</summary>
public static class SimKeys
{
    public static byte[] Sign(in SignedHeader header, in Hash256 chainId)
    {
        Span<byte> preimage = stackalloc byte[SignedHeaderCodec.PreimageBytes + 4];
        SignedHeaderCodec.WritePreimage(header, chainId, preimage);
        // The sender stands for its key: nobody in a world signs with another's index.
        BitConverter.TryWriteBytes(preimage[SignedHeaderCodec.PreimageBytes..], header.Sender);
        return Hash256.Of(preimage).ToArray();
    }

    public static bool Verify(Signed message, in Hash256 chainId) =>
        message.Signature.AsSpan().SequenceEqual(Sign(message.Header, chainId));

    public static Genesis MakeGenesis(uint[] weights, GenesisParameters parameters)
    {
        Member[] members = new Member[weights.Length];
        for (int i = 0; i < members.Length; i++)
        {
            byte[] key = new byte[Limits.PublicKeyBytes];
            key[0] = (byte)i;
            byte[] transport = new byte[Limits.PublicKeyBytes];
            transport[0] = (byte)i;
            transport[1] = 1;
            members[i] = new Member($"node-{i + 1}", key, transport, weights[i]);
        }

        return new Genesis("simulation", 1_700_000_000_000_000, parameters, members);
    }
}
