using Validator.Core.Primitives;
using Validator.Core.Wire;
using Validator.Host.Config;
using Validator.Host.Contracts;
using Validator.Host.Primitives;
using Validator.Net;
using Validator.Net.Discovery;

namespace Validator.Host.Pipeline;

/// <summary>
/// Whom the transport connects with, by link. A transport key has one link from when it is named by an executed change until some
/// time after its membership, so links stay when the committee changes and its indices do not. Who is in it: the epoch's members,
/// those that a pending change makes members (they have to catch up before their first vote), and for a while those who left
/// (they have to learn that they did). Core's thread changes it, any thread reads.
/// </summary>
internal sealed class LinkTable(byte[] ownKey, NodeMetrics metrics, PeerAddressBook addresses, PeerReports reports)
{
    /// <summary>Told of a link that has another owner.</summary>
    public Action<int> Renamed { get; init; } = static _ => { };

    /// <summary>A member that left may connect for this long, or until the next epoch's end if that comes first.</summary>
    private const long GraceMicros = 60_000_000;

    private readonly Lock _lock = new();
    private readonly Link?[] _links = new Link?[NodeMetrics.MaxLinks];
    private readonly long[] _freed = new long[NodeMetrics.MaxLinks];
    private PeerAddressBook _addresses = addresses;
    private ITransport? _transport;
    private long _frees;
    private long _nextDueMicros = long.MaxValue;

    private sealed record Link(byte[] Key, string Name)
    {
        /// <summary>The first epoch without it; null while it is a member, or is to be one.</summary>
        public ulong? LeftIn { get; init; }

        public long DueMicros { get; init; } = long.MaxValue;
    }

    /// <summary>When <see cref="CloseDue"/> has something to do, in monotonic microseconds.</summary>
    public long NextDueMicros => Volatile.Read(ref _nextDueMicros);

    /// <summary>The member's name; null for a link that nobody has.</summary>
    public string? NameOf(int link) => Volatile.Read(ref _links[link])?.Name;

    /// <summary>Whose a link is: name, and BLAKE3 of the transport key; null for a link that nobody has.</summary>
    public (string Name, Hash256 Key)? OwnerOf(int link) =>
        Volatile.Read(ref _links[link]) is { } known ? (known.Name, Hash256.Of(known.Key)) : null;

    public IReadOnlyList<PeerAddress> AddressesOf(int link) =>
        Volatile.Read(ref _links[link]) is { } known ? Volatile.Read(ref _addresses).For(known.Name) : [];

    /// <summary>Own link; -1 while nobody is to know us.</summary>
    public int Self => Find(ownKey);

    /// <summary>For the transport at the start, by link.</summary>
    public TransportPeer[] Peers() => [.. _links.OfType<Link>().Select(PeerOf)];

    /// <summary>From now on the table's changes are the transport's. Once, before the start.</summary>
    public void Attach(ITransport transport) => _transport = transport;

    /// <summary>Brings the links up to an epoch that begins, or in which a change has become pending.</summary>
    /// <returns>By member of the epoch.</returns>
    public int[] Update(EpochConfiguration epoch)
    {
        lock (_lock)
        {
            Member[] all = [.. epoch.Members, .. (epoch.Pending?.Members ?? []).Where(m => IndexOf(epoch.Members, m.TransportKey) < 0)];
            for (int link = 0; link < NodeMetrics.MaxLinks; link++)
            {
                if (_links[link] is { } known && IndexOf(all, known.Key) < 0)
                {
                    Leave(link, known, epoch.Number);
                }
            }

            foreach (Member member in all)
            {
                Take(member);
            }

            NoteDue();
            return Array.ConvertAll(epoch.Members, m => Find(m.TransportKey));
        }
    }

    /// <summary>Closes the links of those who left long enough ago. Core's thread.</summary>
    public void CloseDue(long nowMicros)
    {
        lock (_lock)
        {
            for (int link = 0; link < NodeMetrics.MaxLinks; link++)
            {
                if (_links[link] is { } known && known.DueMicros <= nowMicros)
                {
                    Free(link);
                }
            }

            NoteDue();
        }
    }

    /// <summary>Where members are looked for from now on. Any thread.</summary>
    public void SetAddresses(PeerAddressBook addresses)
    {
        lock (_lock)
        {
            Volatile.Write(ref _addresses, addresses);
            for (int link = 0; link < NodeMetrics.MaxLinks; link++)
            {
                if (_links[link] is { } known && !IsOwn(known.Key))
                {
                    _transport!.SetAddresses(link, addresses.For(known.Name));
                }
            }
        }
    }

    private void Leave(int link, Link known, ulong epoch)
    {
        if (known.LeftIn is not { } left)
        {
            Set(link, known with { LeftIn = epoch, DueMicros = Clock.MonotonicMicros() + GraceMicros });
        }
        else if (left < epoch)
        {
            Free(link);
        }
    }

    private void Take(Member member)
    {
        int link = Find(member.TransportKey);
        Link wanted = new(member.TransportKey, member.Name);
        if (link < 0)
        {
            link = NextFree();
            metrics.NameLink(link, member.Name);
            reports.Forget(link);
            Renamed(link);
        }

        if (_links[link] != wanted)
        {
            Set(link, wanted);
        }
    }

    private void Set(int link, Link value)
    {
        Volatile.Write(ref _links[link], value);
        if (!IsOwn(value.Key))
        {
            _transport?.SetPeer(link, PeerOf(value));
        }
    }

    private void Free(int link)
    {
        bool own = IsOwn(_links[link]!.Key);
        Volatile.Write(ref _links[link], null);
        _freed[link] = ++_frees;
        if (!own)
        {
            _transport?.RemovePeer(link);
        }
    }

    /// <summary>The one that has been free for longest: nothing of the one before is still under way.</summary>
    private int NextFree()
    {
        int best = -1;
        for (int link = 0; link < NodeMetrics.MaxLinks; link++)
        {
            best = _links[link] is null && (best < 0 || _freed[link] < _freed[best]) ? link : best;
        }

        Require.That(best >= 0, "no more than two left the committee and one comes");
        return best;
    }

    private void NoteDue() => Volatile.Write(ref _nextDueMicros, _links.Min(l => l?.DueMicros ?? long.MaxValue));

    private TransportPeer PeerOf(Link link) => new(link.Key, IsOwn(link.Key) ? [] : _addresses.For(link.Name));

    private bool IsOwn(byte[] key) => key.AsSpan().SequenceEqual(ownKey);

    private int Find(byte[] key) => Array.FindIndex(_links, l => l is not null && l.Key.AsSpan().SequenceEqual(key));

    private static int IndexOf(Member[] members, byte[] key) => Array.FindIndex(members, m => m.TransportKey.AsSpan().SequenceEqual(key));
}
