using Validator.Core.Effects;
using Validator.Core.Execution;
using Validator.Core.Primitives;
using Validator.Core.Wire;

namespace Validator.Bench.Simulation;

/// <param name="check">The short name of what did not hold.</param>
public sealed class SimulationFailure(string check, string message) : Exception(message)
{
    public string Check { get; } = check;
}

/// <summary>What must hold at every moment of every run.</summary>
public sealed partial class SimChecker(SimCluster cluster)
{
    private readonly List<Block> _chain = [];
    private readonly List<Hash256> _roots = [];
    private readonly Dictionary<(int Node, MessageKind Slot, ulong Epoch, ulong View, ulong Sequence), Hash256> _bound = [];
    private readonly Dictionary<(int Node, ulong Epoch), (ulong View, ulong Sequence)> _newest = [];
    private readonly Dictionary<(int Node, ulong Epoch), ulong> _left = [];

    // The highest epoch in which it signed anything.
    private readonly Dictionary<int, ulong> _signedIn = [];
    private readonly Dictionary<(ulong Epoch, int Author), LaneTip> _ordered = [];
    private readonly HashSet<ulong> _finalTransactions = [];
    private readonly SimNonceModel _nonces = new();

    public IReadOnlyList<Block> Chain => _chain;

    /// <summary>Transactions final somewhere, each once.</summary>
    public HashSet<ulong> FinalTransactions => _finalTransactions;

    public bool IsByzantine(int node) => cluster.World.Byzantine.Contains(node);

    /// <summary>It may have signed twice: a liar, or one that signed both branches of a fork.</summary>
    private bool IsGuilty(int node) => IsByzantine(node) || cluster.World.Forkers.Contains(node);

    /// <summary>
    /// Rules on what an honest validator signs, across crashes too: one value per slot, nothing below a ViewChange that it
    /// sent, and Prepares of a view in increasing sequence (rules P2, V2). What a crash lost before its sync binds nobody.
    /// </summary>
    public void OnSign(SimNode node, SignedHeader header)
    {
        if (IsByzantine(node.Index) || !cluster.World.ChecksRules)
        {
            return;
        }

        MessageKind slot = SlotOf(header.Kind);
        if (_bound.TryGetValue((node.Index, slot, header.Epoch, header.View, header.Sequence), out Hash256 before) && before != header.Digest)
        {
            throw Fail(node, "one value per slot", $"signs {header} after {before}");
        }

        bool vote = slot is MessageKind.Prepare or MessageKind.Commit;
        ulong left = _left.GetValueOrDefault((node.Index, header.Epoch));
        if ((vote || header.Kind == MessageKind.NewView) && header.View < left)
        {
            throw Fail(node, "no vote below a ViewChange", $"signs {header} after ViewChange({left})");
        }

        if (slot == MessageKind.Prepare && _newest.TryGetValue((node.Index, header.Epoch), out var last)
            && last.View == header.View && last.Sequence > header.Sequence)
        {
            throw Fail(node, "acceptances increase", $"signs {header} after sequence {last.Sequence}");
        }

        if (slot == MessageKind.Prepare)
        {
            CheckAcceptance(node, header);
        }
    }

    /// <summary>Rule E5: who lost its votes signs again in an epoch in which it cannot have signed.</summary>
    public void OnRenewed(SimNode node)
    {
        if (!IsByzantine(node.Index) && cluster.World.ChecksRules
            && _signedIn.TryGetValue(node.Index, out ulong signed) && node.Core.Epoch <= signed)
        {
            throw Fail(node, "signs again in a new epoch", $"signs from epoch {node.Core.Epoch} on, and had signed in {signed}");
        }
    }

    /// <summary>From here on the record binds: it is synced or on the wire.</summary>
    public void OnBinding(SimNode node, SignedHeader header)
    {
        MessageKind slot = SlotOf(header.Kind);
        _signedIn[node.Index] = Math.Max(header.Epoch, _signedIn.GetValueOrDefault(node.Index));
        _bound[(node.Index, slot, header.Epoch, header.View, header.Sequence)] = header.Digest;
        if (slot == MessageKind.Prepare)
        {
            _newest[(node.Index, header.Epoch)] = (header.View, header.Sequence);
            _acceptedBound[node.Index] = (header.Epoch, header.View, header.Sequence, header.Digest);
            OnAccepted(node, (header.Epoch, header.View, header.Sequence, header.Digest));
        }
        else if (slot == MessageKind.Commit)
        {
            var commit = (header.Epoch, header.View, header.Sequence, header.Digest);
            if (!_commits.TryGetValue(commit, out HashSet<int>? signers))
            {
                _commits.Add(commit, signers = []);
            }

            signers.Add(node.Index);
            var least = _committedTo.GetValueOrDefault((node.Index, header.Epoch));
            var here = (header.View, header.Sequence);
            _committedTo[(node.Index, header.Epoch)] = here.CompareTo(least) > 0 ? here : least;
        }
        else if (slot == MessageKind.ViewChange)
        {
            _left[(node.Index, header.Epoch)] = Math.Max(_left.GetValueOrDefault((node.Index, header.Epoch)), header.View);
        }
    }

