using Validator.Core.Consensus;
using Validator.Core.Effects;
using Validator.Core.Primitives;
using Validator.Core.Wire;

namespace Validator.Bench.Simulation;

/// <summary>
/// What is checked at every input: equivocators do not escape, honest messages are never refused, tables stay bounded.
/// </summary>
public sealed partial class SimChecker
{
    private readonly Dictionary<HeardSlot, Hash256> _heard = [];
    private readonly SortedDictionary<DecodeError, int> _refused = [];
    private ulong _inputs;

    private readonly record struct HeardSlot(int Node, int Sender, MessageKind Kind, ulong Epoch, ulong View, ulong Sequence);

    /// <summary>Messages that the shell's checks refused, by reason.</summary>
    public IReadOnlyDictionary<DecodeError, int> RefusedFrames => _refused;

    public int RefusedSignatures { get; private set; }

    /// <summary>Largest sizes met of Core's tables, as shares of their limits in per mille.</summary>
    public int Fullest { get; private set; }

    public void Refused(DecodeError error) => _refused[error] = _refused.GetValueOrDefault(error) + 1;

    /// <summary>What an honest validator sends passes everybody's checks: each certificate verifies from the outside.</summary>
    public void OnRefused(SimNode node, int from, SimMessage message, DecodeError error)
    {
        if (!message.IsForged && !IsByzantine(from))
        {
            throw Fail(node, "honest message refused", $"{message} of {from}: {(error == DecodeError.None ? "signature" : error)}");
        }

        if (error == DecodeError.None)
        {
            RefusedSignatures++;
            cluster.World.Met(Fault.WrongSignature);
        }
        else
        {
            Refused(error);
            cluster.World.Met(Fault.Malformed);
        }
    }

    public void OnStart(SimNode node)
    {
        _accepted[node.Index] = _acceptedBound[node.Index];
        OnEnteredAgain(node);
        foreach (var key in _heard.Keys)
        {
            if (key.Node == node.Index)
            {
                _heard.Remove(key);
            }
        }
    }

    public void OnInput(SimNode node, in Input input)
    {
        _inputs++;
    }

    /// <summary>
    /// Two different messages in one slot that both reached this validator while the slot mattered convict their sender.
    /// </summary>
    public void AfterInput(SimNode node, in Input input)
    {
        if (IsByzantine(node.Index) || node.Halted is not null || !node.Running)
        {
            return;
        }

        CheckForks(node);
        if (_inputs % 32 == 0)
        {
            CheckSizes(node);
        }

        if (input.Message is Signed { Header: { Kind: not (MessageKind.Vertex or MessageKind.Stop) } header })
        {
            CheckConvicts(node, header, isKept: true);
        }
        else if (input.Message is Certificate { Phase: not Phase.Recovered } certificate && certificate.Epoch == node.Core.Epoch)
        {
            JointStatement statement = JointStatement.Of(certificate, cluster.EpochOf(certificate.Epoch).Committee);
            foreach (CertificateVote vote in certificate.Votes)
            {
                // What comes within a certificate alone is not kept, so a vote after it need not convict.
                CheckConvicts(node, statement.HeaderOf(vote.Sender), isKept: false);
            }
        }
    }

    private void CheckConvicts(SimNode node, SignedHeader h, bool isKept)
    {
        ValidatorCore core = node.Core;
        if (h.Epoch != core.Epoch || h.View < core.View || h.Sequence <= core.FinalSequence
            || h.View > core.View || h.Sequence > core.FinalSequence + core.Genesis.Parameters.WindowBlocks
            || !IsByzantine(cluster.PlaceOf(h.Epoch, h.Sender))
            || (h.Kind == MessageKind.Prepare && h.Sender == core.Committee.Leader(h.Epoch, h.View)))
        {
            return;
        }

        HeardSlot slot = new(node.Index, h.Sender, SlotOf(h.Kind), h.Epoch, h.View, h.Sequence);
        if (!_heard.TryGetValue(slot, out Hash256 first))
        {
            if (isKept)
            {
                _heard.Add(slot, h.Digest);
            }

            return;
        }

        if (first == h.Digest)
        {
            return;
        }

        List<Evidence> known = node.Disk.Evidence.FindAll(
            e => e.First.Header.Sender == h.Sender && e.First.Header.Epoch == h.Epoch);
        if (known.Count < TrustParameters.MostOffences && !known.Exists(e => SlotOf(e.First.Header.Kind) == slot.Kind
            && e.First.Header.View == slot.View && e.First.Header.Sequence == slot.Sequence))
        {
            throw Fail(node, "equivocator escapes", $"{h} and {first} came, and {h.Sender} is not convicted");
        }
    }

    /// <summary>Every table of Core within its limit (PROTOCOL.md, section 11).</summary>
    private void CheckSizes(SimNode node)
    {
        ValidatorCore core = node.Core;
        CoreSizes sizes = core.Sizes;
        int reach = (2 * (int)core.Genesis.Parameters.WindowBlocks) + 16;
        int n = core.Committee.Count;
        // One more slot than the reach: a final base is voted again.
        Within(node, "slots", sizes.Slots, 9 * (reach + 1));
        Within(node, "block bodies", sizes.Blocks, 10 * (reach + 1));
        Within(node, "vertices", sizes.Vertices, 4 * Math.Max(core.Settings.MaxPendingVertices, n * core.Settings.MaxOwnPendingVertices));
        Within(node, "fetches", sizes.Fetches, 256);
        Within(node, "roots", sizes.Roots, Math.Max(512, reach) + 1);
        Within(node, "certificates", sizes.Certificates, 2 * 10);
        Within(node, "stored votes", node.Disk.Signed.Count, (2 * Math.Min(cluster.World.ForgetEvery, 10_000)) + (30 * reach));
    }

    private void Within(SimNode node, string what, int size, int limit)
    {
        if (size > limit)
        {
            throw Fail(node, "bounded", $"{size} {what}, at most {limit}");
        }

        Fullest = Math.Max(Fullest, 1000 * size / limit);
    }

    /// <summary>What must hold once all is quiet.</summary>
    public void AtTheEnd()
    {
        foreach (SimNode node in cluster.Nodes)
        {
            if (!IsByzantine(node.Index))
            {
                CheckSizes(node);
                if (node.Disk.Unordered.Values.Any(_finalTransactions.Overlaps))
                {
                    throw Fail(node, "exactly once", "a client is told that its transaction was not ordered, and it is final");
                }
            }
        }
    }
}
