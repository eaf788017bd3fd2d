using Validator.Core.Consensus;
using Validator.Core.Effects;
using Validator.Core.Primitives;
using Validator.Core.Wire;

namespace Validator.Core.Shell;

/// <summary>Steps a core and carries out what it asks for. One thread.</summary>
public sealed class CoreShell<TPayload>(ValidatorCore first)
{
    private readonly EffectBuffer _effects = new();

    public ValidatorCore Core { get; private set; } = first;

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

            if (effect.Kind == EffectKind.EpochEnded)
            {
                (last, provenFrom) = (effect.Block, effect.ProvenFrom);
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
            ports.EpochEnded(last, provenFrom);
        }
    }

    /// <summary>The core of the epoch that follows: each is entered once.</summary>
    public void Enter(ValidatorCore next)
    {
        Require.That(next.Epoch == Core.Epoch + 1);
        Core = next;
    }

    /// <summary>The one place that knows what each kind of effect means.</summary>
    private static void Carry(in Effect effect, IShellPorts<TPayload> ports)
    {
        switch (effect.Kind)
        {
            case EffectKind.Sign or EffectKind.PersistBlock or EffectKind.PersistCertificate or EffectKind.PersistNewView:
                ports.Own(OwnRecord<TPayload>.Of(in effect));
                break;
            case EffectKind.StoreVertex:
                ports.StoreVertex(effect.Token);
                break;
            case EffectKind.DropVertex:
                ports.Drop(effect.Token, effect.Reason);
                break;
            case EffectKind.Send:
                ports.Send(effect.Kind, effect.To, Frame.Of(effect.Message!, effect.Block, effect.ViewChange, effect.NewView));
                break;
            case EffectKind.SendStatus:
                ports.Send(effect.Kind, effect.To, Frame.Of(effect.Status!));
                break;
            case EffectKind.SendFetch:
                ports.Send(effect.Kind, effect.To, Frame.Fetch(effect.Request));
                break;
            case EffectKind.SendEvidence:
                ports.Send(effect.Kind, effect.To, Frame.Of(effect.Evidence!));
                break;
            case EffectKind.BatchCredit:
                ports.Credit();
                break;
            case EffectKind.Execute:
                ports.Execute(effect.Block!, effect.Certificate!, effect.Order!);
                break;
            default:
                CarryRare(in effect, ports);
                break;
        }
    }

    private static void CarryRare(in Effect effect, IShellPorts<TPayload> ports)
    {
        switch (effect.Kind)
        {
            case EffectKind.StoreManifest:
                ports.StoreManifest(effect.Manifest!);
                break;
            case EffectKind.StoreChunk:
                ports.StoreChunk(effect.Chunk!);
                break;
            case EffectKind.DropSnapshot:
                ports.DropSnapshot();
                break;
            case EffectKind.InstallSnapshot:
                ports.Install(effect.Manifest!);
                break;
            case EffectKind.StoreEpochEnd:
                ports.StoreEpochEnd(effect.EpochEnd!);
                break;
            case EffectKind.Evidence:
                ports.Evidence(effect.Evidence!);
                break;
            case EffectKind.ViewChanged:
                ports.ViewChanged(effect.View, effect.Reason);
                break;
            case EffectKind.Rejected:
                ports.Rejected(effect.Reason, effect.To);
                break;
            case EffectKind.SignFrom:
                ports.SignFrom(effect.Epoch);
                break;
            case EffectKind.Halt:
                ports.Halt(in effect);
                break;
            default:
                Require.Fail("every effect kind is carried out");
                break;
        }
    }
}
