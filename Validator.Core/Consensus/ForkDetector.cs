using Validator.Core.Dag;
using Validator.Core.Effects;
using Validator.Core.Primitives;
using Validator.Core.Wire;

namespace Validator.Core.Consensus;

/// <summary>
/// Each fork that this validator sees in its epoch, from when it is found until a rule has resolved it (rules D1 to D4). It
/// observes: what is voted, ordered and final does not depend on it.
/// </summary>
internal sealed class ForkDetector(
    EpochConfiguration epoch, LaneSet lanes, Slots slots, ViewState view, FinalChain chain, ulong reach, Step step)
{
    /// <summary>So many of one member are told of; a liar makes as many as it likes.</summary>
    public const int MostOfMember = 16;

    /// <summary>So many of certificates: a view change may leave one for each sequence in reach.</summary>
    private const int MostOfCertificates = 256;

    private readonly List<Open> _active = [];
    private readonly HashSet<(ForkKind Kind, int Member, ulong View, ulong Sequence)> _found = [];
    private readonly int[] _ofMember = new int[epoch.Committee.Count];
    private int _ofCertificates;

    // By sequence: the block of the first certificate there.
    private readonly (ulong Sequence, Hash256 Hash)[] _certified = new (ulong, Hash256)[reach + 1];

    /// <param name="DecidedBy">No block above it was final or accepted here when the fork was found.</param>
    private readonly record struct Open(Fork Fork, ulong DecidedBy);

    public int Active => _active.Count;

    /// <summary>Rule D1: evidence of two vertices, or of two proposals.</summary>
    public void OnTwins(Evidence evidence)
    {
        SignedHeader first = evidence.First.Header, second = evidence.Second.Header;
        bool twins = first.Kind == MessageKind.Vertex;
        bool proposals = first.Kind == MessageKind.PrePrepare && second.Kind == MessageKind.PrePrepare;
        if (twins || (proposals && slots.Fault(first, view.Number, chain.Sequence) != Reason.BeyondWindow))
        {
            ForkKind kind = twins ? ForkKind.LaneTwin : ForkKind.TwoProposals;
            Find(kind, first.Sender, twins ? 0 : first.View, first.Sequence, first.Digest, second.Digest);
        }
    }

    /// <summary>Rule D1: a certificate beside another one of its sequence.</summary>
    public void OnCertificate(Certificate certificate)
    {
        ulong sequence = certificate.Sequence;
        if (sequence <= chain.Sequence)
        {
            if (chain.HashAt(sequence) is { IsZero: false } final && final != certificate.BlockHash)
            {
                Find(ForkKind.Certificates, -1, certificate.View, sequence, final, certificate.BlockHash);
            }

            return;
        }

        ref (ulong Sequence, Hash256 Hash) known = ref _certified[sequence % (ulong)_certified.Length];
        if (known.Sequence != sequence)
        {
            known = (sequence, certificate.BlockHash);
        }
        else if (known.Hash != certificate.BlockHash)
        {
            Find(ForkKind.Certificates, -1, certificate.View, sequence, known.Hash, certificate.BlockHash);
        }
    }

    /// <summary>Rule D4: both are final. Before the halt.</summary>
    /// <param name="other">The certificate that it contradicts, or one of a descendant, where known.</param>
    public void Fail(Certificate certificate, Certificate? other)
    {
        Hash256 final = chain.HashAt(certificate.Sequence);
        Hash256 first = final.IsZero && other is not null ? other.BlockHash : final;
        Find(ForkKind.Certificates, -1, certificate.View, certificate.Sequence, first, certificate.BlockHash);
        int at = _active.FindIndex(o => o.Fork.Kind == ForkKind.Certificates && o.Fork.Sequence == certificate.Sequence);
        if (at >= 0)
        {
            End(at, ForkOutcome.Failed);
        }
    }

    /// <summary>After every input: what a rule has resolved meanwhile ends.</summary>
    public void Advance()
    {
        for (int i = _active.Count - 1; i >= 0; i--)
        {
            ForkOutcome outcome = Judge(_active[i]);
            if (outcome != ForkOutcome.Active)
            {
                End(i, outcome);
            }
        }
    }

    /// <summary>Rule E3: all that is left ends with the epoch. Before it does.</summary>
    public void EndEpoch()
    {
        Advance();
        while (_active.Count > 0)
        {
            End(_active.Count - 1, ForkOutcome.EpochEnded);
        }
    }

    public void AssertInvariants() =>
        Require.That(_active.Count <= _found.Count && _found.Count <= (_ofMember.Length * MostOfMember) + MostOfCertificates);

    private ForkOutcome Judge(in Open open)
    {
        Fork fork = open.Fork;
        switch (fork.Kind)
        {
            case ForkKind.LaneTwin:
                return lanes[fork.Member].Final.Height >= fork.Sequence ? ForkOutcome.Ordered
                    : chain.Sequence > open.DecidedBy ? ForkOutcome.LaneClosed
                    : ForkOutcome.Active;
            case ForkKind.TwoProposals:
                bool certified = slots.Find(fork.View, fork.Sequence) is { HasCertificate: true };
                return certified || chain.Sequence >= fork.Sequence ? ForkOutcome.Certified
                    : view.Number > fork.View ? ForkOutcome.ViewEnded
                    : ForkOutcome.Active;
            default:
                return chain.Sequence >= fork.Sequence ? ForkOutcome.Final : ForkOutcome.Active;
        }
    }

    private void Find(ForkKind kind, int member, ulong inView, ulong sequence, in Hash256 first, in Hash256 second)
    {
        ref int count = ref member < 0 ? ref _ofCertificates : ref _ofMember[member];
        if (count >= (member < 0 ? MostOfCertificates : MostOfMember)
            || !_found.Add((kind, member, member < 0 ? 0 : inView, sequence)))
        {
            return;
        }

        count++;
        Fork fork = new(kind, epoch.Number, member, inView, sequence, first, second, step.Now);
        _active.Add(new Open(fork, Math.Max(chain.Sequence, view.Accepted?.Sequence ?? 0)));
        step.Effects.ForkChanged(fork);
    }

    private void End(int at, ForkOutcome outcome)
    {
        step.Effects.ForkChanged(_active[at].Fork with { Outcome = outcome, EndedMicros = step.Now });
        _active.RemoveAt(at);
    }
}
