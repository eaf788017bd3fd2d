using Validator.Core.Consensus;
using Validator.Core.Execution;
using Validator.Core.Primitives;
using Validator.Core.Wire;

namespace Validator.Tests.Core.Consensus;

public class SnapshotFetchTests
{
    private const int Members = 6;
    private const long Step = 100_000;

    private static readonly byte[][] Segments = [.. Enumerable.Range(0, 100).Select(i => Fill(i, 1024 * 32)), Fill(100, 320)];
    private static readonly byte[] List = [.. Segments.SelectMany(s => Hash256.Of(s).ToArray())];
    private static readonly Dictionary<Hash256, byte[]> Chunks = Segments.Append(List).ToDictionary(s => Hash256.Of(s));
    private static readonly SnapshotManifest Proof = ManifestAt(500);

    private readonly SnapshotFetch _fetch = new(Members);
    private readonly Dictionary<Hash256, byte[]> _kept = [];
    private readonly Queue<(int Peer, FetchRequest Request)> _sent = [];
    private readonly int[] _asked = new int[Members];
    private long _now;

    // Protects speed and load: all peers serve, none is asked for more than a few chunks at once, and every chunk comes once.
    [Fact]
    public void Chunks_come_from_all_peers_at_once()
    {
        Start();
        int most = 0;
        RunUntilWhole((peer, _) =>
        {
            most = Math.Max(most, _sent.Count(s => s.Peer == peer) + 1);
            return Answer.Right;
        });
        Assert.InRange(most, 2, 8);
        Assert.All(Enumerable.Range(1, Members - 1), peer => Assert.InRange(_asked[peer], 10, 40));
        Assert.Equal(Segments.Length + 1, _kept.Count);
    }

    // Protects against liars: a peer that sends wrong bytes is asked no more, one that is silent is left after three times, and
    // one peer that is honest is enough.
    [Fact]
    public void Liars_and_sleepers_are_dropped()
    {
        Start();
        RunUntilWhole((peer, _) => peer switch
        {
            1 => Answer.Wrong,
            2 => Answer.Silence,
            3 => Answer.NotFound,
            _ => Answer.Right,
        });
        Assert.InRange(_asked[1], 1, 9);
        Assert.InRange(_asked[2], 1, 24);
        Assert.InRange(_asked[3], 1, 9);
        Assert.All(_kept, chunk => Assert.Equal(chunk.Key, Hash256.Of(chunk.Value)));
    }

    // Protects progress: after a crash in the middle only what is missing is asked for again.
    [Fact]
    public void A_new_life_goes_on_where_the_last_one_was()
    {
        Start();
        int answers = 0;
        Run(() => answers >= 60, (_, _) => ++answers > 60 ? Answer.Silence : Answer.Right);
        int held = _kept.Count;
        Assert.InRange(held, 30, Segments.Length - 10);
        SnapshotFetch again = new(Members);
        again.Resume(new StagedSnapshot(Proof, new() { [Hash256.Of(List)] = List }, [.. _kept.Keys]), 3);
        List<FetchRequest> asked = [];
        again.PeerUp(1);
        Assert.False(again.Advance(_now, 0, (request, _) => asked.Add(request)));
        Assert.Equal(8, asked.Count);
        Assert.DoesNotContain(asked, request => _kept.ContainsKey(request.Hash));
        Assert.Equal((Segments.Length + 1 - held - 8, 8, held), again.Progress);
    }

    // Protects against a useless start and against peers that move on: an older snapshot is not taken, and where nobody has this
    // one any longer a later one is asked for, whose equal chunks need not come again.
    [Fact]
    public void A_snapshot_that_peers_have_left_behind_gives_way_to_a_later_one()
    {
        for (int peer = 1; peer < Members; peer++)
        {
            _fetch.PeerUp(peer);
        }

        _fetch.Begin(500);
        Assert.False(_fetch.Advance(_now, 0, Ask));
        (int first, FetchRequest request) = _sent.Dequeue();
        Assert.Equal((FetchKind.Snapshot, 501u), (request.Kind, request.Sequence));
        Assert.False(_fetch.OnManifest(Proof, first));
        _fetch.Stop();

        _fetch.Begin(3);
        bool moved = false;
        int answers = 0;
        RunUntilWhole((_, asked) =>
        {
            moved |= ++answers > 50;
            return !moved || asked.Kind == FetchKind.Snapshot || asked.Sequence == 600 ? Answer.Right : Answer.NotFound;
        }, () => moved ? ManifestAt(600) : Proof);
        Assert.Equal(600u, _fetch.Manifest!.Sequence);
        Assert.InRange(_asked.Sum(), Segments.Length, Segments.Length + 100);
    }

    // Protects progress against one faulty peer: it offers a snapshot that all others have left behind, and of its last chunks
    // some it does not have and some it never sends. The others are asked for theirs all the same. (Seed 6000471: not for two
    // minutes.)
    [Fact]
    public void A_peer_that_keeps_silent_does_not_hold_up_a_later_snapshot()
    {
        const int liar = 1;
        const int withheld = 6;
        SnapshotManifest later = ManifestAt(600);
        SnapshotManifest offered = Proof;
        int refused = 0;
        Start();
        RunUntilWhole(
            (peer, asked) =>
            {
                offered = peer == liar ? Proof : later;
                bool serves = peer == liar ? _kept.Count <= Segments.Length - withheld : asked.Sequence == 600;
                return asked.Kind == FetchKind.Snapshot || serves ? Answer.Right
                    : peer == liar && ++refused % 4 != 0 ? Answer.Silence
                    : Answer.NotFound;
            },
            () => offered);
        Assert.Equal(600u, _fetch.Manifest!.Sequence);
        Assert.InRange(_now, 0, 5_000_000);
    }