    private static MessageKind SlotOf(MessageKind kind) => kind == MessageKind.PrePrepare ? MessageKind.Prepare : kind;

    /// <summary>Prepared certificates that an honest validator stands on.</summary>
    public void OnPrepared(SimNode node, Certificate certificate)
    {
        if (!IsByzantine(node.Index) && cluster.World.ChecksRules)
        {
            CheckCertificate(node, certificate);
        }
    }

    /// <summary>Agreement, one hash-linked history, certificates of quorum weight.</summary>
    public void OnFinal(SimNode node, Block block, Certificate certificate)
    {
        if (IsByzantine(node.Index))
        {
            return;
        }

        if (cluster.World.ChecksRules)
        {
            CheckCertificate(node, certificate);
        }

        if (certificate.Phase == Phase.Prepared)
        {
            // From the weights themselves: every member's vote is in it.
            Member[] members = cluster.EpochOf(certificate.Epoch).Members;
            if (certificate.Votes.Length < members.Length || (block.EndsEpoch && certificate.BlockHash == block.Hash))
            {
                string what = $"block {block.Sequence} final by {certificate.Votes.Length} Prepares of {members.Length}";
                throw Fail(node, "certificate", what);
            }

            cluster.World.Met(Fault.FastFinality);
        }
        else
        {
            cluster.World.Met(Fault.SlowFinality);
        }

        if (certificate.Sequence < block.Sequence)
        {
            throw Fail(node, "certificate covers", $"block {block.Sequence} final by a certificate of {certificate.Sequence}");
        }

        int index = (int)block.Sequence - 1;
        if (index < _chain.Count)
        {
            if (_chain[index].Hash != block.Hash)
            {
                throw Fail(node, "agreement", $"finalizes {block.Hash} at {block.Sequence}, others {_chain[index].Hash}");
            }

            return;
        }

        if (index != _chain.Count || (index > 0 && block.Parent != _chain[index - 1].Hash))
        {
            throw Fail(node, "agreement", $"block {block.Sequence} does not continue the chain of {_chain.Count}");
        }

        if (cluster.Traces)
        {
            cluster.Trace(node.Index, $"final {block.Sequence} {block.Hash.ToString()[..8]}");
        }

        cluster.Mix((ulong)block.Hash.GetHashCode());
        _chain.Add(block);
        cluster.World.AfterFirstFinal(node);
    }

    private void CheckCertificate(SimNode node, Certificate certificate)
    {
        if (cluster.FindEpoch(certificate.Epoch) is not { } epoch)
        {
            throw Fail(node, "certificate", $"certificate of epoch {certificate.Epoch}, which nobody is in");
        }

        Committee committee = epoch.Committee;
        MemberSet senders = default;
        MessageKind kind = certificate.Phase switch
        {
            Phase.Committed => MessageKind.Commit,
            Phase.Recovered => MessageKind.Recovery,
            _ => MessageKind.Prepare,
        };
        foreach (CertificateVote vote in certificate.Votes)
        {
            MessageKind own = kind == MessageKind.Prepare && vote.Sender == committee.Leader(certificate.Epoch, certificate.View)
                ? MessageKind.PrePrepare : kind;
            SignedHeader header = new(own, vote.Sender, certificate.Epoch, certificate.View, certificate.Sequence, certificate.BlockHash);
            if (!senders.Add(committee, vote.Sender) || !cluster.Verify(header, vote.Signature))
            {
                throw Fail(node, "certificate", $"certificate of {certificate.Sequence} has a bad vote of {vote.Sender}");
            }
        }

        // From the weights themselves, not as Core reckons it.
        ulong total = TotalOf(epoch.Members);
        if (3 * senders.Weight <= 2 * total)
        {
            throw Fail(node, "certificate", $"certificate of {certificate.Sequence} has weight {senders.Weight} of {total}");
        }
    }

    private static ulong TotalOf(Member[] members)
    {
        ulong total = 0;
        foreach (Member member in members)
        {
            total += member.Weight;
        }

        return total;
    }

