using Validator.Host.Api;

namespace Validator.Host.Node;

/// <summary>A subscriber's place in the stream of final transactions.</summary>
internal sealed class FinalizedReader(ILedger ledger, FinalSignal signal, ulong from) : IFinalizedReader
{
    public ulong NextIndex { get; private set; } = from;

    public int Read(FinalizedPage page)
    {
        ulong end = signal.NextIndex;
        int added = NextIndex < end ? ledger.ReadFinalized(NextIndex, end, page) : 0;
        NextIndex += (ulong)added;
        return added;
    }

    public ValueTask<bool> WaitAsync(CancellationToken cancellation) => signal.WaitAsync(NextIndex, cancellation);

    public void Dispose()
    {
    }
}
