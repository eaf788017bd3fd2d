using Validator.Core.Dag;
using Validator.Core.Effects;
using Validator.Core.Primitives;
using Validator.Core.Wire;

namespace Validator.Core.Consensus;

/// <summary>Commit certificates, the final chain and its execution (rules P5, P6, section 8).</summary>
public sealed partial class ValidatorCore
{
    private readonly Dictionary<ulong, Hash256> _roots = [];
    private readonly Dictionary<ulong, Hash256> _finalHashes = [];

    // What final blocks state of sequences that are not executed here yet.
    private readonly Dictionary<ulong, Hash256> _statedRoots = [];
    private Block _final;
    private Certificate? _finalCertificate;
    private ulong _executed;

    // The commit certificate of the highest sequence beyond the final block; its ancestors are final too.
    private Certificate? _toFinalize;

    private void OnCertificate(Certificate certificate, int from)
    {
        if (certificate.Epoch != Epoch)
        {
            Reject(Reason.WrongEpoch, from);
            return;
        }

        if (HoldsUnknownVoteOfOurs(certificate))
        {
            StopSigning();
        }

        if (certificate.Phase == Phase.Committed)
        {
            OnCommitCertificate(certificate);
        }
        else
        {
            OnPreparedCertificate(certificate);
        }
    }

    private void OnCommitCertificate(Certificate certificate)
    {
        _committed.Add(certificate);
        if (FindSlot(certificate.View, certificate.Sequence) is { Committed: null } slot)
        {
            slot.Committed = certificate;
        }

        if (_finalHashes.TryGetValue(certificate.Sequence, out Hash256 known)
            ? known != certificate.BlockHash
            : _toFinalize is not null && _toFinalize.Sequence == certificate.Sequence && _toFinalize.BlockHash != certificate.BlockHash)
        {
            Halt(Reason.ConflictingCertificates, certificate, certificate.Sequence <= FinalSequence ? _finalCertificate : _toFinalize);
            return;
        }

        if (certificate.Sequence > FinalSequence && (_toFinalize is null || certificate.Sequence > _toFinalize.Sequence))
        {
            _toFinalize = certificate;
        }

        NoteViewOf(certificate);
        _recheck = true;
    }

    private void TryFinalize()
    {
        while (_toFinalize is { } certificate && !_halted && !_landing && !_catchUp.Installing && !_catchUp.Leaving)
        {
            if (certificate.Sequence <= FinalSequence)
            {
                _toFinalize = null;
                return;
            }

            if (NextToFinalize(certificate) is not { } block)
            {
                return;
            }

            if (block.Parent != _final.Hash)
            {
                Halt(Reason.ConflictingCertificates, certificate, _finalCertificate);
                return;
            }

            if (!CutHeld(block, certificate.Votes[0].Sender))
            {
                return;
            }

            FinalizeBlock(block, CertificateFor(block, certificate));
        }
    }

    /// <summary>The certified block's ancestor just above the final one; null while a body is missing.</summary>
    private Block? NextToFinalize(Certificate certificate)
    {
        Hash256 hash = certificate.BlockHash;
        while (true)
        {
            if (FindBlock(hash) is not { } block)
            {
                FetchBlock(hash, certificate.Votes[0].Sender);
                return null;
            }

            if (block.Sequence <= FinalSequence + 1)
            {
                return block;
            }

            hash = block.Parent;
        }
    }

    private Certificate CertificateFor(Block block, Certificate covering) =>
        FindSlot(View, block.Sequence) is { Committed: { } own } && own.BlockHash == block.Hash ? own : covering;

    private void FinalizeBlock(Block block, Certificate certificate)
    {
        Require.That(block.Sequence == FinalSequence + 1);
        if (_roots.TryGetValue(block.ExecutedSequence, out Hash256 own) && own != block.ExecutedRoot)
        {
            Halt(Reason.ExecutionDiverged, certificate, null);
            return;
        }

        if (block.ExecutedSequence > _executed)
        {
            _statedRoots[block.ExecutedSequence] = block.ExecutedRoot;
        }

        VertexHeader[] order = CutOrder.Compute(_lanes, _final.Cut, block.Cut);
        ref Effect effect = ref Emit(EffectKind.Execute);
        effect.Block = block;
        effect.Order = order;
        effect.Certificate = certificate;
        if (order.Length > 0)
        {
            _finalNonEmpty = block.Sequence;
        }

        for (int i = 0; i < _lanes.Length; i++)
        {
            _lanes[i].Finalize(block.Cut[i], _now);
            _timer.Ordered(i, block.Cut[i].Height, _now);
        }

        _final = block;
        _finalCertificate = certificate;
        _finalHashes[block.Sequence] = block.Hash;
        if (block.Sequence >= _history)
        {
            _finalHashes.Remove(block.Sequence - _history);
        }

        ForgetBehindFinal();
        _recheck = true;
    }

    private void ForgetBehindFinal()
    {
        _blocks.Remove(_final.Hash);
        foreach ((Hash256 hash, BlockEntry entry) in _blocks)
        {
            if (entry.Block.Sequence <= FinalSequence)
            {
                _blocks.Remove(hash);
            }
        }

        foreach ((ulong View, ulong Sequence) key in _slots.Keys)
        {
            if (key.Sequence < FinalSequence)
            {
                _slots.Remove(key);
            }
        }
    }

    private void OnExecuted(ulong sequence, in Hash256 root, PendingCommittee? change)
    {
        Require.That(sequence == _executed + 1);
        _executed = sequence;
        _roots[sequence] = root;
        if (sequence >= _history)
        {
            _roots.Remove(sequence - _history);
        }

        if (_statedRoots.Remove(sequence, out Hash256 stated) && stated != root)
        {
            Halt(Reason.ExecutionDiverged, _finalCertificate, null);
            return;
        }

        if (change is not null)
        {
            Require.That(change.Sequence == sequence);
            NoteChange(change);
        }

        if (sequence == FinalSequence && IsLast(_final))
        {
            EndEpoch();
            return;
        }

        _recheck = true;
    }

    private void OnFinalBlocks(FinalBlocks answer, int from)
    {
        if (!_fetches.Complete(FetchKind.FinalBlocks, Hash256.Zero))
        {
            Reject(Reason.FetchUnasked, from);
            return;
        }

        foreach (Block block in answer.Blocks)
        {
            RememberBlock(block);
        }

        OnCertificate(answer.Certificate, from);
        if (answer.Certificate.Sequence > FinalSequence && !_halted)
        {
            // Nearer than a certificate whose chain is not here yet; that one is learned again.
            _toFinalize = answer.Certificate;
        }
    }

    /// <summary>A vote of ours that we never decided: a twin signs with our key, or our disk was rolled back.</summary>
    private bool HoldsUnknownVoteOfOurs(Certificate certificate)
    {
        if (certificate.Sequence <= FinalSequence || certificate.Sequence < _forgotten || certificate.View < View || MayBeOfBefore(certificate.View) || !Array.Exists(certificate.Votes, v => v.Sender == Self))
        {
            return false;
        }

        return FindSlot(certificate.View, certificate.Sequence) is not { } slot
            || (certificate.Phase == Phase.Prepared ? slot.Accepted : slot.CommitSent) != certificate.BlockHash;
    }
}
