using System.Buffers.Binary;
using System.Runtime.InteropServices;
using Validator.Core.Effects;
using Validator.Core.Primitives;
using Validator.Core.Shell;
using Validator.Core.Wire;
using Validator.Core.Wire.Validation;

namespace Validator.Bench.Simulation;

/// <summary>
/// A vertex with its transactions, each known by a number: on the wire an opaque one of eight bytes, or an envelope.
/// </summary>
public sealed class SimVertex(VertexHeader header, byte[] signature, ulong[] transactions) : IHeldVertex
{
    /// <summary>An own one, whose root was reckoned when its batch was handed to Core; null for an empty one.</summary>
    public SimVertex(VertexHeader header, byte[] signature, SimBatch? batch)
        : this(header, signature, [.. batch?.Transactions ?? []]) => _root = batch?.Root;

    /// <summary>What was found of another that has the same header and the same transactions holds of this one.</summary>
    public SimVertex(VertexHeader header, byte[] signature, SimVertex like, DecodeError fault)
        : this(header, signature, like.Transactions)
    {
        _root = like._root;
        _fault = fault;
    }

    public const int TransactionBytes = Limits.TransactionFramingBytes + 8;

    [ThreadStatic]
    private static TransactionScratch? s_scratch;

    [ThreadStatic]
    private static byte[]? s_payload;
    private DecodeError? _fault;
    private Hash256? _root;

    public VertexHeader Header { get; } = header;
    public byte[] Signature { get; } = signature;
    public ulong[] Transactions { get; } = transactions;

    /// <summary>Of the transactions, whatever the header says.</summary>
    public Hash256 Root => _root ??= RootOf(Transactions);

    /// <summary>Of this thread; for one payload after the other.</summary>
    public static TransactionScratch Scratch => s_scratch ??= new TransactionScratch();

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

    /// <summary>Null for a transaction that is no committee change.</summary>
    public static CommitteeChange? ChangeOf(ulong transaction) =>
        IsSystem(transaction) && CommitteeChangeCodec.TryRead(SystemBytes[transaction], out SignedCommitteeChange? signed, out _) ? signed.Change : null;

    /// <summary>Null for a transaction that is no proof of an offence.</summary>
    public static OffenceProof? ProofOf(ulong transaction) =>
        IsSystem(transaction) && OffenceProofCodec.TryRead(SystemBytes[transaction], out OffenceProof? proof, out _) ? proof
            : null;

    /// <summary>As bytes, which are there until this thread asks for others.</summary>
    public static ReadOnlySpan<byte> PayloadOf(ReadOnlySpan<ulong> transactions)
    {
        byte[] keys = SimEnvelopes.KeyEntries(transactions);
        int length = keys.Length;
        foreach (ulong transaction in transactions)
        {
            length += PayloadWriter.Size(
                SimEnvelopes.Is(transaction) ? SimEnvelopes.Bytes : SystemBytesOf(transaction) is { } change ? change.Length : sizeof(ulong));
        }

        if (s_payload is null || s_payload.Length < length)
        {
            s_payload = new byte[Math.Max(2 * length, 4096)];
        }

        Span<byte> payload = s_payload.AsSpan(0, length);
        keys.CopyTo(payload);
        Span<byte> rest = payload[keys.Length..];
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
        Require.That(Scratch.TryCompute(payload, transactions, out Hash256 root, out _));
        return root;
    }

    /// <summary>What the shell's stateless checks say of the payload.</summary>
    public DecodeError PayloadFault(SimCluster cluster) => _fault ??= FindFault(cluster);

    private DecodeError FindFault(SimCluster cluster)
    {
        TransactionScratch scratch = Scratch;
        DecodeError error = VertexValidation.CheckPayload(Header, PayloadOf(Transactions), cluster.Genesis.Parameters, scratch);
        return error != DecodeError.None ? error
            : scratch.Change is { } change ? SignatureChecks.OfChange(change, cluster.EpochOf(Header.Epoch).Committee, [])
            : scratch.Proof is { } proof && !cluster.Holds(proof) ? DecodeError.EvidenceOtherSender
            : DecodeError.None;
    }
}

/// <summary>One message on its way, from whom it may.</summary>
public sealed class SimMessage
{
    [ThreadStatic]
    private static byte[]? s_frame;

    [ThreadStatic]
    private static List<SignatureCheck>? s_checks;
    private byte[]? _bytes;
    private DecodeError? _error;
    private IMessage? _message;
    private SimVertex? _vertex;

    public SimMessage(IMessage message)
    {
        _message = message;
        Type = message.Type;
    }

    public SimMessage(SimVertex vertex)
        : this(SignedVertex.Of(vertex.Header, vertex.Signature))
    {
        _vertex = vertex;
    }

    /// <summary>Whatever a liar puts on the wire.</summary>
    public SimMessage(byte[] bytes)
    {
        _bytes = bytes;
        IsForged = true;
    }

    public bool IsForged { get; }
    /// <summary>Null for bytes that are none, or not yet decoded.</summary>
    public IMessage? Message => _message;

    /// <summary>0 where there is no message.</summary>
    public FrameType Type { get; private set; }

    public SimVertex? Vertex => _vertex;

    public byte[] Bytes => _bytes ??= Encode().ToArray();

