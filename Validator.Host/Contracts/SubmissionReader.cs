using System.Buffers;
using System.Buffers.Binary;
using Validator.Core.Primitives;
using Validator.Core.Trust;
using Validator.Core.Wire;
using Validator.Crypto.Simd;

namespace Validator.Host.Contracts;

/// <summary>Why bytes are not transactions that a validator takes.</summary>
public enum FramingError : byte
{
    None,
    Empty,
    Truncated,
    EmptyTransaction,
    TransactionTooLarge,

    /// <summary>Clients may submit kinds 0 to 2.</summary>
    KindNotAllowed,
    TooLarge,

    /// <summary>An account's key does not have 2,592 bytes, or comes after a transaction.</summary>
    AccountKey,
    EnvelopeMalformed,

    /// <summary>The account's key was not sent with it, and is not known here.</summary>
    AccountKeyUnknown,

    /// <summary>A malformed committee change, or one that is not alone.</summary>
    ChangeMalformed,

    /// <summary>A committee change that was signed for another epoch than the one we are in.</summary>
    ChangeOfOtherEpoch,

    /// <summary>A committee change whose signatures do not hold or are no quorum's.</summary>
    ChangeUnsigned,
    EnvelopeSignature,

    /// <summary>Stake operations and proofs of offences need a genesis with trust.</summary>
    TrustOff,

    /// <summary>A proof of an offence that proves none, or cannot be read.</summary>
    ProofMalformed,

    /// <summary>A proof of an offence whose signatures do not hold by its key.</summary>
    ProofSignature,

    /// <summary>A proof of an offence that counts already, is too old, or is of no member's key.</summary>
    ProofWithoutEffect,

    /// <summary>An envelope for the ledger itself whose data is no stake operation.</summary>
    StakeMalformed,

    /// <summary>A transaction has another kind than the request as a whole states.</summary>
    KindConflict,
}

/// <summary>
/// Makes submissions of what clients send: checks framing and envelopes, finds the accounts' keys, puts them in front as a
/// payload has them, and computes the ids. What would make a vertex invalid is refused here.
/// </summary>
public static class SubmissionReader
{
    [ThreadStatic]
    private static EnvelopeIndex? t_envelopes;

    [ThreadStatic]
    private static SortedList<Hash256, byte[]>? t_accounts;

    private struct Contents
    {
        public int Transactions;
        public int Envelopes;
        public int Changes;

        /// <summary>Given by the client, before the transactions.</summary>
        public int Keys;
    }

    /// <param name="framed">Account keys, if any, then transactions, each u32 LE length, u8 kind, bytes.</param>
    /// <param name="transaction">The transaction at fault.</param>
    /// <param name="stated">The kind that all of them must have; null: each states its own.</param>
    public static FramingError TryCreate(
        ReadOnlySpan<byte> framed, INodeGateway node, bool wantsFinal, out Submission? submission, out int transaction, byte? stated = null)
    {
        submission = null;
        FramingError error = CheckFraming(framed, node.MaxSubmissionBytes, stated, out Contents contents);
        transaction = contents.Transactions;
        if (error != FramingError.None)
        {
            return error;
        }

        for (int key = 0; key < contents.Keys; key++)
        {
            node.Keys.Add(framed.Slice(EnvelopeIndex.KeyOffset(key), Limits.PublicKeyBytes));
        }

        framed = framed[(contents.Keys * PayloadWriter.AccountKeyBytes)..];
        if (contents.Changes > 0)
        {
            error = contents.Transactions > 1 || contents.Keys > 0 ? FramingError.ChangeMalformed
                : node.CheckSystem(framed[Limits.TransactionFramingBytes..]);
            if (error != FramingError.None)
            {
                return error;
            }
        }

        if (contents.Envelopes == 0)
        {
            submission = node.Submissions.Take(framed.Length, contents.Transactions, [], wantsFinal);
            framed.CopyTo(submission.Payload);
        }
        else
        {
            error = TryAssemble(framed, node, contents.Transactions, wantsFinal, out submission, out transaction);
            if (error != FramingError.None)
            {
                return error;
            }
        }

        HashIds(framed, contents.Transactions, submission!.RoomForIds);
        return FramingError.None;
    }

    private static FramingError CheckFraming(ReadOnlySpan<byte> framed, int maxBytes, byte? stated, out Contents contents)
    {
        contents = default;
        if (framed.Length > maxBytes)
        {
            return FramingError.TooLarge;
        }

        for (int at = 0; at < framed.Length;)
        {
            if (framed.Length - at < Limits.TransactionFramingBytes)
            {
                return FramingError.Truncated;
            }

            uint length = BinaryPrimitives.ReadUInt32LittleEndian(framed[at..]);
            TransactionKind kind = (TransactionKind)framed[at + sizeof(uint)];
            at += Limits.TransactionFramingBytes;
            FramingError error = length == 0 ? FramingError.EmptyTransaction
                : length > (kind == TransactionKind.System ? Limits.MaxSystemTransactionBytes : Limits.MaxTransactionBytes) ? FramingError.TransactionTooLarge
                : (uint)(framed.Length - at) < length ? FramingError.Truncated
                : stated is { } all && kind != (TransactionKind)all && kind != TransactionKind.AccountKey ? FramingError.KindConflict
                : Count(kind, length, ref contents);
            if (error != FramingError.None)
            {
                return error;
            }

            at += (int)length;
        }

        return contents.Transactions == 0 ? FramingError.Empty : FramingError.None;
    }

