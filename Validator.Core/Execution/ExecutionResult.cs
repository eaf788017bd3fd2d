using System.Diagnostics.CodeAnalysis;
using Validator.Core.Primitives;
using Validator.Core.Trust;
using Validator.Core.Wire;

namespace Validator.Core.Execution;

/// <summary>One vertex to execute.</summary>
/// <param name="Ids">Its transaction ids, 32 bytes each, in payload order.</param>
/// <param name="Payload">As validated, of the header's length.</param>
public readonly record struct OrderedVertex(VertexHeader Header, ReadOnlyMemory<byte> Ids, ReadOnlyMemory<byte> Payload);

/// <summary>
/// Why execution dropped a transaction, as one number: the global index of the first with its id, or one of the reasons below,
/// which no index ever reaches.
/// </summary>
public static class Rejection
{
    public const ulong NonceUsed = ulong.MaxValue;
    public const ulong NonceTooOld = ulong.MaxValue - 1;
    public const ulong AccountsFull = ulong.MaxValue - 2;

    /// <summary>A committee change without effect: this, less the <see cref="ChangeRefusal"/>.</summary>
    public const ulong ChangeRefused = ulong.MaxValue - 2;

    /// <summary>A proof of an offence without effect: this, less the <see cref="ProofRefusal"/>.</summary>
    public const ulong ProofRefused = ulong.MaxValue - 16;

    /// <summary>A stake operation without effect, whose nonce is used: this, less the <see cref="StakeRefusal"/>.</summary>
    public const ulong StakeRefused = ulong.MaxValue - 32;

    /// <summary>Above it are reasons; up to it, first indices.</summary>
    public const ulong HighestIndex = ulong.MaxValue - 64;
}

/// <summary>
/// What executing one block gave. Filled by <see cref="Executor.Execute"/>; may be filled again once nobody reads it.
/// Transactions are counted in execution order over all vertices of the block, from 0.
/// </summary>
public sealed class ExecutionResult
{
    private byte[] _verdicts = [];
    private ulong[] _rejections = [];
    private byte[] _accounts = [];
    private int _accountBytes;

    public ulong Sequence { get; internal set; }

    /// <summary>Executed root (rule P6).</summary>
    public Hash256 Root { get; internal set; }

    /// <summary>Global index of the block's first accepted transaction; the following ones count up without gaps.</summary>
    public ulong FirstIndex { get; internal set; }

    /// <summary>What the root is the hash of; default where the result was read back from its record.</summary>
    public StateRecord State { get; internal set; }

    /// <summary>
    /// The committee change that this block made pending; null mostly. Not part of the stored execution record.
    /// </summary>
    public PendingCommittee? Change { get; internal set; }

    /// <summary>What of the trust state changed; null where genesis has none, or where the result was read back.</summary>
    public TrustChanges? Trust { get; internal set; }
    public uint Accepted { get; internal set; }
    public uint Rejected { get; internal set; }

    /// <summary>Bit i mod 8 of byte i / 8: transaction i was accepted. Padding bits are zero.</summary>
    public ReadOnlySpan<byte> Verdicts => _verdicts.AsSpan(0, VerdictBytes(Accepted + Rejected));

    /// <summary>For each rejected transaction, in order, why: see <see cref="Rejection"/>.</summary>
    public ReadOnlySpan<ulong> Rejections => _rejections.AsSpan(0, (int)Rejected);

    /// <summary>
    /// The accounts whose nonces changed, as they are after the block, <see cref="AccountBytes"/> each: u32 place, then the
    /// record of
    /// <see cref="NonceTable"/>. Not part of the stored execution record.
    /// </summary>
    public ReadOnlySpan<byte> Accounts => _accounts.AsSpan(0, _accountBytes);

    public const int AccountBytes = sizeof(uint) + NonceTable.RecordBytes;

    /// <summary>Of a block whose transactions are not known here, only the state after it.</summary>
    public static ExecutionResult Nothing(ulong sequence, ulong nextIndex, Hash256 root)
    {
        ExecutionResult result = new() { Root = root };
        result.Begin(sequence, nextIndex, 0);
        return result;
    }

    public bool IsAccepted(int transaction) => ((_verdicts[transaction >> 3] >> (transaction & 7)) & 1) != 0;

