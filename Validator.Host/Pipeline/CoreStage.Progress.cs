using Validator.Core.Consensus;
using Validator.Core.Effects;
using Validator.Core.Wire;

namespace Validator.Host.Pipeline;

/// <summary>What the stall detector needs to know of Core's state and of members' messages.</summary>
internal sealed partial class CoreStage
{
    private const long PublishEvery = 250_000;

    private volatile PublishedProgress? _progress;
    private long _publishAt;
    private long _roundMicros;

    private sealed record PublishedProgress(CoreProgress Value);

    /// <summary>As of some hundred milliseconds ago; null before the first round. Any thread.</summary>
    public CoreProgress? Progress => _progress?.Value;

    private void PublishProgress(long now)
    {
        if (now >= _publishAt)
        {
            _publishAt = now + PublishEvery;
            Strong.Look();
            _progress = new PublishedProgress(Core.Progress());
        }
    }

    /// <summary>
    /// Counts only what its signer sends itself: others relay it for ever. Vertices do not count, since a validator that lost its
    /// votes still serves those that it authored before.
    /// </summary>
    private void NoteSigner(in Input input)
    {
        Signed? signed = input.Message switch
        {
            SignedVertex => null,
            ViewChange change => change.Signed,
            NewView newView => newView.Signed,
            _ => input.Message as Signed,
        };
        if (signed is not null && input.From >= 0 && signed.Header.Sender == input.From && _epoch.LinkOf(input.From) is >= 0 and int link)
        {
            reports.NoteSigned(link, _roundMicros);
        }
    }
}
