using System.Text;
using Validator.Core.Consensus;
using Validator.Core.Wire;
using Validator.Host.Config;
using Validator.Host.Contracts;
using Validator.Host.Primitives;
using Validator.Host.Storage;

namespace Validator.Host.Pipeline;

/// <summary>
/// What the last step of a fork's recovery writes, once all of it is checked. Wherever it is cut short, the same again leads to
/// the same end; nothing starts in between that would sign, or follow, what it should not.
/// </summary>
/// <param name="aside">Where the ledger of an abandoned branch goes.</param>
/// <param name="goesOn">The ledger has the block that ends the epoch: what was voted after it is good.</param>
/// <param name="renews">The operator's word: lost or contradicted votes are made anew.</param>
internal sealed class ForkApplication(
    NodeContext context, ForkRecovery recovery, ForkSide side, string aside, bool goesOn, bool renews)
{
    private readonly StorageSection _storage = context.Config.Storage;

    /// <summary>Payload bytes in one write of what is carried over.</summary>
    public long CarryBytes { get; init; } = ForkCarry.BytesOfOneWrite;

    /// <summary>The whole of it was done before.</summary>
    public bool WasApplied { get; init; }

    /// <summary>There are votes to go on with.</summary>
    public bool Signs { get; private set; }

    /// <summary>Votes were made anew.</summary>
    public bool Renewed { get; private set; }

    /// <summary>Why it could not be noted when the fork ended; null where it was.</summary>
    public string? Unnoted { get; private set; }

    /// <summary>What was carried over; null where no branch was abandoned here.</summary>
    public ForkCarry? Carried { get; private set; }

    /// <summary>Each is durable when it is given, in words.</summary>
    public IEnumerable<string> Steps()
    {
        ForkProposal proposal = recovery.Proposal;
        if (renews && !ForkBinding.HasVotes(_storage))
        {
            ForkBinding.Renew(context, proposal);
            Renewed = true;
            yield return $"{_storage.VotesPath}: there are votes to go on with";
        }

        if (!WasApplied || renews)
        {
            Signs = ForkBinding.Leave(context, proposal, goesOn);
            yield return Signs ? $"{_storage.VotesPath}: nothing more is signed in epoch {proposal.Last.Epoch}"
                : "no votes are left";
        }

        if (Signs && File.Exists(_storage.SignedForkFile))
        {
            // The votes know it now.
            VoteStoreSetup.Remove(_storage.SignedForkFile);
            yield return $"{_storage.SignedForkFile}: removed";
        }

        if (!WasApplied)
        {
            foreach (string step in Change())
            {
                yield return step;
            }
        }

        Unnoted = FailedForkFile.NoteRecovered(context.Config.Node.FailedForkPath, Clock.WallMicros());
        VoteStoreSetup.Remove(context.Config.Node.HaltedMarker);
        yield return $"{context.Config.Node.HaltedMarker}: removed";
    }

    private IEnumerable<string> Change()
    {
        if (side == ForkSide.Abandoned)
        {
            // The new ledger alone does not know which branch to follow.
            OperatorFile.Write(context.Config.Node.HaltedMarker, Encoding.UTF8.GetBytes("fork apply was cut short: repeat it\n"));
            yield return $"{context.Config.Node.HaltedMarker}: nothing starts";
            if (!Directory.Exists(aside))
            {
                VoteStoreSetup.PutAside(_storage.LedgerPath, aside, "the ledger");
                yield return $"{aside}: the ledger is put aside";
            }

            Carried = new ForkCarry(context, aside, recovery.Proposal) { MostBytes = CarryBytes };
            foreach (string step in Carried.Steps())
            {
                yield return step;
            }
        }

        OperatorFile.Write(_storage.RecoveryFile, ForkRecoveryCodec.Encode(recovery));
        yield return $"{_storage.RecoveryFile}: the branch is known";
    }
}
