using System.Diagnostics.CodeAnalysis;

namespace Validator.Core.Shell;

/// <summary>Client transactions that go into one own vertex, as the shell holds them.</summary>
public interface IClientBatch<TSubmission>
{
    bool IsEmpty { get; }

    int PayloadBytes { get; }

    int TransactionCount { get; }

    /// <summary>
    /// The only epoch that a committee change is valid in, which is alone in its vertex (rule E4). Null for all else.
    /// </summary>
    ulong? ChangeEpoch { get; }

    bool Fits(TSubmission submission);

    void Add(TSubmission submission);

    /// <summary>
    /// We left the committee (rule E8): clients who wait are told, once. Their transactions stay, for another vertex.
    /// </summary>
    void TellLeft();
}

/// <summary>
/// Client transactions that wait for Core's credit, in batches of one vertex each. What an ended epoch did not order goes first:
/// it was promised, what is in no vertex yet was not. One at a time may call.
/// </summary>
/// <param name="make">An empty batch.</param>
public sealed class BatchQueue<TBatch, TSubmission>(Func<TBatch> make)
    where TBatch : class, IClientBatch<TSubmission>
{
    private readonly Queue<TBatch> _again = new();
    private readonly Queue<TBatch> _full = new();
    private TBatch _open = make();

    // The first of the backlog: it counts as waiting, the others are not here yet.
    private Func<TBatch?>? _backlog;
    private TBatch? _next;

    /// <summary>Of all that wait here.</summary>
    public long PayloadBytes { get; private set; }

    /// <summary>Of those that an ended epoch did not order.</summary>
    public long AgainBytes { get; private set; }

    public long Transactions { get; private set; }

    /// <summary>This validator left the committee, and has not come back.</summary>
    public bool HasLeft { get; private set; }

    public bool IsEmpty => _again.Count == 0 && _next is null && _full.Count == 0 && _open.IsEmpty;

    /// <summary>The first of those in no vertex yet; it may be empty.</summary>
    public TBatch Oldest => _full.TryPeek(out TBatch? first) ? first : _open;

    /// <returns>The batch that it is in.</returns>
    public TBatch Add(TSubmission submission)
    {
        if (!_open.IsEmpty && !_open.Fits(submission))
        {
            _full.Enqueue(_open);
            _open = make();
        }

        // What else it brings into the batch, as keys of accounts, counts too.
        (int bytes, int transactions) = (_open.PayloadBytes, _open.TransactionCount);
        _open.Add(submission);
        PayloadBytes += _open.PayloadBytes - bytes;
        Transactions += _open.TransactionCount - transactions;
        return _open;
    }

    /// <summary>Its epoch did not order it: it goes into another vertex, and its clients wait on, unless we left.</summary>
    public void TakeBack(TBatch batch)
    {
        if (HasLeft)
        {
            batch.TellLeft();
        }

        _again.Enqueue(batch);
        AgainBytes += batch.PayloadBytes;
        Count(batch, 1);
    }

    /// <summary>
    /// What was promised long ago and nobody waits for, too much to be held: one batch at a time is asked for, as those before it
    /// go. It comes behind what is taken back, and before all that is in no vertex yet.
    /// </summary>
    /// <param name="backlog">Gives the next one, and null at the end; null for no more.</param>
    public void Continue(Func<TBatch?>? backlog)
    {
        _backlog = backlog;
        if (_next is null)
        {
            Advance();
        }
    }

    /// <summary>An epoch begins.</summary>
    /// <param name="leaves">We were a member of the one before.</param>
    public void Enter(bool signs, bool leaves)
    {
        HasLeft = !signs && (HasLeft || leaves);
        foreach (TBatch batch in _again)
        {
            if (HasLeft)
            {
                batch.TellLeft();
            }
        }
    }

    /// <summary>The next one, for a credit of that epoch.</summary>
    /// <param name="over">It is a change for another epoch: nothing becomes of it, and the credit is for the next.</param>
    public bool TryTake(ulong epoch, [NotNullWhen(true)] out TBatch? batch, out bool over)
    {
        bool any = TryTakeAgain(out batch) || TryTakeFresh(out batch);
        over = batch?.ChangeEpoch is { } signedFor && signedFor != epoch;
        return any;
    }

    /// <summary>The next of those in no vertex yet.</summary>
    public bool TryTakeFresh([NotNullWhen(true)] out TBatch? batch)
    {
        if (!_full.TryDequeue(out batch))
        {
            if (_open.IsEmpty)
            {
                return false;
            }

            (batch, _open) = (_open, make());
        }

        Count(batch, -1);
        return true;
    }

    /// <summary>The next of those that an ended epoch did not order, or of the backlog.</summary>
    public bool TryTakeAgain([NotNullWhen(true)] out TBatch? batch)
    {
        bool taken = _again.TryDequeue(out batch);
        batch ??= _next;
        if (batch is null)
        {
            return false;
        }

        AgainBytes -= batch.PayloadBytes;
        Count(batch, -1);
        if (!taken)
        {
            Advance();
        }

        return true;
    }

    private void Advance()
    {
        _next = _backlog?.Invoke();
        if (_next is null)
        {
            _backlog = null;
            return;
        }

        AgainBytes += _next.PayloadBytes;
        Count(_next, 1);
    }

    private void Count(TBatch batch, int sign)
    {
        PayloadBytes += sign * batch.PayloadBytes;
        Transactions += sign * batch.TransactionCount;
    }
}
