using System.Reflection;
using Validator.Core.Consensus;
using Validator.Core.Effects;
using Validator.Core.Primitives;
using Validator.Core.Shell;
using Validator.Core.Trust;
using Validator.Core.Wire;
using Validator.Tests.Core.Wire;

namespace Validator.Tests.Core.Shell;

/// <summary>Cases that are stored as one shape come out as what went in.</summary>
public sealed class CoreShellTests
{
    private static readonly Dictionary<Type, object> s_samples = Samples();

    // Protects the two switches behind the typed cases: what Core decides is what the shell is told, with every value in its
    // place.
    [Fact]
    public void Every_effect_comes_out_as_it_went_in()
    {
        foreach (MethodInfo method in Cases<IEffectHandler>())
        {
            Type[] types = [.. method.GetParameters().Select(p => p.ParameterType)];
            MethodInfo? add = typeof(EffectBuffer).GetMethod(method.Name, BindingFlags.Instance | BindingFlags.NonPublic, types);
            Assert.True(add is not null, $"nothing adds {method.Name}");
            object?[] values = ArgumentsOf(method);
            EffectBuffer buffer = new();
            add.Invoke(buffer, [.. values]);
            (IEffectHandler handler, Recorder told) = Recorder.Of<IEffectHandler>();
            Assert.True(buffer.Drain(handler));
            (string name, object?[] got) = Assert.Single(told.Calls, call => call.Name != nameof(IEffectHandler.Goes));
            Assert.Equal(method.Name, name);
            Assert.Equal(values, got);
        }
    }

    // Protects the same for inputs.
    [Fact]
    public void Every_input_comes_out_as_it_went_in()
    {
        Hash256 hash = (Hash256)s_samples[typeof(Hash256)];
        SealedBatch batch = (SealedBatch)s_samples[typeof(SealedBatch)];
        Block block = (Block)s_samples[typeof(Block)];
        SignedVertex vertex = (SignedVertex)s_samples[typeof(SignedVertex)];
        PendingCommittee change = (PendingCommittee)s_samples[typeof(PendingCommittee)];
        Dictionary<string, (Input Input, object?[] Values)> inputs = new()
        {
            [nameof(IInputHandler.OnTick)] = (Input.Tick, []),
            [nameof(IInputHandler.OnMessage)] = (Input.Of(block, 3), [block, 3]),
            [nameof(IInputHandler.OnVertex)] = (Input.OfVertex(vertex, 9, 3), [vertex, 9ul, 3]),
            [nameof(IInputHandler.OnClientBatch)] = (Input.ClientBatch(batch), [batch]),
            [nameof(IInputHandler.OnSigned)] = (Input.Signed(vertex), [vertex]),
            [nameof(IInputHandler.OnVertexDurable)] = (Input.VertexDurable(hash), [hash]),
            [nameof(IInputHandler.OnExecuted)] = (Input.Executed(9, hash, change), [9ul, hash, change]),
            [nameof(IInputHandler.OnEpochEndStored)] = (Input.EpochEndStored(1), []),
            [nameof(IInputHandler.OnSnapshotInstalled)] = (Input.SnapshotInstalled(1), []),
            [nameof(IInputHandler.OnPeerUp)] = (Input.PeerUp(7).Of(3), [3]),
            [nameof(IInputHandler.OnPeerDown)] = (Input.PeerDown(3), [3]),
        };
        foreach (MethodInfo method in Cases<IInputHandler>())
        {
            (IInputHandler handler, Recorder told) = Recorder.Of<IInputHandler>();
            inputs[method.Name].Input.Dispatch(handler);
            (string name, object?[] got) = Assert.Single(told.Calls);
            Assert.Equal(method.Name, name);
            Assert.Equal(inputs[method.Name].Values, got);
        }
    }

    // Protects the shell's routing: each effect reaches its port, and what is signed or persisted goes the one way of own
    // records.
    [Fact]
    public void Every_effect_reaches_its_port()
    {
        Genesis genesis = GenesisSamples.Four();
        EpochConfiguration epoch = EpochConfiguration.First(genesis, GenesisCodec.ChainId(genesis));
        foreach (MethodInfo method in Cases<IEffectHandler>().Where(m => m.Name != nameof(IEffectHandler.EndEpoch)))
        {
            CoreShell<object> shell = new(genesis, epoch, 1, new CoreSettings(), new VoteStanding(false, 0, 0), new RecoveredState());
            (IShellPorts<object> ports, Recorder told) = Recorder.Of<IShellPorts<object>>();
            method.Invoke(new CoreShell<object>.Carrier(shell, ports), ArgumentsOf(method));
            bool isOwn = method.Name.StartsWith("Sign", StringComparison.Ordinal) || method.Name.StartsWith("Persist", StringComparison.Ordinal);
            string[] expected = method.Name switch
            {
                nameof(IEffectHandler.SignFrom) => [nameof(IShellPorts<object>.SignFrom)],
                nameof(IEffectHandler.SignVertex) => [nameof(IShellPorts<object>.TakeBatch), nameof(IShellPorts<object>.Own)],
                nameof(IEffectHandler.Contradicted) => [nameof(IShellPorts<object>.Contradicted), nameof(IShellPorts<object>.Rejected)],
                nameof(IEffectHandler.BatchCredit) => [nameof(IShellPorts<object>.Credit)],
                nameof(IEffectHandler.InstallSnapshot) => [nameof(IShellPorts<object>.Install)],
                _ => [isOwn ? nameof(IShellPorts<object>.Own) : method.Name],
            };
            Assert.Equal(expected, told.Calls.Select(call => call.Name));
        }
    }

