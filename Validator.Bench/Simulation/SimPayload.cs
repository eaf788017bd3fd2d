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

using Validator.Core.Primitives;
using Validator.Core.Shell;

namespace Validator.Bench.Simulation;

/// <summary>What an own vertex has with it on its way.</summary>
/// <param name="Batch">Its transactions; null for an empty one.</param>
/// <param name="Vertex">The whole, once it is signed.</param>
public readonly record struct SimPayload(SimBatch? Batch, SimVertex? Vertex = null);

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

/// <summary>Clients' transactions that go into one own vertex.</summary>
public sealed class SimBatch : IClientBatch<ulong>
{
    // As many as a vertex holds, were all of them envelopes.
    private const int MostTransactions = 100;
    private readonly List<ulong> _transactions = [];

    public IReadOnlyList<ulong> Transactions => _transactions;

    public bool IsEmpty => _transactions.Count == 0;

    /// <summary>Nobody bounds them here.</summary>
    public int PayloadBytes => sizeof(ulong) * _transactions.Count;

    public int TransactionCount => _transactions.Count;

    public ulong? ChangeEpoch => _transactions is [var only] ? SimVertex.ChangeOf(only)?.Epoch : null;

    /// <summary>The own vertex of an ended epoch that holds them and that no block ordered; zero for none.</summary>
    public Hash256 Replaces { get; set; }

    /// <summary>Of its transactions, once it is handed to Core.</summary>
    public Hash256 Root { get; set; }

    public static SimBatch Of(Hash256 replaces, ulong[] transactions)
    {
        SimBatch batch = new() { Replaces = replaces };
        batch._transactions.AddRange(transactions);
        return batch;
    }

    public bool Fits(ulong transaction) =>
        IsEmpty || (_transactions.Count < MostTransactions && !SimVertex.IsSystem(transaction) && !SimVertex.IsSystem(_transactions[0]));

    public void Add(ulong transaction) => _transactions.Add(transaction);

    /// <summary>Its clients wait on, until it comes back.</summary>
    public void TellLeft()
    {
    }
}
