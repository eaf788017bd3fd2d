using Validator.Core.Consensus;
using Validator.Core.Effects;
using Validator.Core.Primitives;
using Validator.Core.Trust;
using Validator.Core.Wire;

namespace Validator.Core.Shell;

/// <summary>
/// Steps a core, carries out what it asks for, and goes on with the next epoch's when it has ended. One thread.
/// </summary>
public sealed class CoreShell<TPayload>
{
    private readonly EffectBuffer _effects = new();
    private readonly CoreSettings _settings;

    // What is not signed in the next epoch, after lost votes were made anew in this one (rule E9).
    private VoteLimit? _nextLimit;

    // Of a later epoch than the first core's, where the ledger is behind it (rule R4).
    private readonly ForkRecovery? _recovery;

    // By the step that is being taken.
    private (Block? Last, ulong ProvenFrom) _ended;

    /// <param name="settings">Of every core; what its votes let it do is the standing's.</param>
    /// <param name="standing">
    /// It has entered <paramref name="epoch"/>. Where the core finds that its stores are older than what is final, it is
    /// contradicted.
    /// </param>
    /// <param name="recovered">What the stores hold of the epoch.</param>
    public CoreShell(
        Genesis genesis, EpochConfiguration epoch, int self, CoreSettings settings, VoteStanding standing, RecoveredState recovered)
    {
        _settings = settings;
        Standing = standing;
        _recovery = recovered.Recovery;
        Core = Make(genesis, epoch, self, recovered);
    }

    public ValidatorCore Core { get; private set; }

    public VoteStanding Standing { get; }

    /// <summary>
    /// What an earlier epoch's core was to have is let go of: a peer's vertex, and a batch of our own, which waits for the
    /// credits of this one.
    /// </summary>
    /// <returns>True where it was late, and is not to be taken.</returns>
    public bool LetGoIfLate(in Input input, IShellPorts<TPayload> ports)
    {
        if (input.Epoch == Core.Epoch || input.IsUp is not null)
        {
            return false;
        }

        if (input.VertexToken != 0)
        {
            ports.LetGoVertex(input.VertexToken);
        }

        if (input.BatchToken != 0)
        {
            ports.TakeBackBatch(input.BatchToken);
        }

        return true;
    }

    /// <summary>One input, stamped with both clocks, and all of its effects, in order.</summary>
    public void Step(in Input input, IShellPorts<TPayload> ports)
    {
        Core.Handle(in input, _effects);
        _ended = default;
        bool goes = _effects.Drain(new Carrier(this, ports));
        // The next core's first steps use the buffer.
        _effects.Clear();
        if (goes && _ended is { Last: { } last, ProvenFrom: var provenFrom })
        {
            Enter(last, provenFrom, ports);
        }
    }

    /// <summary>
    /// Rule E3: the last block is final and executed, durably, or rule E6: it is known. What was signed before is forgotten, in
    /// the order of own records; what has not been carried out yet is late; each epoch is entered once.
    /// </summary>
    private void Enter(Block last, ulong provenFrom, IShellPorts<TPayload> ports)
    {
        EpochConfiguration next = ports.NextEpoch;
        Require.That(next.Number == Core.Epoch + 1 && next.Start.Hash == last.Hash);
        RecoveredState state = new() { Behind = ports.Executed < last.Sequence, ProvenFrom = provenFrom, Recovery = _recovery };
        state.RecentRoots.AddRange(Core.RecentRoots);
        EpochEntry entry = Standing.Enter(next.Number);
        if (entry != EpochEntry.Resumes)
        {
            state.Limit = _nextLimit?.Epoch == next.Number ? _nextLimit : null;
        }
        else if (!ports.Resume(next, state))
        {
            return;
        }

        int self = ports.Enter(next);
        ports.Own(OwnRecord<TPayload>.EnterEpoch(next.Number, entry));
        Core = Make(Core.Genesis, next, self, state);
        ports.Entered(entry, state.OwnTip);
        if (entry != EpochEntry.Follows && Standing.Contradicted)
        {
            ports.Contradicted();
        }

        ports.Feed(Input.Tick);
        ports.FeedConnected();
        ports.Replay();
    }

