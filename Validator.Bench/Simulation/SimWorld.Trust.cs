using Validator.Core.Effects;
using Validator.Core.Primitives;
using Validator.Core.Trust;
using Validator.Core.Wire;

namespace Validator.Bench.Simulation;

/// <summary>Worlds in which members are trusted by what they did.</summary>
public sealed partial class SimWorld
{
    private const ulong Second = 1_000_000;

    // Apart, so that worlds without trust are what they were.
    private readonly SimRandom _trust;

    // What honest members hold that may still count.
    private readonly List<Evidence> _proofs = [];

    /// <summary>
    /// The faulty came to weigh more than F, as additive weights allow (docs/TRUST.md): nothing is promised any more, and nothing
    /// is looked at.
    /// </summary>
    public bool Unbearable { get; private set; }

    private GenesisParameters DrawTrust(GenesisParameters parameters, Member[] members)
    {
        List<GenesisBalance> balances = [];
        for (int account = 0; account < SimEnvelopes.Accounts; account++)
        {
            balances.Add(new GenesisBalance(SimEnvelopes.IdOf(account), (ulong)_trust.Between(100, 1_000)));
            balances.AddRange(members.Select(member => new GenesisBalance(SimEnvelopes.IdOf(account), 1_000, member.Name)));
        }

        uint banBelow = (uint)_trust.Between(300, 700);
        return parameters with
        {
            EpochLengthBlocks = parameters.EpochLengthBlocks == 0 ? (ulong)_trust.Between(8, 60) : parameters.EpochLengthBlocks,
            Trust = new TrustParameters
            {
                Weights = (WeightMode)_trust.Below(3),
                HalfLifeMicros = (ulong)_trust.Between(1, 20) * Second,
                BanBelow = banBelow,
                ReturnAt = (uint)_trust.Between((int)banBelow, 800),
                WindowBlocks = (uint)_trust.Between(2, 16),
                WindowMicros = (ulong)_trust.Between(0, 2_000_000),
                UnbondingEpochs = 3,
                RewardPool = 100_000,
                EpochReward = (ulong)_trust.Between(0, 5_000),
                Balances = [.. balances],
            },
        };
    }

    /// <summary>Where it matters, an envelope is a stake operation too, and what it asks its number says.</summary>
    public StakeOperation? OperationOf(ulong envelope)
    {
        if (Genesis.Parameters.Trust is null || envelope % 3 == 0)
        {
            return null;
        }

        ulong drawn = SimRandom.Mix(envelope);
        ulong amount = drawn % 60;
        string member = SimKeys.NameOf((int)((drawn >> 8) % (ulong)Places));
        return ((drawn >> 16) % 4) switch
        {
            0 => new StakeOperation(
                StakeOperationKind.Transfer, amount, To: SimEnvelopes.IdOf((int)((drawn >> 24) % SimEnvelopes.Accounts))),
            1 => new StakeOperation(StakeOperationKind.Deposit, amount, Member: member),
            2 => new StakeOperation(StakeOperationKind.Withdraw, amount, Member: member),
            _ => new StakeOperation(StakeOperationKind.Claim),
        };
    }

    /// <summary>
    /// An honest member holds proof of an offence: it is handed in, as long as nobody sees it executed, by whoever is there. What
    /// comes in twice counts once.
    /// </summary>
    public void AfterEvidence(Evidence evidence)
    {
        if (Genesis.Parameters.Trust is null || _proofs.Count >= 64)
        {
            return;
        }

        bool waiting = _proofs.Count > 0;
        _proofs.Add(evidence);
        Cluster.Schedule(Cluster.Now + _trust.Between(0, 500_000), () => Submit(evidence));
        if (!waiting)
        {
            Cluster.Schedule(Cluster.Now + _trust.Between(1_000_000, 2_000_000), SubmitProofs);
        }
    }

