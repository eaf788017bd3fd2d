global using ISimLedgerAudience = Validator.Core.Shell.ILedgerAudience<
    Validator.Bench.Simulation.SimVertex, Validator.Bench.Simulation.SimFinal, Validator.Bench.Simulation.SimPayload>;
global using ISimLedgerPorts = Validator.Core.Shell.ILedgerPorts<
    Validator.Bench.Simulation.SimVertex, Validator.Bench.Simulation.SimFinal, Validator.Bench.Simulation.SimPayload>;
global using ISimLedgerWriter = Validator.Core.Shell.ILedgerWriter<
    Validator.Bench.Simulation.SimVertex, Validator.Bench.Simulation.SimFinal, Validator.Bench.Simulation.SimPayload>;
global using ISimOwnRecordPorts = Validator.Core.Shell.IOwnRecordPorts<Validator.Bench.Simulation.SimPayload>;
global using ISimOwnRecordWriter = Validator.Core.Shell.IOwnRecordWriter<Validator.Bench.Simulation.SimPayload>;
global using ISimShellPorts = Validator.Core.Shell.IShellPorts<Validator.Bench.Simulation.SimPayload>;
global using SimLedgerGroup = Validator.Core.Shell.LedgerGroup<
    Validator.Bench.Simulation.SimVertex, Validator.Bench.Simulation.SimFinal, Validator.Bench.Simulation.SimPayload>;
global using SimLedgerItem = Validator.Core.Shell.LedgerItem<
    Validator.Bench.Simulation.SimVertex, Validator.Bench.Simulation.SimFinal, Validator.Bench.Simulation.SimPayload>;
global using SimOwnRecord = Validator.Core.Shell.OwnRecord<Validator.Bench.Simulation.SimPayload>;

using Validator.Core.Shell;

namespace Validator.Bench.Simulation;

/// <summary>What an own vertex has with it on its way.</summary>
/// <param name="Batch">Its transactions.</param>
/// <param name="Vertex">The whole, once it is signed.</param>
public readonly record struct SimPayload(ulong[] Batch, SimVertex? Vertex = null);

/// <summary>Free places of a table, the oldest first.</summary>
internal sealed class SimPlaces : IFreePlaces
{
    private readonly Queue<int> _free;

    private SimPlaces(int capacity) => _free = new Queue<int>(Enumerable.Range(0, capacity));

    public int Count => _free.Count;

    public static TokenTable<T> TableOf<T>(int capacity)
        where T : class => new(capacity, new SimPlaces(capacity));

    public bool TryTake(out int place) => _free.TryDequeue(out place);

    public void Give(int place) => _free.Enqueue(place);
}
