using System.Buffers.Binary;
using Validator.Core.Effects;
using Validator.Core.Primitives;
using Validator.Core.Wire;
using Validator.Core.Wire.Validation;

namespace Validator.Tests.Simulation;

/// <summary>A vertex with its transactions, each known by a number: on the wire an opaque one of eight bytes, or an envelope.</summary>
public sealed class SimVertex(VertexHeader header, byte[] signature, ulong[] transactions)
{
    public const int TransactionBytes = Limits.TransactionFramingBytes + 8;

    [ThreadStatic]
    private static TransactionScratch? s_scratch;
    private DecodeError? _fault;

    public VertexHeader Header { get; } = header;
    public byte[] Signature { get; } = signature;
    public ulong[] Transactions { get; } = transactions;

    /// <summary>System transactions have numbers from here on, by their content.</summary>
    private const ulong System = 1UL << 62;

    [ThreadStatic]
    private static Dictionary<ulong, byte[]>? s_systemBytes;

    private static Dictionary<ulong, byte[]> SystemBytes => s_systemBytes ??= [];

    /// <summary>A new cluster begins on this thread.</summary>
    public static void ForgetSystem() => SystemBytes.Clear();

    public static bool IsSystem(ulong transaction) => (transaction >> 62) == 1;

    /// <summary>The number of a system transaction with these bytes.</summary>
    public static ulong NumberOf(ReadOnlySpan<byte> change)
    {
        Span<byte> hash = stackalloc byte[Hash256.Size];
        Hash256.Of(change).CopyTo(hash);
        ulong number = System | (BinaryPrimitives.ReadUInt64LittleEndian(hash) >> 2);
        SystemBytes[number] = change.ToArray();
        return number;
    }

    /// <summary>The committee changes among the transactions, in order.</summary>
    public IEnumerable<CommitteeChange> Changes => Transactions.Where(IsSystem)
        .Select(t => CommitteeChangeCodec.TryRead(SystemBytes[t], out SignedCommitteeChange? signed, out _) ? signed.Change : null).OfType<CommitteeChange>();

    public static byte[] PayloadOf(ReadOnlySpan<ulong> transactions)
    {
        byte[] keys = SimEnvelopes.KeyEntries(transactions);
        int length = keys.Length;
        foreach (ulong transaction in transactions)
        {
            length += PayloadWriter.Size(
                SimEnvelopes.Is(transaction) ? SimEnvelopes.Bytes : SystemBytesOf(transaction) is { } change ? change.Length : sizeof(ulong));
        }

        byte[] payload = new byte[length];
        keys.CopyTo(payload, 0);
        Span<byte> rest = payload.AsSpan(keys.Length);
        Span<byte> envelope = stackalloc byte[SimEnvelopes.Bytes];
        Span<byte> plain = stackalloc byte[sizeof(ulong)];
        foreach (ulong transaction in transactions)
        {
            int written;
            if (SimEnvelopes.Is(transaction))
            {
                SimEnvelopes.Write(transaction, envelope);
                written = PayloadWriter.Append(rest, TransactionKind.Envelope, envelope);
            }
            else if (SystemBytesOf(transaction) is { } change)
            {
                written = PayloadWriter.Append(rest, TransactionKind.System, change);
            }
            else
            {
                BinaryPrimitives.WriteUInt64LittleEndian(plain, transaction);
                written = PayloadWriter.Append(rest, TransactionKind.Opaque, plain);
            }

            rest = rest[written..];
        }

        return payload;
    }

    private static byte[]? SystemBytesOf(ulong transaction) => IsSystem(transaction) ? SystemBytes.GetValueOrDefault(transaction) : null;

    public static Hash256 RootOf(ReadOnlySpan<ulong> transactions) => RootOf(PayloadOf(transactions), transactions.Length);

    public static Hash256 RootOf(ReadOnlySpan<byte> payload, int transactions)
    {
        Require.That((s_scratch ??= new TransactionScratch()).TryCompute(payload, transactions, out Hash256 root, out _));
        return root;
    }