    // Protects the order of own records: each is written as what it is, at the stage where it is due, and bears our signature by
    // then.
    [Fact]
    public void Every_own_record_is_written_as_what_it_is()
    {
        SignedHeader header = (SignedHeader)s_samples[typeof(SignedHeader)];
        Block block = (Block)s_samples[typeof(Block)];
        Certificate certificate = (Certificate)s_samples[typeof(Certificate)];
        NewView newView = (NewView)s_samples[typeof(NewView)];
        VertexHeader vertex = (VertexHeader)s_samples[typeof(VertexHeader)];
        Assert.Equal((nameof(IOwnRecordWriter<int>.WriteBlock), block), Written(OwnRecord<int>.Accept(block)));
        Assert.Equal((nameof(IOwnRecordWriter<int>.WritePrepared), certificate), Written(OwnRecord<int>.Prepare(certificate)));
        Assert.Equal((nameof(IOwnRecordWriter<int>.WriteEntered), newView), Written(OwnRecord<int>.Enter(newView)));
        Assert.Equal((nameof(IOwnRecordWriter<int>.WriteEpoch), 5ul), Written(OwnRecord<int>.EnterEpoch(5, EpochEntry.Renews)));
        AssertSigned<Signed>(OwnRecord<int>.Vote(header));
        AssertSigned<PrePrepare>(OwnRecord<int>.Proposal(header, block));
        AssertSigned<SignedVertex>(OwnRecord<int>.OwnVertex(header, vertex, 7));
        AssertSigned<ViewChange>(OwnRecord<int>.Of((UnsignedViewChange)s_samples[typeof(UnsignedViewChange)]));
        AssertSigned<NewView>(OwnRecord<int>.Of((UnsignedNewView)s_samples[typeof(UnsignedNewView)]));
    }

    // Protects the data path: on its way through buffer, shell and records a vote costs no object beside its signature, and an
    // answer none at all.
    [Fact]
    public void Cases_cost_no_objects()
    {
        SignedHeader header = (SignedHeader)s_samples[typeof(SignedHeader)];
        Hash256 hash = (Hash256)s_samples[typeof(Hash256)];
        Block block = (Block)s_samples[typeof(Block)];
        EffectBuffer buffer = new();
        EffectLog log = new();
        Counter counter = new();
        long allocated = 0;
        for (int i = 0; i < 3; i++)
        {
            log.Cases.Clear();
            log.Signed.Clear();
            long before = GC.GetAllocatedBytesForCurrentThread();
            for (int j = 0; j < 100; j++)
            {
                buffer.Sign(in header);
                buffer.StoreVertex(9);
                buffer.Drain(log);
                buffer.Clear();
                OwnRecord<int> vote = OwnRecord<int>.Vote(log.Signed[^1]);
                Require.That(vote.Next == OwnRecordStage.Signer);
                OwnRecord<int>.Accept(block).WriteTo(counter);
                Input.VertexDurable(hash, 1).Dispatch(counter);
            }

            allocated = GC.GetAllocatedBytesForCurrentThread() - before;
        }

        Assert.Equal(0, allocated);
        Assert.Equal((200, 300, 300), (log.Cases.Count, counter.Told, counter.Written));
    }

    private static void AssertSigned<TMessage>(OwnRecord<int> record)
    {
        byte[] signature = [1];
        Assert.Equal(OwnRecordStage.Signer, record.Next);
        Assert.Throws<InvariantViolationException>(() => record.Message);
        Assert.Throws<InvariantViolationException>(() => Written(record));
        record.Sign(signature);
        Assert.Same(signature, record.Signed.Signature);
        Assert.IsType<TMessage>(record.Message);
        Assert.Same(signature, (record.Message as ViewChange)?.Signed.Signature ?? (record.Message as NewView)?.Signed.Signature ?? signature);
        if (record.IsOwnVertex)
        {
            Assert.Equal(OwnRecordStage.Ledger, record.Next);
            Assert.Throws<InvariantViolationException>(() => Written(record));
            record.SetInLedger();
        }

        Assert.Equal(nameof(IOwnRecordWriter<int>.WriteSigned), Written(record).Name);
    }

