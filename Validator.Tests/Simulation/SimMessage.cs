using System.Buffers.Binary;
using Validator.Core.Effects;
using Validator.Core.Primitives;
using Validator.Core.Wire;
using Validator.Core.Wire.Validation;
using Validator.Host.Node;

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

    public static byte[] PayloadOf(ReadOnlySpan<ulong> transactions)
    {
        byte[] keys = SimEnvelopes.KeyEntries(transactions);
        byte[] payload = new byte[PayloadBytes(transactions, keys.Length)];
        keys.CopyTo(payload, 0);
        Span<byte> at = payload.AsSpan(keys.Length);
        foreach (ulong transaction in transactions)
        {
            bool signed = SimEnvelopes.Is(transaction);
            int length = signed ? SimEnvelopes.Bytes : 8;
            BinaryPrimitives.WriteInt32LittleEndian(at, length);
            at[4] = (byte)(signed ? TransactionKind.Envelope : TransactionKind.Opaque);
            if (signed)
            {
                SimEnvelopes.Write(transaction, at.Slice(Limits.TransactionFramingBytes, length));
            }
            else
            {
                BinaryPrimitives.WriteUInt64LittleEndian(at[Limits.TransactionFramingBytes..], transaction);
            }

            at = at[(Limits.TransactionFramingBytes + length)..];
        }

        return payload;

        static int PayloadBytes(ReadOnlySpan<ulong> transactions, int keyBytes)
        {
            foreach (ulong transaction in transactions)
            {
                keyBytes += SimEnvelopes.Is(transaction) ? PayloadWriter.Size(SimEnvelopes.Bytes) : TransactionBytes;
            }

            return keyBytes;
        }
    }

    public static Hash256 RootOf(ReadOnlySpan<ulong> transactions)
    {
        Require.That((s_scratch ??= new TransactionScratch()).TryCompute(PayloadOf(transactions), transactions.Length, out Hash256 root, out _));
        return root;
    }

    /// <summary>What the shell's stateless checks say of the payload.</summary>
    public DecodeError PayloadFault(GenesisParameters parameters) => _fault ??= VertexValidation.CheckPayload(
        Header, PayloadOf(Transactions), parameters, s_scratch ??= new TransactionScratch());
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
    /// The shell's checks before Core hears of it (Host/Node/FrameValidator): bytes, structure, weight, payload and every
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
            error = VertexValidation.CheckPayload(
                _frame.Vertex!, bytes.AsSpan(_frame.PayloadOffset), cluster.Genesis.Parameters, new TransactionScratch());
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

            ulong number = reader.Bytes.Length == 8 ? BinaryPrimitives.ReadUInt64LittleEndian(reader.Bytes) : 0;
            transactions.Add(SimEnvelopes.Is(number) ? 0 : number);
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
        _ => _frame.Message!.Header.Epoch,
    };

    /// <summary>As the real shell does it.</summary>
    public Input ToInput(int from) => FrameValidator.InputOf(_frame, from);

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
