using Validator.Host.Contracts;
using Validator.Host.Pipeline;
using Validator.Host.Storage;

namespace Validator.Host.Serving;

/// <summary>A subscriber's place in the stream of final transactions.</summary>
internal sealed class FinalizedReader(ILedger ledger, FinalSignal signal, ulong from) : IFinalizedReader
{
    private readonly FinalizedCursor _cursor = new(from);

    public ulong NextIndex => _cursor.Next;

    public int Read(FinalizedPage page) => ledger.ReadFinalized(_cursor, signal.NextIndex, page);

    public ValueTask<bool> WaitAsync(CancellationToken cancellation) => signal.WaitAsync(NextIndex, cancellation);

    public void Dispose() => _cursor.Dispose();
}
