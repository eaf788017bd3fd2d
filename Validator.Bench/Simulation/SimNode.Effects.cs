using Validator.Core.Consensus;
using Validator.Core.Effects;
using Validator.Core.Primitives;
using Validator.Core.Shell;
using Validator.Core.Wire;

namespace Validator.Bench.Simulation;

/// <summary>Virtual disk, network and clients behind the shell's ports.</summary>
public partial class SimNode
{
    bool IShellPorts<SimVertex?>.Goes(in Effect effect)
    {
        if (Running)
        {
            ObserveEffect(in effect);
        }

        return Running;
    }

    void IShellPorts<SimVertex?>.StoreVertex(ulong token)
    {
        _waiting.Remove(token, out SimVertex? vertex);
        ToLedger(_fromCore, new SimLedgerItem(LedgerItemKind.Vertex) { Vertex = vertex });
    }

    void IShellPorts<SimVertex?>.Drop(ulong token, Reason reason)
    {
        _waiting.Remove(token);
        _batches.Remove(token);
        Count(reason);
    }

    void IShellPorts<SimVertex?>.Send(int to, IMessage message)
    {
        if (message is Status or FetchRequest or Evidence || Repeats())
        {
            SendTo(to, message);
        }
    }

    void IShellPorts<SimVertex?>.Credit()
    {
        _credit++;
        Cluster.After(this, 0, SealBatch);
    }

    void IShellPorts<SimVertex?>.Evidence(Evidence evidence)
    {
        Convictions.Add(evidence);
        Disk.Evidence.Add(evidence);
        Cluster.Check.OnEvidence(this, evidence);
    }

    void IShellPorts<SimVertex?>.ViewChanged(ulong view, Reason reason)
    {
        ViewChanges += reason == Reason.Entered ? 1u : 0u;
        Cluster.Trace(Index, $"view {view} {reason}");
    }

    void IShellPorts<SimVertex?>.Rejected(Reason reason, int from) => Count(reason);

    void IShellPorts<SimVertex?>.SignFrom(ulong epoch) => Disk.SignFrom = epoch;

    // The mark is durable: a restart does not forget it.
    void IShellPorts<SimVertex?>.Contradicted() => HasVotes = false;

    void IShellPorts<SimVertex?>.Halt(in Effect halt)
    {
        Halted = halt.Reason;
        Cluster.Check.OnHalt(this, halt.Reason);
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
