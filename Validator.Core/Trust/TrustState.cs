using Validator.Core.Primitives;
using Validator.Core.Wire;

namespace Validator.Core.Trust;

/// <summary>Why a proof of an offence has no effect. Everyone who executes it comes to the same.</summary>
public enum ProofRefusal : byte
{
    None,

    /// <summary>This chain's genesis has no trust.</summary>
    TrustOff,

    /// <summary>Of an epoch that is not over two epochs ago at most, or not begun.</summary>
    OtherEpoch,

    /// <summary>The key was not that member's in that epoch.</summary>
    NotTheMembersKey,

    /// <summary>What was done in this slot is counted.</summary>
    AlreadyCounted,

    /// <summary>So many of this member and epoch are counted that one more says nothing.</summary>
    EnoughCounted,
}

/// <summary>
/// Whom to trust, as part of the executed state (PROTOCOL.md, section 17): reputation, uptime, bans and stake of all members
/// that ever were, and the next committee that follows from them. From executed blocks alone, in integers: the same bytes
/// everywhere. Not thread-safe.
/// </summary>
public sealed partial class TrustState
{
    /// <summary>Members that ever were: names, whoever bears them.</summary>
    public const int MostKnown = 1024;

    /// <summary>Bans at once. Their keys are kept, for when they return.</summary>
    public const int MostBanned = 32;

    /// <summary>Fewer cannot bear the loss of one (F below one member).</summary>
    public const int LeastCommittee = 4;

    private readonly TrustParameters _parameters;
    private readonly ulong _epochLength;
    private readonly List<Standing> _known = [];
    private readonly Dictionary<string, Standing> _byName = [];
    private readonly SortedSet<CountedOffence> _counted = [];

    // Newest last: this epoch's, and those that evidence may still be of.
    private readonly List<Roster> _rosters = [];
    private UptimeTrack _uptime;

    // Made when they are asked for, and dropped by what changes them.
    private byte[]? _standingBytes;
    private Hash256? _standingHash;
    private byte[]? _uptimeBytes;

    private TrustState(GenesisParameters parameters, int members)
    {
        Require.That(parameters.Trust is not null);
        _parameters = parameters.Trust;
        _epochLength = parameters.EpochLengthBlocks;
        _uptime = new UptimeTrack(members);
        Stake = new StakeBook((ulong)_parameters.Supply, _parameters.RewardPool, _parameters.UnbondingEpochs);
    }

    /// <summary>One member that is or was, by name.</summary>
    private sealed class Standing(string name, int number)
    {
        public string Name { get; } = name;

        /// <summary>In the order in which members became known, from 0 on.</summary>
        public int Number { get; } = number;
        public Reputation Reputation { get; set; }

        /// <summary>Average over epochs; who is new has the benefit of the doubt.</summary>
        public uint Uptime { get; set; } = Ratio.One;

        /// <summary>As it was when it was banned; null: it is not.</summary>
        public Member? Banned { get; set; }
    }

    private readonly record struct CountedOffence(ulong Epoch, ushort Number, MessageKind Slot, ulong View, ulong Sequence)
        : IComparable<CountedOffence>
    {
        public int CompareTo(CountedOffence other) => (Epoch, Number, Slot, View, Sequence).CompareTo(
            (other.Epoch, other.Number, other.Slot, other.View, other.Sequence));
    }

    /// <summary>Who was which member of an epoch, with BLAKE3 of its consensus key.</summary>
    private sealed record Roster(ulong Epoch, (ushort Number, Hash256 Key)[] Members);

    /// <summary>Null where genesis has no trust.</summary>
    public static TrustState? ForGenesis(Genesis genesis)
    {
        if (genesis.Parameters.Trust is not { } parameters)
        {
            return null;
        }

        TrustState state = new(genesis.Parameters, genesis.Members.Length);
        state.Begin(0, 0, genesis.Members);
        foreach (GenesisBalance balance in parameters.Balances)
        {
            state.Stake.Endow(balance.Account, balance.Amount);
            if (balance.Member.Length > 0)
            {
                StakeOperation deposit = new(StakeOperationKind.Deposit, balance.Amount, Member: balance.Member);
                Require.That(state.Stake.Apply(balance.Account, deposit, 0) == StakeRefusal.None);
            }
        }

        state.Stake.AssertConserved();
        state.Stake.Records.BeginBlock();
        return state;
    }

