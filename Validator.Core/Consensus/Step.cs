using Validator.Core.Effects;
using Validator.Core.Primitives;
using Validator.Core.Wire;

namespace Validator.Core.Consensus;

/// <summary>
/// The step that is being taken: what time it is, where its effects go, and whether anything may be signed. Time does not go
/// back, and who stopped signing, or halted, signs nothing more (sections 6 and 8).
/// </summary>
internal sealed class Step(int self, ulong epoch, bool signs)
{
    private EffectBuffer _effects = null!;

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
        _effects = effects;
        Now = Math.Max(Now, input.MonotonicMicros);
        Wall = input.WallMicros;
    }

    /// <summary>Where what is neither signed nor sent goes.</summary>
    public EffectBuffer Effects => _effects;

    public void Reject(Reason reason, int from) => _effects.Rejected(reason, from);

    /// <summary>Signs a vote or a Stop: stored, synced, sent and answered.</summary>
    public void Sign(MessageKind kind, ulong view, ulong sequence, in Hash256 digest) => _effects.Sign(HeaderOf(kind, view, sequence, digest));

    public void SignBlock(ulong view, Block block) => _effects.SignBlock(HeaderOf(MessageKind.PrePrepare, view, block.Sequence, block.Hash), block);

    /// <param name="token">Of the batch in it, or 0.</param>
    public void SignVertex(VertexHeader vertex, ulong token) =>
        _effects.SignVertex(HeaderOf(MessageKind.Vertex, 0, vertex.Height, vertex.Hash), vertex, token);

    public void SignViewChange(UnsignedViewChange change)
    {
        Require.That(Signs);
        _effects.SignViewChange(change);
    }

    public void SignNewView(UnsignedNewView newView)
    {
        Require.That(Signs);
        _effects.SignNewView(newView);
    }

    /// <summary>Sends what need not be stored, or is.</summary>
    /// <param name="to">Member, or -1 for all.</param>
    public void Send(int to, IMessage message) => _effects.Send(to, message);

    public void Ask(FetchRequest request, int peer) => Send(peer, request);

    public void TellView(ulong view, Reason reason) => _effects.ViewChanged(view, reason);

    /// <summary>From here on a follower.</summary>
    public void StopSigning() => Signs = false;

    /// <summary>More than F were faulty, or we are (section 8).</summary>
    public void Halt(Reason reason, Certificate? certificate, Certificate? conflicting)
    {
        _effects.Halt(reason, certificate, conflicting);
        Halted = true;
        Over = true;
        Signs = false;
    }

    /// <summary>Rule E3: the next epoch's core goes on.</summary>
    public void EndEpoch(Block last, ulong provenFrom)
    {
        _effects.EndEpoch(last, provenFrom);
        Over = true;
        Signs = false;
    }

    private SignedHeader HeaderOf(MessageKind kind, ulong view, ulong sequence, in Hash256 digest)
    {
        Require.That(Signs);
        return new SignedHeader(kind, self, epoch, view, sequence, digest);
    }
}
