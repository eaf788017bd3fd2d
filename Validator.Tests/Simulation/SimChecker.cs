using Validator.Core.Effects;
using Validator.Core.Primitives;
using Validator.Core.Wire;

namespace Validator.Tests.Simulation;

public sealed class SimulationFailure(string message) : Exception(message);

/// <summary>What must hold at every moment of every run.</summary>
public sealed class SimChecker(SimCluster cluster)
{
    private readonly List<Block> _chain = [];
    private readonly List<Hash256> _roots = [];
    private readonly Dictionary<(int Node, MessageKind Slot, ulong View, ulong Sequence), Hash256> _signed = [];
    private readonly HashSet<ulong> _finalTransactions = [];

    public IReadOnlyList<Block> Chain => _chain;

    /// <summary>Transactions final somewhere, each once.</summary>
    public HashSet<ulong> FinalTransactions => _finalTransactions;

    public bool IsByzantine(int node) => cluster.World.Byzantine.Contains(node);

    /// <summary>No honest validator ever signs two values in one slot, across crashes too.</summary>
    public void OnSign(SimNode node, SignedHeader header)
    {
        if (IsByzantine(node.Index))
        {
            return;
        }

        MessageKind slot = header.Kind == MessageKind.PrePrepare ? MessageKind.Prepare : header.Kind;
        var key = (node.Index, slot, header.View, header.Sequence);
        if (_signed.TryGetValue(key, out Hash256 before) && before != header.Digest)
        {
            // What was decided and lost unsynced in a crash was never sent: only synced records count.
            if (node.Disk.Signed.Exists(r => r.Message.Header is var h && h.View == header.View && h.Sequence == header.Sequence
                    && (h.Kind == header.Kind || (slot == MessageKind.Prepare && h.Kind is MessageKind.Prepare or MessageKind.PrePrepare))
                    && h.Digest != header.Digest))
            {
                throw Fail(node, $"signs {header} after {before}");
            }
        }

        _signed[key] = header.Digest;
    }

    /// <summary>Agreement, one hash-linked history, certificates of quorum weight.</summary>
    public void OnFinal(SimNode node, Block block, Certificate certificate)
    {
        CheckCertificate(node, certificate);
        if (certificate.Sequence < block.Sequence)
        {
            throw Fail(node, $"block {block.Sequence} final by a certificate of {certificate.Sequence}");
        }

        if (IsByzantine(node.Index))
        {
            return;
        }

        int index = (int)block.Sequence - 1;
        if (index < _chain.Count)
        {
            if (_chain[index].Hash != block.Hash)
            {
                throw Fail(node, $"finalizes {block.Hash} at {block.Sequence}, others {_chain[index].Hash}");
            }

            return;
        }

        if (index != _chain.Count || (index > 0 && block.Parent != _chain[index - 1].Hash))
        {
            throw Fail(node, $"block {block.Sequence} does not continue the chain of {_chain.Count}");
        }

        cluster.Trace(node.Index, $"final {block.Sequence} {block.Hash.ToString()[..8]}");
        _chain.Add(block);
    }

    private void CheckCertificate(SimNode node, Certificate certificate)
    {
        Committee committee = node.Core.Committee;
        MemberSet senders = default;
        MessageKind kind = certificate.Phase == Phase.Committed ? MessageKind.Commit : MessageKind.Prepare;
        foreach (CertificateVote vote in certificate.Votes)
        {
            MessageKind own = kind == MessageKind.Prepare && vote.Sender == committee.Leader(certificate.Epoch, certificate.View)
                ? MessageKind.PrePrepare : kind;
            SignedHeader header = new(own, vote.Sender, certificate.Epoch, certificate.View, certificate.Sequence, certificate.BlockHash);
            if (!senders.Add(committee, vote.Sender) || !SimKeys.Verify(new Signed(header, vote.Signature), cluster.ChainId))
            {
                throw Fail(node, $"certificate of {certificate.Sequence} has a bad vote of {vote.Sender}");
            }
        }

        if (senders.Weight < committee.Quorum)
        {
            throw Fail(node, $"certificate of {certificate.Sequence} has weight {senders.Weight} of {committee.Quorum}");
        }
    }

    /// <summary>Equal roots, and nothing final that no client submitted or that was final before.</summary>
    public void OnExecuted(SimNode node, Block block, VertexHeader[] order, in Hash256 root)
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
                throw Fail(node, $"root {root} at {block.Sequence}, others {_roots[index]}");
            }

            return;
        }

        _roots.Add(root);
        foreach (VertexHeader vertex in order)
        {
            foreach (ulong transaction in node.Disk.Vertices[vertex.Hash].Transactions)
            {
                if (!cluster.World.WasSubmitted(transaction))
                {
                    throw Fail(node, $"transaction {transaction} is final and was never submitted");
                }

                if (!_finalTransactions.Add(transaction))
                {
                    throw Fail(node, $"transaction {transaction} is final twice");
                }
            }
        }
    }

    /// <summary>Evidence convicts only the guilty.</summary>
    public void OnEvidence(SimNode node, Evidence evidence)
    {
        if (!IsByzantine(evidence.First.Header.Sender))
        {
            throw Fail(node, $"evidence against the honest {evidence.First.Header} / {evidence.Second.Header}");
        }

        if (evidence.First.Header.Digest == evidence.Second.Header.Digest
            || !SimKeys.Verify(evidence.First, cluster.ChainId) || !SimKeys.Verify(evidence.Second, cluster.ChainId))
        {
            throw Fail(node, "evidence that convicts nobody");
        }
    }

    public void OnHalt(SimNode node, Reason reason)
    {
        if (!IsByzantine(node.Index))
        {
            throw Fail(node, $"halts: {reason}");
        }
    }

    public SimulationFailure Fail(SimNode node, string what) =>
        new($"seed {cluster.World.Seed}, t = {cluster.Now} µs, node {node.Index}: {what}\n{cluster.TraceText}");
}