    private static FramingError Count(TransactionKind kind, uint length, ref Contents contents)
    {
        switch (kind)
        {
            case TransactionKind.Opaque:
                contents.Transactions++;
                return FramingError.None;
            case TransactionKind.Envelope:
                contents.Envelopes++;
                contents.Transactions++;
                return FramingError.None;
            case TransactionKind.System:
                contents.Changes++;
                contents.Transactions++;
                return FramingError.None;
            case TransactionKind.AccountKey when contents.Transactions == 0 && length == Limits.PublicKeyBytes:
                contents.Keys++;
                return FramingError.None;
            case TransactionKind.AccountKey:
                return FramingError.AccountKey;
            default:
                return FramingError.KindNotAllowed;
        }
    }

    /// <summary>Finds the keys, puts keys and transactions together, and checks the signatures.</summary>
    private static FramingError TryAssemble(
        ReadOnlySpan<byte> framed, INodeGateway node, int count, bool wantsFinal, out Submission? submission, out int transaction)
    {
        submission = null;
        SortedList<Hash256, byte[]> keys = t_accounts ??= [];
        keys.Clear();
        FramingError error = FindKeys(framed, node, keys, out transaction);
        if (error != FramingError.None)
        {
            return error;
        }

        int length = (keys.Count * PayloadWriter.AccountKeyBytes) + framed.Length;
        if (length > node.MaxSubmissionBytes)
        {
            return FramingError.TooLarge;
        }

        Submission made = node.Submissions.Take(length, count, [.. keys.Keys], wantsFinal);
        int at = 0;
        foreach (byte[] key in keys.Values)
        {
            at += PayloadWriter.Append(made.Payload[at..], TransactionKind.AccountKey, key);
        }

        framed.CopyTo(made.Payload[at..]);
        keys.Clear();
        int invalid = node.FirstInvalidEnvelope(made.PayloadMemory, Index(made.Payload, made.Accounts.Length));
        if (invalid < 0)
        {
            submission = made;
            return FramingError.None;
        }

        transaction = TransactionOf(framed, invalid);
        made.Release();
        return FramingError.EnvelopeSignature;
    }

    private static FramingError FindKeys(
        ReadOnlySpan<byte> framed, INodeGateway node, SortedList<Hash256, byte[]> keys, out int transaction)
    {
        PayloadReader reader = new(framed);
        for (transaction = 0; reader.MoveNext(); transaction++)
        {
            if (reader.Kind != TransactionKind.Envelope)
            {
                continue;
            }

            if (!EnvelopeCodec.TryRead(reader.Bytes, out Envelope envelope))
            {
                return FramingError.EnvelopeMalformed;
            }

            if (envelope.Purpose == EnvelopePurpose.Stake && (!node.HasTrust || !StakeOperation.TryRead(envelope.Data, out _)))
            {
                return node.HasTrust ? FramingError.StakeMalformed : FramingError.TrustOff;
            }

            Hash256 account = new(envelope.Account);
            if (keys.ContainsKey(account))
            {
                continue;
            }

            if (node.Keys.Find(account) is not { } key)
            {
                return FramingError.AccountKeyUnknown;
            }

            keys.Add(account, key);
        }

        return FramingError.None;
    }

    private static EnvelopeIndex Index(ReadOnlySpan<byte> payload, int keys)
    {
        EnvelopeIndex envelopes = t_envelopes ??= new EnvelopeIndex();
        DecodeError error = envelopes.Begin(payload, keys);
        PayloadReader reader = new(payload);
        while (error == DecodeError.None && reader.MoveNext())
        {
            error = reader.Kind == TransactionKind.Envelope
                ? envelopes.Add(payload, reader.Offset + 1, reader.Length - 1) : DecodeError.None;
        }

        Require.That(error == DecodeError.None && envelopes.Finish() == DecodeError.None, "a submission's payload is canonical");
        return envelopes;
    }

    private static int TransactionOf(ReadOnlySpan<byte> framed, int envelope)
    {
        PayloadReader reader = new(framed);
        int transaction = -1;
        while (envelope >= 0 && reader.MoveNext())
        {
            transaction++;
            envelope -= reader.Kind == TransactionKind.Envelope ? 1 : 0;
        }

        return transaction;
    }

    private static void HashIds(ReadOnlySpan<byte> framed, int count, Span<byte> ids)
    {
        int[] ranges = ArrayPool<int>.Shared.Rent(2 * count);
        Span<int> offsets = ranges.AsSpan(0, count);
        Span<int> lengths = ranges.AsSpan(count, count);
        int at = 0;
        for (int i = 0; i < count; i++)
        {
            // An id covers the kind and the bytes, which follow each other.
            int length = (int)BinaryPrimitives.ReadUInt32LittleEndian(framed[at..]);
            offsets[i] = at + 4;
            lengths[i] = length + 1;
            at += Limits.TransactionFramingBytes + length;
        }

        Blake3.HashMany(framed, offsets, lengths, ids[..(count * Hash256.Size)]);
        ArrayPool<int>.Shared.Return(ranges);
    }
}
