using Validator.Core.Consensus;
using Validator.Core.Primitives;
using Validator.Core.Wire;
using Validator.Host.Storage;
using Validator.Host.Storage.Log;

namespace Validator.Tests.Host.Storage;

public class VoteStoreTests
{
    /// <summary>
    /// Protects votes across SIGKILL: a copy of the files taken while the store is open holds every commit that returned, in
    /// order.
    /// </summary>
    [Fact]
    public void Every_commit_that_returned_survives_a_crash()
    {
        using TemporaryFolder folder = new();
        string live = Create(folder, "votes");
        using RocksVoteStore store = RocksVoteStore.Open(live, StoreSamples.Identity);
        Block parent = StoreSamples.Block(1, Hash256.Of("genesis"u8));
        for (ulong sequence = 2; sequence <= 40; sequence++)
        {
            Block block = StoreSamples.Block(sequence, parent.Hash);
            parent = block;
            store.AddBlock(block);
            store.AddSigned(StoreSamples.Signed(MessageKind.PrePrepare, 0, sequence, block.Hash), StoreSamples.Encode(block));
            store.AddPreparedCertificate(StoreSamples.Certificate(Phase.Prepared, 0, block));
            store.AddSigned(StoreSamples.Signed(MessageKind.Commit, 0, sequence, block.Hash), []);
            store.AddSigned(StoreSamples.Signed(MessageKind.Vertex, 0, sequence, block.Hash), []);
            Assert.True(store.Commit(out _));
            if (sequence % 13 == 0)
            {
                RecoveredState state = Recover(CopyOf(live, folder.File($"crash-{sequence}")));
                Assert.Equal(2 * ((int)sequence - 1), state.Signed.Count);
                Assert.Equal((int)sequence - 1, state.Blocks.Count);
                Assert.Equal((int)sequence - 1, state.PreparedCertificates.Count);
                Assert.Equal(new LaneTip(sequence, block.Hash), state.OwnTip);
                Assert.Equal(block.Hash, state.Signed[^2].Block!.Hash);
                Assert.True(state.Signed.Select(s => s.Message.Header.Sequence).SequenceEqual(state.Signed.Select(s => s.Message.Header.Sequence).Order()));
            }
        }
    }

    /// <summary>
    /// Protects the order of votes on a failing disk: after one commit that failed, none succeeds, not even with room again.
    /// </summary>
    [Fact]
    public void After_a_failed_commit_none_succeeds()
    {
        using TemporaryFolder folder = new();
        string path = Create(folder, "votes");
        using (RocksVoteStore store = RocksVoteStore.Open(path, StoreSamples.Identity))
        {
            store.AddSigned(StoreSamples.Signed(MessageKind.Commit, 0, 1, Hash256.Of("a"u8)), []);
            Assert.True(store.Commit(out _));
            store.Fault = () => "No space left on device";
            store.AddSigned(StoreSamples.Signed(MessageKind.Commit, 0, 2, Hash256.Of("b"u8)), []);
            Assert.False(store.Commit(out string? first));
            store.Fault = null;
            store.AddSigned(StoreSamples.Signed(MessageKind.Commit, 0, 3, Hash256.Of("c"u8)), []);
            Assert.False(store.Commit(out string? second));
            Assert.Equal((first, second), ("No space left on device", "No space left on device"));
        }

        Assert.Equal(1u, Assert.Single(Recover(path).Signed).Message.Header.Sequence);
    }

    /// <summary>
    /// Protects against our own bugs, in release builds: no second digest in a slot gets to the disk, before or after a restart.
    /// </summary>
    [Theory]
    [InlineData(MessageKind.Prepare, false)]
    [InlineData(MessageKind.Commit, true)]
    [InlineData(MessageKind.Vertex, false)]
    [InlineData(MessageKind.Vertex, true)]
    public void A_second_digest_in_a_slot_is_a_broken_invariant(MessageKind kind, bool restarted)
    {
        using TemporaryFolder folder = new();
        string path = Create(folder, "votes");
        RocksVoteStore store = RocksVoteStore.Open(path, StoreSamples.Identity);
        Signed first = StoreSamples.Signed(kind, 0, 7, Hash256.Of("a"u8));
        store.AddSigned(first, []);
        store.AddSigned(first, []);
        Assert.True(store.Commit(out _));
        if (restarted)
        {
            store.Dispose();
            store = RocksVoteStore.Open(path, StoreSamples.Identity);
            store.Recover(0, StoreSamples.Members, new RecoveredState());
        }

        using (store)
        {
            Assert.Throws<InvariantViolationException>(() => store.AddSigned(StoreSamples.Signed(kind, 0, 7, Hash256.Of("b"u8)), []));
            if (kind == MessageKind.Vertex)
            {
                Assert.Throws<InvariantViolationException>(() => store.AddSigned(StoreSamples.Signed(kind, 0, 6, Hash256.Of("c"u8)), []));
            }
        }
    }

