using Validator.Core.Trust;

namespace Validator.Core.Execution;

/// <summary>What a block changed of the trust state, as it is to be stored: all that is needed to go on from there.</summary>
/// <param name="Standing">Standings as they are after the block; null where they are what they were.</param>
/// <param name="Uptime">Of the epoch, after the block.</param>
/// <param name="StakeRecords">How many there are after the block: what is stored at that place and above is to go.</param>
/// <param name="Stake">Places written, and the records there, of <see cref="StakeTable.RecordBytes"/>.</param>
/// <param name="Events">What happened, in order.</param>
public sealed record TrustChanges(
    byte[]? Standing, byte[] Uptime, int StakeRecords, (int Place, byte[] Record)[] Stake, TrustEvent[] Events)
{
    /// <summary>Of a state since its last BeginBlock.</summary>
    /// <param name="first">Nothing is stored yet, of genesis neither: all of it is to be.</param>
    public static TrustChanges Of(TrustState state, bool first = false)
    {
        StakeTable table = state.Stake.Records;
        IEnumerable<int> places = first ? Enumerable.Range(0, table.Count) : table.Changed.Where(place => place < table.Count);
        return new TrustChanges(
            first || state.StandingChanged ? state.EncodeStanding() : null, state.EncodeUptime(), table.Count,
            [.. places.Select(place => (place, table.Record(place).ToArray()))], [.. state.Events]);
    }
}
