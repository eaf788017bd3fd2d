using Validator.Core.Consensus;
using Validator.Core.Effects;
using Validator.Core.Primitives;
using Validator.Core.Wire;

namespace Validator.Core.Shell;

/// <summary>Steps a core, carries out what it asks for, and goes on with the next epoch's when it has ended. One thread.</summary>
public sealed class CoreShell<TPayload>
{
    private readonly EffectBuffer _effects = new();
    private readonly CoreSettings _settings;

    // What is not signed in the next epoch, after lost votes were made anew in this one (rule E9).
    private VoteLimit? _nextLimit;

    /// <param name="settings">Of every core; what its votes let it do is the standing's.</param>
    /// <param name="standing">It has entered <paramref name="epoch"/>. Where the core finds that its stores are older than what is final, it is contradicted.</param>
    /// <param name="recovered">What the stores hold of the epoch.</param>
    public CoreShell(
        Genesis genesis, EpochConfiguration epoch, int self, CoreSettings settings, VoteStanding standing, RecoveredState recovered)
    {
        _settings = settings;
        Standing = standing;
        Core = Make(genesis, epoch, self, recovered);
    }

    public ValidatorCore Core { get; private set; }

    public VoteStanding Standing { get; }

    /// <summary>True for what an earlier epoch's core was to have; the caller lets go of what rests on it.</summary>
    public bool IsLate(in Input input) => input.Epoch != Core.Epoch && input.Kind is not (InputKind.PeerUp or InputKind.PeerDown);

    /// <summary>One input, stamped with both clocks, and all of its effects, in order.</summary>
    public void Step(in Input input, IShellPorts<TPayload> ports)
    {
        Core.Handle(in input, _effects);
        Block? last = null;
        ulong provenFrom = 0;
        foreach (ref readonly Effect effect in _effects.Items)
        {
            if (!ports.Goes(in effect))
            {
                _effects.Clear();
                return;
            }

            if (effect is { Kind: EffectKind.EpochEnded, Message: Block end })
            {
                (last, provenFrom) = (end, effect.Number);
            }
            else
            {
                Carry(in effect, ports);
            }
        }

        // The next core's first steps use the buffer.
        _effects.Clear();
        if (last is not null)
        {
            Enter(last, provenFrom, ports);
        }
    }

    /// <summary>
    /// Rule E3: the last block is final and executed, durably, or rule E6: it is known. What was signed before is forgotten, in the order of
    /// own records; what has not been carried out yet is late; each epoch is entered once.
    /// </summary>
    private void Enter(Block last, ulong provenFrom, IShellPorts<TPayload> ports)
    {
        EpochConfiguration next = ports.NextEpoch;
        Require.That(next.Number == Core.Epoch + 1 && next.Start.Hash == last.Hash);
        RecoveredState state = new() { Behind = ports.Executed < last.Sequence, ProvenFrom = provenFrom };
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
        ports.Own(new OwnRecord<TPayload>
        {
            Kind = OwnRecordKind.EnterEpoch,
            Number = next.Number,
            Renew = entry == EpochEntry.Renews,
            Resume = entry == EpochEntry.Resumes,
        });
        Core = Make(Core.Genesis, next, self, state);
        ports.Entered(entry, state.OwnTip);
        if (entry != EpochEntry.Follows && Standing.Contradicted)
        {
            ports.Contradicted();
        }

        ports.Feed(new Input { Kind = InputKind.Tick, Epoch = next.Number, From = -1 });
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

    /// <summary>The one place that knows what each kind of effect means; which have a message is in the pattern.</summary>
    internal void Carry(in Effect effect, IShellPorts<TPayload> ports)
    {
        switch (effect.Kind, effect.Message)
        {
            case (EffectKind.Sign, _) or (EffectKind.Persist, not null):
                ports.Own(OwnRecord<TPayload>.Of(in effect));
                break;
            case (EffectKind.StoreVertex, _):
                ports.StoreVertex(effect.Token);
                break;
            case (EffectKind.DropVertex, _):
                ports.Drop(effect.Token, effect.Reason);
                break;
            case (EffectKind.Send, { } message):
                ports.Send(effect.To, message);
                break;
            case (EffectKind.BatchCredit, _):
                ports.Credit();
                break;
            case (EffectKind.Execute, Block block) when effect is { Certificate: { } certificate, Order: { } order }:
                ports.Execute(block, certificate, order);
                break;
            case (EffectKind.Rejected, _):
                if (effect.Reason == Reason.VoteStoreContradicted)
                {
                    Standing.Contradict();
                    ports.Contradicted();
                }

                ports.Rejected(effect.Reason, effect.To);
                break;
            default:
                CarryRare(in effect, ports);
                break;
        }
    }

    private void CarryRare(in Effect effect, IShellPorts<TPayload> ports)
    {
        switch (effect.Kind, effect.Message)
        {
            case (EffectKind.StoreManifest, SnapshotManifest manifest):
                ports.StoreManifest(manifest);
                break;
            case (EffectKind.StoreChunk, SnapshotChunk chunk):
                ports.StoreChunk(chunk);
                break;
            case (EffectKind.DropSnapshot, _):
                ports.DropSnapshot();
                break;
            case (EffectKind.InstallSnapshot, SnapshotManifest manifest):
                ports.Install(manifest);
                break;
            case (EffectKind.StoreEpochEnd, EpochEnd end):
                ports.StoreEpochEnd(end);
                break;
            case (EffectKind.Evidence, Evidence evidence):
                ports.Evidence(evidence);
                break;
            case (EffectKind.ViewChanged, _):
                ports.ViewChanged(effect.Number, effect.Reason);
                break;
            case (EffectKind.SignFrom, _):
                Standing.Learn(effect.Number);
                ports.SignFrom(effect.Number);
                break;
            case (EffectKind.Halt, _):
                ports.Halt(in effect);
                break;
            default:
                Require.Fail("every effect is carried out");
                break;
        }
    }
}