    /// <summary>What the shell's stateless checks say of the payload.</summary>
    public DecodeError PayloadFault(SimCluster cluster) => _fault ??= FindFault(cluster);

    private DecodeError FindFault(SimCluster cluster)
    {
        TransactionScratch scratch = s_scratch ??= new TransactionScratch();
        DecodeError error = VertexValidation.CheckPayload(Header, PayloadOf(Transactions), cluster.Genesis.Parameters, scratch);
        return error == DecodeError.None && scratch.Change is { } change
            ? SignatureChecks.OfChange(change, cluster.EpochOf(Header.Epoch).Committee, [])
            : error;
    }
}

/// <summary>One message on its way, from whom it may.</summary>
public sealed class SimMessage
{
    private byte[]? _bytes;
    private DecodeError? _error;
    private Frame _frame;
    private SimVertex? _vertex;

    public SimMessage(in Frame frame)
    {
        _frame = frame;
    }

    public SimMessage(SimVertex vertex)
    {
        _frame = Frame.Of(vertex.Header, vertex.Signature);
        _vertex = vertex;
    }

    /// <summary>Whatever a liar puts on the wire.</summary>
    public SimMessage(byte[] bytes)
    {
        _bytes = bytes;
        IsForged = true;
    }

    public bool IsForged { get; }
    public ref readonly Frame Frame => ref _frame;
    public SimVertex? Vertex => _vertex;

    public byte[] Bytes => _bytes ??= Encode();

    private byte[] Encode()
    {
        byte[] bytes = new byte[FrameCodec.EncodedSize(_frame)];
        int written = FrameCodec.Write(_frame, bytes);
        if (_vertex is not null)
        {
            SimVertex.PayloadOf(_vertex.Transactions).CopyTo(bytes.AsSpan(written));
        }

        return bytes;
    }

    /// <summary>
    /// The shell's checks before Core hears of it (Host/Pipeline/FrameValidator): bytes, structure, weight, payload and every
    /// signature inside. Afterwards the frame is the decoded one. The same for each receiver, so done once.
    /// </summary>
    public DecodeError Admit(SimCluster cluster, out bool signaturesHold)
    {
        _error ??= Decode(cluster);
        signaturesHold = _signaturesHold;
        return _error.Value;
    }

    private bool _signaturesHold = true;

    private DecodeError Decode(SimCluster cluster)
    {
        byte[] bytes = Bytes;
        EpochConfiguration epoch = cluster.EpochOf(FrameCodec.TryPeekEpoch(bytes, out ulong number) ? number : 0);
        Committee committee = epoch.Committee;
        if (!FrameCodec.TryRead(bytes, committee.Count, out _frame, out DecodeError error))
        {
            return error;
        }

        bool envelopesHold = true;
        List<SignatureCheck> checks = [];
        error = SignatureChecks.Collect(_frame, committee, checks);
        if (error == DecodeError.None && _frame.Type == FrameType.Vertex)
        {
            TransactionScratch scratch = new();
            error = VertexValidation.CheckPayload(_frame.Vertex!, bytes.AsSpan(_frame.PayloadOffset), cluster.Genesis.Parameters, scratch);
            if (error == DecodeError.None && scratch.Change is { } change)
            {
                error = SignatureChecks.OfChange(change, committee, checks);
            }

            if (error == DecodeError.None)
            {
                ulong[] transactions = TransactionsOf(bytes.AsSpan(_frame.PayloadOffset), out envelopesHold);
                _vertex = new SimVertex(_frame.Vertex!, _frame.VertexSignature!, transactions);
            }
        }

        _signaturesHold = envelopesHold && checks.TrueForAll(c => cluster.Verify(c.Header, c.Signature));
        return error;
    }

