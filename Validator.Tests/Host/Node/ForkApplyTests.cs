using Microsoft.Extensions.Logging.Abstractions;
using Validator.Core.Consensus;
using Validator.Core.Primitives;
using Validator.Core.Wire;
using Validator.Host.Config;
using Validator.Host.Contracts;
using Validator.Host.Node;
using Validator.Host.Pipeline;
using Validator.Host.Storage;
using Validator.Net.Quic;

namespace Validator.Tests.Host.Node;

/// <summary>The last step of a fork's recovery (rules R3 and R4), where it is cut short.</summary>
public sealed class ForkApplyTests
{
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(60);

    // Protects what was promised, and from signing twice, where the machine stops in the middle: after each of its durable steps
    // the stores say that nothing may start, or are right as they are; and the same command again ends where an undisturbed one
    // ends, for who abandons a branch, in pieces too, for who follows the one that goes on, and for who lost the votes.
    [Fact]
    public async Task Cut_short_after_any_step_it_ends_the_same_when_repeated()
    {
        await using TestCluster cluster = new(4, TestCluster.OpenStores, options => new QuicTransport(options));
        ForkBranch left = await Branch(cluster, 0, 24, 2, 3);
        Directory.Delete(cluster.DataOf(2), recursive: true);
        Directory.Delete(cluster.DataOf(3), recursive: true);
        ForkBranch right = await Branch(cluster, 1, 12, 2, 3);
        ForkBranch[] branches = ForkChoice.Branches([left, right]);
        int chosen = Array.FindIndex(branches, b => b.Name == left.Name);
        Assert.Equal(ForkRefusal.None, ForkChoice.Propose(branches, chosen, out ForkProposal? proposal));
        ForkRecovery unsigned = new(proposal!, [], []);
        (string, ForkRecovery)[] signed = [.. ((int[])[0, 1, 3]).Select(i => ($"{i}", SignedIn(cluster, i, unsigned)))];

        // Whoever has executed the head knows what its end has to state: another root is neither signed nor applied.
        ForkBranch wrong = new()
        {
            ChainId = left.ChainId,
            Name = left.Name,
            Epoch = left.Epoch,
            Head = left.Head,
            Root = Hash256.Of("other"u8),
            Certificate = left.Certificate,
            Weight = left.Weight,
            Hashes = left.Hashes,
            Epochs = left.Epochs,
        };
        ForkBranch[] twisted = ForkChoice.Branches([wrong, right]);
        Assert.Equal(
            ForkRefusal.None, ForkChoice.Propose(twisted, Array.FindIndex(twisted, b => b.Name == left.Name), out ForkProposal? lie));
        ForkRecovery forged = new(lie!, [], []);
        Assert.Throws<ConfigException>(() => ForkRepair.Sign(cluster.ContextOf(0), forged, null, out _));
        Assert.Throws<ConfigException>(() => ForkRepair.Prepare(cluster.ContextOf(0), [("forged", forged)], false, out _));

        foreach (int place in (int[])[0, 1])
        {
            NodeContext context = cluster.ContextOf(place);
            Check(context, signed, renews: false, votesLost: false, carryBytes: 1);
            Check(context, signed, renews: true, votesLost: true, carryBytes: 1 << 20);
        }

        Check(cluster.ContextOf(1), signed, renews: false, votesLost: true, carryBytes: 1 << 20);

        void Check(NodeContext context, (string, ForkRecovery)[] files, bool renews, bool votesLost, long carryBytes)
        {
            string data = context.Config.Node.DataDir, before = data + ".before";
            TemporaryFolder.Copy(data, before);
            if (votesLost)
            {
                // It signed, too, without them: that is beside the lost votes.
                Directory.Delete(context.Config.Storage.VotesPath, recursive: true);
                ForkRepair.Sign(context, unsigned, null, out _);
                Assert.True(File.Exists(context.Config.Storage.SignedForkFile));
            }

            string start = data + ".start";
            TemporaryFolder.Copy(data, start);
            string[] steps = [.. Prepare()];
            Assert.InRange(steps.Length, 3, 1000);
            Assert.Equal(steps.Length, steps.Distinct().Count());
            string undisturbed = State(context);
            for (int done = 0; done < steps.Length; done++)
            {
                Restore(start, data);
                Assert.Equal(steps[..done], Prepare().Take(done));
                string cut = State(context);
                Between(context, done == 0 ? "nothing" : steps[done - 1]);
                Assert.True(ForkRepair.Apply(context, files, renews, out string told), told);
                string end = State(context);
                Assert.True(undisturbed == end, $"after {done} of {string.Join("; ", steps)}:\n{cut}\n\n{end}\n\n{undisturbed}");
            }

            // Once more changes nothing.
            Assert.True(ForkRepair.Apply(context, files, renews, out string again));
            Assert.Contains("was applied before", again, StringComparison.Ordinal);
            Assert.Equal(undisturbed, State(context));
            Restore(before, data);
            Directory.Delete(start, recursive: true);
            Directory.Delete(before, recursive: true);

            IEnumerable<string> Prepare()
            {
                ForkApplication? application = ForkRepair.Prepare(context, files, renews, out string lacking, carryBytes);
                Assert.True(application is not null, lacking);
                return application.Steps();
            }
        }

        // As 'run' begins: it refuses where the marker is, else what it would go on with is checked.
        void Between(NodeContext context, string after)
        {
            string marker = context.Config.Node.HaltedMarker;
            if (File.Exists(marker))
            {
                Assert.Contains("fork apply was cut short: repeat it", File.ReadAllText(marker), StringComparison.Ordinal);
                return;
            }

            using NodeStores stores = Recovery.Open(context, NullLogger.Instance);
            bool follows = context.Config.Node.Id == left.Name;
            Hash256 head = ((RocksLedger)stores.Ledger).LastFinal()?.Block.Hash ?? Hash256.Zero;
            if (stores.Recovered.Recovery is { } recovery)
            {
                // It knows the branch, and its ledger is not of another.
                Assert.Equal(ForkRecoveryCodec.Digest(proposal!), ForkRecoveryCodec.Digest(recovery.Proposal));
                Assert.Equal(follows ? left.Head.Hash : Hash256.Zero, head);
            }
            else
            {
                // All is as it was, but that nothing is signed in the epoch that ends.
                Assert.Equal(follows ? left.Head.Hash : right.Head.Hash, head);
            }

            bool bound = after.Contains("nothing more is signed", StringComparison.Ordinal)
                || after.Contains("there are votes", StringComparison.Ordinal) || stores.Recovered.Recovery is not null;
            Assert.True(!bound || stores.LaterVotes is not null || stores.Votes is NoVoteStore, $"signs after '{after}'");
        }
    }

