using Validator.Core.Execution;
using Validator.Core.Primitives;
using Validator.Core.Wire;
using Validator.Tests.Core.Wire;

namespace Validator.Tests.Core.Execution;

public class EnvelopeExecutionTests
{
    private static readonly Hash256 Start = Hash256.Of([1]);

    // Mixed vertices over several lanes: an envelope is accepted once per nonce however often and however late it comes, opaque
    // transactions beside it are as ever, each rejection says why, and a restart from what was stored goes on with the same
    // roots.
    [Fact]
    public void Envelopes_are_accepted_once() => CodecPropertyTests.ForSeeds(25, seed =>
    {
        Random random = new(seed);
        Executor executor = new(20, Start, new CommitteeState(0, []), (ulong)seed, maxAccounts: 4);
        SortedDictionary<uint, byte[]> stored = [];
        List<Hash256> accepted = [];
        HashSet<(int Account, ulong Nonce)> spent = [];
        List<int> accounts = [];
        Hash256 parent = Start;
        for (ulong sequence = 1; sequence <= 15; sequence++)
        {
            List<(int Account, ulong Nonce)> sent = [];
            OrderedVertex[] order = [.. Enumerable.Range(0, random.Next(4)).Select(_ => Vertex(random, sequence, sent))];
            Block block = BlockCodec.Seal(0, sequence, parent, sequence, 0, Start, Hash256.Zero, new LaneTip[4]);
            parent = block.Hash;
            ExecutionResult result = new();
            executor.Execute(block, order, result);
            int transaction = 0;
            int rejected = 0;
            foreach ((int account, ulong nonce) in sent)
            {
                bool room = account < 0 || accounts.Contains(account) || accounts.Count < 4;
                ulong highest = spent.Where(s => s.Account == account).Select(s => s.Nonce).DefaultIfEmpty().Max();
                bool fresh = account < 0 || (room && !spent.Contains((account, nonce)) && nonce + 63 >= highest);
                if (result.IsAccepted(transaction))
                {
                    Assert.True(fresh);
                    spent.Add((account, nonce));
                    if (account >= 0 && !accounts.Contains(account))
                    {
                        accounts.Add(account);
                    }
                }
                else
                {
                    ulong why = result.Rejections[rejected++];
                    bool repeat = why <= Rejection.HighestIndex;
                    Assert.True(repeat || account >= 0);
                    Assert.Equal(!room, why == Rejection.AccountsFull);
                    Assert.Equal(room && !repeat && nonce + 63 < highest, why == Rejection.NonceTooOld);
                    Assert.True(repeat || !fresh);
                }

                transaction++;
            }

            Keep(result, stored);
            accepted.AddRange(order.SelectMany(Ids).Where((_, i) => result.IsAccepted(i)));
            Executor restarted = Restart(executor, stored, accepted, random);
            executor = random.Next(2) == 0 ? restarted : executor;
        }
    });

    // The receipts' reasons survive the disk, and are told apart from any index.
    [Fact]
    public void Reasons_survive_the_record()
    {
        Executor executor = new(20, Start, new CommitteeState(0, []), maxAccounts: 1);
        byte[] payload = EnvelopeSamples.Payload([0, 1], Entry(0, 100, 1), Entry(0, 100, 2), Entry(0, 36, 1), Entry(1, 1, 1), Entry(0, 100, 1));
        VertexHeader header = EnvelopeSamples.Header(payload, 5);
        ExecutionResult result = new();
        executor.Execute(
            BlockCodec.Seal(0, 1, Start, 1, 0, Start, Hash256.Zero, new LaneTip[4]), [new OrderedVertex(header, Ids(payload), payload)], result);
        byte[] record = new byte[ExecutionResultCodec.EncodedSize(result)];
        ExecutionResultCodec.Write(result, record);
        Assert.True(ExecutionResultCodec.TryRead(record, out ExecutionResult? read, out _));
        Assert.Equal([Rejection.NonceUsed, Rejection.NonceTooOld, Rejection.AccountsFull, 0], read.Rejections.ToArray());
        Assert.Equal(1u, read.Accepted);
    }

