using Validator.Host.Contracts;
using Validator.Host.Pipeline;
using Validator.Host.Storage;

namespace Validator.Host.Serving;

/// <summary>A subscriber's place in the stream of final transactions.</summary>
internal sealed class FinalizedReader(ILedger ledger, FinalSignal signal, ulong from) : IFinalizedReader
{
    private readonly FinalizedCursor _cursor = new(from);
    private readonly FinalWait _wait = new(signal);

    public ulong NextIndex => _cursor.Next;

    public int Read(FinalizedPage page) => ledger.ReadFinalized(_cursor, signal.NextIndex, page);

    public ValueTask<bool> WaitAsync(CancellationToken cancellation) => _wait.Until(NextIndex, cancellation);

    public void Dispose() => _cursor.Dispose();
}
