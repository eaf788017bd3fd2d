using System.Buffers;
using System.Buffers.Binary;
using System.Diagnostics.CodeAnalysis;
using Validator.Core.Execution;
using Validator.Core.Primitives;
using Validator.Core.Wire;

namespace Validator.Host.Storage;

/// <summary>Final transactions by global index.</summary>
internal sealed partial class RocksLedger
{
    private readonly NewestFinals _newestFinals = new();

    public int ReadFinalized(FinalizedCursor cursor, ulong end, FinalizedPage page)
    {
        int added = 0;
        if (cursor.Next < _kept.Index)
        {
            cursor.Release();
            return FinalizedCursor.Gone;
        }

        while (cursor.Next < end && !page.IsFull && cursor.TryTake(_transactions, out FinalTransaction transaction))
        {
            (ulong index, ulong sequence, Hash256 id, byte[] payload, int offset, int length) = transaction;
            page.Add(index, sequence, id, payload[offset], payload.AsSpan(offset + 1, length - 1));
            added++;
        }

        if (cursor.Next >= end)
        {
            cursor.Release();
        }

        return added;
    }

    public Func<Hash256, HeldVertex?> Recent { private get; set; } = static _ => null;

    /// <summary>An executed block and what it orders; null where there is none yet, or no longer. Any thread.</summary>
    /// <exception cref="StoreException">It is damaged.</exception>
    public (FinalRecord Final, (VertexHeader Header, byte[] Signature, byte[] Payload)[] Vertices)? ReadContent(ulong sequence)
    {
        if (Final(sequence) is not { } final)
        {
            return null;
        }

        var vertices = new (VertexHeader, byte[], byte[])[final.Order.Length];
        for (int i = 0; i < vertices.Length; i++)
        {
            if (!TryGetVertex(final.Order[i], out VertexHeader? header, out byte[]? signature, out byte[]? payload))
            {
                return sequence < _kept.Sequence ? null : throw Damaged($"vertex {final.Order[i]} of block {sequence}");
            }

            vertices[i] = (header, signature, payload);
        }

        return (final, vertices);
    }

    /// <summary>Accepted transactions by global index, from the given one on. Each is valid until the next.</summary>
    public IEnumerable<FinalTransaction> Transactions(ulong from, TransactionScratch scratch)
    {
        byte[] payload = [];
        try
        {
            for (ulong sequence = BlockOf(from); Final(sequence) is { } final; sequence++)
            {
                ulong index = final.Result.FirstIndex;
                uint count = final.Result.Accepted + final.Result.Rejected;
                uint transaction = 0;
                foreach (Hash256 hash in final.Order)
                {
                    if (!TryIndex(hash, scratch, ref payload) || scratch.Offsets.Length > count - transaction)
                    {
                        if (sequence < _kept.Sequence)
                        {
                            // Deleted while it was read.
                            yield break;
                        }

                        throw Damaged($"vertex {hash} of block {sequence}");
                    }

                    for (int i = 0; i < scratch.Offsets.Length; i++)
                    {
                        if (final.Result.IsAccepted((int)transaction++) && index++ >= from)
                        {
                            Hash256 id = new(scratch.Ids[(i * Hash256.Size)..]);
                            yield return new FinalTransaction(index - 1, sequence, id, payload, scratch.Offsets[i], scratch.Lengths[i]);
                        }
                    }
                }
            }
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(payload);
        }
    }

    /// <param name="payload">Rented. A copy, since a slow reader must not keep buffers that the network needs.</param>
    private bool TryIndex(in Hash256 hash, TransactionScratch scratch, ref byte[] payload)
    {
        if (Recent(hash) is { } recent)
        {
            Rent(ref payload, recent.Payload);
            scratch.Index(recent.Payload, recent.Ids);
            recent.Release();
            return true;
        }

        if (!TryGetVertex(hash, out VertexHeader? header, out _, out byte[]? stored)
            || !scratch.TryCompute(stored, (int)header.TransactionCount, out Hash256 root, out _) || root != header.TransactionRoot)
        {
            return false;
        }

        Rent(ref payload, stored);
        return true;

        static void Rent(ref byte[] buffer, ReadOnlySpan<byte> bytes)
        {
            if (buffer.Length < bytes.Length)
            {
                ArrayPool<byte>.Shared.Return(buffer);
                buffer = ArrayPool<byte>.Shared.Rent(bytes.Length);
            }

            bytes.CopyTo(buffer);
        }
    }
}
