using Validator.Core.Effects;
using Validator.Core.Primitives;
using Validator.Core.Wire;

namespace Validator.Core.Consensus;

/// <summary>
/// Who asks for which view, and our own Stop (rule V2). Of each member the highest counts, and our own once it is signed; none is
/// asked for twice, and none below one that was.
/// </summary>
internal sealed class Stops(Committee committee, int self, long repeatMicros)
{
    private readonly ulong[] _views = new ulong[committee.Count];

    private long _repeatAtMicros;

    /// <summary>The view that we asked for last, or are in.</summary>
    public ulong Sent { get; private set; }

    /// <summary>As signed and sent; null before.</summary>
    public Signed? Own { get; private set; }

    /// <summary>When our Stop is due again, monotonic microseconds.</summary>
    public long RepeatAtMicros => _repeatAtMicros;

    /// <summary>
    /// The highest view that others of more than F weight ask for: one of them is honest. 0 where there is none.
    /// </summary>
    public ulong ToJoin { get; private set; }

    /// <summary>The highest view that a quorum asks for, ourselves included.</summary>
    public ulong ToEnter { get; private set; }

    /// <summary>That member sent Stop or ViewChange of that view, or voted in it.</summary>
    public void Raise(int member, ulong view)
    {
        if (view <= _views[member])
        {
            return;
        }

        _views[member] = view;
        ToJoin = HighestWith(committee.Faulty + 1, includeSelf: false);
        ToEnter = HighestWith(committee.Quorum, includeSelf: true);
    }

    public void Send(ulong view, Step step)
    {
        Require.That(view > Sent);
        Sent = view;
        Own = null;
        _repeatAtMicros = step.Now + repeatMicros;
        step.Sign(MessageKind.Stop, view, 0, Hash256.Zero);
    }

    /// <summary>Our Stop is signed, durable and sent.</summary>
    public void OnSigned(Signed message)
    {
        Own = message;
        Raise(self, message.Header.View);
    }

    /// <summary>Nobody may have heard it.</summary>
    public void Repeat(Step step)
    {
        _repeatAtMicros = step.Now + repeatMicros;
        if (Own is { } stop)
        {
            step.Send(-1, stop);
        }
    }

    /// <summary>That view was entered: none up to it is asked for any more.</summary>
    public void Entered(ulong view) => Sent = Math.Max(Sent, view);

    /// <summary>A Stop of our own that was stored before a restart.</summary>
    public void Recover(Signed stop)
    {
        if (stop.Header.View >= Sent)
        {
            Sent = stop.Header.View;
            Own = stop;
        }

        Raise(self, stop.Header.View);
    }

    private ulong HighestWith(ulong weight, bool includeSelf)
    {
        ulong best = 0;
        for (int i = 0; i < _views.Length; i++)
        {
            ulong candidate = _views[i];
            if (candidate <= best)
            {
                continue;
            }

            ulong sum = 0;
            for (int j = 0; j < _views.Length; j++)
            {
                if (_views[j] >= candidate && (includeSelf || j != self))
                {
                    sum += committee.Weight(j);
                }
            }

            if (sum >= weight)
            {
                best = candidate;
            }
        }

        return best;
    }
}