    /// <summary>
    /// Protects what later votes rest on: forgetting keeps own tip, newest votes and the highest certificate, whatever their
    /// sequence.
    /// </summary>
    [Fact]
    public void Forgetting_keeps_what_votes_rest_on()
    {
        using TemporaryFolder folder = new();
        string path = Create(folder, "votes");
        Block old = StoreSamples.Block(5, Hash256.Of("genesis"u8));
        Block last = StoreSamples.Block(9, old.Hash);
        using (RocksVoteStore store = RocksVoteStore.Open(path, StoreSamples.Identity))
        {
            store.AddSigned(StoreSamples.Signed(MessageKind.Vertex, 0, 3, Hash256.Of("tip"u8)), []);
            store.AddPreparedCertificate(StoreSamples.Certificate(Phase.Prepared, 0, last));
            store.AddSigned(StoreSamples.Signed(MessageKind.Commit, 0, 9, last.Hash), []);
            // A view change led back to an earlier block: its certificate is the highest, by view.
            store.AddBlock(old);
            store.AddPreparedCertificate(StoreSamples.Certificate(Phase.Prepared, 2, old));
            store.AddSigned(StoreSamples.Signed(MessageKind.Stop, 2, 0, Hash256.Zero), []);
            store.AddSigned(StoreSamples.Signed(MessageKind.Commit, 2, 5, old.Hash), []);
            store.ForgetBelow(1000);
            Assert.True(store.Commit(out _));
        }

        RecoveredState state = Recover(path);
        Assert.Equal(new LaneTip(3, Hash256.Of("tip"u8)), state.OwnTip);
        Assert.Empty(state.Blocks);
        Assert.Equal((2ul, 5ul), (state.PreparedCertificates.Single().View, state.PreparedCertificates.Single().Sequence));
        Assert.Equal(
            [(MessageKind.Stop, 2ul), (MessageKind.Commit, 2ul)], state.Signed.Select(s => (s.Message.Header.Kind, s.Message.Header.View)));
    }

    /// <summary>
    /// Protects what may be final from being signed away where others lost their votes: who has votes knows of every later block
    /// that it accepted, or that it has forgotten as executed.
    /// </summary>
    [Fact]
    public void Votes_tell_of_blocks_after_a_head()
    {
        using TemporaryFolder folder = new();
        string path = Create(folder, "votes");
        Block block = StoreSamples.Block(5, Hash256.Of("genesis"u8));
        using RocksVoteStore store = RocksVoteStore.Open(path, StoreSamples.Identity);
        Assert.False(store.HasAcceptedAfter(0, 0));
        store.AddBlock(block);
        Assert.True(store.Commit(out _));
        Assert.Equal((true, false), (store.HasAcceptedAfter(0, 4), store.HasAcceptedAfter(0, 5)));
        Assert.False(store.HasAcceptedAfter(1, 4));
        store.AddPreparedCertificate(StoreSamples.Certificate(Phase.Prepared, 2, StoreSamples.Block(7, block.Hash)));
        Assert.True(store.Commit(out _));
        Assert.Equal((true, false), (store.HasAcceptedAfter(0, 6), store.HasAcceptedAfter(0, 7)));
        store.ForgetBelow(20);
        Assert.True(store.Commit(out _));
        Assert.Equal((true, false), (store.HasAcceptedAfter(0, 18), store.HasAcceptedAfter(0, 19)));
    }

