using Validator.Core.Effects;
using Validator.Core.Wire;
using Validator.Net;
using Validator.Net.Buffers;
using Validator.Net.Rings;

namespace Validator.Host.Pipeline;

/// <summary>A frame on its way from the scheduler to a worker.</summary>
internal readonly record struct ReceivedFrame(int Peer, PooledBuffer Buffer);

/// <summary>
/// Where the network's frames come in. Takes all that is there at once: frames of the control channel are validated first,
/// as one batch; those with payload go to the workers, a peer's always to the same one, or are done here one at a time
/// when there are none, with a look at the control frames in between.
/// </summary>
internal sealed class ValidationScheduler(FrameValidator validator, IFaultSink faults)
    : PipelineThread("validation", faults)
{
    private const int MostControlPerRound = 128;
    private const int MostBulkWaiting = 256;

    private readonly Queue<ReceivedFrame> _bulk = new();
    private readonly List<PooledBuffer> _batch = [];
    private Action<Input>? _pass;

    /// <summary>The transport's; set once before the start.</summary>
    public SpscRing<TransportEvent>? Events { get; set; }

    public required SpscRing<Input> ToCore { get; init; }

    /// <summary>Set once before the start.</summary>
    public IWaker? Core { get; set; }

    public required FetchIntake Fetches { get; init; }

    public required ValidationWorker[] Workers { get; init; }

    protected override bool HasWork => !Events!.IsEmpty || _bulk.Count > 0 || validator.HasReplay;

    protected override bool Work()
    {
        _pass ??= input => Hand(ToCore, input, Core!);
        validator.Replay();
        int taken = validator.Count;
        while (taken < MostControlPerRound && _bulk.Count < MostBulkWaiting && Events!.TryDequeue(out TransportEvent received))
        {
            taken++;
            Sort(received);
        }

        if (validator.Count > 0)
        {
            validator.Complete(_pass);
        }

        foreach (PooledBuffer buffer in _batch)
        {
            buffer.Release();
        }

        _batch.Clear();
        if (_bulk.TryDequeue(out ReceivedFrame frame))
        {
            taken++;
            if (Workers.Length > 0)
            {
                ValidationWorker worker = Workers[frame.Peer % Workers.Length];
                Hand(worker.Input, frame, worker.Waker);
            }
            else
            {
                Validate(frame);
                validator.Complete(_pass);
                frame.Buffer.Release();
            }
        }

        return taken > 0;
    }

    private void Sort(in TransportEvent received)
    {
        switch (received.Kind)
        {
            case TransportEventKind.PeerUp or TransportEventKind.PeerDown:
                InputKind kind = received.Kind == TransportEventKind.PeerUp ? InputKind.PeerUp : InputKind.PeerDown;
                // The link: Core's thread knows which member of which epoch it reaches.
                Hand(ToCore, new Input { Kind = kind, From = received.Peer }, Core!);
                break;
            case TransportEventKind.Frame when received.Channel == Channel.Control:
                Validate(new ReceivedFrame(received.Peer, received.Buffer!));
                _batch.Add(received.Buffer!);
                break;
            default:
                _bulk.Enqueue(new ReceivedFrame(received.Peer, received.Buffer!));
                break;
        }
    }

    private void Validate(in ReceivedFrame frame)
    {
        if (validator.Add(frame.Peer, frame.Buffer, out FetchRequest request))
        {
            Fetches.Offer(frame.Peer, request);
        }
    }
}

/// <summary>Validates frames with payload on a core of its own.</summary>
internal sealed class ValidationWorker(int number, FrameValidator validator, IFaultSink faults)
    : PipelineThread($"validation-{number}", faults)
{
    private const int MostPerRound = 16;

    private readonly List<PooledBuffer> _batch = [];
    private Action<Input>? _pass;

    public SpscRing<ReceivedFrame> Input { get; } = new(256);

    public required SpscRing<Input> ToCore { get; init; }

    public IWaker? Core { get; set; }

    public required FetchIntake Fetches { get; init; }

    protected override bool HasWork => !Input.IsEmpty || validator.HasReplay;

    protected override bool Work()
    {
        _pass ??= input => Hand(ToCore, input, Core!);
        validator.Replay();
        while (_batch.Count < MostPerRound && Input.TryDequeue(out ReceivedFrame frame))
        {
            if (validator.Add(frame.Peer, frame.Buffer, out FetchRequest request))
            {
                Fetches.Offer(frame.Peer, request);
            }

            _batch.Add(frame.Buffer);
        }

        if (_batch.Count == 0 && validator.Count == 0)
        {
            return false;
        }

        validator.Complete(_pass);
        foreach (PooledBuffer buffer in _batch)
        {
            buffer.Release();
        }

        _batch.Clear();
        return true;
    }
}