    /// <summary>Transactions of another length than ours become numbers that nobody submitted.</summary>
    private static ulong[] TransactionsOf(ReadOnlySpan<byte> payload, out bool envelopesHold)
    {
        envelopesHold = true;
        List<ulong> transactions = [];
        PayloadReader reader = new(payload);
        while (reader.MoveNext())
        {
            if (reader.Kind == TransactionKind.Envelope)
            {
                envelopesHold &= SimEnvelopes.TryRead(reader.Bytes, out ulong signed);
                transactions.Add(signed);
                continue;
            }

            if (reader.Kind == TransactionKind.System)
            {
                transactions.Add(SimVertex.NumberOf(reader.Bytes));
                continue;
            }

            ulong number = reader.Bytes.Length == 8 ? BinaryPrimitives.ReadUInt64LittleEndian(reader.Bytes) : 0;
            transactions.Add(SimEnvelopes.Is(number) || SimVertex.IsSystem(number) ? 0 : number);
        }

        return [.. transactions];
    }

    /// <summary>The epoch that it speaks of; read from the bytes where there are any, as the real shell does.</summary>
    public ulong Epoch => _frame.Type switch
    {
        0 => FrameCodec.TryPeekEpoch(Bytes, out ulong epoch) ? epoch : 0,
        FrameType.Vertex => _frame.Vertex!.Epoch,
        FrameType.ViewChange => _frame.ViewChange!.Signed.Header.Epoch,
        FrameType.NewView => _frame.NewView!.Signed.Header.Epoch,
        FrameType.Certificate => _frame.Certificate!.Epoch,
        FrameType.Block => _frame.Block!.Epoch,
        FrameType.FinalBlocks => _frame.FinalBlocks!.Blocks[0].Epoch,
        FrameType.Evidence => _frame.Evidence!.First.Header.Epoch,
        FrameType.Status => _frame.Status!.Epoch,
        FrameType.FetchRequest or FrameType.NotFound => _frame.Request.Epoch,
        FrameType.SnapshotManifest => _frame.Manifest!.Epoch,
        FrameType.SnapshotChunk => _frame.Chunk!.Epoch,
        FrameType.EpochEnd => _frame.EpochEnd!.Epoch,
        _ => _frame.Message!.Header.Epoch,
    };

    /// <summary>Made for a committee of this size.</summary>
    public bool Fits(int members) =>
        (_frame.Vertex is not { } vertex || vertex.Parents.Length == members)
        && (_frame.Block is not { } block || block.Cut.Length == members)
        && (_frame.Message is not { } message || message.Header.Sender < members);

    /// <summary>As the real shell does it.</summary>
    public Input ToInput(int from) => Input.Of(_frame, from);

    /// <summary>A line for readers.</summary>
    public override string ToString()
    {
        SignedHeader? header = _frame.Message?.Header ?? _frame.ViewChange?.Signed.Header ?? _frame.NewView?.Signed.Header;
        return _frame.Type switch
        {
            FrameType.Vertex => $"Vertex {_frame.Vertex!.Author}/{_frame.Vertex.Height} {Short(_frame.Vertex.Hash)}",
            FrameType.Status => $"Status epoch {_frame.Status!.Epoch} view {_frame.Status.View} final {_frame.Status.FinalSequence}",
            FrameType.FetchRequest or FrameType.NotFound => $"{_frame.Type} {_frame.Request.Kind} {_frame.Request.Sequence} {Short(_frame.Request.Hash)}",
            FrameType.Block => $"Block {_frame.Block!.Sequence} {Short(_frame.Block.Hash)}",
            FrameType.FinalBlocks => $"FinalBlocks to {_frame.FinalBlocks!.Certificate.Sequence}",
            FrameType.Evidence => $"Evidence against {_frame.Evidence!.First.Header.Sender}",
            _ when header is { } h => $"{h.Kind} of {h.Sender} view {h.View} sequence {h.Sequence} {Short(h.Digest)}",
            _ => _frame.Type == 0 ? "bytes" : _frame.Type.ToString(),
        };
    }

    private static string Short(in Hash256 hash) => hash.ToString()[..8];
}
