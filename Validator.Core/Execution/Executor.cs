using Validator.Core.Primitives;
using Validator.Core.Trust;
using Validator.Core.Wire;
using Validator.Crypto.Simd;

namespace Validator.Core.Execution;

/// <summary>
/// Executes final blocks in sequence (rules P5 and P6): drops repeats within the dedup window and envelopes whose nonce is not
/// fresh, gives each accepted transaction its global index, and computes the executed root. Deterministic; no allocation per
/// block once grown. Not thread-safe.
/// </summary>
public sealed class Executor
{
    private readonly DedupWindow _window;
    private readonly Blake3Hasher _ids = new();
    private readonly byte[] _digest = new byte[Hash256.Size];
    private ulong _loadUntil;
    private ulong _nowMicros;
    private Hash256[] _captured = [];
    private Hash256[] _capturedTrust = [];

    /// <param name="dedupWindow">Ordered transactions among which a repeat is dropped.</param>
    /// <param name="startingRoot">The root before the first block: the starting block's executed root.</param>
    /// <param name="committee">Of the first epoch.</param>
    /// <param name="tableSeed">See <see cref="DedupWindow"/>; results do not depend on it.</param>
    /// <param name="maxAccounts">Accounts whose nonces are kept.</param>
    public Executor(
        uint dedupWindow, Hash256 startingRoot, CommitteeState committee, ulong tableSeed = 0, int maxAccounts = Limits.MaxAccounts)
    {
        _window = new DedupWindow(dedupWindow, tableSeed);
        Nonces = new NonceTable(maxAccounts, tableSeed);
        Committee = committee;
        DedupWindowSize = dedupWindow;
        Root = startingRoot;
    }

    public static Executor ForGenesis(Genesis genesis, Hash256 chainId, ulong tableSeed = 0) =>
        new(
            genesis.Parameters.DedupWindow, EpochConfiguration.StartBlock(genesis, chainId).ExecutedRoot,
            new CommitteeState(0, genesis.Members), tableSeed)
        {
            Trust = TrustState.ForGenesis(genesis),
        };

    public uint DedupWindowSize { get; }

    /// <summary>What is known of accounts at <see cref="Sequence"/>. Filled by its own Load when a restart goes on.</summary>
    public NonceTable Nonces { get; }

    /// <summary>The committee at <see cref="Sequence"/>: after an epoch's last block already the next epoch's.</summary>
    public CommitteeState Committee { get; private set; }

    /// <summary>Whom to trust at <see cref="Sequence"/>; null where genesis has no trust.</summary>
    public TrustState? Trust { get; init; }

    /// <summary>Last executed block; 0 at genesis.</summary>
    public ulong Sequence { get; private set; }

    /// <summary>Executed root at <see cref="Sequence"/>.</summary>
    public Hash256 Root { get; private set; }

    /// <summary>Global index of the next accepted transaction.</summary>
    public ulong NextIndex => _window.Next;

    /// <summary>Of the dedup window, as it enters the root.</summary>
    public Hash256 DedupDigest => _window.Digest();

    /// <summary>Executes the next block.</summary>
    /// <param name="order">The block's vertices in the order that Core gave.</param>
    /// <param name="result">Filled anew.</param>
    public void Execute(Block block, ReadOnlySpan<OrderedVertex> order, ExecutionResult result)
    {
        Require.That(block.Sequence == Sequence + 1);
        Require.That(IsRestored);
        uint transactions = 0;
        foreach (ref readonly OrderedVertex vertex in order)
        {
            Require.That(vertex.Ids.Length == vertex.Header.TransactionCount * Hash256.Size);
            Require.That(vertex.Payload.Length == vertex.Header.PayloadBytes);
            transactions = checked(transactions + vertex.Header.TransactionCount);
        }

        result.Begin(block.Sequence, NextIndex, transactions);
        _ids.Reset();
        Nonces.BeginBlock();
        (Hash256, StakeEffect)[]? opened = Sequence == 0 && Trust is not null ? [.. Trust.Stake.Accounts()] : null;
        Trust?.BeginBlock();
        _nowMicros = block.TimestampMicros;
        foreach (ref readonly OrderedVertex vertex in order)
        {
            ExecuteVertex(vertex.Ids.Span, vertex.Payload.Span, result);
        }

        result.KeepChanges(Nonces);
        PendingCommittee? reckoned = Committee.AfterBlock(block, Trust);
        result.Change ??= reckoned;
        result.Trust = Trust is { } trust ? TrustChanges.Of(trust, opened) : null;
        _ids.Finalize(_digest);
        Root = NextRoot(block.Hash, result);
        Sequence = block.Sequence;
        result.Root = Root;
    }

