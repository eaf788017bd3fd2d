using Validator.Core.Effects;
using Validator.Core.Execution;
using Validator.Core.Primitives;
using Validator.Core.Wire;

namespace Validator.Core.Consensus;

/// <summary>When a snapshot is asked for, and how the state machine goes on from one, also in a later epoch (PROTOCOL.md, section 10).</summary>
public sealed partial class ValidatorCore
{
    private readonly CatchUp _catchUp;
    private bool _installHandedOut;

    // What is executed here ends in an earlier epoch: a snapshot of this one comes before all else.
    private bool _landing;
    private EpochEnd? _end;
    private bool _endHandedOut;

    /// <summary>Honest peers can prove a snapshot of the epoch of this block or of a later one; 0 while that is not known.</summary>
    private ulong _provenFrom;

    /// <summary>True while a snapshot is being fetched or installed.</summary>
    public bool CatchesUp => _catchUp.Active;

    /// <summary>
    /// Who says that the next block is gone may lie; more than F weight may not. Then a snapshot is the way, whatever an archive
    /// among the others still has.
    /// </summary>
    private void NoteKept(int peer, ulong firstKept)
    {
        _peers[peer].FirstKept = firstKept;
        if (_catchUp.Active)
        {
            return;
        }

        if (_peers.HaveDropped(FinalSequence + 1))
        {
            _catchUp.Begin(FinalSequence);
        }
    }

    /// <summary>
    /// Who has no snapshot of this epoch says where the epoch begins of which it has one. So say more than F weight: one of them is
    /// honest, and whoever goes no further than that does not pass by all snapshots.
    /// </summary>
    private void NoteProven(int peer, ulong from)
    {
        _peers[peer].ProvenFrom = from;
        _provenFrom = Math.Max(_provenFrom, _peers.ProvenFrom());
    }

    /// <summary>Its committee decided this epoch's last block and named the next committee: proof by itself, whoever brings it.</summary>
    private void OnEpochEnd(EpochEnd end, int from)
    {
        if (!_catchUp.Active || end.Epoch != Epoch || end.Last.Sequence <= FinalSequence)
        {
            _step.Reject(Reason.FetchUnasked, from);
            return;
        }

        OnCertificate(end.Certificate, from);
        _end = end;
    }

    /// <summary>Goes on to the next epoch where nobody keeps a snapshot of this one that could be proven.</summary>
    private void LeaveEpoch()
    {
        if (_catchUp.Searching && _end is { } end && end.Last.Sequence < _provenFrom)
        {
            _catchUp.Leave();
        }

        if (_catchUp.Leaving && !_endHandedOut && _chain.AllExecuted)
        {
            _endHandedOut = true;
            _step.Emit(EffectKind.StoreEpochEnd).EpochEnd = _end;
        }
    }

    private void OnEpochEndStored()
    {
        Require.That(_endHandedOut && _end is not null);
        _step.EndEpoch(_end.Last, _provenFrom);
    }

    /// <summary>The state is this epoch's, and its committee is the one that decides here.</summary>
    private bool GoesOnFrom(SnapshotManifest manifest) => manifest.Epoch == Epoch
        && (manifest.Anchor.Epoch == Epoch || manifest.Anchor.Hash == Configuration.Start.Hash)
        && manifest.State.CommitteeDigest == new CommitteeState(Epoch, Configuration.Members, manifest.Pending).Digest;

    private void OnManifest(SnapshotManifest manifest, int from)
    {
        if (!GoesOnFrom(manifest))
        {
            _catchUp.OnNotFound(new FetchRequest(FetchKind.Snapshot, Epoch, 0, 0, 1, Hash256.Zero), from);
            _step.Reject(Reason.WrongEpoch, from);
            return;
        }

        if (!_catchUp.OnManifest(manifest, from))
        {
            _step.Reject(Reason.FetchUnasked, from);
            return;
        }

        _step.Emit(EffectKind.StoreManifest).Manifest = manifest;
    }

    private void OnChunk(SnapshotChunk chunk, int from)
    {
        switch (_catchUp.OnChunk(chunk, from))
        {
            case CatchUp.Verdict.Keep:
                _step.Emit(EffectKind.StoreChunk).Chunk = chunk;
                break;
            case CatchUp.Verdict.Wrong:
                _step.Reject(Reason.SnapshotChunkWrong, from);
                break;
            default:
                _step.Reject(Reason.FetchUnasked, from);
                break;
        }
    }

    /// <summary>After every input: asks, drops what blocks have overtaken, hands over what is whole.</summary>
    private void AdvanceCatchUp()
    {
        if (_catchUp.Installing && !_installHandedOut && _chain.AllExecuted)
        {
            _installHandedOut = true;
            _step.Emit(EffectKind.InstallSnapshot).Manifest = _catchUp.Manifest;
        }

        LeaveEpoch();
        if (!_catchUp.Active || _catchUp.Installing || _catchUp.Leaving)
        {
            return;
        }

        bool overtaken = !_landing && _catchUp.Manifest is { } manifest && manifest.Sequence <= FinalSequence;
        if (overtaken)
        {
            _catchUp.Stop();
            _step.Emit(EffectKind.DropSnapshot);
            return;
        }

        // What is handed out for execution comes back first; nothing more is made final until the state is there.
        if (_catchUp.Advance(_step.Now, Epoch, _step.Ask))
        {
            AdvanceCatchUp();
        }
    }

    /// <summary>The state after the snapshot's block is durable here: as if all up to it had been made final and executed.</summary>
    private void OnSnapshotInstalled()
    {
        Require.That(_installHandedOut && _catchUp.Installing && _chain.AllExecuted);
        _installHandedOut = false;
        SnapshotManifest manifest = _catchUp.Manifest!;
        _catchUp.Stop();
        Require.That(manifest.Sequence > FinalSequence || (_landing && manifest.Sequence == FinalSequence));
        _landing = false;
        _chain.Adopt(manifest);
        if (manifest.Pending is { } pending && !_close.ChangePending)
        {
            _close.NoteChange(pending);
        }

        _lanes.Finalize(_chain.Tip.Cut, _step.Now);
        _timer.Ordered(_chain.Tip.Cut, _step.Now);
        if (_own.IsBehindFinal && !_limit.LaneIsLost)
        {
            // Others made final what we do not know to have signed.
            StopSigning();
        }

        ForgetBehindFinal();
        _step.Recheck = true;
    }
}