    /// <summary>
    /// Protects against signing what was forgotten, once a ledger is lost: the point up to which votes are forgotten never goes
    /// back with execution, and the epoch of the votes is known from them, from the start of a store that stands in for a lost
    /// one, too.
    /// </summary>
    [Fact]
    public void What_was_forgotten_stays_forgotten()
    {
        using TemporaryFolder folder = new();
        string path = Create(folder, "votes");
        using (RocksVoteStore store = RocksVoteStore.Open(path, StoreSamples.Identity))
        {
            Assert.Equal(0u, store.Epoch());
            store.AddSigned(StoreSamples.Signed(MessageKind.Commit, 0, 999, Hash256.Of("a"u8)), []);
            store.ForgetBelow(1000);
            Assert.True(store.Commit(out _));
        }

        using (RocksVoteStore store = RocksVoteStore.Open(path, StoreSamples.Identity))
        {
            store.Recover(0, StoreSamples.Members, new RecoveredState());
            store.ForgetBelow(64);
            store.AddSigned(StoreSamples.Signed(MessageKind.Stop, 2, 0, Hash256.Zero), []);
            Assert.True(store.Commit(out _));
        }

        Assert.Equal(1000u, Recover(path).ForgottenBelow);
        using (RocksVoteStore store = RocksVoteStore.Open(path, StoreSamples.Identity))
        {
            store.ForgetEpochsBelow(3);
            Assert.True(store.Commit(out _));
        }

        using RocksVoteStore later = RocksVoteStore.Open(path, StoreSamples.Identity);
        Assert.Equal(3u, later.Epoch());
        RecoveredState state = new();
        later.Recover(3, StoreSamples.Members, state);
        Assert.Empty(state.Signed);
    }

    /// <summary>
    /// Protects against a store that is not ours, or not one: each refusal has its own fault and names the path.
    /// </summary>
    [Fact]
    public void Foreign_stores_are_refused()
    {
        using TemporaryFolder folder = new();
        string path = Create(folder, "votes");
        StoreIdentity own = StoreSamples.Identity;
        Refuses(StoreFault.ForeignChain, path, own with { ChainId = Hash256.Of("other"u8) });
        Refuses(StoreFault.ForeignKey, path, own with { ConsensusKeyHash = Hash256.Of("other"u8) });
        Refuses(StoreFault.Missing, folder.File("nothing"), own);
        Assert.False(Directory.Exists(folder.File("nothing")));
        Assert.Equal(StoreFault.Exists, Assert.Throws<StoreException>(() => RocksVoteStore.Create(path, own)).Fault);
        File.WriteAllText(folder.File("file"), "");
        Assert.Equal(
            StoreFault.Unwritable, Assert.Throws<StoreException>(() => RocksVoteStore.Create(folder.File("file", "votes"), own)).Fault);
        using RocksVoteStore open = RocksVoteStore.Open(path, own);
        Refuses(StoreFault.Locked, path, own);
    }

    /// <summary>
    /// Protects an older binary from a newer store and a newer one from guessing: by the version in the identity record.
    /// </summary>
    [Theory]
    [InlineData(StoreIdentity.FormatVersion + 1, StoreFault.NewerFormat)]
    [InlineData(StoreIdentity.OldestVersion - 1, StoreFault.OlderFormat)]
    public void Other_formats_are_refused(int version, StoreFault fault)
    {
        byte[] record = StoreSamples.Identity.Encode(StoreKind.Votes, (ushort)version);
        StoreException refusal = Assert.Throws<StoreException>(() => StoreSamples.Identity.Check(record, StoreKind.Votes, "/data/votes"));
        Assert.Equal(fault, refusal.Fault);
        Assert.Contains("/data/votes", refusal.Message);
    }

