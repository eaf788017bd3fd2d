namespace Validator.Core.Consensus;

/// <summary>
/// Something valid bears our signature and our store does not know it: a twin, or a disk rolled back. Signing again could
/// contradict it (section 6), so nothing more is signed.
/// </summary>
internal sealed class TwinGuard(PeerTable peers, Step step)
{
    public void Trip()
    {
        if (step.Signs)
        {
            step.StopSigning();
            // What peers reported before may be older than what the twin signed.
            peers.ForgetReports();
            step.Effects.Contradicted();
        }
    }
}