    // Protects: an epoch's last block that makes a change pending ends its epoch all the same, and the change waits for the next.
    [Fact]
    public void A_change_in_the_last_block_does_not_keep_the_epoch()
    {
        Genesis genesis = GenesisSamples.Four();
        Executor executor = Executor.ForGenesis(genesis, Hash256.Of("chain"u8));
        byte[] change = CommitteeChangeCodec.Encode(new SignedCommitteeChange(
            CommitteeChange.Leave(0, genesis.Members[3].Name), [new CertificateVote(0, new byte[Limits.SignatureBytes])]));
        byte[] payload = EnvelopeSamples.Payload([], EnvelopeSamples.Entry(TransactionKind.System, change));
        Block last = BlockCodec.Seal(
            0, 1, Start, 1, 0, executor.Root, GenesisCodec.CommitteeDigest(1, genesis.Members), new LaneTip[4]);
        ExecutionResult result = new();
        executor.Execute(last, [new OrderedVertex(EnvelopeSamples.Header(payload, 1), Ids(payload), payload)], result);
        Assert.Equal((1UL, 4), (executor.Committee.Epoch, executor.Committee.Members.Length));
        Assert.Equal(3, executor.Committee.Pending!.Members.Length);
        Assert.Equal(executor.Committee.Pending, result.Change);
    }

    private static Executor Restart(Executor old, SortedDictionary<uint, byte[]> stored, List<Hash256> accepted, Random random)
    {
        Executor executor = new(old.DedupWindowSize, Start, new CommitteeState(0, []), (ulong)random.NextInt64(), maxAccounts: 4);
        ulong first = executor.BeginRestore(old.Sequence, old.Root, old.NextIndex);
        Assert.True(executor.LoadIds((byte[])[.. accepted.Skip((int)first).SelectMany(id => id.ToArray())]));
        Assert.Equal(Enumerable.Range(0, stored.Count).Select(i => (uint)i), stored.Keys);
        Assert.True(executor.Nonces.Load((byte[])[.. stored.Values.SelectMany(r => r)]));
        Assert.Equal(old.Nonces.Digest(), executor.Nonces.Digest());
        return executor;
    }

    private static void Keep(ExecutionResult result, SortedDictionary<uint, byte[]> stored)
    {
        for (ReadOnlySpan<byte> rest = result.Accounts; !rest.IsEmpty; rest = rest[ExecutionResult.AccountBytes..])
        {
            stored[BitConverter.ToUInt32(rest)] = rest[sizeof(uint)..ExecutionResult.AccountBytes].ToArray();
        }
    }

    private static OrderedVertex Vertex(Random random, ulong sequence, List<(int Account, ulong Nonce)> sent)
    {
        List<int> accounts = [];
        List<byte[]> entries = [];
        for (int i = random.Next(1, 30); i > 0; i--)
        {
            int account = random.Next(3) == 0 ? -1 : random.Next(EnvelopeSamples.Count);
            ulong nonce = account < 0 ? sequence : (ulong)Math.Max(1, (12 * (int)sequence) + random.Next(-90, 20));
            sent.Add((account, nonce));
            if (account >= 0)
            {
                accounts.Add(account);
            }

            entries.Add(account < 0 ? EnvelopeSamples.Entry(TransactionKind.Opaque, BitConverter.GetBytes(random.Next())) : Entry(account, nonce, (byte)random.Next(2)));
        }

        byte[] payload = EnvelopeSamples.Payload([.. accounts], [.. entries]);
        return new OrderedVertex(EnvelopeSamples.Header(payload, entries.Count), Ids(payload), payload);
    }

    private static IEnumerable<Hash256> Ids(OrderedVertex vertex) =>
        Enumerable.Range(0, vertex.Ids.Length / 32).Select(i => new Hash256(vertex.Ids.Span[(32 * i)..]));

    private static byte[] Ids(byte[] payload)
    {
        List<byte> ids = [];
        PayloadReader reader = new(payload);
        while (reader.MoveNext())
        {
            ids.AddRange(Hash256.Of(payload.AsSpan(reader.Offset, reader.Length)).ToArray());
        }

        return [.. ids];
    }

    // Execution takes signatures as checked.
    private static byte[] Entry(int account, ulong nonce, byte data) =>
        EnvelopeSamples.Entry(TransactionKind.Envelope, EnvelopeSamples.Unsigned(EnvelopeSamples.Account(account), nonce, [data]));
}