    public ulong Epoch { get; private set; }

    /// <summary>The last block of the epoch before.</summary>
    public ulong EpochStart { get; private set; }

    public StakeBook Stake { get; }

    public TrustParameters Parameters => _parameters;

    /// <summary>What happened since <see cref="BeginBlock"/>, in order.</summary>
    public List<TrustEvent> Events { get; } = [];

    /// <summary>Of each of the events, what it did to stake.</summary>
    public List<StakeEffect> Effects { get; } = [];

    /// <summary>Proofs that counted since <see cref="BeginBlock"/>: whose, and one of the two messages.</summary>
    public List<(string Member, SignedHeader Signed)> Proven { get; } = [];

    /// <summary>Standings were written since <see cref="BeginBlock"/>: they are to be stored anew.</summary>
    public bool StandingChanged { get; private set; } = true;

    /// <summary>Reputation at a time of block time; 1 for a name that nobody bore. Units of <see cref="Ratio"/>.</summary>
    public uint ReputationOf(string member, ulong nowMicros) =>
        _byName.TryGetValue(member, out Standing? standing) ? Score(standing, nowMicros) : Ratio.One;

    public uint UptimeOf(string member) => _byName.TryGetValue(member, out Standing? standing) ? standing.Uptime : Ratio.One;

    public bool IsBanned(string member) => _byName.TryGetValue(member, out Standing? standing) && standing.Banned is not null;

    /// <summary>Names of all that are or were members, in the order in which they became known.</summary>
    public IEnumerable<string> Known => _known.Select(standing => standing.Name);

    /// <summary>Who is banned, as it will come back.</summary>
    public IEnumerable<Member> Banned =>
        _known.Where(standing => standing.Banned is not null).Select(standing => standing.Banned!);

    /// <summary>Offences that count, of the epochs that evidence is taken of.</summary>
    public int CountedOffences => _counted.Count;

    public void BeginBlock()
    {
        Events.Clear();
        Effects.Clear();
        Proven.Clear();
        StandingChanged = false;
        Stake.Records.BeginBlock();
    }

    /// <summary>Executes an account's operation; signature and nonce hold.</summary>
    public StakeRefusal Apply(in Hash256 account, ReadOnlySpan<byte> data)
    {
        if (!StakeOperation.TryRead(data, out StakeOperation operation))
        {
            return StakeRefusal.Malformed;
        }

        ulong before = Stake.Balance(account);
        StakeRefusal refusal = Stake.Apply(account, operation, Epoch);
        if (refusal == StakeRefusal.None)
        {
            TrustEventKind kind = (TrustEventKind)((int)TrustEventKind.Transfer + operation.Kind - StakeOperationKind.Transfer);
            ulong amount = operation.Kind == StakeOperationKind.Claim ? Stake.Balance(account) - before : operation.Amount;
            AccountParts? to = operation.Kind == StakeOperationKind.Transfer ? Stake.PartsOf(operation.To) : null;
            Tell(new TrustEvent(kind, operation.Member, account, operation.To, amount),
                new StakeEffect(Stake.Touched(), Stake.PartsOf(account), to));
        }

        return refusal;
    }

    /// <summary>Executes a proof whose two signatures hold by the key in it.</summary>
    /// <param name="nowMicros">The block's timestamp.</param>
    public ProofRefusal Apply(OffenceProof proof, ulong nowMicros)
    {
        ProofRefusal refusal = Judge(proof, out Standing? standing);
        if (refusal != ProofRefusal.None)
        {
            return refusal;
        }

        Require.That(standing is not null);
        Offence offence = Offences.Of(proof.Evidence.First.Header, proof.Evidence.Second.Header);
        uint before = Score(standing, nowMicros);
        standing.Reputation = standing.Reputation.After(
            Ratio.OfThousandths(_parameters.Penalties[(int)offence]), nowMicros, _parameters.HalfLifeMicros);
        ulong slashed = Stake.Slash(standing.Name, _parameters.Slashes[(int)offence], Epoch);
        _counted.Add(Slot(proof, standing));
        Touch();
        TrustEvent happened = new(
            TrustEventKind.Offence, standing.Name, Amount: slashed, Before: before, After: Score(standing, nowMicros),
                Offence: offence);
        Tell(happened, new StakeEffect(Stake.Touched()));
        Proven.Add((standing.Name, proof.First));
        return ProofRefusal.None;
    }