    /// <summary>
    /// Protects against voting on a damaged memory: a flipped byte in the log after a crash, a lost file or an older log is
    /// refused, never skipped.
    /// </summary>
    [Fact]
    public void Damage_is_refused()
    {
        using TemporaryFolder folder = new();
        string path = Create(folder, "votes");
        string flipped = folder.File("flipped"), closed = folder.File("closed");
        using (RocksVoteStore store = RocksVoteStore.Open(path, StoreSamples.Identity))
        {
            for (ulong sequence = 1; sequence <= 20; sequence++)
            {
                store.AddSigned(StoreSamples.Signed(MessageKind.Commit, 0, sequence, Hash256.Of("block"u8)), []);
                Assert.True(store.Commit(out _));
            }

            CopyOf(path, flipped);
        }

        CopyOf(path, closed);
        using (FileStream log = new(Path.Combine(flipped, StoreLog.FileName), FileMode.Open))
        {
            log.Position = (10 * 4096) + 100;
            int was = log.ReadByte();
            log.Position--;
            log.WriteByte((byte)(was ^ 1));
        }

        Refuses(StoreFault.Corrupt, flipped, StoreSamples.Identity);
        using (FileStream log = new(Path.Combine(closed, StoreLog.FileName), FileMode.Open))
        {
            log.SetLength(0);
            log.SetLength(32 << 20);
        }

        Refuses(StoreFault.Corrupt, closed, StoreSamples.Identity);
        File.Delete(Path.Combine(closed, StoreLog.FileName));
        Refuses(StoreFault.Corrupt, closed, StoreSamples.Identity);

        string headless = CopyOf(path, folder.File("headless"));
        File.Delete(Path.Combine(headless, "CURRENT"));
        Refuses(StoreFault.Corrupt, headless, StoreSamples.Identity);
    }

    /// <summary>
    /// Protects what rule E9 rests on: a store made anew begins with the limits, the certificate, what was stated as accepted and
    /// the own tip, and keeps them for that epoch.
    /// </summary>
    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void A_store_made_anew_binds_from_the_start(bool laneKnown)
    {
        using TemporaryFolder folder = new();
        string path = folder.File("votes");
        VoteLimit limit = new(0, 9, 9, laneKnown), next = new(1, 1, 1, laneKnown);
        Certificate prepared = StoreSamples.Certificate(Phase.Prepared, 3, StoreSamples.Block(7, Hash256.Of("parent"u8)));
        Acceptances accepted = laneKnown ? new(8, [new Acceptance(2, Hash256.Of("accepted"u8))]) : default;
        LaneTip tip = laneKnown ? new LaneTip(5, Hash256.Of("vertex"u8)) : default;
        RevivalPlan plan = new(RevivalRefusal.None, limit, next, prepared, accepted, 2, 0);
        RocksVoteStore.Create(path, StoreSamples.Identity, plan, 1, tip);
        Assert.Equal(StoreFault.Exists, Assert.Throws<StoreException>(() => RocksVoteStore.Create(
            path, StoreSamples.Identity, new RevivalPlan(RevivalRefusal.None, limit, null, null, default, 2, 0), 1, tip)).Fault);
        Check();

        // Stated for others since: bound higher, and else the same.
        limit = limit with { FirstView = 12 };
        using (RocksVoteStore store = RocksVoteStore.Open(path, StoreSamples.Identity))
        {
            store.Recover(0, StoreSamples.Members, new RecoveredState());
            store.Bind(limit);
            Assert.Equal(0ul, store.Epoch());
        }

        Check();

        void Check()
        {
            RecoveredState state = Recover(path);
            Assert.Equal((limit, next, tip), (state.Limit, state.NextLimit, state.OwnTip));
            Assert.Equal((3ul, 7ul), (state.PreparedCertificates.Single().View, state.PreparedCertificates.Single().Sequence));
            Assert.Equal(accepted, state.Stated);
            Assert.Empty(state.Signed);
        }
    }

    private static string Create(TemporaryFolder folder, string name)
    {
        RocksVoteStore.Create(folder.File(name), StoreSamples.Identity);
        return folder.File(name);
    }

    private static RecoveredState Recover(string path)
    {
        RecoveredState state = new();
        using RocksVoteStore store = RocksVoteStore.Open(path, StoreSamples.Identity);
        store.Recover(0, StoreSamples.Members, state);
        return state;
    }

    private static void Refuses(StoreFault fault, string path, StoreIdentity identity)
    {
        StoreException refusal = Assert.Throws<StoreException>(() => RocksVoteStore.Open(path, identity).Dispose());
        Assert.Equal(fault, refusal.Fault);
        Assert.Contains(path, refusal.Message);
    }

    private static string CopyOf(string path, string copy)
    {
        Directory.CreateDirectory(copy);
        foreach (string file in Directory.GetFiles(path).Where(f => Path.GetFileName(f) != "LOCK"))
        {
            File.Copy(file, Path.Combine(copy, Path.GetFileName(file)));
        }

        return copy;
    }
}