    /// <summary>Equal roots, and nothing final that no client submitted or that was final before.</summary>
    public void OnExecuted(SimNode node, Block block, VertexHeader[] order, in Hash256 root, List<NonceVerdict> verdicts)
    {
        if (IsByzantine(node.Index))
        {
            return;
        }

        int index = (int)block.Sequence - 1;
        if (index < _roots.Count)
        {
            if (_roots[index] != root)
            {
                throw Fail(node, "equal roots", $"root {root} at {block.Sequence}, others {_roots[index]}");
            }

            return;
        }

        _roots.Add(root);
        int envelope = 0;
        foreach (VertexHeader vertex in order)
        {
            LaneTip below = _ordered.GetValueOrDefault((block.Epoch, vertex.Author));
            if (vertex.Height != below.Height + 1 || vertex.Predecessor != below.Hash)
            {
                throw Fail(node, "one vertex per slot", $"block {block.Sequence} of {_roots.Count}: vertex {vertex.Author}/{vertex.Height} does not continue the lane's {below.Height}");
            }

            _ordered[(block.Epoch, vertex.Author)] = new LaneTip(vertex.Height, vertex.Hash);
            SimVertex stored = node.Disk.Vertices[vertex.Hash];
            if (stored.Root != vertex.TransactionRoot)
            {
                throw Fail(node, "validity", $"the payload of vertex {vertex.Author}/{vertex.Height} is not its author's");
            }

            foreach (ulong transaction in stored.Transactions)
            {
                if (!cluster.World.WasSubmitted(transaction))
                {
                    throw Fail(node, "validity", $"transaction {transaction} is final and was never submitted");
                }

                if (SimEnvelopes.Is(transaction))
                {
                    CheckNonce(node, transaction, verdicts[envelope++]);
                }

                // The executor drops what a faulty author, or a client of changes, hands in twice; it is tested by itself.
                if (!_finalTransactions.Add(transaction) && !SimVertex.IsSystem(transaction)
                    && !IsByzantine(cluster.PlaceOf(block.Epoch, vertex.Author)))
                {
                    throw Fail(node, "exactly once", $"transaction {transaction} is final twice, now by vertex {block.Epoch}/{vertex.Author}/{vertex.Height} of node {cluster.PlaceOf(block.Epoch, vertex.Author)}");
                }
            }
        }
    }

    private void CheckNonce(SimNode node, ulong transaction, NonceVerdict verdict)
    {
        NonceVerdict expected = _nonces.Take(transaction);
        if (verdict != expected)
        {
            throw Fail(node, "nonces", $"envelope {transaction:x} is {verdict}, by the rule {expected}");
        }

        if (verdict != NonceVerdict.Fresh)
        {
            cluster.World.Met(verdict switch
            {
                NonceVerdict.Used => Fault.NonceUsed,
                NonceVerdict.TooOld => Fault.NonceTooOld,
                _ => Fault.AccountsFull,
            });
        }
    }

    /// <summary>An epoch's last block names the committee as it is, or as an executed change makes it.</summary>
    public void OnLastBlock(SimNode node, Block block, CommitteeState committee)
    {
        Member[] members = committee.Pending is { } pending && pending.Sequence <= block.ExecutedSequence ? pending.Members : committee.Members;
        ulong length = cluster.Genesis.Parameters.BlocksToEnd;
        bool due = members != committee.Members || cluster.World.Recovery?.Last.Hash == block.Hash || (length > 0 && block.Sequence == cluster.EpochOf(block.Epoch).Start.Sequence + length);
        if (!due || block.NextCommittee != GenesisCodec.CommitteeDigest(block.Epoch + 1, members))
        {
            throw Fail(node, "next committee", $"block {block.Sequence} ends epoch {block.Epoch} with another committee than what is executed");
        }
    }

    public void OnChange(ChangeRefusal refusal)
    {
        if (refusal == ChangeRefusal.None)
        {
            cluster.World.Met(Fault.CommitteeChange);
        }
        else
        {
            cluster.World.Met(Fault.RefusedChange);
        }
    }

    /// <summary>Evidence convicts only the guilty.</summary>
    public void OnEvidence(SimNode node, Evidence evidence)
    {
        if (cluster.PlaceOf(evidence.First.Header.Epoch, evidence.First.Header.Sender) is var guilty && !IsGuilty(guilty))
        {
            throw Fail(node, "innocent convicted", $"evidence against the honest {evidence.First.Header} / {evidence.Second.Header}");
        }

        if (EvidenceCodec.Refusal(evidence.First.Header, evidence.Second.Header) != DecodeError.None
            || !Holds(evidence.First) || !Holds(evidence.Second))
        {
            throw Fail(node, "evidence", "evidence that convicts nobody");
        }
    }

    private bool Holds(Signed message) => cluster.Verify(message.Header, message.Signature);

    public void OnHalt(SimNode node, Reason reason)
    {
        if (!IsByzantine(node.Index) && !cluster.World.HaltsAreDue)
        {
            throw Fail(node, "agreement (halt)", $"halts: {reason}");
        }
    }

    public SimulationFailure Fail(SimNode node, string check, string what) =>
        new(check, $"{check}: seed {cluster.World.Seed}, t = {cluster.Now} µs, node {node.Index}: {what}\n{cluster.TraceText}");
}