    /// <summary>
    /// What a snapshot at <see cref="Sequence"/> lists, with the account segments that the capture before had not.
    /// </summary>
    public SnapshotState Capture()
    {
        ReadOnlySpan<byte> hashes = Nonces.SegmentHashes();
        Hash256[] accounts = new Hash256[Nonces.Segments];
        List<byte[]> added = [];
        for (int i = 0; i < accounts.Length; i++)
        {
            accounts[i] = new Hash256(hashes[(i * Hash256.Size)..]);
            if (i >= _captured.Length || _captured[i] != accounts[i])
            {
                added.Add(Nonces.Segment(i).ToArray());
            }
        }

        _captured = accounts;
        return new SnapshotState(Sequence, NextIndex, _window.SegmentDigests(), accounts)
        {
            NewChunks = added,
            Trust = CaptureTrust(added),
        };
    }

    /// <param name="added">Gets the chunks that the capture before had not.</param>
    private Hash256[] CaptureTrust(List<byte[]> added)
    {
        if (Trust is null)
        {
            return [];
        }

        HashSet<Hash256> before = [.. _capturedTrust];
        byte[] hashes = Trust.ChunkHashes();
        _capturedTrust = new Hash256[hashes.Length / Hash256.Size];
        for (int i = 0; i < _capturedTrust.Length; i++)
        {
            _capturedTrust[i] = new Hash256(hashes.AsSpan(i * Hash256.Size));
            if (!before.Contains(_capturedTrust[i]))
            {
                added.Add(Trust.Chunk(i));
            }
        }

        return _capturedTrust;
    }

    /// <summary>Finds the global index of a transaction that was accepted within the dedup window.</summary>
    public bool TryFindIndex(in Hash256 id, out ulong index)
    {
        Span<byte> bytes = stackalloc byte[Hash256.Size];
        id.CopyTo(bytes);
        return _window.TryFind(bytes, out index);
    }

    /// <summary>
    /// Goes on after block <paramref name="sequence"/>, as stored. Then the ids of the accepted transactions from the returned
    /// index up to <paramref name="nextIndex"/> must be loaded.
    /// </summary>
    /// <param name="committee">As it was then; null where it is still the first epoch's.</param>
    public ulong BeginRestore(ulong sequence, Hash256 root, ulong nextIndex, CommitteeState? committee = null)
    {
        Committee = committee ?? Committee;
        Sequence = sequence;
        Root = root;
        _loadUntil = nextIndex;
        _window.BeginLoad(nextIndex);
        Nonces.BeginLoad();
        return _window.Next;
    }

    /// <summary>Appends stored ids, 32 bytes each, in order of global index.</summary>
    /// <returns>False when they cannot be what was executed: too many, or one twice in the window.</returns>
    public bool LoadIds(ReadOnlySpan<byte> ids) =>
        (ulong)ids.Length / Hash256.Size <= (IsRestored ? 0 : _loadUntil - _window.Next) && _window.Load(ids);

    /// <summary>True when all ids are loaded and the next block may be executed.</summary>
    public bool IsRestored => _window.Next >= _loadUntil;

