using Validator.Core.Primitives;
using Validator.Core.Wire;
using Validator.Crypto.Simd;

namespace Validator.Bench;

/// <summary>Inputs that several benchmarks share, the same in every run.</summary>
internal static class Samples
{
    /// <summary>
    /// A whole vertex frame in a committee of four: random transactions, right ids and root, no valid signature.
    /// </summary>
    internal static byte[] VertexFrame(int seed, int transactions, int transactionBytes)
    {
        (byte[] payload, Hash256 root) = Payload(seed, transactions, transactionBytes);
        VertexHeader header = VertexCodec.Seal(0, 0, 1, default, new LaneTip[4], root, (uint)payload.Length, (uint)transactions);
        SignedVertex frame = SignedVertex.Of(header, new byte[Limits.SignatureBytes]);
        byte[] data = new byte[FrameCodec.EncodedSize(frame)];
        payload.CopyTo(data.AsSpan(FrameCodec.Write(frame, data)));
        return data;
    }

    /// <summary>Random opaque transactions, and the root over their ids.</summary>
    internal static (byte[] Payload, Hash256 Root) Payload(int seed, int transactions, int transactionBytes)
    {
        Random random = new(seed);
        byte[] transaction = new byte[transactionBytes];
        byte[] payload = new byte[transactions * PayloadWriter.Size(transactionBytes)];
        for (int at = 0; at < payload.Length;)
        {
            random.NextBytes(transaction);
            at += PayloadWriter.Append(payload.AsSpan(at), TransactionKind.Opaque, transaction);
        }

        TransactionScratch scratch = new();
        Require.That(scratch.TryCompute(payload, transactions, out Hash256 root, out _));
        return (payload, root);
    }

    /// <summary>A Prepare of member 1, without a valid signature.</summary>
    internal static byte[] VoteFrame()
    {
        SignedHeader header = new(MessageKind.Prepare, 1, 0, 0, 7, Hash256.Of("block"u8));
        Signed frame = new Signed(header, new byte[Limits.SignatureBytes]);
        byte[] data = new byte[FrameCodec.EncodedSize(frame)];
        FrameCodec.Write(frame, data);
        return data;
    }

    /// <summary>Distinct, valid signatures over 64-byte messages, of keys in random order.</summary>
    internal static VerificationItem[] Signatures(int keys, int count)
    {
        Random random = new(1);
        MlDsa87Signer[] signers = new MlDsa87Signer[keys];
        for (int i = 0; i < keys; i++)
        {
            byte[] seed = new byte[32];
            seed[0] = (byte)i;
            signers[i] = new MlDsa87Signer(seed);
        }

        PreparedVerificationKey[] prepared = Array.ConvertAll(signers, s => PreparedVerificationKey.Create(s.PublicKey));
        VerificationItem[] items = new VerificationItem[count];
        for (int i = 0; i < count; i++)
        {
            byte[] message = new byte[64], context = [1], signature = new byte[MlDsa87.SignatureBytes];
            random.NextBytes(message);
            int key = random.Next(keys);
            signers[key].Sign(message, context, signature);
            items[i] = new VerificationItem { Key = prepared[key], Message = message, Context = context, Signature = signature };
        }

        return items;
    }
}
