using Validator.Core.Primitives;
using Validator.Core.Wire;
using Validator.Tests.Core.Consensus;

namespace Validator.Tests.Fuzz;

internal static partial class ParserTargets
{
    private static byte[][] ForkSamples() => ForkChoiceTests.Files();

    // What operators hand each other after a fork.
    private static void Fork(ReadOnlySpan<byte> input)
    {
        if (ForkRecoveryCodec.TryRead(input, out ForkRecovery? recovery, out DecodeError error))
        {
            Check(input.SequenceEqual(ForkRecoveryCodec.Encode(recovery)), "accepted, and not canonical");
            Check(recovery.Certificate.Proves(recovery.Proposal.Last), "accepted, and its certificate is of another block");
        }
        else
        {
            Check(error != DecodeError.None, "refused without a reason");
        }

        if (ForkBranchCodec.TryRead(input, out ForkBranch? branch, out error))
        {
            Check(input.SequenceEqual(ForkBranchCodec.Encode(branch)), "accepted, and not canonical");
            Check(branch.HashAt(branch.Head.Sequence) == branch.Head.Hash
                && branch.First <= branch.Head.Sequence, "accepted, and not its own chain");
            Check(branch.EpochOf(branch.First) <= branch.Epoch.Number, "accepted, and without an epoch");
        }
        else
        {
            Check(error != DecodeError.None, "refused without a reason");
        }
    }
}
