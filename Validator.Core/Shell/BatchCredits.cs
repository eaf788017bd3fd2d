using Validator.Core.Primitives;

namespace Validator.Core.Shell;

/// <summary>
/// The credit of one core for a client batch (BatchCredit): it belongs to that core's epoch, and the next comes after it is
/// spent. A value of one word, since one thread grants, another spends, and an epoch may begin between the two: each exchanges it
/// whole.
/// </summary>
/// <param name="Word">The epoch's number, 32 bits of it, above the batches that its core still takes.</param>
public readonly record struct BatchCredits(long Word)
{
    private const int Bits = 32;

    public ulong Epoch => (ulong)Word >> Bits;

    public uint Count => (uint)Word;

    /// <summary>None yet; those of earlier epochs are void.</summary>
    public BatchCredits Enter(ulong epoch) => new((long)(epoch << Bits));

    /// <summary>Core takes one batch more.</summary>
    public BatchCredits Grant()
    {
        Require.That(Count == 0, "a credit comes after the last one is spent");
        return new BatchCredits(Word + 1);
    }

    /// <summary>False where none is left.</summary>
    public bool TrySpend(out BatchCredits left)
    {
        left = Count > 0 ? new BatchCredits(Word - 1) : this;
        return Count > 0;
    }

    /// <summary>A credit of an epoch that no batch used. False where that is over: it is void.</summary>
    public bool TryGiveBack(ulong epoch, out BatchCredits credits)
    {
        credits = Epoch == epoch ? new BatchCredits(Word + 1) : this;
        return Epoch == epoch;
    }
}
