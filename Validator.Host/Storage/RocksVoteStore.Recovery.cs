using System.Buffers.Binary;
using System.Collections.Concurrent;
using System.Diagnostics.CodeAnalysis;
using Validator.Core.Consensus;
using Validator.Core.Primitives;
using Validator.Core.Shell;
using Validator.Core.Wire;
using Validator.Host.Storage.Native;

namespace Validator.Host.Storage;

/// <summary>Reads records back, and says which are damaged.</summary>
internal sealed partial class RocksVoteStore
{
    private bool RecoverSigned(ReadOnlySpan<byte> key, ReadOnlySpan<byte> value, int committeeSize, VoteRecovery recovery)
    {
        if (value.Length < SignedCodec.EncodedSize
            || !SignedCodec.TryRead(value[..SignedCodec.EncodedSize], committeeSize, out Signed? signed, out _))
        {
            return false;
        }

        ReadOnlySpan<byte> body = value[SignedCodec.EncodedSize..];
        Block? block = null;
        ViewChange? viewChange = null;
        NewView? newView = null;
        bool whole = signed.Header.Kind switch
        {
            MessageKind.PrePrepare => BlockCodec.TryRead(body, committeeSize, out block, out _) && block.Hash == signed.Header.Digest,
            MessageKind.ViewChange => ViewChangeCodec.TryRead(body, committeeSize, out viewChange, out _),
            MessageKind.NewView => NewViewCodec.TryRead(body, committeeSize, out newView, out _),
            _ => body.IsEmpty,
        };
        if (key.Length != 9)
        {
            return false;
        }

        ulong number = BinaryPrimitives.ReadUInt64BigEndian(key[1..]);
        _next = number + 1;
        recovery.AddSigned(signed, block, viewChange, newView);
        return whole && TryRemember(number, signed.Header);
    }

    private bool RecoverBlock(ReadOnlySpan<byte> value, int committeeSize, VoteRecovery recovery)
    {
        if (!BlockCodec.TryRead(value, committeeSize, out Block? block, out _))
        {
            return false;
        }

        _blocks.Add((block.Sequence, block.Hash));
        recovery.AddBlock(block);
        return true;
    }

    private bool RecoverCertificate(ReadOnlySpan<byte> value, int committeeSize, VoteRecovery recovery)
    {
        if (!CertificateCodec.TryRead(value, committeeSize, out Certificate? certificate, out _))
        {
            return false;
        }

        _certificates.Add((certificate.Sequence, certificate.View));
        recovery.AddPrepared(certificate);
        return true;
    }

    private bool RecoverNewView(ReadOnlySpan<byte> value, int committeeSize, VoteRecovery recovery)
    {
        bool whole = NewViewCodec.TryRead(value, committeeSize, out NewView? newView, out _);
        if (newView is not null)
        {
            recovery.SetEntered(newView);
        }

        _newViewEpoch = newView?.Signed.Header.Epoch ?? 0;
        return whole;
    }

    private bool RecoverTip(ReadOnlySpan<byte> value, int committeeSize, VoteRecovery recovery)
    {
        if (!SignedCodec.TryRead(value, committeeSize, out Signed? signed, out _))
        {
            return false;
        }

        _tip = new LaneTip(signed.Header.Sequence, signed.Header.Digest);
        _tipEpoch = signed.Header.Epoch;
        recovery.SetOwnTip(_tipEpoch, _tip);
        return true;
    }

    private bool RecoverForgotten(ReadOnlySpan<byte> value, VoteRecovery recovery)
    {
        bool whole = value.Length == sizeof(ulong);
        _forgottenBelow = whole ? BinaryPrimitives.ReadUInt64LittleEndian(value) : 0;
        recovery.SetForgotten(_forgottenBelow);
        return whole;
    }

