using System.Text;
using Validator.Core.Effects;
using Validator.Core.Primitives;
using Validator.Core.Wire;

namespace Validator.Bench.Simulation;

/// <summary>Whole validators in one thread on virtual time: events in order of time, then of creation.</summary>
public sealed class SimCluster
{
    private const long Millisecond = 1_000;
    private const int OrderBits = 24;

    // By time, then by order of creation: time above the low bits, which count.
    private readonly PriorityQueue<int, long> _events = new();

    // By the place that the queue has of each; those that are done are free.
    private readonly Stack<int> _freePlaces = [];
    private Event[] _places = new Event[1024];
    private int _placesUsed;
    private readonly bool[,] _linked;
    private readonly long[,] _linkFreeAt;

    // [member, peer]: the peer is connected to the member's second machine.
    private readonly bool[,] _toSecond;
    private readonly SimNode?[] _second;
    private readonly StringBuilder? _trace;
    private readonly List<EpochConfiguration> _epochs = [];
    private readonly List<Hash256> _digests = [];
    private readonly List<int[]> _membersByPlace = [];
    private long _order;

    public SimCluster(SimWorld world, bool trace = false)
    {
        SimVertex.ForgetSystem();
        World = world;
        world.Cluster = this;
        Genesis = world.Genesis;
        Keys = world.Keys;
        ChainId = GenesisCodec.ChainId(Genesis);
        int n = world.Places;
        Add(EpochConfiguration.First(Genesis, ChainId));
        Nodes = new SimNode[n];
        _second = new SimNode?[n];
        _toSecond = new bool[n, n];
        _linked = new bool[n, n];
        _linkFreeAt = new long[n, n];
        _trace = trace ? new StringBuilder() : null;
        Check = new SimChecker(this);
        for (int i = 0; i < n; i++)
        {
            Nodes[i] = world.MakeNode(this, i);
        }

        Machines = world.Twin < 0 ? Nodes : [.. Nodes, _second[world.Twin] = world.MakeNode(this, world.Twin)];
    }

    public SimWorld World { get; }
    public Genesis Genesis { get; }
    public SimKeys Keys { get; }
    public Hash256 ChainId { get; }

    /// <summary>One per key: the first, where two machines use one. Not all are members in every epoch.</summary>
    public SimNode[] Nodes { get; }
    public SimNode[] Machines { get; }
    public SimChecker Check { get; }
    public long Now { get; private set; }
    public ulong Delivered { get; private set; }

    /// <summary>Equal for equal runs: time, ends and kind of everything delivered, and all that became final.</summary>
    public ulong TraceHash { get; private set; } = 0xCBF29CE484222325;

    /// <summary>Virtual time that a healed quorum, and then the whole cluster, took.</summary>
    public long QuorumMicros { get; set; }
    public long HealMicros { get; set; }
    public string TraceText => _trace?.ToString() ?? "";
    public bool Traces => _trace is not null;

    /// <summary>The newest epoch that anybody is in.</summary>
    public EpochConfiguration Newest => _epochs[^1];

    /// <summary>In the newest epoch.</summary>
    public bool IsMember(SimNode node) => MemberOf(Newest.Number, node.Index) >= 0;

    public EpochConfiguration? FindEpoch(ulong number) => number < (ulong)_epochs.Count ? _epochs[(int)number] : null;

    /// <summary>An epoch that nobody has seen is signed for as if it were the newest.</summary>
    public EpochConfiguration EpochOf(ulong number) => FindEpoch(number) ?? Newest;

    /// <summary>All who enter an epoch agree on it.</summary>
    public void Enter(SimNode node, EpochConfiguration epoch)
    {
        if (FindEpoch(epoch.Number) is { } known)
        {
            // Mostly the members are the same objects, and their keys need not be hashed again.
            if (known.Start.Hash != epoch.Start.Hash || (!known.Members.AsSpan().SequenceEqual(epoch.Members)
                && _digests[(int)epoch.Number] != GenesisCodec.CommitteeDigest(epoch.Number, epoch.Members)))
            {
                throw Check.Fail(node, "agreement", $"enters another epoch {epoch.Number} than others");
            }

            return;
        }

        Add(epoch);
        Mix(epoch.Number);
    }

    private void Add(EpochConfiguration epoch)
    {
        int[] byPlace = new int[World.Places];
        Array.Fill(byPlace, -1);
        for (int i = 0; i < epoch.Members.Length; i++)
        {
            byPlace[SimKeys.PlaceOf(epoch.Members[i])] = i;
        }

        _epochs.Add(epoch);
        _digests.Add(GenesisCodec.CommitteeDigest(epoch.Number, epoch.Members));
        _membersByPlace.Add(byPlace);
    }

    /// <summary>A place's index in an epoch's committee, or -1.</summary>
    public int MemberOf(ulong epoch, int place) => _membersByPlace[(int)Math.Min(epoch, (ulong)_epochs.Count - 1)][place];