    /// <summary>Into bytes that are there until this thread encodes another.</summary>
    private ReadOnlySpan<byte> Encode()
    {
        int size = FrameCodec.EncodedSize(_message!);
        if (s_frame is null || s_frame.Length < size)
        {
            s_frame = new byte[Math.Max(2 * size, 65_536)];
        }

        Span<byte> bytes = s_frame.AsSpan(0, size);
        int written = FrameCodec.Write(_message!, bytes);
        if (_vertex is not null)
        {
            SimVertex.PayloadOf(_vertex.Transactions).CopyTo(bytes[written..]);
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
        ReadOnlySpan<byte> bytes = _bytes ?? Encode();
        EpochConfiguration epoch = cluster.EpochOf(FrameCodec.TryPeekEpoch(bytes, out ulong number) ? number : 0);
        Committee committee = epoch.Committee;
        if (!FrameCodec.TryRead(bytes, committee.Count, out _message, out DecodeError error))
        {
            Type = 0;
            _bytes ??= bytes.ToArray();
            return error;
        }

        Type = _message.Type;
        bool envelopesHold = true;
        List<SignatureCheck> checks = s_checks ??= [];
        checks.Clear();
        error = SignatureChecks.Collect(_message, committee, checks);
        if (error == DecodeError.None && _message is SignedVertex vertex)
        {
            TransactionScratch scratch = SimVertex.Scratch;
            ReadOnlySpan<byte> payload = bytes[vertex.PayloadOffset(bytes.Length)..];
            error = VertexValidation.CheckPayload(vertex.Vertex, payload, cluster.Genesis.Parameters, scratch);
            if (error == DecodeError.None && scratch.Change is { } change)
            {
                error = SignatureChecks.OfChange(change, committee, checks);
            }

            if (error == DecodeError.None)
            {
                ulong[] transactions = TransactionsOf(payload, out envelopesHold);
                // The same numbers are the same bytes, which have just been found to be well formed.
                _vertex = _vertex is not null && transactions.AsSpan().SequenceEqual(_vertex.Transactions)
                    ? new SimVertex(vertex.Vertex, vertex.Signature, _vertex, DecodeError.None)
                    : new SimVertex(vertex.Vertex, vertex.Signature, transactions);
            }
        }

        _signaturesHold = envelopesHold
            && (SimVertex.Scratch.Proof is not { } proof || _message is not SignedVertex || cluster.Holds(proof));
        foreach (ref readonly SignatureCheck check in CollectionsMarshal.AsSpan(checks))
        {
            _signaturesHold = _signaturesHold && cluster.Verify(check.Header, check.Signature);
        }

        return error;
    }

    /// <summary>Where nothing is decoded: its signature is of the key that the member it names has in its epoch.</summary>
    public bool IsOfItsSender(SimCluster cluster) => _message is not Signed signed || cluster.Verify(signed.Header, signed.Signature);

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
    public ulong Epoch => _message switch
    {
        null => FrameCodec.TryPeekEpoch(Bytes, out ulong epoch) ? epoch : 0,
        Signed signed => signed.Header.Epoch,
        ViewChange change => change.Signed.Header.Epoch,
        NewView newView => newView.Signed.Header.Epoch,
        Certificate certificate => certificate.Epoch,
        Block block => block.Epoch,
        FinalBlocks blocks => blocks.Blocks[0].Epoch,
        Evidence evidence => evidence.First.Header.Epoch,
        Status status => status.Epoch,
        FetchRequest request => request.Epoch,
        NotFound answer => answer.Request.Epoch,
        SnapshotManifest manifest => manifest.Epoch,
        SnapshotChunk chunk => chunk.Epoch,
        EpochEnd end => end.Epoch,
        _ => throw new InvariantViolationException($"a {Type} has no epoch"),
    };

    /// <summary>Made for a committee of this size.</summary>
    public bool Fits(int members) => _message switch
    {
        SignedVertex vertex => vertex.Vertex.Parents.Length == members,
        PrePrepare proposal => proposal.Block.Cut.Length == members && proposal.Header.Sender < members,
        Block block => block.Cut.Length == members,
        Signed signed => signed.Header.Sender < members,
        _ => true,
    };

    /// <summary>As the real shell does it.</summary>
    public Input ToInput(int from) => Input.Of(_message!, from);

    /// <summary>A line for readers.</summary>
    public override string ToString() => _message switch
    {
        null => "bytes",
        SignedVertex { Vertex: var v } => $"Vertex {v.Author}/{v.Height} {Short(v.Hash)}",
        Status status => $"Status epoch {status.Epoch} view {status.View} final {status.FinalSequence}",
        FetchRequest request => Line(request),
        NotFound answer => Line(answer.Request),
        Block block => $"Block {block.Sequence} {Short(block.Hash)}",
        FinalBlocks blocks => $"FinalBlocks to {blocks.Certificate.Sequence}",
        Evidence evidence => $"Evidence against {evidence.First.Header.Sender}",
        Signed signed => Line(signed.Header),
        ViewChange change => Line(change.Signed.Header),
        NewView newView => Line(newView.Signed.Header),
        _ => Type.ToString(),
    };

    private string Line(in FetchRequest request) => $"{Type} {request.Kind} {request.Sequence} {Short(request.Hash)}";

    private static string Line(in SignedHeader h) => $"{h.Kind} of {h.Sender} view {h.View} sequence {h.Sequence} {Short(h.Digest)}";

    private static string Short(in Hash256 hash) => hash.ToString()[..8];
}
