using System.Buffers.Binary;
using Validator.Core.Execution;
using Validator.Core.Primitives;
using Validator.Core.Wire;
using Validator.Host.Pipeline;
using Validator.Host.Storage;
using Validator.Tests.Core.Wire;

namespace Validator.Tests.Host.Storage;

/// <summary>Records of a chain of four members that stores accept: well-formed, with arbitrary signatures.</summary>
internal static class StoreSamples
{
    public const int Members = 4;
    public const uint DedupWindow = 1 << 16;

    public static StoreIdentity Identity { get; } = new(Hash256.Of("chain"u8), Hash256.Of("key"u8));

    public static Signed Signed(MessageKind kind, ulong view, ulong sequence, Hash256 digest)
    {
        byte[] signature = new byte[Limits.SignatureBytes];
        BinaryPrimitives.WriteUInt64LittleEndian(signature, view);
        BinaryPrimitives.WriteUInt64LittleEndian(signature.AsSpan(8), sequence);
        return new Signed(new SignedHeader(kind, 0, 0, view, sequence, digest), signature);
    }

    public static Block Block(ulong sequence, Hash256 parent, LaneTip[]? cut = null, Hash256? root = null) => BlockCodec.Seal(
        0, sequence, parent, 1_000_000 + sequence, sequence - 1, root ?? Hash256.Of("root"u8), Hash256.Zero, cut ?? new LaneTip[Members]);

    public static byte[] Encode(Block block)
    {
        byte[] encoded = new byte[BlockCodec.EncodedSize(Members)];
        BlockCodec.Write(block, encoded);
        return encoded;
    }

    public static Certificate Certificate(Phase phase, ulong view, Block block) => new()
    {
        Phase = phase,
        Epoch = 0,
        View = view,
        Sequence = block.Sequence,
        BlockHash = block.Hash,
        Votes = [.. Enumerable.Range(0, 3).Select(i => new CertificateVote(i, new byte[Limits.SignatureBytes]))],
    };

    /// <summary>The author's next vertex, with these transactions of kind 0.</summary>
    public static HeldVertex Vertex(int author, LaneTip predecessor, byte[][] transactions)
    {
        byte[] payload = new byte[transactions.Sum(t => PayloadWriter.Size(t.Length))];
        int at = 0;
        foreach (byte[] transaction in transactions)
        {
            at += PayloadWriter.Append(payload.AsSpan(at), TransactionKind.Opaque, transaction);
        }

        return Vertex(author, predecessor, payload, transactions.Length);
    }

    /// <summary>The author's next vertex, with one account's envelope.</summary>
    private static HeldVertex Envelope(int author, LaneTip predecessor, int account, ulong nonce) => Vertex(
        author, predecessor,
        EnvelopeSamples.Payload(
            [account], EnvelopeSamples.Entry(TransactionKind.Envelope, EnvelopeSamples.Unsigned(EnvelopeSamples.Account(account), nonce, [7]))), 1);

    private static HeldVertex Vertex(int author, LaneTip predecessor, byte[] payload, int transactions)
    {
        TransactionScratch scratch = new();
        Assert.True(scratch.TryCompute(payload, transactions, out Hash256 root, out _));
        VertexHeader header = VertexCodec.Seal(
            0, author, predecessor.Height + 1, predecessor.Hash, new LaneTip[Members], root, (uint)payload.Length, (uint)transactions);
        return new HeldVertex(header, new byte[Limits.SignatureBytes], payload, scratch.Ids.ToArray());
    }

    /// <summary>
    /// Executes seeded blocks of zero to four vertices with zero to five transactions, a third of them repeats, or with an
    /// envelope, of which some are too old, into a ledger; every block has its own certificate or a later one's.
    /// </summary>
    /// <param name="snapshotEvery">Blocks between two snapshots.</param>
    /// <returns>What was accepted, by global index.</returns>
    public static List<byte[]> Fill(RocksLedger ledger, int blocks, Random random, int snapshotEvery = int.MaxValue) =>
        Fill(ledger, blocks, random, snapshotEvery, NewExecutor());

    public static EpochConfiguration First { get; } = EpochConfiguration.First(GenesisSamples.Four(), Hash256.Of("chain"u8));

    public static Executor NewExecutor() => new(DedupWindow, Hash256.Of("start"u8), new CommitteeState(0, First.Members));

