using Validator.Core.Consensus;
using Validator.Core.Execution;
using Validator.Core.Primitives;
using Validator.Core.Wire;

namespace Validator.Host.Storage;

/// <summary>The store of a validator that has lost its votes: it signs nothing, so there is nothing to keep.</summary>
internal sealed class NoVoteStore : IVoteStore
{
    public void AddSigned(Signed signed, ReadOnlySpan<byte> body) => Require.Fail("nothing is signed without a vote store");

    public void AddBlock(Block block)
    {
    }

    public void AddPreparedCertificate(Certificate certificate)
    {
    }

    public void AddNewView(NewView newView)
    {
    }

    public bool Commit([System.Diagnostics.CodeAnalysis.NotNullWhen(false)] out string? error)
    {
        error = null;
        return true;
    }

    public void ForgetBelow(ulong sequence)
    {
    }

    public void ForgetEpochsBelow(ulong epoch)
    {
    }

    public void Dispose()
    {
    }
}
