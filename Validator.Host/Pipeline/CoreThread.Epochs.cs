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
/// From one epoch's core to the next's, in one step of this thread. The ledger has the last block on disk when Core says that it is
/// executed; what the other threads still answer for the old core, and what validation still passes in its epoch, bears the old epoch
/// and is dropped here.
/// </summary>
internal sealed partial class CoreThread
{
    private bool _hasVotes = first.Self < 0 ? hasVotes : first.Signs;
    private ulong _signsFrom;

    public required EpochBoard Epochs { get; init; }

    /// <summary>Woken when an epoch begins: frames of it may have come before.</summary>
    public required PipelineThread[] Validation { get; init; }

    /// <summary>Votes of a later epoch than the ledger's: of <see cref="SignsFrom"/> (rule E7). Null: none, or they are in use.</summary>
    public RocksVoteStore? Kept { get; set; }

    /// <summary>What is not signed in the next epoch, after lost votes were made anew in this one (rule E9).</summary>
    public VoteLimit? NextLimit { get; set; }

    /// <summary>Says which epoch the executed state is in.</summary>
    public required LedgerThread Ledger { get; init; }

    /// <summary>The epoch from which on one that does not sign may; 0 while that is not known. Any thread.</summary>
    public ulong SignsFrom
    {
        get => Volatile.Read(ref _signsFrom);
        init => _signsFrom = value;
    }

    /// <summary>True for what the core before was to have; what rests on it is let go.</summary>
    private bool IsLate(in Input input)
    {
        if (input.Epoch == Core.Epoch || input.Kind is InputKind.PeerUp or InputKind.PeerDown)
        {
            return false;
        }

        if (input.Kind == InputKind.Vertex)
        {
            Vertices.Take(input.Token)?.Drop();
        }
        else if (input.Kind == InputKind.ClientBatch && Batches.Take(input.Token) is { } batch)
        {
            Batcher.TakeBack(batch);
        }

        return true;
    }

    void IShellPorts<OwnPayload>.EpochEnded(Block last, ulong provenFrom)
    {
        EpochConfiguration next = Ledger.Epoch;
        EpochContext before = _epoch;
        Require.That(next.Number == Core.Epoch + 1 && next.Start.Hash == last.Hash);
        bool due = !_hasVotes && SignsFrom != 0 && SignsFrom <= next.Number;
        RecoveredState state = new() { Behind = Ledger.Executed.Sequence < last.Sequence, ProvenFrom = provenFrom };
        state.RecentRoots.AddRange(Core.RecentRoots);
        bool resumes = due && Kept is not null;
        if (resumes && !RecoverKept(next, state))
        {
            return;
        }

        if (!resumes && NextLimit is { } limit && limit.Epoch == next.Number)
        {
            state.Limit = limit;
        }

        _epoch = Epochs.Enter(next);
        ToSigner.Put(new OwnRecord { Kind = OwnRecordKind.EnterEpoch, Number = next.Number, Renew = due && !resumes, Resume = resumes });
        if (due)
        {
            log.LogInformation(
                "this validator, which lost its {Lost}, signs again from epoch {Epoch} on", resumes ? "ledger" : "votes", next.Number);
            SetSignsFrom(0);
            Signer.SignAgain();
        }

        _hasVotes |= due;
        _shell.Enter(new ValidatorCore(
            Core.Genesis, next, _epoch.Self, Core.Settings with { Signs = _hasVotes, ReturnKnown = SignsFrom != 0 }, state));
        if (resumes && !Core.Signs && _epoch.Self >= 0)
        {
            StopSigning();
        }

        Volatile.Write(ref _signs, Core.Signs);
        Volatile.Write(ref _authors, Core.Authors);
        Volatile.Write(ref _laneHeight, state.OwnTip.Height);
        Volatile.Write(ref _pendingVertices, 0);
        Batcher.EnterEpoch(next.Number, Core.Authors, leaves: before.Self >= 0 && _epoch.Self < 0, FrameSender.VertexHeadBytes(next.Members.Length));
        log.LogInformation(
            "epoch {Epoch} begins after block {Block}: {Members} members, {Signing}", next.Number, last.Sequence, next.Members.Length,
            Core.Signs ? "signing" : "following");
        NoteMembership(before);
        Step(new Input { Kind = InputKind.Tick, From = -1 });
        for (int link = 0; link < _peerUp.Length; link++)
        {
            int member = _peerUp[link] ? _epoch.MemberOf(link) : -1;
            if (member >= 0)
            {
                Step(new Input { Kind = InputKind.PeerUp, From = member });
            }
        }

        foreach (PipelineThread thread in Validation)
        {
            thread.Waker.Wake();
        }
    }

    /// <summary>The ledger has come to the epoch of the votes: what this validator signed in it binds it.</summary>
    /// <returns>False, and the process ends, where the votes are damaged.</returns>
    private bool RecoverKept(EpochConfiguration epoch, RecoveredState state)
    {
        Require.That(SignsFrom == epoch.Number);
        try
        {
            Kept!.Recover(epoch.Number, epoch.Members.Length, state);
        }
        catch (StoreException e)
        {
            Faults.Fail(ExitCodes.Store, e.Message);
            return false;
        }

        Kept = null;
        NextLimit = state.NextLimit;
        state.Blocks.ForEach(block => ToService.Put(new ServiceItem { Kind = ServiceItemKind.Block, Block = block }));
        return true;
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
        SetSignsFrom(epoch);
        try
        {
            VoteStoreSetup.KeepSignsFrom(Storage, epoch);
        }
        catch (StoreException e)
        {
            Faults.Fail(ExitCodes.Store, e.Message);
        }
    }

    private void SetSignsFrom(ulong epoch) => Volatile.Write(ref _signsFrom, epoch);
}
