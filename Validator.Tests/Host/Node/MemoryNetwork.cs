using System.Net;
using Validator.Net;
using Validator.Net.Buffers;
using Validator.Net.Discovery;
using Validator.Net.Rings;

namespace Validator.Tests.Host.Node;

/// <summary>
/// Transports of one process, joined by one thread each that copies frames over: what the node sees of a network.
/// </summary>
internal sealed class MemoryNetwork
{
    private readonly MemoryTransport?[] _members;

    public MemoryNetwork(int members) => _members = new MemoryTransport?[members];

    public ITransport Create(TransportOptions options)
    {
        MemoryTransport transport = new(this, options);
        return transport;
    }

    private sealed class MemoryTransport : ITransport
    {
        private readonly MemoryNetwork _network;
        private readonly TransportOptions _options;
        private readonly Parker _parker = new();
        private readonly List<Outbox> _outboxes = [];
        private readonly MpmcRing<TransportEvent> _inbox = new(1 << 14);
        private readonly Thread _thread;
        private volatile bool _stopping;

        public MemoryTransport(MemoryNetwork network, TransportOptions options)
        {
            _network = network;
            _options = options;
            Events = new SpscRing<TransportEvent>(options.EventRingCapacity);
            Statistics = new TransportStatistics(options.MaxPeers);
            _thread = new Thread(Run) { IsBackground = true, Name = $"network-{options.SelfIndex}" };
        }

        public SpscRing<TransportEvent> Events { get; }

        public TransportStatistics Statistics { get; }

        public IPEndPoint LocalEndPoint => _options.Listen;

        public ITransportRounds? Rounds => null;

        public void Start()
        {
            lock (_network._members)
            {
                for (int i = 0; i < _network._members.Length; i++)
                {
                    if (_network._members[i] is { } other)
                    {
                        other.Post(new TransportEvent(TransportEventKind.PeerUp, Channel.Control, _options.SelfIndex, null));
                        Post(new TransportEvent(TransportEventKind.PeerUp, Channel.Control, i, null));
                        Volatile.Write(ref Statistics.Peers[i].UpNow, 1);
                        Volatile.Write(ref other.Statistics.Peers[_options.SelfIndex].UpNow, 1);
                    }
                }

                _network._members[_options.SelfIndex] = this;
            }

            _thread.Start();
        }

        public Outbox CreateOutbox()
        {
            Outbox outbox = new(_options.OutboxCapacity, _options.MaxPeers, _options.MaxFrameBytes, _parker);
            _outboxes.Add(outbox);
            return outbox;
        }

        public void SetAddresses(int peer, IReadOnlyList<PeerAddress> addresses)
        {
        }

        public void RemovePeer(int peer)
        {
        }

        public void SetPeer(int peer, TransportPeer who)
        {
        }

        public void Punish(int peer)
        {
        }

        public bool IsUp(int peer) => Statistics.Peers[peer].IsUp;

        public void Stop()
        {
            if (_stopping)
            {
                return;
            }

            lock (_network._members)
            {
                _network._members[_options.SelfIndex] = null;
                foreach (MemoryTransport? other in _network._members)
                {
                    other?.Post(new TransportEvent(TransportEventKind.PeerDown, Channel.Control, _options.SelfIndex, null));
                }
            }

            _stopping = true;
            _parker.Wake();
            _thread.Join();
        }

        public void Dispose() => Stop();

        private void Post(in TransportEvent item)
        {
            if (_inbox.TryEnqueue(item))
            {
                _parker.Wake();
            }
            else
            {
                item.Buffer?.Release();
            }
        }

        private void Run()
        {
            while (!_stopping)
            {
                bool any = false;
                foreach (Outbox outbox in _outboxes)
                {
                    while (outbox.Ring.TryDequeue(out OutboxItem item))
                    {
                        any = true;
                        Deliver(item);
                    }
                }

                while (Events.FreeSlots() > 0 && _inbox.TryDequeue(out TransportEvent received))
                {
                    any = true;
                    Events.TryEnqueue(received);
                    _options.Consumer.Wake();
                }

                if (!any)
                {
                    _parker.Prepare();
                    if (_stopping || _inbox.Count > 0 || _outboxes.Exists(o => !o.Ring.IsEmpty))
                    {
                        _parker.Cancel();
                    }
                    else
                    {
                        _parker.Park(50);
                    }
                }
            }
        }

        private void Deliver(in OutboxItem item)
        {
            for (int i = 0; i < _network._members.Length; i++)
            {
                bool meant = item.Peer == Outbox.Everyone ? i != _options.SelfIndex : i == item.Peer;
                if (meant && Volatile.Read(ref _network._members[i]) is { } target
                    && target._options.ReceivePool.TryRent(item.Frame.Length, out PooledBuffer? copy))
                {
                    item.Frame.Span.CopyTo(copy.Span);
                    target.Post(new TransportEvent(TransportEventKind.Frame, item.Channel, _options.SelfIndex, copy));
                }
            }

            item.Frame.Release();
        }
    }
}
