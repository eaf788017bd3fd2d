using Validator.Core.Effects;
using Validator.Core.Execution;
using Validator.Core.Primitives;
using Validator.Core.Wire;

namespace Validator.Core.Consensus;

/// <summary>
/// When a snapshot is looked for, and when the epoch is left without one (section 10, rule E6). One liar moves it nowhere; each
/// hand-over to the shell is made once, when nothing is out for execution, and until its answer the chain stands still.
/// </summary>
internal sealed class CatchUpDriver(EpochConfiguration epoch, FinalChain chain, PeerTable peers)
{
    /// <summary>
    /// Others have that long to serve the next block before a peer that says it is gone is asked for a snapshot, microseconds.
    /// </summary>
    private const long GoneMicros = 2_000_000;

    private readonly SnapshotFetch _fetch = new(epoch.Members.Length);
    private bool _installHandedOut;
    private EpochEnd? _end;
    private bool _endHandedOut;

    // Since when we are told that the block after this one is gone, without getting it from anybody.
    private ulong _goneAfter = ulong.MaxValue;
    private long _goneSinceMicros;

    /// <summary>A snapshot is being fetched or installed, or the epoch left.</summary>
    public bool Active => _fetch.Active;

    /// <summary>What is executed here ends in an earlier epoch: a snapshot of this one comes before all else.</summary>
    public bool Landing { get; private set; }

    /// <summary>Nothing more is made final: what is here is about to be replaced.</summary>
    public bool HoldsChain => Landing || _fetch.Installing || _fetch.Leaving;

    /// <summary>
    /// Honest peers can prove a snapshot of the epoch of this block or of a later one; 0 while that is not known.
    /// </summary>
    public ulong ProvenFrom { get; private set; }

    public void Recover(RecoveredState state)
    {
        Landing = state.Behind;
        ProvenFrom = state.ProvenFrom;

        // The epoch's start is what a snapshot may be of, too, where that was not executed here.
        ulong above = Landing ? chain.Sequence - 1 : chain.Sequence;
        if (state.Staged is { } staged && !IsDoubtful(staged.Manifest) && staged.Manifest.Epoch == epoch.Number && staged.Manifest.Sequence > above)
        {
            _fetch.Resume(staged, above);
        }
        else if (Landing)
        {
            _fetch.Begin(above);
        }
    }

    public void PeerUp(int peer) => _fetch.PeerUp(peer);

    public void PeerDown(int peer) => _fetch.PeerDown(peer);

    /// <summary>
    /// A peer has not what was asked. Who says that the next block is gone may lie; more than F weight may not. Then a snapshot
    /// is the way, whatever an archive among the others still has. Where so many lost their ledgers that fewer know of it, one
    /// that says so for a while is asked for a proof. Who has no snapshot of this epoch says where the epoch begins
    /// of which it has one: one who goes no further than peers of more than F weight say never passes all snapshots.
    /// </summary>
    /// <param name="first">
    /// The oldest block that it keeps, or, of a snapshot, the first block of the epoch from which on it has one.
    /// </param>
    public void OnNotFound(in FetchRequest request, ulong first, int from, Step step)
    {
        _fetch.OnNotFound(request, from);
        if (request.Kind == FetchKind.Snapshot)
        {
            peers[from].ProvenFrom = first;
            ProvenFrom = Math.Max(ProvenFrom, peers.ProvenFrom(chain.Sequence));
        }
        else if (request.Kind != FetchKind.Chunk)
        {
            // Vertices too: of a block that is here they may be all that is missing.
            peers[from].FirstKept = first;
            if (!_fetch.Active)
            {
                NoteGone(first, from, step);
            }
        }
    }

    private void NoteGone(ulong first, int from, Step step)
    {
        ulong final = chain.Sequence;
        if (peers.HaveDropped(final + 1))
        {
            _fetch.Begin(final);
            return;
        }

        if (first <= final + 1)
        {
            return;
        }

        if (_goneAfter != final)
        {
            (_goneAfter, _goneSinceMicros) = (final, step.Now);
        }
        else if (_fetch.Idle && step.Now - _goneSinceMicros >= GoneMicros)
        {
            _fetch.Probe(final, epoch.Number, from, step.Now, step.Ask);
        }
    }

    public void OnManifest(SnapshotManifest manifest, int from, Step step)
    {
        // After a fork a snapshot shows no branch; the next epoch's, which only one has, is the way (rule R4).
        bool doubtful = IsDoubtful(manifest);
        if (doubtful || !GoesOnFrom(manifest))
        {
            _fetch.OnNotFound(new FetchRequest(FetchKind.Snapshot, epoch.Number, 0, 0, 1, Hash256.Zero), from);
            step.Reject(doubtful ? Reason.AbandonedBranch : Reason.WrongEpoch, from);
            return;
        }

        if (!_fetch.OnManifest(manifest, from))
        {
            step.Reject(Reason.FetchUnasked, from);
            return;
        }

        step.Effects.StoreManifest(manifest);
    }