    /// <summary>What executing the proof now would come to.</summary>
    public ProofRefusal Judge(OffenceProof proof) => Judge(proof, out _);

    /// <summary>After the transactions of each block, the epoch's last one too.</summary>
    public void OnBlock(Block block)
    {
        Require.That(block.Epoch == Epoch && block.Sequence > EpochStart);
        _uptime.OnBlock(block.Cut, block.TimestampMicros, _parameters);
        _uptimeBytes = null;
    }

    /// <summary>The epoch is as long as genesis says, and its committee has to be reckoned.</summary>
    public bool IsDue(ulong sequence) => sequence - EpochStart >= _epochLength;

    /// <summary>The epoch's last block is executed.</summary>
    public void EndEpoch(Block last, Member[] next)
    {
        Require.That(last.Epoch == Epoch && last.EndsEpoch);
        Begin(Epoch + 1, last.Sequence, next);
        while (_counted.Count > 0 && _counted.Min.Epoch + TrustParameters.EvidenceEpochs < Epoch)
        {
            _counted.Remove(_counted.Min);
        }
    }

    /// <summary>After each block.</summary>
    public void AssertInvariants()
    {
        Stake.AssertConserved();
        Require.That(_rosters.Count > 0 && _rosters[^1].Epoch == Epoch);
        Require.That(_known.Count(standing => standing.Banned is not null) <= MostBanned);
    }

    private ProofRefusal Judge(OffenceProof proof, out Standing? standing)
    {
        standing = null;
        SignedHeader header = proof.First;
        if (_rosters.Find(roster => roster.Epoch == header.Epoch) is not { } roster)
        {
            return ProofRefusal.OtherEpoch;
        }

        if (header.Sender >= roster.Members.Length || roster.Members[header.Sender].Key != Hash256.Of(proof.ConsensusKey))
        {
            return ProofRefusal.NotTheMembersKey;
        }

        standing = _known[roster.Members[header.Sender].Number];
        CountedOffence slot = Slot(proof, standing);
        return _counted.Contains(slot) ? ProofRefusal.AlreadyCounted
            : _counted.Count(counted => counted.Epoch == slot.Epoch && counted.Number == slot.Number)
                >= TrustParameters.MostOffences
                ? ProofRefusal.EnoughCounted
            : ProofRefusal.None;
    }

    private static CountedOffence Slot(OffenceProof proof, Standing standing) =>
        new(
            proof.First.Epoch, (ushort)standing.Number, EvidenceCodec.SlotKind(proof.First.Kind), proof.First.View,
            proof.First.Sequence);

    private void Begin(ulong epoch, ulong start, Member[] members)
    {
        Epoch = epoch;
        EpochStart = start;
        _uptime = new UptimeTrack(members.Length);
        _uptimeBytes = null;
        _rosters.RemoveAll(roster => roster.Epoch + TrustParameters.EvidenceEpochs < epoch);
        _rosters.Add(new Roster(
            epoch, [.. members.Select(member => ((ushort)Know(member.Name).Number, Hash256.Of(member.ConsensusKey)))]));
        Touch();
    }

    private Standing Know(string name)
    {
        if (_byName.TryGetValue(name, out Standing? standing))
        {
            return standing;
        }

        Require.That(_known.Count < MostKnown);
        standing = new Standing(name, _known.Count);
        _known.Add(standing);
        _byName.Add(name, standing);
        Stake.Know(name);
        return standing;
    }

    private uint Score(Standing standing, ulong nowMicros) => standing.Reputation.Score(nowMicros, _parameters.HalfLifeMicros);

    private void Tell(in TrustEvent happened, StakeEffect effect)
    {
        Events.Add(happened);
        Effects.Add(effect);
    }

    private void Touch()
    {
        (_standingBytes, _standingHash) = (null, null);
        StandingChanged = true;
    }
}