    // Protects the time in which a snapshot is there to be had: that three of five peers say nothing, and one has moved on, costs
    // little more than their silence when the manifest was asked for, as who offered it is asked first and who was silent last.
    // (Seed 7139: 24 s, and the snapshot was gone.)
    [Fact]
    public void Silent_peers_do_not_hold_up_the_one_that_offers()
    {
        Start();
        int offers = -1;
        RunUntilWhole((peer, asked) =>
        {
            offers = asked.Kind == FetchKind.Snapshot && peer >= 4 ? peer : offers;
            return peer < 4 ? Answer.Silence : peer == offers ? Answer.Right : Answer.NotFound;
        });
        // Three times the manifest was asked of a silent one, and three of them were tried for chunks.
        Assert.InRange(_now, 0, 5 * 2_000_000);
        Assert.All(Enumerable.Range(1, 3), peer => Assert.InRange(_asked[peer], 1, 9));
    }

    // Protects against a liar: whoever says to have what others lack is asked for its proof, and until that is here nothing is
    // being caught up.
    [Fact]
    public void A_probe_binds_to_nothing_before_its_proof()
    {
        _fetch.PeerUp(1);
        Probe();
        _fetch.OnNotFound(_sent.Dequeue().Request, 1);
        Assert.False(_fetch.Probes);
        Probe();
        _sent.Clear();
        Assert.Equal(2_000_000, _fetch.NextDeadline());
        Assert.False(_fetch.OnManifest(Proof, 2));
        _now = 2_000_000;
        Assert.False(_fetch.Advance(_now, 0, Ask));
        Assert.False(_fetch.Probes);
        Assert.False(_fetch.OnManifest(Proof, 1));
        Probe(500);
        _sent.Clear();
        Assert.False(_fetch.OnManifest(Proof, 1));
        Assert.False(_fetch.Active || _fetch.Probes);
        Probe();
        RunUntilWhole((_, _) => Answer.Right);

        void Probe(ulong final = 3)
        {
            _fetch.Probe(final, 0, 1, _now, Ask);
            Assert.True(_fetch.Probes && !_fetch.Active);
            Assert.Equal((1, new FetchRequest(FetchKind.Snapshot, 0, 0, final + 1, 1, Hash256.Zero)), _sent.Peek());
        }
    }

    private enum Answer
    {
        Right,
        Wrong,
        Silence,
        NotFound,
    }

    private void Start()
    {
        for (int peer = 1; peer < Members; peer++)
        {
            _fetch.PeerUp(peer);
        }

        _fetch.Begin(3);
    }

    private void RunUntilWhole(Func<int, FetchRequest, Answer> answer, Func<SnapshotManifest>? manifest = null) =>
        Run(() => _fetch.Installing, answer, manifest);

    private void Run(Func<bool> done, Func<int, FetchRequest, Answer> answer, Func<SnapshotManifest>? manifest = null)
    {
        for (int steps = 0; !done(); steps++)
        {
            Assert.True(steps < 10_000, $"not whole: {_fetch.Progress}");
            _fetch.Advance(_now, 0, Ask);
            if (!_sent.TryDequeue(out (int Peer, FetchRequest Request) next))
            {
                _now += Step;
                continue;
            }

            Reply(next.Peer, next.Request, answer(next.Peer, next.Request), (manifest ?? (() => Proof))());
        }
    }

    private void Reply(int peer, in FetchRequest request, Answer answer, SnapshotManifest manifest)
    {
        _asked[peer]++;
        switch (answer)
        {
            case Answer.NotFound:
                _fetch.OnNotFound(request, peer);
                break;
            case Answer.Right when request.Kind == FetchKind.Snapshot:
                Assert.True(_fetch.OnManifest(manifest, peer));
                break;
            case Answer.Right:
                Hash256 hash = request.Hash;
                byte[] data = Chunks[hash];
                Assert.Equal(ChunkResult.Keep, _fetch.OnChunk(new SnapshotChunk(0, request.Sequence, hash, data), peer));
                _kept.Add(hash, data);
                break;
            case Answer.Wrong when request.Kind == FetchKind.Chunk:
                Assert.Equal(ChunkResult.Wrong, _fetch.OnChunk(new SnapshotChunk(0, request.Sequence, request.Hash, Fill(7, 99)), peer));
                break;
        }
    }

    private void Ask(FetchRequest request, int peer) => _sent.Enqueue((peer, request));

    private static byte[] Fill(int seed, int length)
    {
        byte[] bytes = new byte[length];
        new Random(seed).NextBytes(bytes);
        return bytes;
    }

    /// <summary>Only what the fetching looks at; that it is proven the decoder and the signatures say.</summary>
    private static SnapshotManifest ManifestAt(ulong sequence)
    {
        Block anchor = BlockCodec.Seal(0, sequence, Hash256.Of([1]), 1, 0, Hash256.Zero, Hash256.Zero, new LaneTip[Members]);
        StateRecord state = new(0, 0, 0, Hash256.Zero, anchor.Hash, Hash256.Zero, Hash256.Of(List), Hash256.Of([]), Hash256.Zero);
        return new SnapshotManifest(sequence, [state], anchor, [anchor], new Certificate
        {
            Phase = Phase.Committed,
            Epoch = 0,
            View = 0,
            Sequence = sequence,
            BlockHash = anchor.Hash,
            Votes = [],
        });
    }
}