    private void ExecuteVertex(ReadOnlySpan<byte> ids, ReadOnlySpan<byte> payload, ExecutionResult result)
    {
        // Envelopes and a committee change need their payload read. Account keys stand before envelopes, and a change is alone
        // (FORMATS.md).
        bool plain = payload.IsEmpty || (TransactionKind)payload[sizeof(uint)] is not (TransactionKind.AccountKey or TransactionKind.System);
        PayloadReader reader = new(payload);
        int runStart = 0;
        for (int at = 0; at < ids.Length; at += Hash256.Size)
        {
            ReadOnlySpan<byte> id = ids.Slice(at, Hash256.Size);
            int ahead = at + (DedupWindow.PrefetchAhead * Hash256.Size);
            if (ahead < ids.Length)
            {
                _window.Prefetch(ids.Slice(ahead, Hash256.Size));
            }

            bool accepted = plain ? _window.TryAdd(id, out ulong reason) : TryExecute(ref reader, id, result, out reason);
            if (accepted)
            {
                result.Accept();
                continue;
            }

            result.Reject(reason);
            _ids.Update(ids[runStart..at]);
            runStart = at + Hash256.Size;
        }

        _ids.Update(ids[runStart..]);
    }

    /// <param name="reason">Why not, see <see cref="Rejection"/>.</param>
    private bool TryExecute(ref PayloadReader reader, ReadOnlySpan<byte> id, ExecutionResult result, out ulong reason)
    {
        Require.That(reader.MoveNext());
        switch (reader.Kind)
        {
            case TransactionKind.Envelope:
                if (_window.TryFind(id, out reason))
                {
                    return false;
                }

                Require.That(EnvelopeCodec.TryRead(reader.Bytes, out Envelope envelope));
                reason = Nonces.Take(envelope.Account, envelope.Nonce) switch
                {
                    NonceVerdict.Used => Rejection.NonceUsed,
                    NonceVerdict.TooOld => Rejection.NonceTooOld,
                    NonceVerdict.AccountsFull => Rejection.AccountsFull,
                    _ => 0,
                };
                reason = reason == 0 && envelope.Purpose == EnvelopePurpose.Stake ? ExecuteStake(envelope) : reason;
                return reason == 0 && _window.TryAdd(id, out reason);
            case TransactionKind.System:
                if (_window.TryFind(id, out reason))
                {
                    return false;
                }

                reason = OffenceProofCodec.IsProof(reader.Bytes) ? ExecuteProof(reader.Bytes)
                    : ExecuteChange(reader.Bytes, result);
                return reason == 0 && _window.TryAdd(id, out reason);
            default:
                return _window.TryAdd(id, out reason);
        }
    }

    private ulong ExecuteStake(in Envelope envelope)
    {
        StakeRefusal refusal = Trust?.Apply(new Hash256(envelope.Account), envelope.Data) ?? StakeRefusal.TrustOff;
        return refusal == StakeRefusal.None ? 0 : Rejection.StakeRefused - (ulong)refusal;
    }

    private ulong ExecuteProof(ReadOnlySpan<byte> bytes)
    {
        Require.That(OffenceProofCodec.TryRead(bytes, out OffenceProof? proof, out _));
        ProofRefusal refusal = Trust?.Apply(proof, _nowMicros) ?? ProofRefusal.TrustOff;
        return refusal == ProofRefusal.None ? 0 : Rejection.ProofRefused - (ulong)refusal;
    }

    private ulong ExecuteChange(ReadOnlySpan<byte> bytes, ExecutionResult result)
    {
        Require.That(CommitteeChangeCodec.TryRead(bytes, out SignedCommitteeChange? change, out _));
        ChangeRefusal refusal = Committee.Apply(change.Change, result.Sequence, Trust, _nowMicros);
        result.Change ??= refusal == ChangeRefusal.None ? Committee.Pending : null;
        return refusal == ChangeRefusal.None ? 0 : Rejection.ChangeRefused - (ulong)refusal;
    }

    private Hash256 NextRoot(in Hash256 blockHash, ExecutionResult result)
    {
        StateRecord record = new(
            result.FirstIndex, result.Accepted, result.Rejected, Root, blockHash, new Hash256(_digest), _window.Digest(), Nonces.Digest(),
            Committee.Digest, Trust?.Digest() ?? default);
        result.State = record;
        return record.Root;
    }
}