    private ValidatorCore Make(Genesis genesis, EpochConfiguration epoch, int self, RecoveredState state)
    {
        bool signs = _settings.Signs && Standing.Signs;
        ValidatorCore core = new(genesis, epoch, self, _settings with { Signs = signs, ReturnKnown = Standing.SignsFrom != 0 }, state);
        _nextLimit = state.NextLimit;
        if (signs && self >= 0 && !core.Signs)
        {
            Standing.Contradict();
        }

        return core;
    }

    /// <summary>To which port each effect goes. A value: a step makes no object for it.</summary>
    internal readonly struct Carrier(CoreShell<TPayload> shell, IShellPorts<TPayload> ports) : IEffectHandler
    {
        public bool Goes() => ports.Goes();

        public void Sign(in SignedHeader header) => ports.Own(OwnRecord<TPayload>.Vote(in header));

        public void SignBlock(in SignedHeader header, Block block) => ports.Own(OwnRecord<TPayload>.Proposal(in header, block));

        public void SignVertex(in SignedHeader header, VertexHeader vertex, ulong token) =>
            ports.Own(OwnRecord<TPayload>.OwnVertex(in header, vertex, ports.TakeBatch(token)));

        public void SignViewChange(UnsignedViewChange change) => ports.Own(OwnRecord<TPayload>.Of(change));

        public void SignNewView(UnsignedNewView newView) => ports.Own(OwnRecord<TPayload>.Of(newView));

        public void PersistBlock(Block block) => ports.Own(OwnRecord<TPayload>.Accept(block));

        public void PersistPrepared(Certificate certificate) => ports.Own(OwnRecord<TPayload>.Prepare(certificate));

        public void PersistEntered(NewView newView) => ports.Own(OwnRecord<TPayload>.Enter(newView));

        public void StoreVertex(ulong token) => ports.StoreVertex(token);

        public void DropVertex(ulong token, Reason reason) => ports.DropVertex(token, reason);

        public void DropBatch(ulong token) => ports.DropBatch(token);

        public void Send(int to, IMessage message) => ports.Send(to, message);

        public void BatchCredit() => ports.Credit();

        public void Execute(Block block, VertexHeader[] order, Certificate certificate) => ports.Execute(block, certificate, order);

        public void StoreManifest(SnapshotManifest manifest) => ports.StoreManifest(manifest);

        public void StoreChunk(SnapshotChunk chunk) => ports.StoreChunk(chunk);

        public void DropSnapshot() => ports.DropSnapshot();

        public void InstallSnapshot(SnapshotManifest manifest) => ports.Install(manifest);

        public void StoreEpochEnd(EpochEnd end) => ports.StoreEpochEnd(end);

        public void Evidence(Evidence evidence) => ports.Evidence(evidence);

        public void EndEpoch(Block last, ulong provenFrom) => shell._ended = (last, provenFrom);

        public void SignFrom(ulong epoch)
        {
            shell.Standing.Learn(epoch);
            ports.SignFrom(epoch);
        }

        public void Contradicted()
        {
            shell.Standing.Contradict();
            ports.Contradicted();
            ports.Rejected(Reason.VoteStoreContradicted, -1);
        }

        public void ViewChanged(ulong view, Reason reason) => ports.ViewChanged(view, reason);

        public void LevelReached(FinalityLevel level, ulong sequence) => ports.LevelReached(level, sequence);

        public void ForkChanged(Fork fork) => ports.ForkChanged(fork);

        public void VoteTaken(PartialSignature outcome) => ports.VoteTaken(outcome);

        public void CertificateMade(long micros) => ports.CertificateMade(micros);

        public void Rejected(Reason reason, int from) => ports.Rejected(reason, from);

        public void Halt(Reason reason, Certificate? certificate, Certificate? conflicting) => ports.Halt(reason, certificate, conflicting);
    }
}