    /// <summary>What operators, and the next start, find: files, ledgers, votes, what is carried over.</summary>
    internal static string State(NodeContext context)
    {
        StorageSection storage = context.Config.Storage;
        // The empty file of a lock may stay behind; what locks is the open file.
        List<string> found = [.. Directory.GetFiles(context.Config.Node.DataDir).Concat(Directory.GetFiles(storage.Path))
            .Where(file => !file.EndsWith(".lock", StringComparison.Ordinal))
            .Select(file => $"{Path.GetFileName(file)} {Hash256.Of(File.ReadAllBytes(file))}").Order()];
        foreach (string path in Directory.GetDirectories(storage.Path).Order())
        {
            if (path == storage.VotesPath)
            {
                using RocksVoteStore votes = RocksVoteStore.Open(
                    path, StoreIdentity.Of(context.ChainId, context.Keys.ConsensusPublicKey));
                found.Add($"votes of epoch {votes.Epoch()}, {votes.SignedRecovery()}");
            }
            else if (Path.GetFileName(path).StartsWith(Path.GetFileName(storage.LedgerPath), StringComparison.Ordinal))
            {
                using RocksLedger ledger = StoppedNode.OpenLedger(context, path);
                found.Add($"{Path.GetFileName(path)} up to {ledger.LastFinal()?.Block.Hash}; unordered"
                    + $" {string.Join(' ', ledger.Unordered())}; carried {string.Join(' ', ledger.Carried())}");
            }
            else
            {
                found.Add(Path.GetFileName(path));
            }
        }

        return string.Join('\n', found);
    }

    /// <summary>Three make blocks and stop; the report of the first, which has all of them executed.</summary>
    private static async Task<ForkBranch> Branch(TestCluster cluster, int first, int transactions, params int[] others)
    {
        int[] members = [first, .. others];
        int submitted = 0;
        while (true)
        {
            Array.ForEach(members, cluster.Start);
            for (int until = submitted + transactions; submitted < until; submitted++)
            {
                int to = members[submitted % members.Length];
                Submission submission = TestCluster.Submission(first, submitted, 1, wantsFinal: true);
                Assert.Equal(SubmitRefusal.None, cluster.Nodes[to]!.TrySubmit(submission));
                Assert.Equal(SubmissionFailure.None, await submission.Completion.WaitAsync(Limit));
            }

            foreach (int member in members)
            {
                await cluster.StopAsync(member);
            }

            try
            {
                return ForkRepair.Inspect(cluster.ContextOf(first));
            }
            catch (StoreException e) when (e.Message.Contains("only", StringComparison.Ordinal))
            {
                // A block more is known to be final than is executed.
            }
        }
    }

    /// <summary>Its stores stay as they were.</summary>
    private static ForkRecovery SignedIn(TestCluster cluster, int place, ForkRecovery proposal)
    {
        NodeContext context = cluster.ContextOf(place);
        string data = context.Config.Node.DataDir, before = data + ".unsigned";
        TemporaryFolder.Copy(data, before);
        ForkRecovery signed = ForkRepair.Sign(context, proposal, null, out _);
        Restore(before, data);
        Directory.Delete(before, recursive: true);
        return signed;
    }

    internal static void Restore(string from, string to)
    {
        Directory.Delete(to, recursive: true);
        TemporaryFolder.Copy(from, to);
    }
}
