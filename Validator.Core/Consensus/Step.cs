using Validator.Core.Effects;
using Validator.Core.Primitives;
using Validator.Core.Wire;

namespace Validator.Core.Consensus;

/// <summary>
/// The step that is being taken: what time it is, where its effects go, and whether anything may be signed. Time does not go
/// back, signatures are numbered without gaps, and who stopped signing, or halted, signs nothing more (sections 6 and 8).
/// </summary>
internal sealed class Step(int self, ulong epoch, bool signs)
{
    private EffectBuffer _out = null!;
    private ulong _signNumber;

    /// <summary>Monotonic microseconds.</summary>
    public long Now { get; private set; }

    /// <summary>Own wall clock, microseconds since 1970.</summary>
    public ulong Wall { get; private set; }

    /// <summary>False for a follower: it lost its votes, or met one of its own that it does not know.</summary>
    public bool Signs { get; private set; } = signs && self >= 0;

    public bool Halted { get; private set; }

    /// <summary>This core has done its work: it halted, or the next epoch's goes on.</summary>
    public bool Over { get; private set; }

    /// <summary>Something may unblock a proposal, a vote or finality.</summary>
    public bool Recheck { get; set; } = true;

    public void Begin(in Input input, EffectBuffer effects)
    {
        Require.That(!Over);
        _out = effects;
        Now = Math.Max(Now, input.MonotonicMicros);
        Wall = input.WallMicros;
    }

    public ref Effect Emit(EffectKind kind) => ref _out.Add(kind);

    public void Reject(Reason reason, int from)
    {
        ref Effect effect = ref Emit(EffectKind.Rejected);
        effect.Reason = reason;
        effect.To = from;
    }

    /// <summary>Sign, persist, send: one item. The caller fills in the body.</summary>
    public ref Effect Sign(MessageKind kind, ulong view, ulong sequence, in Hash256 digest)
    {
        Require.That(Signs);
        ref Effect effect = ref Emit(EffectKind.Sign);
        effect.Number = ++_signNumber;
        effect.Header = new SignedHeader(kind, self, epoch, view, sequence, digest);
        return ref effect;
    }

    /// <summary>Goes to the vote store, ordered before the next signature.</summary>
    /// <param name="message">An accepted block, a prepared certificate, or the NewView that is entered.</param>
    public void Persist(IMessage message) => Emit(EffectKind.Persist).Message = message;

    /// <summary>Sends what need not be stored, or is.</summary>
    /// <param name="to">Member, or -1 for all.</param>
    public void Send(int to, IMessage message)
    {
        ref Effect effect = ref Emit(EffectKind.Send);
        effect.To = to;
        effect.Message = message;
    }

    public void Ask(FetchRequest request, int peer) => Send(peer, request);

    public void TellView(ulong view, Reason reason)
    {
        ref Effect effect = ref Emit(EffectKind.ViewChanged);
        effect.Number = view;
        effect.Reason = reason;
    }

    /// <summary>From here on a follower.</summary>
    public void StopSigning() => Signs = false;

    /// <summary>More than F were faulty, or we are (section 8).</summary>
    public void Halt(Reason reason, Certificate? certificate, Certificate? conflicting)
    {
        ref Effect effect = ref Emit(EffectKind.Halt);
        effect.Reason = reason;
        effect.Certificate = certificate;
        effect.Conflicting = conflicting;
        Halted = true;
        Over = true;
        Signs = false;
    }

    /// <summary>Rule E3: the next epoch's core goes on.</summary>
    public void EndEpoch(Block last, ulong provenFrom)
    {
        ref Effect effect = ref Emit(EffectKind.EpochEnded);
        effect.Message = last;
        effect.Number = provenFrom;
        Over = true;
        Signs = false;
    }
}
