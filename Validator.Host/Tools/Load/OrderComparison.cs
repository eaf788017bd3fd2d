using Validator.Core.Primitives;

namespace Validator.Host.Tools.Load;

/// <summary>
/// Compares the transaction ids that several streams give, global index by global index. Each stream's ids are hashed in runs of
/// <see cref="RunLength"/>; a run's digest is kept only until every stream has passed it, so memory is bounded by the lag of the
/// slowest (32 bytes for each 256 transactions). Streams may report from different threads.
/// </summary>
public sealed class OrderComparison
{
    /// <summary>Transactions per digest.</summary>
    public const int RunLength = 256;

    private readonly Lock _lock = new();
    private readonly byte[][] _open;
    private readonly int[] _openCount;
    private readonly long[] _closedRuns;
    private readonly Dictionary<long, (Hash256 Digest, int Seen)> _runs = [];
    private long _diverged;

    public OrderComparison(int streams)
    {
        _open = new byte[streams][];
        for (int i = 0; i < streams; i++)
        {
            _open[i] = new byte[RunLength * Hash256.Size];
        }

        _openCount = new int[streams];
        _closedRuns = new long[streams];
    }

    /// <summary>Runs in which a stream differs from the first one to report it, plus single differences in the open runs
    /// once <see cref="CompareTails"/> was called.</summary>
    public long Diverged => Interlocked.Read(ref _diverged);

    /// <summary>Transactions reported by a stream.</summary>
    public long Position(int stream) => (_closedRuns[stream] * RunLength) + _openCount[stream];

    /// <summary>The next transaction id of a stream, in its order.</summary>
    public void Append(int stream, ReadOnlySpan<byte> id)
    {
        id.CopyTo(_open[stream].AsSpan(_openCount[stream] * Hash256.Size, Hash256.Size));
        if (++_openCount[stream] < RunLength)
        {
            return;
        }

        Hash256 digest = Hash256.Of(_open[stream]);
        long run = _closedRuns[stream];
        lock (_lock)
        {
            Close(run, digest);
        }

        _closedRuns[stream] = run + 1;
        _openCount[stream] = 0;
    }

    /// <summary>Compares the runs not yet full; to be called once, when no stream reports any more.</summary>
    public void CompareTails()
    {
        for (int i = 1; i < _open.Length; i++)
        {
            if (_closedRuns[i] != _closedRuns[0])
            {
                continue;
            }

            int common = Math.Min(_openCount[i], _openCount[0]) * Hash256.Size;
            if (!_open[i].AsSpan(0, common).SequenceEqual(_open[0].AsSpan(0, common)))
            {
                Interlocked.Increment(ref _diverged);
            }
        }
    }

    private void Close(long run, Hash256 digest)
    {
        if (!_runs.TryGetValue(run, out (Hash256 Digest, int Seen) known))
        {
            known = (digest, 0);
        }
        else if (known.Digest != digest)
        {
            Interlocked.Increment(ref _diverged);
        }

        if (known.Seen + 1 == _open.Length)
        {
            _runs.Remove(run);
        }
        else
        {
            _runs[run] = known with { Seen = known.Seen + 1 };
        }
    }
}