    /// <summary>Whose key a member of an epoch has; -1 where there is no such member.</summary>
    public int PlaceOf(ulong epoch, int member)
    {
        Member[] members = EpochOf(epoch).Members;
        return (uint)member < (uint)members.Length ? SimKeys.PlaceOf(members[member]) : -1;
    }

    /// <summary>A place signs as the member that it is in that epoch.</summary>
    public Signed Sign(int place, MessageKind kind, ulong epoch, ulong view, ulong sequence, in Hash256 digest)
    {
        SignedHeader header = new(kind, Math.Max(MemberOf(epoch, place), 0), epoch, view, sequence, digest);
        return new Signed(header, Keys.Sign(place, header, ChainId));
    }

    public bool Verify(in SignedHeader header, ReadOnlySpan<byte> signature) =>
        PlaceOf(header.Epoch, header.Sender) is >= 0 and var place && Keys.Verify(place, header, signature, ChainId);

    /// <summary>Both signatures are by the key that comes with them.</summary>
    public bool Holds(OffenceProof proof)
    {
        int place = Keys.PlaceOf(proof.ConsensusKey);
        return place >= 0 && Keys.Verify(place, proof.Evidence.First.Header, proof.Evidence.First.Signature, ChainId)
            && Keys.Verify(place, proof.Evidence.Second.Header, proof.Evidence.Second.Signature, ChainId);
    }

    public void Trace(int node, string text) => _trace?.Append($"{Now,11} node {node}: ").AppendLine(text);

    public void Mix(ulong value) => TraceHash = (TraceHash ^ value) * 0x100000001B3;

    public void RunUntil(long time, Func<bool>? done = null)
    {
        while (_events.TryPeek(out _, out long next) && next >> OrderBits <= time)
        {
            Now = Math.Max(Now, next >> OrderBits);
            int place = _events.Dequeue();
            Event item = _places[place];
            _places[place] = default;
            _freePlaces.Push(place);
            Happen(item);
            if (done is not null && done())
            {
                return;
            }
        }

        Now = Math.Max(Now, time);
    }

    public void Schedule(long time, Action action) => Enqueue(time, new Event { Action = action });

    /// <summary>An action of a node's shell: void when the node has crashed since.</summary>
    public void At(SimNode node, long time, Action action) =>
        Enqueue(time, new Event { Node = node, Incarnation = node.Incarnation, Action = action });

    private void Enqueue(long time, in Event item)
    {
        Require.That(time < 1L << (63 - OrderBits) && _order < 1L << OrderBits);
        if (!_freePlaces.TryPop(out int place))
        {
            place = _placesUsed++;
            if (place == _places.Length)
            {
                Array.Resize(ref _places, 2 * place);
            }
        }

        _places[place] = item;
        _events.Enqueue(place, (Math.Max(time, Now) << OrderBits) | _order++);
    }

    private void Happen(in Event item)
    {
        if (item.Node is { } node)
        {
            if (!node.Running || node.Incarnation != item.Incarnation)
            {
                return;
            }

            // A paused process handles what is due once it goes on.
            if (World.IsPaused(node, out long until))
            {
                Enqueue(until, item);
                return;
            }

            if (item.Message is { } message)
            {
                Arrive(item.From, node, message);
                return;
            }

            if (item.Action is null)
            {
                Tick(node, item.WakeAt);
                return;
            }
        }

        item.Action!();
    }

    /// <summary>An action, of a node where there is one, a message that arrives there, or its waking: the most of all.</summary>
    private struct Event
    {
        public SimNode? Node { get; init; }
        public int Incarnation { get; init; }
        public Action? Action { get; init; }
        public int From { get; init; }
        public SimMessage? Message { get; init; }
        public long WakeAt { get; init; }
    }

    public void After(SimNode node, long delay, Action action) => At(node, Now + delay, action);

    /// <param name="deadline">On the node's own clock.</param>
    public void Wake(SimNode node, long deadline)
    {
        if (deadline == long.MaxValue)
        {
            return;
        }

        // As the shell sleeps: whole milliseconds, so that another input may be there first.
        long wait = node.Clock.ToCluster(deadline) - Now;
        long due = Now + (wait <= 0 ? 1 : (wait + Millisecond - 1) / Millisecond * Millisecond);
        if (node.WakeAt > Now && node.WakeAt <= due)
        {
            return;
        }

        node.WakeAt = due;
        Enqueue(due, new Event { Node = node, Incarnation = node.Incarnation, WakeAt = due });
    }

    /// <param name="due">When it was to be; the node may have been paused then.</param>
    private void Tick(SimNode node, long due)
    {
        if (node.WakeAt == due)
        {
            node.WakeAt = long.MaxValue;
        }

        if (node.Clock.Monotonic(Now) >= node.Core.NextDeadline)
        {
            node.Feed(Input.Tick);
        }
        else if (node.Running)
        {
            Wake(node, node.Core.NextDeadline);
        }
    }

