using Validator.Core.Dag;
using Validator.Core.Effects;
using Validator.Core.Primitives;
using Validator.Core.Wire;

namespace Validator.Core.Consensus;

/// <summary>Commit certificates, the final chain and its execution (rules P5, P6, section 8).</summary>
public sealed partial class ValidatorCore
{
    private void OnCertificate(Certificate certificate, int from)
    {
        if (certificate.Epoch != Epoch)
        {
            _step.Reject(Reason.WrongEpoch, from);
            return;
        }

        // A vote of ours that we never decided: a twin signs with our key, or our disk was rolled back.
        if (certificate.Sequence > FinalSequence && certificate.View >= View
            && _past.IsContradicted(certificate, _slots.Find(certificate.View, certificate.Sequence)))
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
        _slots.Find(certificate.View, certificate.Sequence)?.Note(certificate);
        if (_chain.Contradicts(certificate, out Certificate? other))
        {
            _step.Halt(Reason.ConflictingCertificates, certificate, other);
            return;
        }

        _chain.Aim(certificate);
        NoteViewOf(certificate);
        _step.Recheck = true;
    }

    private void TryFinalize()
    {
        while (!_step.Halted && !_catchUp.HoldsChain && _chain.NextTarget() is { } certificate)
        {
            if (_blocks.NextAbove(certificate.BlockHash, out Hash256 missing) is not { } block)
            {
                _fetcher.Block(missing, certificate.Votes[0].Sender);
                return;
            }

            if (block.Parent != _chain.Tip.Hash)
            {
                _step.Halt(Reason.ConflictingCertificates, certificate, _chain.Certificate);
                return;
            }

            if (!_lanes.Hold(block.Cut))
            {
                _fetcher.Cut(block.Cut, certificate.Votes[0].Sender);
                return;
            }

            FinalizeBlock(block, CertificateFor(block, certificate));
        }
    }

    private Certificate CertificateFor(Block block, Certificate covering) =>
        _slots.Find(View, block.Sequence) is { Committed: { } own } && own.BlockHash == block.Hash ? own : covering;

    private void FinalizeBlock(Block block, Certificate certificate)
    {
        if (_chain.Diverges(block))
        {
            _step.Halt(Reason.ExecutionDiverged, certificate, null);
            return;
        }

        VertexHeader[] order = _lanes.Order(_chain.Tip.Cut, block.Cut);
        ref Effect effect = ref _step.Emit(EffectKind.Execute);
        effect.Message = block;
        effect.Order = order;
        effect.Certificate = certificate;
        _lanes.Finalize(block.Cut, _step.Now);
        _timer.Ordered(block.Cut, _step.Now);
        _chain.Append(block, certificate, orders: order.Length > 0);
        ForgetBehindFinal();
        _step.Recheck = true;
    }

    private void ForgetBehindFinal()
    {
        _blocks.ForgetDecided();
        _slots.ForgetSequencesBelow(FinalSequence);
    }

    private void OnExecuted(ulong sequence, in Hash256 root, PendingCommittee? change)
    {
        if (!_chain.Execute(sequence, root))
        {
            _step.Halt(Reason.ExecutionDiverged, _chain.Certificate, null);
            return;
        }

        if (change is not null)
        {
            Require.That(change.Sequence == sequence);
            _close.NoteChange(change);
        }

        if (sequence == FinalSequence && _close.IsLast(_chain.Tip))
        {
            EndEpoch();
            return;
        }

        _step.Recheck = true;
    }

    /// <summary>
    /// Rule E3: with the last block executed, and its word on the next committee borne out, this epoch is over.
    /// </summary>
    private void EndEpoch()
    {
        if (!_close.Bears(_chain.Tip))
        {
            _step.Halt(Reason.ExecutionDiverged, _chain.Certificate, null);
            return;
        }

        _step.EndEpoch(_chain.Tip, _catchUp.ProvenFrom);
    }

    private void OnEpochEnd(EpochEnd end, int from)
    {
        if (!_catchUp.Wants(end))
        {
            _step.Reject(Reason.FetchUnasked, from);
            return;
        }

        OnCertificate(end.Certificate, from);
        _catchUp.Take(end);
    }

    /// <summary>
    /// The state after the snapshot's block is durable here: as if all up to it had been made final and executed.
    /// </summary>
    private void OnSnapshotInstalled()
    {
        SnapshotManifest manifest = _catchUp.OnInstalled();
        _chain.Adopt(manifest);
        if (manifest.Pending is { } pending && !_close.ChangePending)
        {
            _close.NoteChange(pending);
        }

        _lanes.Finalize(_chain.Tip.Cut, _step.Now);
        _timer.Ordered(_chain.Tip.Cut, _step.Now);
        if (_own.IsBehindFinal && !_past.LaneIsLost)
        {
            // Others made final what we do not know to have signed.
            StopSigning();
        }

        ForgetBehindFinal();
        _step.Recheck = true;
    }

    private void OnFinalBlocks(FinalBlocks answer, int from)
    {
        if (!_fetcher.Complete(FetchKind.FinalBlocks, Hash256.Zero))
        {
            _step.Reject(Reason.FetchUnasked, from);
            return;
        }

        foreach (Block block in answer.Blocks)
        {
            _blocks.Remember(block);
        }

        OnCertificate(answer.Certificate, from);
        if (!_step.Halted)
        {
            _chain.AimNearer(answer.Certificate);
        }
    }
}
