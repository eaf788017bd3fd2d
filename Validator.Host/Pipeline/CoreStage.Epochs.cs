using Microsoft.Extensions.Logging;
using Validator.Core.Consensus;
using Validator.Core.Effects;
using Validator.Core.Primitives;
using Validator.Core.Shell;
using Validator.Core.Wire;
using Validator.Host.Primitives;
using Validator.Host.Storage;

namespace Validator.Host.Pipeline;

/// <summary>
/// Replaces an epoch's core by the next epoch's, in one step of this thread. The last block is in the ledger, synced, when Core
/// reports it executed. Late answers for the old core, and frames validated in its epoch, carry the old epoch's number and are
/// dropped here.
/// </summary>
internal sealed partial class CoreStage
{
    private EpochContext? _before;
    private ulong _signsFrom = shell.Standing.SignsFrom;

    public required EpochBoard Epochs { get; init; }

    /// <summary>Woken when an epoch begins: frames of it may have come before.</summary>
    public required PipelineStage[] Validation { get; init; }

    /// <summary>Votes of a later epoch than the ledger's (rule E7). Null: none, or they are in use.</summary>
    public RocksVoteStore? LaterVotes { get; set; }

    /// <summary>Says which epoch the executed state is in.</summary>
    public required LedgerStage Ledger { get; init; }

    /// <summary>The first epoch in which a validator that does not sign may sign again; 0 while unknown. Any thread.</summary>
    public ulong SignsFrom => Volatile.Read(ref _signsFrom);

    EpochConfiguration IShellPorts<OwnPayload>.NextEpoch => Ledger.Epoch;

    ulong IShellPorts<OwnPayload>.Executed => Ledger.Executed.Sequence;

    void IShellPorts<OwnPayload>.LetGoVertex(ulong token) => Vertices.Take(token)?.Drop();

    void IShellPorts<OwnPayload>.TakeBackBatch(ulong token)
    {
        if (Batches.Take(token) is { } batch)
        {
            Batcher.TakeBack(batch);
        }
    }

    bool IShellPorts<OwnPayload>.Resume(EpochConfiguration epoch, RecoveredState state)
    {
        try
        {
            Require.That(LaterVotes is not null);
            LaterVotes.Recover(epoch.Number, epoch.Members.Length, state);
        }
        catch (StoreException e)
        {
            Faults.Fail(ExitCodes.Store, e.Message);
            return false;
        }

        LaterVotes = null;
        state.Blocks.ForEach(block => ToFetch.Put(block));
        return true;
    }

    int IShellPorts<OwnPayload>.Enter(EpochConfiguration epoch)
    {
        _before = _epoch;
        _epoch = Epochs.Enter(epoch);
        return _epoch.Self;
    }

    void IShellPorts<OwnPayload>.Entered(EpochEntry entry, LaneTip ownTip)
    {
        EpochContext before = _before!;
        EpochConfiguration next = _epoch.Configuration;
        if (entry is EpochEntry.Renews or EpochEntry.Resumes)
        {
            log.LogInformation(
                "this validator, which lost its {Lost}, signs again from epoch {Epoch} on", entry == EpochEntry.Resumes ? "ledger" : "votes", next.Number);
            Signer.SignAgain();
        }

        Volatile.Write(ref _signs, Core.Signs);
        Volatile.Write(ref _authors, Core.Authors);
        Volatile.Write(ref _laneHeight, ownTip.Height);
        Volatile.Write(ref _pendingVertices, 0);
        Batcher.EnterEpoch(next.Number, Core.Authors, leaves: before.Self >= 0 && _epoch.Self < 0, FrameSender.VertexHeadBytes(next.Members.Length));
        log.LogInformation(
            "epoch {Epoch} begins after block {Block}: {Members} members, {Signing}", next.Number, next.Start.Sequence, next.Members.Length,
            Core.Signs ? "signing" : "following");
        NoteMembership(before);
    }

    void IShellPorts<OwnPayload>.Feed(Input input) => Step(input);

    void IShellPorts<OwnPayload>.FeedConnected()
    {
        for (int link = 0; link < _peerUp.Length; link++)
        {
            int member = _peerUp[link] ? _epoch.MemberOf(link) : -1;
            if (member >= 0)
            {
                Step(Input.PeerUp(member));
            }
        }
    }

    void IShellPorts<OwnPayload>.Replay()
    {
        foreach (PipelineStage stage in Validation)
        {
            stage.Waker.Wake();
        }
    }

    private void NoteMembership(EpochContext before)
    {
        if (before.Self < 0 && _epoch.Self >= 0)
        {
            log.LogInformation("this validator is a member from epoch {Epoch} on", _epoch.Number);
        }

        if (before.Self < 0 || _epoch.Self >= 0)
        {
            return;
        }

        string name = before.Members[before.Self].Name;
        if (Array.Exists(_epoch.Members, m => m.Name == name))
        {
            log.LogWarning(
                "from epoch {Epoch} on {Name} has other keys than these, and this process signs nothing more. Stop it, configure the new keys with"
                + " node.outside_genesis, run 'validator votes create', and start it again", _epoch.Number, name);
        }
        else
        {
            log.LogWarning("{Name} is no member from epoch {Epoch} on: this process signs nothing more, and members will soon close its connections", name, _epoch.Number);
        }
    }

    void IShellPorts<OwnPayload>.SignFrom(ulong epoch)
    {
        log.LogInformation("this validator, which lost its votes, signs again from epoch {Epoch} on", epoch);
        try
        {
            VoteStoreSetup.KeepSignsFrom(Storage, epoch);
        }
        catch (StoreException e)
        {
            Faults.Fail(ExitCodes.Store, e.Message);
        }
    }
}
