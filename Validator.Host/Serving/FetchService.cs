using Validator.Core.Primitives;
using Validator.Core.Shell;
using Validator.Core.Wire;
using Validator.Host.Contracts;
using Validator.Host.Pipeline;
using Validator.Host.Storage;
using Validator.Net;
using Validator.Net.Rings;

namespace Validator.Host.Serving;

/// <summary>
/// Answers peers' requests from memory and stores, on a thread of low priority. A peer that does not take its answers waits; its
/// requests neither pile up nor delay those of others by more than one answer.
/// </summary>
internal sealed class FetchService(
    FetchIntake intake, FrameSender sender, ITransport transport, VertexSource vertices, ILedger ledger,
    EvidenceStore evidence, NodeMetrics metrics, Topology topology, IFaultSink faults)
    : PipelineStage(topology.Fetch, faults)
{
    /// <summary>Payload bytes in one answer; a peer that lacks more asks again.</summary>
    private const int MaxAnswerBytes = 4 * 1024 * 1024;

    private const int MaxVerticesPerAnswer = 256;

    /// <summary>
    /// Bytes a second read for one peer: a validator that starts with nothing gets 64 MB/s from each of the others.
    /// </summary>
    private const double BytesPerSecond = 64e6;

    /// <summary>What an answer costs beside its bytes: looking up, reading, encoding.</summary>
    private const int AnswerCost = 4096;

    /// <summary>Bytes queued for a peer beyond which it gets no answers.</summary>
    private const long MaxQueuedBytes = 16L * 1024 * 1024;

    /// <summary>Unfinal block bodies kept: several windows of blocks, with their competitors in other views.</summary>
    private const int MaxBlocks = 4096;

    private readonly PeerMeter _meter = new(transport.Statistics.Peers.Count, BytesPerSecond, BytesPerSecond);
    private readonly Dictionary<Hash256, Block> _blocks = [];
    private readonly Queue<Hash256> _blockOrder = new();

    public required SnapshotServer Snapshots { get; init; }

    public override bool HasWork => !topology.CoreToFetch.IsEmpty || intake.Ring.Count > 0;

    /// <summary>Remembers an accepted block; also called with the recovered ones before the start.</summary>
    public void Remember(Block block)
    {
        if (!_blocks.TryAdd(block.Hash, block))
        {
            return;
        }

        _blockOrder.Enqueue(block.Hash);
        if (_blockOrder.Count > MaxBlocks)
        {
            _blocks.Remove(_blockOrder.Dequeue());
        }
    }

    public override bool Work()
    {
        bool any = false;
        while (topology.CoreToFetch.TryTake(out IMessage? message))
        {
            any = true;
            Serve(message);
        }

        if (intake.TryTake(out (int Peer, FetchRequest Request) asked))
        {
            any = true;
            // Its queue is long, and it will ask again: an answer now would come twice.
            if (transport.Statistics.Peers[asked.Peer].QueuedBytes <= MaxQueuedBytes && _meter.TryCharge(asked.Peer, AnswerCost))
            {
                Answer(asked.Peer, asked.Request);
            }
        }

        if (any)
        {
            sender.Flush();
        }

        return any;
    }

    private void Serve(IMessage message)
    {
        switch (message)
        {
            case Block block:
                Remember(block);
                break;
            case Evidence found:
                evidence.Keep(found);
                break;
            default:
                Require.Fail("Core leaves blocks and evidence here");
                break;
        }
    }

    private void Answer(int peer, in FetchRequest request)
    {
        bool answered = request.Kind switch
        {
            FetchKind.Vertices => AnswerVertices(peer, request),
            FetchKind.Block => AnswerBlock(peer, request.Hash),
            FetchKind.Snapshot => AnswerSnapshot(peer, request),
            FetchKind.Chunk => AnswerChunk(peer, request),
            _ => AnswerFinalBlocks(peer, request),
        };
        if (answered)
        {
            metrics.FetchesServed.Add();
        }
        else
        {
            sender.Send(peer, Channel.Control, new NotFound(request, ledger.FirstKept.Sequence));
        }
    }

    /// <summary>The vertex named and its nearest predecessors, oldest first.</summary>
    private bool AnswerVertices(int peer, in FetchRequest request)
    {
        Stack<HeldVertex> found = new();
        Hash256 next = request.Hash;
        int bytes = 0;
        while (found.Count < Math.Min(request.Count, MaxVerticesPerAnswer) && bytes <= MaxAnswerBytes && !next.IsZero
            && vertices.Find(next) is { } vertex)
        {
            found.Push(vertex);
            bytes += vertex.Payload.Length + Limits.SignatureBytes;
            next = vertex.Header.Predecessor;
        }

        _meter.TryCharge(peer, bytes);
        bool any = found.Count > 0;
        while (found.TryPop(out HeldVertex? vertex))
        {
            sender.SendVertex(peer, Channel.Sync, vertex);
            vertex.Release();
        }

        return any;
    }

    private bool AnswerBlock(int peer, in Hash256 hash)
    {
        Block? block = _blocks.GetValueOrDefault(hash) ?? ledger.FindBlock(hash);
        return block is not null && sender.Send(peer, Channel.Control, block);
    }

    /// <summary>
    /// A manifest of the epoch that is asked for; else how that epoch ended, if later ones have a snapshot, and where the first
    /// of those begins (rule E6).
    /// </summary>
    private bool AnswerSnapshot(int peer, in FetchRequest request)
    {
        if (Snapshots.Manifest(request.Epoch, request.Sequence, out ulong later) is { } manifest)
        {
            return sender.Send(peer, Channel.Sync, manifest);
        }

        if (later > 1 && ledger.FindEpochEnd(request.Epoch) is { } end)
        {
            sender.Send(peer, Channel.Sync, end);
        }

        return sender.Send(peer, Channel.Sync, new NotFound(request, later));
    }

    private bool AnswerChunk(int peer, in FetchRequest request) =>
        Snapshots.Chunk(request.Sequence, request.Hash) is { } data
        && sender.Send(peer, Channel.Sync, new SnapshotChunk(request.Epoch, request.Sequence, request.Hash, data));

    private bool AnswerFinalBlocks(int peer, in FetchRequest request)
    {
        if (Checkpoints.Answer(ledger, request) is not { } answer)
        {
            return false;
        }

        _meter.TryCharge(peer, FinalBlocksCodec.EncodedSize(answer));
        return sender.Send(peer, Channel.Sync, answer);
    }
}