    /// <summary>The machine of a member that a peer is connected to.</summary>
    private SimNode Machine(int member, int peer) => _toSecond[member, peer] ? _second[member]! : Nodes[member];

    public void Connect(SimNode node)
    {
        node.WakeAt = long.MaxValue;
        for (int peer = 0; peer < Nodes.Length; peer++)
        {
            int other = peer;
            if (peer != node.Index && Machine(node.Index, peer) == node && Machine(peer, node.Index).Running)
            {
                Schedule(Now + 1000, () => LinkUp(node.Index, other));
            }
        }
    }

    private void LinkUp(int a, int b)
    {
        SimNode first = Machine(a, b);
        SimNode second = Machine(b, a);
        if (first.Running && second.Running && !_linked[a, b])
        {
            _linked[a, b] = _linked[b, a] = true;
            first.PeerChanged(b, up: true);
            second.PeerChanged(a, up: true);
        }
    }

    private void LinkDown(int a, int b)
    {
        if (_linked[a, b])
        {
            _linked[a, b] = _linked[b, a] = false;
            Machine(a, b).PeerChanged(b, up: false);
            Machine(b, a).PeerChanged(a, up: false);
        }
    }

    public void Disconnect(SimNode node)
    {
        for (int peer = 0; peer < Nodes.Length; peer++)
        {
            if (peer != node.Index && Machine(node.Index, peer) == node)
            {
                LinkDown(node.Index, peer);
            }
        }
    }

    /// <summary>The peer's connection moves to the other machine with that member's key.</summary>
    public void SwitchMachine(int member, int peer)
    {
        LinkDown(member, peer);
        _toSecond[member, peer] = !_toSecond[member, peer];
        Schedule(Now + 1000, () => LinkUp(member, peer));
    }

    public void CrashAndRestart(SimNode node) => CrashAndRestart(node, World.DowntimeMicros());

    public void CrashAndRestart(SimNode node, long downMicros)
    {
        // A second crash of one life would tear the store of votes twice, which no disk does.
        Require.That(node.Running);
        Trace(node.Index, "crash");
        node.Crash();
        int incarnation = node.Incarnation;
        Schedule(Now + downMicros, () =>
        {
            if (!node.Running && node.Incarnation == incarnation)
            {
                Trace(node.Index, "restart");
                node.Start();
            }
        });
    }

    /// <summary>Of the running node's peers, those that are connected now.</summary>
    public IEnumerable<int> LinkedTo(SimNode node) => Enumerable.Range(0, Nodes.Length).Where(
        peer => peer != node.Index && _linked[node.Index, peer] && Machine(node.Index, peer) == node);

    /// <param name="to">A place, or -1 for all others.</param>
    public void Send(SimNode from, int to, SimMessage message)
    {
        if (to >= 0)
        {
            SendTo(from, to, message);
            return;
        }

        for (int peer = 0; peer < Nodes.Length; peer++)
        {
            // Those outside of the committee are told how far it is, and ask for the rest.
            if (message.Type != FrameType.Status && MemberOf(from.Core.Epoch, peer) < 0)
            {
                continue;
            }

            SendTo(from, peer, message);
        }
    }

    private void SendTo(SimNode from, int to, SimMessage message)
    {
        if (to == from.Index || Machine(from.Index, to) != from)
        {
            return;
        }

        SimNode receiver = Machine(to, from.Index);
        if (!receiver.Running)
        {
            return;
        }

        if (World.HoldsBack(from, receiver, message) || !World.Delay(from.Index, to, out long delay, out int copies))
        {
            return;
        }

        // A connection keeps its order unless the world says otherwise.
        long at = Now + delay;
        if (at < _linkFreeAt[from.Index, to])
        {
            at = World.Overtakes() ? at : _linkFreeAt[from.Index, to];
        }

        _linkFreeAt[from.Index, to] = at;
        for (; copies > 0; copies--)
        {
            Deliver(from.Index, receiver, at, message);
        }
    }

    /// <summary>What a crashed sender had on the wire may still arrive; a restarted receiver has a new connection.</summary>
    private void Deliver(int from, SimNode receiver, long at, SimMessage message) =>
        Enqueue(at, new Event { Node = receiver, Incarnation = receiver.Incarnation, From = from, Message = message });

    /// <summary>Long after: whatever became of the connection since.</summary>
    public void DeliverLate(int from, SimNode receiver, SimMessage message)
    {
        if (receiver.Running)
        {
            Arrive(from, receiver, message);
        }
    }

    private void Arrive(int from, SimNode receiver, SimMessage message)
    {
        Delivered++;
        Mix(((ulong)Now << 16) ^ ((ulong)from << 12) ^ ((ulong)receiver.Index << 8) ^ (ulong)message.Type);
        if (_trace is not null)
        {
            _trace.Append($"{Now,11} {from} > {receiver.Index}: ").Append(message).AppendLine();
        }

        receiver.Receive(from, message);
    }
}