    private void SubmitProofs()
    {
        _proofs.RemoveAll(IsSettled);
        foreach (Evidence evidence in _proofs)
        {
            Submit(evidence);
        }

        if (_proofs.Count > 0 && !_faultsOver)
        {
            Cluster.Schedule(Cluster.Now + _trust.Between(1_000_000, 4_000_000), SubmitProofs);
        }
    }

    /// <summary>Who takes a transaction and can have it ordered.</summary>
    private SimNode[] Able() =>
        [.. Cluster.Nodes.Where(n => !Byzantine.Contains(n.Index) && n.Running && n.Core.Signs && n != _quiet)];

    private void ScheduleForgeries(long mostMicros)
    {
        if (Genesis.Parameters.Trust is null || Byzantine.Count == 0)
        {
            return;
        }

        for (long t = _trust.Between(500_000, 10_000_000); t < mostMicros; t += _trust.Between(3_000_000, 10_000_000))
        {
            Cluster.Schedule(t, SubmitForgery);
        }
    }

    /// <summary>Two messages that a member never signed, in its name, with the key of the liar that signed them.</summary>
    private void SubmitForgery()
    {
        SimNode[] able = Able();
        if (_faultsOver || able.Length == 0)
        {
            return;
        }

        Met(Fault.ForgedProof);
        EpochConfiguration epoch = Cluster.Newest;
        int liar = Byzantine.Order().ElementAt(_trust.Below(Byzantine.Count));
        SignedHeader header = new(
            MessageKind.Commit, _trust.Below(epoch.Members.Length), epoch.Number, (ulong)_trust.Below(3), epoch.Start.Sequence
                + 1, Hash256.Of([1]));
        Signed[] both = [.. new[] { header, header with { Digest = Hash256.Of([2]) } }
            .Select(h => Whole(new Signed(h, Keys.Sign(liar, h, Cluster.ChainId))))];
        Submit(able[0],
            OffenceProofCodec.Encode(new OffenceProof(new Evidence(both[0], both[1]), Keys.MakeMember(liar, 1).ConsensusKey)));
    }

    /// <summary>After healing: what honest members hold proof of is handed in until it counts.</summary>
    public void HandInProofs()
    {
        foreach (Evidence evidence in _proofs.Where(e => !IsSettled(e)))
        {
            HandIn(evidence);
        }

        if (!AllProofsCount)
        {
            Cluster.Schedule(Cluster.Now + 2_000_000, HandInProofs);
        }
    }

    /// <summary>But those that are too old, or one too many of a member and epoch.</summary>
    public bool AllProofsCount => _proofs.TrueForAll(IsSettled);

    private bool IsSettled(Evidence evidence) =>
        evidence.First.Header.Epoch + TrustParameters.EvidenceEpochs < Cluster.Newest.Number
            || Cluster.Check.IsCounted(evidence.First.Header)
            || (Able() is [{ Trust: { } trust }, ..] && trust.Judge(ProofOf(evidence)) == ProofRefusal.EnoughCounted);

    private void Submit(Evidence evidence)
    {
        if (!_faultsOver)
        {
            HandIn(evidence);
        }
    }

    private void HandIn(Evidence evidence)
    {
        SimNode[] able = Able();
        if (able.Length > 0)
        {
            Submit(able[_trust.Below(able.Length)], OffenceProofCodec.Encode(ProofOf(evidence)));
        }
    }

    private OffenceProof ProofOf(Evidence evidence) => new(
        new Evidence(Whole(evidence.First), Whole(evidence.Second)),
        Cluster.EpochOf(evidence.First.Header.Epoch).Members[evidence.First.Header.Sender].ConsensusKey);

    private static Signed Whole(Signed signed) => new(signed.Header, SimKeys.Padded(signed.Signature));

    /// <summary>A next committee is reckoned: the faulty must weigh no more than F in it.</summary>
    public void AfterWeights(Member[] members) => Unbearable |= !Bearable(members);
}
