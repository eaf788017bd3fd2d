using Validator.Core.Consensus;
using Validator.Core.Effects;
using Validator.Core.Primitives;
using Validator.Core.Shell;
using Validator.Core.Wire;

namespace Validator.Bench.Simulation;

/// <summary>Virtual disk, network and clients behind the shell's ports.</summary>
public partial class SimNode
{
    bool ISimShellPorts.Goes() => Running;

    void ISimShellPorts.StoreVertex(ulong token)
    {
        Require.That(_waiting.Remove(token, out SimVertex? vertex));
        ToLedger(_fromCore, SimLedgerItem.Vertex(vertex));
    }

    void ISimShellPorts.DropVertex(ulong token, Reason reason)
    {
        _waiting.Remove(token);
        Count(reason);
    }

    SimPayload ISimShellPorts.TakeBatch(ulong token) => new(_batches.Remove(token, out ulong[]? batch) ? batch : []);

    void ISimShellPorts.DropBatch(ulong token)
    {
        _batches.Remove(token);
        Count(Reason.NotSigning);
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
        _credit++;
        Cluster.After(this, 0, SealBatch);
    }

    void ISimShellPorts.Evidence(Evidence evidence)
    {
        Convictions.Add(evidence);
        Disk.Evidence.Add(evidence);
        Cluster.Check.OnEvidence(this, evidence);
    }

    void ISimShellPorts.ViewChanged(ulong view, Reason reason)
    {
        ViewChanges += reason == Reason.Entered ? 1u : 0u;
        Cluster.Trace(Index, $"view {view} {reason}");
    }

    void ISimShellPorts.Rejected(Reason reason, int from) => Count(reason);

    void ISimShellPorts.SignFrom(ulong epoch) => Disk.SignFrom = epoch;

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
        if (Running && !_shell.IsLate(in input))
        {
            Feed(input);
        }
    }

    private void Count(Reason reason) => Rejections[reason] = Rejections.GetValueOrDefault(reason) + 1;
}
