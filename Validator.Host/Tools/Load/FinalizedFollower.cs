using System.Diagnostics;
using Validator.Core.Primitives;
using Validator.Crypto.Simd;
using Validator.Host.Api;
using Validator.Host.Cli;
using Validator.Host.Primitives;

namespace Validator.Host.Tools.Load;

/// <summary>
/// Follows one validator's stream of final transactions: no index missing, none twice, every byte as it was sent, the order as in
/// the other streams; and measures when the validator's own clients know. Reconnects where the stream ended. For each transaction
/// one of the streams checks that the id is the hash of the bytes; the others are compared with it by their order.
/// </summary>
internal sealed class FinalizedFollower
{
    private const int MostPerBatch = 64;

    /// <summary>
    /// Transactions final within this time after the load's end still count into its rate: see <see
    /// cref="LoadResult.FinalizedPerSecond"/>.
    /// </summary>
    private const long GraceMicros = 1_000_000;

    private readonly LoadOptions _options;
    private readonly LoadContent _content;
    private readonly OrderComparison _order;
    private readonly TargetTally _tally;
    private readonly HttpClient _http;
    private readonly int _stream;
    private readonly bool _ownTrafficOnly;
    private readonly ulong[] _numbers = new ulong[MostPerBatch];
    private readonly long[] _finality = new long[MostPerBatch];
    private readonly int[] _offsets = new int[MostPerBatch];
    private readonly int[] _lengths = new int[MostPerBatch];
    private readonly byte[] _claimedIds = new byte[MostPerBatch * Hash256.Size];

    // Transactions of the batch whose ids this stream computes.
    private readonly int[] _hashed = new int[MostPerBatch];
    private readonly int[] _hashedOffsets = new int[MostPerBatch];
    private readonly int[] _hashedLengths = new int[MostPerBatch];
    private readonly byte[] _ids = new byte[MostPerBatch * Hash256.Size];
    private int _batched;
    private int _toHash;
    private int _numbered;
    private long _startTimestamp;

    // The chain, known from the first answer on: a validator whose chain was made anew meanwhile refuses.
    private string _chain = "";

    /// <param name="stream">Index of the target.</param>
    /// <param name="from">Global index to begin at; the same for all streams.</param>
    /// <param name="ownTrafficOnly">True: a transaction that is not of this run is a divergence.</param>
    public FinalizedFollower(
        LoadOptions options, LoadContent content, OrderComparison order, TargetTally tally, HttpClient http,
        int stream, ulong from, bool ownTrafficOnly)
    {
        _options = options;
        _content = content;
        _order = order;
        _tally = tally;
        _http = http;
        _stream = stream;
        _ownTrafficOnly = ownTrafficOnly;
        NextIndex = from;
    }

    /// <summary>The index expected next.</summary>
    public ulong NextIndex { get; private set; }

