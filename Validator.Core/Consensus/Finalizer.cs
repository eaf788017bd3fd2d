using Validator.Core.Dag;
using Validator.Core.Effects;
using Validator.Core.Primitives;
using Validator.Core.Wire;

namespace Validator.Core.Consensus;

/// <summary>
/// From a proof of finality to final, executed blocks (rules P5, P6, E3): in sequence, each once what its cut names is held. A
/// chain or a root that contradicts ours stops the process (section 8).
/// </summary>
internal sealed class Finalizer(
    FinalChain chain, BlockTree blocks, Slots slots, ViewState view, LaneSet lanes, OwnLane own, OwnPast past, ViewTimer timer, EpochClose close,
    CatchUpDriver catchUp, Certificates certificates, StrongFinality strong, Fetcher fetcher, TwinGuard guard,
    ForkDetector forks, Step step)
{
    /// <summary>Makes final what is certified and here, and asks for what is lacking.</summary>
    public void TryFinalize()
    {
        while (!step.Halted && !catchUp.HoldsChain && chain.NextTarget() is { } certificate)
        {
            if (blocks.NextAbove(certificate.BlockHash, out Hash256 missing) is not { } block)
            {
                fetcher.Block(missing, certificate.Votes[0].Sender);
                return;
            }

            bool links = block.Parent == chain.Tip.Hash && !chain.IsAbandoned(block.Sequence, block.Hash);
            if (!links && chain.Recovery is not null && certificate.Phase != Phase.Recovered)
            {
                step.Reject(Reason.AbandonedBranch, -1);
                chain.AimAtRecovery();
                continue;
            }

            if (!links)
            {
                forks.Fail(certificate, chain.Certificate);
                step.Halt(Reason.ConflictingCertificates, certificate, chain.Certificate);
                return;
            }

            if (!lanes.Hold(block.Cut))
            {
                fetcher.Cut(block.Cut, certificate.Votes[0].Sender);
                return;
            }

            Finalize(block, CertificateFor(block, certificate));
        }
    }

    /// <param name="change">The committee change that this execution made pending, if it did.</param>
    public void OnExecuted(ulong sequence, in Hash256 root, PendingCommittee? change)
    {
        if (!chain.Execute(sequence, root))
        {
            step.Halt(Reason.ExecutionDiverged, chain.Certificate, null);
            return;
        }

        if (change is not null)
        {
            Require.That(change.Sequence == sequence);
            close.NoteChange(change);
        }

        if (sequence == chain.Sequence && close.IsLast(chain.Tip))
        {
            EndEpoch();
            return;
        }

        step.Recheck = true;
    }

    /// <summary>
    /// The state after the snapshot's block is durable here: as if all up to it had been made final and executed.
    /// </summary>
    public void OnSnapshotInstalled()
    {
        SnapshotManifest manifest = catchUp.OnInstalled();
        // First, since a ViewChange that this leads to is of what was final before (rule V3).
        certificates.TakeFinal(manifest.Certificate, -1);
        if (step.Halted)
        {
            return;
        }

        chain.Adopt(manifest);
        if (manifest.Pending is { } pending && !close.ChangePending)
        {
            close.NoteChange(pending);
        }

        NoteOrdered();
        if (own.IsBehindFinal && !past.LaneIsLost)
        {
            // Others made final what we do not know to have signed.
            guard.Trip();
        }

        ForgetBehindFinal();
        step.Recheck = true;
    }

    private Certificate CertificateFor(Block block, Certificate covering) =>
        slots.Find(view.Number, block.Sequence) is { Committed: { } exact } && exact.BlockHash == block.Hash ? exact : covering;

    private void Finalize(Block block, Certificate certificate)
    {
        if (chain.Diverges(block))
        {
            step.Halt(Reason.ExecutionDiverged, certificate, null);
            return;
        }

        KeepForViewChange(block, certificate);
        VertexHeader[] order = lanes.Order(chain.Tip.Cut, block.Cut);
        step.Effects.Execute(block, order, certificate);
        Block parent = chain.Tip;
        chain.Append(block, certificate, orders: order.Length > 0);
        strong.OnFinal(block, parent, slots.Find(view.Number, block.Sequence));
        NoteOrdered();
        ForgetBehindFinal();
        step.Recheck = true;
    }

    /// <summary>
    /// After a restart the final block is the executed one, and a ViewChange lists what lies above it without a gap (rule V3).
    /// And where no Commit of ours was signed before, the vote store has to know the proof by itself: the ledger may be lost, and
    /// whether one follows is not known (rules P5, E7).
    /// </summary>
    private void KeepForViewChange(Block block, Certificate certificate)
    {
        if (!step.Signs)
        {
            return;
        }

        if (blocks.Accept(block))
        {
            step.Effects.PersistBlock(block);
        }

        Slot? slot = slots.Find(certificate.View, certificate.Sequence);
        bool committed = slot is { CommitSent.IsZero: false };
        if (certificate.Phase == Phase.Prepared && certificate.Sequence == block.Sequence && !committed)
        {
            step.Effects.PersistPrepared(certificate);
            slot?.Keep(certificate);
        }
    }

    private void NoteOrdered()
    {
        lanes.Finalize(chain.Tip.Cut, step.Now);
        timer.Ordered(chain.Tip.Cut, step.Now);
    }

    private void ForgetBehindFinal()
    {
        blocks.ForgetDecided();
        slots.ForgetSequencesBelow(chain.Sequence);
    }

    /// <summary>
    /// Rule E3: with the last block executed, and its word on the next committee borne out, this epoch is over.
    /// </summary>
    private void EndEpoch()
    {
        if (!close.Bears(chain.Tip, chain.Certificate?.Phase == Phase.Recovered))
        {
            step.Halt(Reason.ExecutionDiverged, chain.Certificate, null);
            return;
        }

        forks.EndEpoch();
        step.EndEpoch(chain.Tip, catchUp.ProvenFrom);
    }
}