    /// <param name="executor">Executes them: it ends up in the state that the ledger holds.</param>
    /// <returns>What was accepted, by global index.</returns>
    public static List<byte[]> Fill(RocksLedger ledger, int blocks, Random random, int snapshotEvery, Executor executor)
    {
        List<byte[]> accepted = [];
        LaneTip[] tips = new LaneTip[Members];
        Hash256 parent = Hash256.Of("genesis"u8);
        for (ulong sequence = 1; sequence <= (ulong)blocks; sequence++)
        {
            HeldVertex[] order = new HeldVertex[random.Next(5)];
            for (int i = 0; i < order.Length; i++)
            {
                int author = random.Next(Members);
                order[i] = random.Next(8) == 0 ? Envelope(author, tips[author], random.Next(EnvelopeSamples.Count), NonceAt(sequence))
                    : Vertex(author, tips[author], Transactions(random, accepted));
                tips[author] = new LaneTip(order[i].Header.Height, order[i].Header.Hash);
                ledger.AddVertex(order[i].Header, order[i].Signature, order[i].Payload);
            }

            Block block = Block(sequence, parent, [.. tips], executor.Root);
            parent = block.Hash;
            ExecutionResult result = new();
            executor.Execute(block, Array.ConvertAll(order, v => new OrderedVertex(v.Header, v.Body.Ids, v.Body.Payload)), result);
            Accept(order, result, accepted);
            SnapshotState? snapshot = sequence % (ulong)snapshotEvery == 0 ? executor.Capture() : null;
            ledger.AddFinal(new ExecutedBlock(block, Certificate(Phase.Committed, 0, block), order, result, snapshot));
            Assert.True(random.Next(3) == 0 || ledger.Commit(out _));
        }

        Assert.True(ledger.Commit(out _));
        return accepted;
    }

    /// <summary>Some too old to be accepted.</summary>
    private static ulong NonceAt(ulong sequence) => sequence > 100 && sequence % 9 == 0 ? sequence - 100 : sequence;

    /// <summary>Executes one block with vertices of one lane and transactions of one size.</summary>
    /// <returns>What was accepted, by global index.</returns>
    public static List<byte[]> FillOneBlock(RocksLedger ledger, int vertices, int transactions, int bytes)
    {
        Executor executor = new(DedupWindow, Hash256.Of("start"u8), new CommitteeState(0, []));
        List<byte[]> accepted = [];
        LaneTip tip = default;
        HeldVertex[] order = new HeldVertex[vertices];
        for (int i = 0; i < vertices; i++)
        {
            byte[][] content = [.. Enumerable.Range(0, transactions).Select(_ => new byte[bytes])];
            foreach (byte[] transaction in content)
            {
                BinaryPrimitives.WriteInt32LittleEndian(transaction, accepted.Count);
                accepted.Add(transaction);
            }

            order[i] = Vertex(0, tip, content);
            tip = new LaneTip(order[i].Header.Height, order[i].Header.Hash);
            ledger.AddVertex(order[i].Header, order[i].Signature, order[i].Payload);
        }

        Block block = Block(1, Hash256.Of("genesis"u8));
        ExecutionResult result = new();
        executor.Execute(block, Array.ConvertAll(order, v => new OrderedVertex(v.Header, v.Body.Ids, v.Body.Payload)), result);
        ledger.AddFinal(new ExecutedBlock(block, Certificate(Phase.Committed, 0, block), order, result));
        Assert.True(ledger.Commit(out _));
        return accepted;
    }

    /// <summary>Blocks without vertices whose execution changes accounts, as a table does that sees the same nonces.</summary>
    public static void FillAccounts(RocksLedger ledger, NonceTable nonces, int blocks, int accounts, Random random)
    {
        Hash256 parent = Hash256.Of("genesis"u8);
        for (ulong sequence = 1; sequence <= (ulong)blocks; sequence++)
        {
            nonces.BeginBlock();
            for (int i = 0; i < 60; i++)
            {
                nonces.Take(Hash256.Of(BitConverter.GetBytes(random.Next(accounts))).ToArray(), (sequence * 10) + (ulong)random.Next(20));
            }

            Block block = Block(sequence, parent);
            parent = block.Hash;
            ExecutionResult result = new();
            result.Begin(sequence, 0, 0);
            result.KeepChanges(nonces);
            ledger.AddFinal(new ExecutedBlock(block, Certificate(Phase.Committed, 0, block), [], result));
            Assert.True(ledger.Commit(out _));
        }
    }

    private static byte[][] Transactions(Random random, List<byte[]> accepted)
    {
        byte[][] transactions = new byte[random.Next(6)][];
        for (int i = 0; i < transactions.Length; i++)
        {
            transactions[i] = accepted.Count > 0 && random.Next(3) == 0 ? accepted[random.Next(accepted.Count)] : new byte[random.Next(8, 3000)];
            if (!accepted.Contains(transactions[i]))
            {
                random.NextBytes(transactions[i]);
            }
        }

        return transactions;
    }

    private static void Accept(HeldVertex[] order, ExecutionResult result, List<byte[]> accepted)
    {
        int transaction = 0;
        foreach (HeldVertex vertex in order)
        {
            PayloadReader reader = new(vertex.Payload);
            while (reader.MoveNext())
            {
                if (result.IsAccepted(transaction++))
                {
                    accepted.Add(reader.Bytes.ToArray());
                }
            }
        }
    }
}