    public void OnChunk(SnapshotChunk chunk, int from, Step step)
    {
        switch (_fetch.OnChunk(chunk, from))
        {
            case ChunkResult.Keep:
                step.Effects.StoreChunk(chunk);
                break;
            case ChunkResult.Wrong:
                step.Reject(Reason.SnapshotChunkWrong, from);
                break;
            default:
                step.Reject(Reason.FetchUnasked, from);
                break;
        }
    }

    /// <summary>An epoch's end is of use only while a snapshot is looked for.</summary>
    public bool Wants(EpochEnd end) => !_fetch.Idle && end.Epoch == epoch.Number && end.Last.Sequence > chain.Sequence;

    /// <summary>
    /// Its committee decided this epoch's last block and named the next committee: proof by itself, whoever brings it.
    /// </summary>
    public void Take(EpochEnd end)
    {
        Require.That(end.Epoch == epoch.Number);
        _end = end;
        if (_fetch.Probes)
        {
            // The proof that was asked for: its snapshots are of later epochs.
            _fetch.Begin(chain.Sequence);
        }
    }

    /// <summary>After every input: asks, drops what blocks have overtaken, hands over what is whole.</summary>
    public void Advance(Step step)
    {
        Install(step);
        LeaveEpoch(step);
        if (_fetch.Idle || _fetch.Installing || _fetch.Leaving)
        {
            return;
        }

        bool overtaken = !Landing && _fetch.Manifest is { } manifest && manifest.Sequence <= chain.Sequence;
        if (overtaken)
        {
            _fetch.Stop();
            step.Effects.DropSnapshot();
            return;
        }

        if (_fetch.Advance(step.Now, epoch.Number, step.Ask))
        {
            Install(step);
        }
    }

    public long NextDeadline() => _fetch.NextDeadline();

    /// <summary>The epoch's last block, once the next one is durable: this core is done.</summary>
    public Block OnEpochEndStored()
    {
        Require.That(_endHandedOut && _end is not null);
        return _end.Last;
    }

    /// <summary>The state that was handed out is in place and durable.</summary>
    public SnapshotManifest OnInstalled()
    {
        Require.That(_installHandedOut && _fetch.Installing && chain.AllExecuted);
        SnapshotManifest manifest = _fetch.Manifest!;
        Require.That(manifest.Sequence > chain.Sequence || (Landing && manifest.Sequence == chain.Sequence));
        _installHandedOut = false;
        _fetch.Stop();
        Landing = false;
        return manifest;
    }

    public void AssertInvariants()
    {
        Require.That(!_installHandedOut || (_fetch.Installing && chain.AllExecuted));
        Require.That(!_endHandedOut || (_fetch.Leaving && _end is not null && chain.AllExecuted));
        Require.That(!Landing || _fetch.Active);
    }

    // What is out for execution comes back first.
    private void Install(Step step)
    {
        if (_fetch.Installing && !_installHandedOut && chain.AllExecuted)
        {
            SnapshotManifest? manifest = _fetch.Manifest;
            Require.That(manifest is not null);
            _installHandedOut = true;
            step.Effects.InstallSnapshot(manifest);
        }
    }

    // Where nobody keeps a snapshot of this epoch that could be proven.
    private void LeaveEpoch(Step step)
    {
        if (_fetch.Searching && _end is { } end && end.Last.Sequence < ProvenFrom)
        {
            _fetch.Leave();
        }

        if (_fetch.Leaving && !_endHandedOut && chain.AllExecuted)
        {
            Require.That(_end is not null);
            _endHandedOut = true;
            step.Effects.StoreEpochEnd(_end);
        }
    }

    private bool IsDoubtful(SnapshotManifest manifest) =>
        chain.Recovery is { } recovery && manifest.Sequence > recovery.Proposal.AgreedSequence;

    /// <summary>The state is this epoch's, and its committee is the one that decides here.</summary>
    private bool GoesOnFrom(SnapshotManifest manifest) => manifest.Epoch == epoch.Number
        && (manifest.Anchor.Epoch == epoch.Number || manifest.Anchor.Hash == epoch.Start.Hash)
        && manifest.State.CommitteeDigest == new CommitteeState(epoch.Number, epoch.Members, manifest.Pending).Digest;
}
