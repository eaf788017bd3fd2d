using Validator.Core.Primitives;

namespace Validator.Core.Shell;

/// <summary>With which votes a validator enters an epoch.</summary>
public enum EpochEntry : byte
{
    /// <summary>It signs nothing in it: its votes are lost, or of a later epoch.</summary>
    Follows,

    /// <summary>With those that it had in the epoch before, or in this one.</summary>
    Signs,

    /// <summary>
    /// They were lost, and it cannot have voted in this epoch yet: an empty vote store takes their place (rule E5).
    /// </summary>
    Renews,

    /// <summary>The ledger, which was lost, has come to the epoch of the votes: what was signed in it binds (rule E7).</summary>
    Resumes,
}

/// <summary>
/// Whether a validator may sign: what it knows of its votes (PROTOCOL.md, section 6 and rules E5, E7). One thread.
/// </summary>
/// <param name="whole">Its vote store is there, and nothing contradicts it.</param>
/// <param name="votesEpoch">Of a whole store: what was signed before that epoch is forgotten.</param>
/// <param name="signsFrom">Of a lost one: the epoch from which on it signs again; 0 while that is not known.</param>
public sealed class VoteStanding(bool whole, ulong votesEpoch, ulong signsFrom)
{
    private bool _whole = whole;
    private bool _kept;

    /// <summary>In the epoch that was entered last.</summary>
    public bool Signs { get; private set; }

    /// <summary>For one that does not sign: the epoch from which on it does; 0 while that is not known.</summary>
    public ulong SignsFrom { get; private set; } = whole ? 0 : signsFrom;

    /// <summary>Since the last entry: what is marked so is no whole store to the next start.</summary>
    public bool Contradicted { get; private set; }

    public EpochEntry Enter(ulong epoch)
    {
        if (_whole && epoch < votesEpoch)
        {
            _kept = true;
            SignsFrom = votesEpoch;
        }

        if (SignsFrom > epoch || (!_whole && SignsFrom == 0))
        {
            Signs = false;
            return EpochEntry.Follows;
        }

        EpochEntry entry = !_whole ? EpochEntry.Renews : _kept ? EpochEntry.Resumes : EpochEntry.Signs;
        Require.That(entry != EpochEntry.Resumes || epoch == votesEpoch);
        (_whole, _kept, Signs, SignsFrom, Contradicted) = (true, false, true, 0, false);
        return entry;
    }

    /// <summary>A message of ours that the vote store does not know: it is not to be trusted any more.</summary>
    public void Contradict() => (_whole, _kept, Signs, SignsFrom, Contradicted) = (false, false, false, 0, true);

    /// <summary>What peers report (rule E5) says from when on.</summary>
    public void Learn(ulong epoch)
    {
        Require.That(!_whole && SignsFrom == 0);
        SignsFrom = epoch;
    }
}