    internal static int VerdictBytes(uint transactions) => (int)((transactions + 7) / 8);

    internal void Begin(ulong sequence, ulong firstIndex, uint transactions)
    {
        Sequence = sequence;
        FirstIndex = firstIndex;
        Accepted = 0;
        Rejected = 0;
        _accountBytes = 0;
        Change = null;
        Trust = null;
        int bytes = VerdictBytes(transactions);
        if (_verdicts.Length < bytes)
        {
            _verdicts = new byte[Math.Max(bytes, 2 * _verdicts.Length)];
        }

        _verdicts.AsSpan(0, bytes).Clear();
    }

    internal void Accept()
    {
        uint transaction = Accepted + Rejected;
        _verdicts[transaction >> 3] |= (byte)(1 << (int)(transaction & 7));
        Accepted++;
    }

    internal void Reject(ulong reason)
    {
        if (Rejected == _rejections.Length)
        {
            Array.Resize(ref _rejections, Math.Max(64, 2 * _rejections.Length));
        }

        _rejections[Rejected++] = reason;
    }

    internal void KeepChanges(NonceTable nonces)
    {
        int bytes = nonces.Changed.Count * AccountBytes;
        if (_accounts.Length < bytes)
        {
            _accounts = new byte[Math.Max(bytes, 2 * _accounts.Length)];
        }

        WireWriter writer = new(_accounts);
        for (int i = 0; i < nonces.Changed.Count; i++)
        {
            writer.U32((uint)nonces.Changed[i]);
            writer.Bytes(nonces.Record(nonces.Changed[i]));
        }

        _accountBytes = writer.Written;
    }
}

/// <summary>An execution result as stored beside its block (FORMATS.md, "Execution record").</summary>
public static class ExecutionResultCodec
{
    private const int FixedBytes = 56;

    public static int EncodedSize(ExecutionResult value) =>
        FixedBytes + value.Verdicts.Length + (value.Rejections.Length * sizeof(ulong));

    /// <returns>Bytes written: <see cref="EncodedSize"/>.</returns>
    public static int Write(ExecutionResult value, Span<byte> destination)
    {
        WireWriter writer = new(destination);
        writer.U64(value.Sequence);
        writer.U64(value.FirstIndex);
        writer.U32(value.Accepted);
        writer.U32(value.Rejected);
        writer.Hash(value.Root);
        writer.Bytes(value.Verdicts);
        foreach (ulong reason in value.Rejections)
        {
            writer.U64(reason);
        }

        return writer.Written;
    }

    public static bool TryRead(ReadOnlySpan<byte> data, [NotNullWhen(true)] out ExecutionResult? value, out DecodeError error)
    {
        WireReader reader = new(data);
        value = Read(ref reader);
        return reader.Finish(ref value, out error);
    }

    private static ExecutionResult? Read(ref WireReader reader)
    {
        ulong sequence = reader.U64();
        ulong firstIndex = reader.U64();
        uint accepted = reader.U32();
        uint rejected = reader.U32();
        Hash256 root = reader.Hash();
        ulong transactions = (ulong)accepted + rejected;
        reader.Check(transactions <= int.MaxValue, DecodeError.TransactionCount);
        reader.Check(((transactions + 7) / 8) + ((ulong)rejected * sizeof(ulong)) == (ulong)reader.Remaining, DecodeError.Truncated);
        if (!reader.Ok)
        {
            return null;
        }

        ReadOnlySpan<byte> verdicts = reader.Take(ExecutionResult.VerdictBytes((uint)transactions));
        ExecutionResult result = new();
        result.Begin(sequence, firstIndex, (uint)transactions);
        for (uint i = 0; i < transactions; i++)
        {
            if (((verdicts[(int)(i >> 3)] >> (int)(i & 7)) & 1) != 0)
            {
                result.Accept();
            }
            else
            {
                result.Reject(reader.U64());
            }
        }

        // A wrong count of set bits or a set padding bit shows here.
        bool exact = result.Accepted == accepted && result.Rejected == rejected && result.Verdicts.SequenceEqual(verdicts);
        reader.Check(exact, DecodeError.TransactionCount);
        result.Root = root;
        return result;
    }
}
