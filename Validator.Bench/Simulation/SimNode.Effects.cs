using Validator.Core.Consensus;
using Validator.Core.Effects;
using Validator.Core.Primitives;
using Validator.Core.Shell;
using Validator.Core.Trust;
using Validator.Core.Wire;

namespace Validator.Bench.Simulation;

/// <summary>Virtual disk, network and clients behind the shell's ports.</summary>
public partial class SimNode
{
    bool ISimShellPorts.Goes() => Running;

    void ISimShellPorts.StoreVertex(ulong token)
    {
        SimVertex vertex = _waiting.Take(token) ?? throw Cluster.Check.Fail(this, "payload", "a vertex that is to be stored does not wait any more");
        ToLedger(_fromCore, SimLedgerItem.Vertex(vertex));
    }

    void ISimShellPorts.DropVertex(ulong token, Reason reason)
    {
        _waiting.Take(token);
        Count(reason);
    }

    void ISimShellPorts.LetGoVertex(ulong token) => _waiting.Take(token);

    SimPayload ISimShellPorts.TakeBatch(ulong token) => new(token == 0 ? null : _batches.Take(token));

    void ISimShellPorts.DropBatch(ulong token)
    {
        _batches.Take(token);
        Count(Reason.NotSigning);
    }

    void ISimShellPorts.TakeBackBatch(ulong token)
    {
        if (_batches.Take(token) is { } batch)
        {
            TakeBack(batch);
        }
    }

    void ISimShellPorts.Send(int to, IMessage message)
    {
        ObserveSend(message);
        if (message is Status or FetchRequest or Evidence || Repeats())
        {
            SendTo(to, message);
        }
    }

    void ISimShellPorts.Credit()
    {
        _credits = _credits.Grant();
        _creditOut = true;
        Cluster.After(this, 0, HandBatch);
    }

    void ISimShellPorts.Evidence(Evidence evidence)
    {
        Convictions.Add(evidence);
        Disk.Evidence.Add(evidence);
        Cluster.Check.OnEvidence(this, evidence);
        if (!Cluster.Check.IsByzantine(Index))
        {
            Cluster.World.AfterEvidence(evidence);
        }
    }

    void ISimShellPorts.ViewChanged(ulong view, Reason reason)
    {
        ViewChanges += reason == Reason.Entered ? 1u : 0u;
        Cluster.Trace(Index, $"view {view} {reason}");
    }

    void ISimShellPorts.LevelReached(FinalityLevel level, ulong sequence)
    {
        _levels[(int)level] = Math.Max(_levels[(int)level], sequence);
        Cluster.Check.OnLevel(this, level, sequence);
    }

    void ISimShellPorts.ForkChanged(Fork fork) => Cluster.Check.OnFork(this, fork);

    void ISimShellPorts.VoteTaken(PartialSignature outcome)
    {
    }

    void ISimShellPorts.CertificateMade(long micros)
    {
    }

    void ISimShellPorts.Rejected(Reason reason, int from) => Count(reason);

    void ISimShellPorts.SignFrom(ulong epoch)
    {
        Disk.SignFrom = epoch;
        Cluster.World.AfterReturnLearned(this);
    }

    // The mark is durable: a restart does not forget it.
    void ISimShellPorts.Contradicted() => HasVotes = false;

    void ISimShellPorts.Halt(Reason reason, Certificate? certificate, Certificate? conflicting)
    {
        Halted = reason;
        Cluster.Check.OnHalt(this, reason);
    }

    /// <summary>Of the disk: nothing for a core that is gone, nor for a process that has crashed since.</summary>
    private void Answer(Input input)
    {
        if (Running && !_shell.LetGoIfLate(in input, this))
        {
            Feed(input);
        }
    }

    private void Count(Reason reason) => Rejections[reason] = Rejections.GetValueOrDefault(reason) + 1;
}