    /// <summary>Completes when the first subscription is there; no load is sent before.</summary>
    public TaskCompletionSource Subscribed { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

    /// <summary>Sets time zero of the schedule, Stopwatch ticks; before the first transaction is sent.</summary>
    public void SetStart(long timestamp) => Volatile.Write(ref _startTimestamp, timestamp);

    /// <summary>Runs until cancelled. Connection failures are noted and tried again.</summary>
    public async Task RunAsync(CancellationToken cancellation)
    {
        while (!cancellation.IsCancellationRequested)
        {
            try
            {
                await FollowOnceAsync(cancellation).ConfigureAwait(false);
                _tally.AddNote($"{_options.Targets[_stream].Authority}: the stream ended");
            }
            catch (OperationCanceledException) when (cancellation.IsCancellationRequested)
            {
                return;
            }
            catch (Exception e) when (e is HttpRequestException or IOException or OperationCanceledException)
            {
                _tally.AddNote($"{_options.Targets[_stream].Authority}: stream: {HttpHandlers.Reason(e)}");
            }

            await Task.Delay(100, cancellation).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }

    private async Task FollowOnceAsync(CancellationToken cancellation)
    {
        using HttpRequestMessage request = new(
            HttpMethod.Get, new Uri(_options.Targets[_stream], $"/v1/finalized?from={NextIndex}&wait=true&{FinalizedStream.Query}{_chain}"));
        using HttpResponseMessage response = await _http
            .SendAsync(request, HttpCompletionOption.ResponseHeadersRead, cancellation).ConfigureAwait(false);
        response.EnsureSuccessStatusCode();
        _chain = FinalizedStreaming.ChainQuery(response);
        Subscribed.TrySetResult();

        await using Stream body = await response.Content.ReadAsStreamAsync(cancellation).ConfigureAwait(false);
        byte[] buffer = new byte[2 * FinalizedStream.MaxRecordBytes];
        int filled = 0;
        while (true)
        {
            int read = await body.ReadAsync(buffer.AsMemory(filled), cancellation).ConfigureAwait(false);
            if (read == 0)
            {
                return;
            }

            filled += read;
            int used = Take(buffer.AsSpan(0, filled), Stopwatch.GetTimestamp());
            if (used < 0)
            {
                throw new IOException($"not a stream of final transactions, after index {NextIndex}");
            }

            buffer.AsSpan(used, filled - used).CopyTo(buffer);
            filled -= used;
        }
    }

    /// <summary>Takes all complete records; returns the bytes used, or -1 for a malformed record.</summary>
    private int Take(ReadOnlySpan<byte> data, long receivedTimestamp)
    {
        int used = 0;
        while (true)
        {
            StreamRecord record = FinalizedStream.Read(data[used..]);
            if (record.Outcome == StreamRead.Malformed)
            {
                return -1;
            }

            if (record.Outcome == StreamRead.Transaction)
            {
                AddToBatch(record, used);
                used += record.Consumed;
            }

            bool last = record.Outcome == StreamRead.NeedMore;
            if (_batched == MostPerBatch || (_batched > 0 && last))
            {
                CloseBatch(data, receivedTimestamp);
            }

            if (last)
            {
                return used;
            }
        }
    }

    private void AddToBatch(in StreamRecord record, int at)
    {
        if (record.Index != NextIndex)
        {
            _tally.AddCorrupt(
                $"{_options.Targets[_stream].Authority}: index {record.Index} where {NextIndex} is next in the stream");
        }

        NextIndex = record.Index + 1;
        _offsets[_batched] = at + record.Start;
        _lengths[_batched] = record.Length;
        record.Id.CopyTo(_claimedIds.AsSpan(_batched * Hash256.Size));
        if (record.Index % (ulong)_options.Targets.Length == (ulong)_stream)
        {
            _hashed[_toHash] = _batched;
            _hashedOffsets[_toHash] = at + record.Start;
            _hashedLengths[_toHash++] = record.Length;
        }

        _batched++;
    }

    private void CloseBatch(ReadOnlySpan<byte> data, long receivedTimestamp)
    {
        CheckIds(data);
        long nowMicros = (long)Stopwatch.GetElapsedTime(Volatile.Read(ref _startTimestamp), receivedTimestamp).TotalMicroseconds;
        for (int i = 0; i < _batched; i++)
        {
            _order.Append(_stream, ClaimedId(i));
            Check(data.Slice(_offsets[i] + 1, _lengths[i] - 1), nowMicros);
        }

        bool inTime = nowMicros <= (long)_options.Duration.TotalMicroseconds + GraceMicros;
        _tally.AddFinal(_numbers.AsSpan(0, _numbered), _finality.AsSpan(0, _numbered), inTime);
        _batched = 0;
        _numbered = 0;
        _toHash = 0;
    }

    private void CheckIds(ReadOnlySpan<byte> data)
    {
        Blake3.HashMany(data, _hashedOffsets.AsSpan(0, _toHash), _hashedLengths.AsSpan(0, _toHash), _ids);
        for (int i = 0; i < _toHash; i++)
        {
            if (!ClaimedId(_hashed[i]).SequenceEqual(_ids.AsSpan(i * Hash256.Size, Hash256.Size)))
            {
                _tally.AddCorrupt($"{_options.Targets[_stream].Authority}: an id in the stream is not the payload's hash");
            }
        }
    }

    private ReadOnlySpan<byte> ClaimedId(int i) => _claimedIds.AsSpan(i * Hash256.Size, Hash256.Size);

    private void Check(ReadOnlySpan<byte> transaction, long nowMicros)
    {
        bool ours = _content.TryRecognise(transaction, out ulong number, out bool intact) && number < (ulong)_options.Total;
        if (!ours)
        {
            if (_ownTrafficOnly)
            {
                _tally.AddCorrupt($"{_options.Targets[_stream].Authority}: a transaction that nobody sent");
            }

            return;
        }

        if (!intact)
        {
            _tally.AddCorrupt($"{_options.Targets[_stream].Authority}: transaction {number} has other bytes than were sent");
            return;
        }

        bool own = number % (ulong)_options.Targets.Length == (ulong)_stream;
        _numbers[_numbered] = number;
        _finality[_numbered++] = own ? nowMicros - _options.DueMicros((long)number) : -1;
    }
}
