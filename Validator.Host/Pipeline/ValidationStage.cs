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
internal sealed class ValidationScheduler(
    FrameValidator validator, SpscRing<TransportEvent> events, FetchIntake fetches, Topology topology, IFaultSink faults)
    : PipelineStage(topology.Validation, faults)
{
    private const int MostControlPerRound = 128;
    private const int MostBulkWaiting = 256;

    private readonly Queue<ReceivedFrame> _bulk = new();
    private readonly List<PooledBuffer> _batch = [];
    private Action<Input>? _pass;

    public override bool HasWork => !events.IsEmpty || _bulk.Count > 0 || validator.HasReplay;

    /// <summary>
    /// Each frame of a round, one with payload after it, and what comes up again with an epoch, make an input each.
    /// </summary>
    public override bool HasRoom => Fits(topology.ValidationToCore, MostControlPerRound + 1 + validator.ReplayCount);

    public override bool Work()
    {
        _pass ??= input => Hand(topology.ValidationToCore, input);
        validator.Replay();
        int taken = validator.Count;
        while (taken < MostControlPerRound && _bulk.Count < MostBulkWaiting && events.TryDequeue(out TransportEvent received))
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
            if (topology.Workers.Length > 0)
            {
                Hand(topology.Workers[frame.Peer % topology.Workers.Length].Frames, frame);
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
                // The link: Core's thread knows which member of which epoch it reaches.
                Hand(topology.ValidationToCore, received.Kind == TransportEventKind.PeerUp ? Input.PeerUp(received.Peer) : Input.PeerDown(received.Peer));
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
            fetches.Offer(frame.Peer, request);
        }
    }
}

/// <summary>Validates frames with payload on a core of its own.</summary>
internal sealed class ValidationWorker(FrameValidator validator, FetchIntake fetches, Topology.WorkerStage stage, IFaultSink faults)
    : PipelineStage(stage.Stage, faults)
{
    private const int MostPerRound = 16;

    private readonly List<PooledBuffer> _batch = [];
    private Action<Input>? _pass;

    public override bool HasWork => !stage.Frames.IsEmpty || validator.HasReplay;

    public override bool Work()
    {
        _pass ??= input => Hand(stage.ToCore, input);
        validator.Replay();
        while (_batch.Count < MostPerRound && stage.Frames.TryTake(out ReceivedFrame frame))
        {
            if (validator.Add(frame.Peer, frame.Buffer, out FetchRequest request))
            {
                fetches.Offer(frame.Peer, request);
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
