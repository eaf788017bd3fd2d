using Validator.Core.Shell;

namespace Validator.Tests.Core.Shell;

/// <summary>In which order clients' batches go into vertices, and what an epoch's end does to them.</summary>
public sealed class BatchQueueTests
{
    private const int Change = 1000;

    private sealed class Batch : IClientBatch<int>
    {
        public List<int> Submissions { get; } = [];

        public int Told { get; private set; }

        public bool IsEmpty => Submissions.Count == 0;

        public int PayloadBytes => 10 * Submissions.Count;

        public int TransactionCount => Submissions.Count;

        public ulong? ChangeEpoch => Submissions is [>= Change and var only] ? (ulong)(only - Change) : null;

        public bool Fits(int submission) => Submissions.Count < 3 && submission < Change && Submissions[0] < Change;

        public void Add(int submission) => Submissions.Add(submission);

        public void TellLeft() => Told++;
    }

    private readonly BatchQueue<Batch, int> _queue = new(static () => new Batch());

    private string Waiting => $"{_queue.PayloadBytes} {_queue.AgainBytes} {_queue.Transactions} {_queue.IsEmpty}";

    private Batch Of(params int[] submissions)
    {
        Batch batch = new();
        batch.Submissions.AddRange(submissions);
        return batch;
    }

    private string Take(ulong epoch) =>
        _queue.TryTake(epoch, out Batch? batch, out bool over) ? $"{string.Join(' ', batch.Submissions)}{(over ? " over" : "")}" : "none";

    // Protects the order: what was promised first, the oldest first, no batch above a vertex's bounds, and each once.
    [Fact]
    public void What_an_ended_epoch_did_not_order_goes_first()
    {
        Assert.Equal("none", Take(0));
        foreach (int submission in (int[])[1, 2, 3, 4])
        {
            Assert.Contains(submission, _queue.Add(submission).Submissions);
        }

        Assert.Equal(1, _queue.Oldest.Submissions[0]);
        _queue.TakeBack(Of(8, 9));
        _queue.TakeBack(Of(7));
        Assert.Equal("70 30 7 False", Waiting);
        Assert.Equal("8 9", Take(0));
        Assert.Equal("7", Take(0));
        Assert.Equal("1 2 3", Take(0));
        Assert.Equal("10 0 1 False", Waiting);
        Assert.Equal("4", Take(0));
        Assert.Equal("none", Take(0));
        Assert.Equal("0 0 0 True", Waiting);
    }

    // Protects memory where a fork took much back: of the backlog one batch is here at a time, in its order, behind what an ended
    // epoch left and before what is new; and no more is read once it is stopped.
    [Fact]
    public void A_backlog_is_read_one_batch_at_a_time()
    {
        int read = 0;
        _queue.Continue(() => read < 5 ? Of(100 + read++) : null);
        Assert.Equal((1, "10 10 1 False"), (read, Waiting));
        _queue.Add(1);
        _queue.TakeBack(Of(8));
        Assert.Equal("8", Take(0));
        Assert.Equal(1, read);
        for (int i = 0; i < 3; i++)
        {
            Assert.Equal($"{100 + i}", Take(0));
            Assert.Equal((2 + i, "20 10 2 False"), (read, Waiting));
        }

        _queue.TakeBack(Of(9));
        Assert.Equal("9", Take(0));
        Assert.Equal("103", Take(0));
        Assert.Equal("104", Take(0));
        Assert.Equal("1", Take(0));
        Assert.Equal("none", Take(0));
        Assert.Equal((5, "0 0 0 True"), (read, Waiting));

        read = 0;
        _queue.Continue(() => Of(100 + read++));
        _queue.Continue(null);
        Assert.Equal("100", Take(0));
        Assert.Equal("none", Take(0));
        Assert.Equal((1, true), (read, _queue.IsEmpty));
    }

    // Protects rule E4: a change is alone in its vertex, and in no epoch but its own.
    [Fact]
    public void A_change_goes_alone_and_only_in_its_epoch()
    {
        foreach (int submission in (int[])[1, Change + 5, 2, Change + 6, Change + 6])
        {
            _queue.Add(submission);
        }

        Assert.Equal("1", Take(5));
        Assert.Equal($"{Change + 5}", Take(5));
        Assert.Equal("2", Take(6));
        Assert.Equal($"{Change + 6}", Take(6));
        Assert.Equal($"{Change + 6} over", Take(7));
        Assert.True(_queue.IsEmpty);
    }

    // Protects a leaver's clients (rule E8): they are told, of what comes back later too, and none of it is lost; who comes back
    // tells nobody.
    [Fact]
    public void Who_leaves_tells_those_who_wait_and_keeps_what_was_promised()
    {
        Batch before = Of(1);
        Batch after = Of(2);
        Batch back = Of(3);
        _queue.TakeBack(before);
        _queue.Add(4);
        _queue.Enter(signs: false, leaves: false);
        Assert.Equal(0, before.Told);
        _queue.Enter(signs: false, leaves: true);
        _queue.TakeBack(after);
        Assert.Equal((1, 1, true), (before.Told, after.Told, _queue.HasLeft));
        Assert.True(_queue.TryTakeFresh(out Batch? fresh));
        Assert.Equal((4, 0), (fresh.Submissions[0], fresh.Told));
        Assert.False(_queue.TryTakeFresh(out _));

        _queue.Enter(signs: true, leaves: false);
        _queue.TakeBack(back);
        Assert.Equal((0, false), (back.Told, _queue.HasLeft));
        Assert.Equal("1", Take(9));
        Assert.True(_queue.TryTakeAgain(out Batch? again));
        Assert.Equal(after, again);
        Assert.Equal("3", Take(9));
        Assert.False(_queue.TryTakeAgain(out _));
    }
}
