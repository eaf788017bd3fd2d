using Validator.Core.Effects;
using Validator.Core.Primitives;
using Validator.Core.Wire;

namespace Validator.Core.Consensus;

/// <summary>When a snapshot is asked for, and how the state machine goes on from one (PROTOCOL.md, section 10).</summary>
public sealed partial class ValidatorCore
{
    private readonly CatchUp _catchUp;
    private bool _installHandedOut;

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

        ulong weight = 0;
        for (int i = 0; i < _peers.Length; i++)
        {
            weight += _peers[i].FirstKept > FinalSequence + 1 ? Committee.Weight(i) : 0;
        }

        if (weight > Committee.Faulty)
        {
            _catchUp.Begin(FinalSequence);
        }
    }

    private void OnManifest(SnapshotManifest manifest, int from)
    {
        // A change that is pending there is not known here, and so is another epoch's committee: not what we can go on from.
        if (manifest.Epoch != Epoch || manifest.State.CommitteeDigest != GenesisCodec.CommitteeDigest(Epoch, Configuration.Members))
        {
            _catchUp.OnNotFound(new FetchRequest(FetchKind.Snapshot, Epoch, 0, 0, 1, Hash256.Zero), from);
            Reject(Reason.WrongEpoch, from);
            return;
        }

        if (!_catchUp.OnManifest(manifest, from))
        {
            Reject(Reason.FetchUnasked, from);
            return;
        }

        Emit(EffectKind.StoreManifest).Manifest = manifest;
    }

    private void OnChunk(SnapshotChunk chunk, int from)
    {
        switch (_catchUp.OnChunk(chunk, from))
        {
            case CatchUp.Verdict.Keep:
                Emit(EffectKind.StoreChunk).Chunk = chunk;
                break;
            case CatchUp.Verdict.Wrong:
                Reject(Reason.SnapshotChunkWrong, from);
                break;
            default:
                Reject(Reason.FetchUnasked, from);
                break;
        }
    }

    /// <summary>After every input: asks, drops what blocks have overtaken, hands over what is whole.</summary>
    private void AdvanceCatchUp()
    {
        if (_catchUp.Installing && !_installHandedOut && _executed == FinalSequence)
        {
            _installHandedOut = true;
            Emit(EffectKind.InstallSnapshot).Manifest = _catchUp.Manifest;
        }

        if (!_catchUp.Active || _catchUp.Installing)
        {
            return;
        }

        bool overtaken = _catchUp.Manifest is { } manifest && manifest.Sequence <= FinalSequence;
        if (overtaken)
        {
            _catchUp.Stop();
            Emit(EffectKind.DropSnapshot);
            return;
        }

        // What is handed out for execution comes back first; nothing more is made final until the state is there.
        if (_catchUp.Advance(_now, Epoch, SendCatchUp))
        {
            AdvanceCatchUp();
        }
    }

    private void SendCatchUp(FetchRequest request, int peer)
    {
        ref Effect effect = ref Emit(EffectKind.SendFetch);
        effect.To = peer;
        effect.Request = request;
    }

    /// <summary>The state after the snapshot's block is durable here: as if all up to it had been made final and executed.</summary>
    private void OnSnapshotInstalled()
    {
        Require.That(_installHandedOut && _catchUp.Installing && _executed == FinalSequence);
        _installHandedOut = false;
        SnapshotManifest manifest = _catchUp.Manifest!;
        _catchUp.Stop();
        Require.That(manifest.Sequence > FinalSequence);
        _final = manifest.Anchor;
        _finalCertificate = manifest.Certificate;
        _finalNonEmpty = manifest.Sequence;
        _executed = manifest.Sequence;
        _statedRoots.Clear();
        for (int i = 0; i < manifest.Records.Length; i++)
        {
            ulong sequence = manifest.FirstRecord + (ulong)i;
            if (sequence <= _executed)
            {
                _roots[sequence] = manifest.Records[i].Root;
                _finalHashes[sequence] = manifest.Records[i].BlockHash;
            }
            else
            {
                _statedRoots[sequence] = manifest.Records[i].Root;
            }
        }

        foreach (ulong sequence in _roots.Keys.Where(s => s + _history < _executed).ToArray())
        {
            _roots.Remove(sequence);
        }

        foreach (ulong sequence in _finalHashes.Keys.Where(s => s + _history < _executed).ToArray())
        {
            _finalHashes.Remove(sequence);
        }

        for (int i = 0; i < _lanes.Length; i++)
        {
            _lanes[i].Finalize(_final.Cut[i], _now);
            _timer.Ordered(i, _final.Cut[i].Height, _now);
        }

        if (Self >= 0 && _ownTip.Height < _lanes[Self].Final.Height)
        {
            // Others made final what we do not know to have signed.
            StopSigning();
        }

        _toFinalize = _toFinalize is { } known && known.Sequence > manifest.Certificate.Sequence ? known : manifest.Certificate;
        ForgetBehindFinal();
        _recheck = true;
    }
}
