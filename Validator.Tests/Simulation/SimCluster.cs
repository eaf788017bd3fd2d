using System.Text;
using Validator.Core.Consensus;
using Validator.Core.Effects;
using Validator.Core.Primitives;
using Validator.Core.Wire;

namespace Validator.Tests.Simulation;

/// <summary>One message on its way: becomes an input at the receiver.</summary>
public sealed class SimMessage(InputKind kind, SimMessage.Filler fill)
{
    public delegate void Filler(InputBox input);

    /// <summary>A class around the input, so that a filler can set its fields.</summary>
    public sealed class InputBox
    {
        public Input Value;
        public Signed Message { set => Value.Message = value; }
        public Block? Block { set => Value.Block = value; }
        public ViewChange? ViewChange { set => Value.ViewChange = value; }
        public NewView? NewView { set => Value.NewView = value; }
        public Status Status { set => Value.Status = value; }
        public Evidence Evidence { set => Value.Evidence = value; }
        public FinalBlocks FinalBlocks { set => Value.FinalBlocks = value; }
        public FetchRequest Request { set => Value.Request = value; }
    }

    public Input ToInput(int from)
    {
        InputBox box = new();
        fill(box);
        box.Value.Kind = kind;
        box.Value.From = from;
        return box.Value;
    }
}

/// <summary>Whole validators in one thread on virtual time: events in order of time, then of creation.</summary>
public sealed class SimCluster
{
    private readonly PriorityQueue<Action, (long Time, ulong Order)> _events = new();
    private readonly long[] _wakeAt;
    private readonly bool[,] _linked;
    private readonly long[,] _linkFreeAt;
    private readonly StringBuilder? _trace;
    private ulong _order;

    public SimCluster(SimWorld world, bool trace = false)
    {
        World = world;
        world.Cluster = this;
        Genesis = world.Genesis;
        ChainId = GenesisCodec.ChainId(Genesis);
        int n = Genesis.Members.Length;
        Nodes = new SimNode[n];
        _wakeAt = new long[n];
        _linked = new bool[n, n];
        _linkFreeAt = new long[n, n];
        _trace = trace ? new StringBuilder() : null;
        Check = new SimChecker(this);
        for (int i = 0; i < n; i++)
        {
            Nodes[i] = world.MakeNode(this, i);
            _wakeAt[i] = long.MaxValue;
        }
    }

    public SimWorld World { get; }
    public Genesis Genesis { get; }
    public Hash256 ChainId { get; }
    public SimNode[] Nodes { get; }
    public SimChecker Check { get; }
    public long Now { get; private set; }
    public ulong Delivered { get; private set; }
    public string TraceText => _trace?.ToString() ?? "";

    public void Trace(int node, string text)
    {
        if (_trace is not null)
        {
            _trace.Append(Now).Append(" node ").Append(node).Append(": ").AppendLine(text);
        }
    }

    public void RunUntil(long time, Func<bool>? done = null)
    {
        while (_events.TryPeek(out _, out (long Time, ulong Order) next) && next.Time <= time)
        {
            Now = Math.Max(Now, next.Time);
            _events.Dequeue()();
            if (done is not null && done())
            {
                return;
            }
        }

        Now = Math.Max(Now, time);
    }

    public void Schedule(long time, Action action) => _events.Enqueue(action, (Math.Max(time, Now), _order++));

    /// <summary>An action of a node's shell: void when the node has crashed since.</summary>
    public void At(int node, long time, Action action)
    {
        int incarnation = Nodes[node].Incarnation;
        Schedule(time, () =>
        {
            if (Nodes[node].Running && Nodes[node].Incarnation == incarnation && !World.Defer(node, time, action))
            {
                action();
            }
        });
    }

    public void After(int node, long delay, Action action) => At(node, Now + delay, action);

    public void Wake(SimNode node, long deadline)
    {
        int i = node.Index;
        if (deadline == long.MaxValue || (_wakeAt[i] > Now && _wakeAt[i] <= deadline))
        {
            return;
        }

        long due = Math.Max(deadline, Now + 1);
        _wakeAt[i] = due;
        At(i, due, () =>
        {
            if (_wakeAt[i] == due)
            {
                _wakeAt[i] = long.MaxValue;
            }

            node.Feed(new Input { Kind = InputKind.Tick, From = -1 });
        });
    }

    public void Connect(int node)
    {
        _wakeAt[node] = long.MaxValue;
        for (int peer = 0; peer < Nodes.Length; peer++)
        {
            if (peer != node && Nodes[peer].Running)
            {
                int other = peer;
                Schedule(Now + 1000, () => LinkUp(node, other));
            }
        }
    }

    private void LinkUp(int a, int b)
    {
        if (Nodes[a].Running && Nodes[b].Running && !_linked[a, b])
        {
            _linked[a, b] = _linked[b, a] = true;
            Nodes[a].Feed(new Input { Kind = InputKind.PeerUp, From = b });
            Nodes[b].Feed(new Input { Kind = InputKind.PeerUp, From = a });
        }
    }

    public void Disconnect(int node)
    {
        for (int peer = 0; peer < Nodes.Length; peer++)
        {
            if (_linked[node, peer])
            {
                _linked[node, peer] = _linked[peer, node] = false;
                Nodes[peer].Feed(new Input { Kind = InputKind.PeerDown, From = node });
            }
        }
    }

    public void CrashAndRestart(SimNode node)
    {
        Trace(node.Index, "crash");
        node.Crash();
        Schedule(Now + World.DowntimeMicros(), () =>
        {
            Trace(node.Index, "restart");
            if (!node.Running)
            {
                node.Start();
            }
        });
    }

    public void Send(int from, int to, SimMessage message) =>
        ToEach(from, to, (peer, at) => Deliver(from, peer, at, () => Nodes[peer].Feed(message.ToInput(from))));

    public void SendVertex(int from, int to, SimVertex vertex) =>
        ToEach(from, to, (peer, at) => Deliver(from, peer, at, () => Nodes[peer].ReceiveVertex(from, vertex)));

    public void Request(int from, int to, FetchRequest request) =>
        ToEach(from, to, (peer, at) => Deliver(from, peer, at, () => Nodes[peer].Serve(from, request)));

    private void ToEach(int from, int to, Action<int, long> send)
    {
        for (int peer = 0; peer < Nodes.Length; peer++)
        {
            if (peer != from && (to < 0 || to == peer) && Nodes[peer].Running && World.Delay(from, peer, out long delay))
            {
                // A connection keeps its order unless the world says otherwise.
                long at = Math.Max(Now + delay, World.Reorders ? 0 : _linkFreeAt[from, peer]);
                _linkFreeAt[from, peer] = at;
                send(peer, at);
            }
        }
    }

    private void Deliver(int from, int to, long at, Action action)
    {
        int sender = Nodes[from].Incarnation;
        int incarnation = Nodes[to].Incarnation;
        Schedule(at, () =>
        {
            // What a crashed sender had on the wire may still arrive; a restarted receiver has a new connection.
            _ = sender;
            if (Nodes[to].Running && Nodes[to].Incarnation == incarnation && !World.Defer(to, at, action))
            {
                Delivered++;
                action();
            }
        });
    }
}