    private static (string Name, object? Value) Written(OwnRecord<int> record)
    {
        (IOwnRecordWriter<int> writer, Recorder told) = Recorder.Of<IOwnRecordWriter<int>>();
        record.WriteTo(writer);
        (string name, object?[] values) = Assert.Single(told.Calls);
        return (name, values[0]);
    }

    private static IEnumerable<MethodInfo> Cases<T>() => typeof(T).GetMethods().Where(m => m.Name != nameof(IEffectHandler.Goes));

    private static object?[] ArgumentsOf(MethodInfo method) =>
        [.. method.GetParameters().Select(p => s_samples[p.ParameterType.IsByRef ? p.ParameterType.GetElementType()! : p.ParameterType])];

    private static Dictionary<Type, object> Samples()
    {
        MessageBuilder builder = new(new CountingValues(), 4);
        Dictionary<Type, object> samples = [];
        foreach (FrameType type in MessageBuilder.AllTypes)
        {
            IMessage message = builder.Build(type).Frame;
            samples.TryAdd(message.GetType(), message);
        }

        Signed signed = (Signed)samples[typeof(Signed)];
        SignedVertex vertex = (SignedVertex)samples[typeof(SignedVertex)];
        ViewChange change = (ViewChange)samples[typeof(ViewChange)];
        NewView newView = (NewView)samples[typeof(NewView)];
        samples[typeof(UnsignedViewChange)] = new UnsignedViewChange(change.Signed.Header, change.Claims, change.Prepared, change.Committed);
        samples[typeof(UnsignedNewView)] = new UnsignedNewView(newView.Signed.Header, newView.ViewChanges, newView.Prepared, newView.Committed);
        samples[typeof(SignedHeader)] = signed.Header;
        samples[typeof(IMessage)] = signed;
        samples[typeof(VertexHeader)] = vertex.Vertex;
        samples[typeof(VertexHeader[])] = new[] { vertex.Vertex };
        samples[typeof(ulong)] = 9ul;
        samples[typeof(int)] = 3;
        samples[typeof(long)] = 11L;
        samples[typeof(Fork)] = new Fork(ForkKind.LaneTwin, 1, 2, 0, 3, Hash256.Of([1]), Hash256.Of([2]), 4);
        samples[typeof(PartialSignature)] = PartialSignature.Repeated;
        samples[typeof(Reason)] = Reason.Timeout;
        samples[typeof(FinalityLevel)] = FinalityLevel.Strong75;
        samples[typeof(Hash256)] = Hash256.Of([1]);
        samples[typeof(SealedBatch)] = new SealedBatch(9, Hash256.Of([2]), 30, 4);
        samples[typeof(PendingCommittee)] = new PendingCommittee(9, GenesisSamples.Four().Members);
        return samples;
    }

    /// <summary>Counts, and keeps nothing.</summary>
    private sealed class Counter : IInputHandler, IOwnRecordWriter<int>
    {
        public int Told { get; private set; }

        public int Written { get; private set; }

        public void OnTick() => Told++;

        public void OnMessage(IMessage message, int from) => Told++;

        public void OnVertex(SignedVertex vertex, ulong token, int from) => Told++;

        public void OnClientBatch(in SealedBatch batch) => Told++;

        public void OnSigned(IMessage message) => Told++;

        public void OnVertexDurable(in Hash256 vertex) => Told++;

        public void OnExecuted(ulong sequence, in Hash256 root, PendingCommittee? change) => Told++;

        public void OnEpochEndStored() => Told++;

        public void OnSnapshotInstalled() => Told++;

        public void OnPeerUp(int peer) => Told++;

        public void OnPeerDown(int peer) => Told++;

        public void WriteSigned(in OwnRecord<int> record) => Written++;

        public void WriteBlock(Block block) => Written++;

        public void WritePrepared(Certificate certificate) => Written++;

        public void WriteEntered(NewView newView) => Written++;

        public void WriteEpoch(ulong epoch, EpochEntry entry) => Written++;
    }

    private class Recorder : DispatchProxy
    {
        public List<(string Name, object?[] Values)> Calls { get; } = [];

        public static (T Proxy, Recorder Recorder) Of<T>()
            where T : class
        {
            T proxy = Create<T, Recorder>();
            return (proxy, (Recorder)(object)proxy);
        }

        protected override object? Invoke(MethodInfo? targetMethod, object?[]? args)
        {
            Calls.Add((targetMethod!.Name, args ?? []));
            return targetMethod.ReturnType == typeof(bool) ? true : null;
        }
    }
}