    private static bool RecoverStated(ReadOnlySpan<byte> value, VoteRecovery recovery)
    {
        if (!StatedAcceptances.TryRead(value, out ulong epoch, out Acceptances accepted))
        {
            return false;
        }

        recovery.SetStated(epoch, accepted);
        return true;
    }

    private bool RecoverLimit(ReadOnlySpan<byte> value, VoteRecovery recovery)
    {
        if (value.Length != LimitBytes || value[24] > 1)
        {
            return false;
        }

        VoteLimit limit = new(
            BinaryPrimitives.ReadUInt64LittleEndian(value[8..]), BinaryPrimitives.ReadUInt64LittleEndian(value),
            BinaryPrimitives.ReadUInt64LittleEndian(value[16..]), value[24] == 1);
        _limits.Add(limit.Epoch);
        recovery.AddLimit(limit);
        return true;
    }

    /// <summary>
    /// Before the first Add, durably: nothing more is signed in epochs before <paramref name="next"/>, and the recovery that asks
    /// for it is noted (PROTOCOL.md, rule R3). Nothing where that was done before.
    /// </summary>
    /// <returns>False: something of that epoch or a later one was signed, and nothing is changed.</returns>
    /// <exception cref="StoreException">The disk fails.</exception>
    public bool LeaveFor(ulong next, in Hash256 proposal)
    {
        if (SignedRecovery() == (next, proposal))
        {
            return true;
        }

        if (HasRecordsFrom(next))
        {
            return false;
        }

        Span<byte> value = stackalloc byte[sizeof(ulong) + Hash256.Size];
        BinaryPrimitives.WriteUInt64LittleEndian(value, next);
        proposal.CopyTo(value[sizeof(ulong)..]);
        _batch.Put(0, RecoveryKey, value);
        Put(_batch, EpochKey, next);
        // Of the epochs that are left: in the next one, whose blocks may be lower, nothing was signed.
        _batch.Delete(0, ForgottenKey);
        return Commit(out string? error) ? true : throw new StoreException(StoreFault.Unwritable, $"{_path}: {error}");
    }

    /// <summary>
    /// Whether a block after that one was accepted here in that epoch or later, or is known to be prepared: it may be final
    /// somewhere. Votes are forgotten below what is executed, so a block after it may have been.
    /// </summary>
    public bool HasAcceptedAfter(ulong epoch, ulong sequence)
    {
        using (PinnedValue forgotten = _database.Get(0, ForgottenKey))
        {
            if (forgotten.Found && forgotten.Span.Length == sizeof(ulong)
                && BinaryPrimitives.ReadUInt64LittleEndian(forgotten.Span) > sequence + 1)
            {
                return true;
            }
        }

        using RocksDbIterator records = _database.Iterate(0);
        for (records.Seek([]); records.Valid; records.Next())
        {
            if (records.Key[0] is BlockKey or CertificateKey && records.Key.Length > sizeof(ulong)
                && BinaryPrimitives.ReadUInt64BigEndian(records.Key[1..]) > sequence && EpochOf(records, 0) >= epoch)
            {
                return true;
            }
        }

        return false;
    }

    private bool HasRecordsFrom(ulong epoch)
    {
        using RocksDbIterator records = _database.Iterate(0);
        for (records.Seek([]); records.Valid; records.Next())
        {
            if (records.Key[0] is not ((byte)'E' or LimitKey) && EpochOf(records, 0) is var found && found >= epoch && found > 0)
            {
                return true;
            }
        }

        return false;
    }

    /// <summary>The recovery that was signed last, and the epoch that it leads to; null for none.</summary>
    public (ulong Next, Hash256 Proposal)? SignedRecovery()
    {
        using PinnedValue value = _database.Get(0, RecoveryKey);
        return value.Found && value.Span.Length == sizeof(ulong) + Hash256.Size
            ? (BinaryPrimitives.ReadUInt64LittleEndian(value.Span), new Hash256(value.Span[sizeof(ulong)..])) : null;
    }
}
