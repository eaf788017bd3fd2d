using System.Net;
using Validator.Core.Primitives;
using Validator.Core.Wire;
using Validator.Host.Config;
using Validator.Host.Contracts;
using Validator.Host.Pipeline;
using Validator.Net;
using Validator.Net.Discovery;
using Validator.Net.Rings;

namespace Validator.Tests.Host.Pipeline;

public class LinkTableTests
{
    private static readonly Member[] Four = [MemberOf(1), MemberOf(2), MemberOf(3), MemberOf(4)];
    private static readonly Genesis Chain = new("t", 1, new GenesisParameters(), Four);

    /// <summary>
    /// Protects what links are for: a key keeps its link while indices move; a change that is pending lets its key in; who left
    /// stays for one epoch more; and a freed link is the last to be used again.
    /// </summary>
    [Fact]
    public void Links_survive_epochs()
    {
        Recorder transport = new();
        LinkTable table = TableOf(Four[0]);
        Assert.Equal([0, 1, 2, 3], table.Update(EpochOf(0, Four)));
        table.Attach(transport);
        Member[] next = [Four[0], Four[2], Four[3], MemberOf(5)];
        table.Update(EpochOf(0, Four) with { Pending = new PendingCommittee(7, next) });
        Assert.Equal(["set 4"], transport.TakeAll());
        Assert.Equal("m5", table.NameOf(4));

        Assert.Equal([0, 2, 3, 4], table.Update(EpochOf(1, next)));
        Assert.DoesNotContain("remove 1", transport.TakeAll());
        Assert.Equal("m2", table.NameOf(1));
        Assert.True(table.NextDueMicros < long.MaxValue);

        Member[] last = [.. next, MemberOf(6)];
        Assert.Equal([0, 2, 3, 4, 5], table.Update(EpochOf(2, last)));
        Assert.Contains("remove 1", transport.TakeAll());
        Assert.Null(table.NameOf(1));
        Assert.Equal([0, 2, 3, 4, 5, 6], table.Update(EpochOf(3, [.. last, MemberOf(7)])));

        // Without another epoch, time ends it.
        table.Update(EpochOf(4, last));
        table.CloseDue(long.MaxValue - 1);
        Assert.Contains("remove 6", transport.TakeAll());
        Assert.Equal(long.MaxValue, table.NextDueMicros);
    }

    // Protects a newcomer's standing: what the link's last owner reported is not taken for its own.
    [Fact]
    public void A_link_forgets_its_last_owner()
    {
        PeerReports reports = new();
        LinkTable table = new(Four[0].TransportKey, new NodeMetrics(), new PeerAddressBook([]), reports);
        table.Update(EpochOf(0, Four));
        reports.Note(4, new Status(0, 3, 9, []), now: 5);
        reports.NoteSigned(4, now: 6);
        Assert.Equal(((3UL, 9UL), (5L, 6L)), (reports.Progress(4), reports.HeardAt(4)));
        table.Update(EpochOf(1, [.. Four, MemberOf(5)]));
        Assert.Equal(((0UL, 0UL), (0L, 0L)), (reports.Progress(4), reports.HeardAt(4)));
        Assert.Equal((0UL, 0UL), reports.Progress(-1));
    }

    private static LinkTable TableOf(Member self) =>
        new(self.TransportKey, new NodeMetrics(), new PeerAddressBook([]), new PeerReports());

    private static EpochConfiguration EpochOf(ulong number, Member[] members) =>
        new(number, members, EpochConfiguration.StartBlock(Chain, GenesisCodec.ChainId(Chain)));

    private static Member MemberOf(byte number)
    {
        byte[] Key(byte purpose)
        {
            byte[] key = new byte[Limits.PublicKeyBytes];
            (key[0], key[1]) = (number, purpose);
            return key;
        }

        return new Member($"m{number}", Key(1), Key(2), 1);
    }

    private sealed class Recorder : ITransport
    {
        private readonly List<string> _calls = [];

        public SpscRing<TransportEvent> Events => throw new NotSupportedException();

        public TransportStatistics Statistics => throw new NotSupportedException();

        public IPEndPoint LocalEndPoint => throw new NotSupportedException();

        public ITransportRounds? Rounds => throw new NotSupportedException();

        public string[] TakeAll()
        {
            string[] all = [.. _calls];
            _calls.Clear();
            return all;
        }

        public void SetPeer(int peer, TransportPeer who) => _calls.Add($"set {peer}");

        public void RemovePeer(int peer) => _calls.Add($"remove {peer}");

        public void Start() => throw new NotSupportedException();

        public Outbox CreateOutbox() => throw new NotSupportedException();

        public void SetAddresses(int peer, IReadOnlyList<PeerAddress> addresses) => throw new NotSupportedException();

        public void Punish(int peer) => throw new NotSupportedException();

        public bool IsUp(int peer) => throw new NotSupportedException();

        public void Stop()
        {
        }

        public void Dispose()
        {
        }
    }
}
