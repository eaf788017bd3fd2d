using Validator.Core.Primitives;
using Validator.Core.Trust;

namespace Validator.Core.Execution;

/// <summary>What a block changed of the trust state, as it is to be stored: all that is needed to go on from there.</summary>
/// <param name="Standing">Standings as they are after the block; null where they are what they were.</param>
/// <param name="Uptime">Of the epoch, after the block.</param>
/// <param name="StakeRecords">How many there are after the block: what is stored at that place and above is to go.</param>
/// <param name="Stake">Places written, and the records there, of <see cref="StakeTable.RecordBytes"/>.</param>
/// <param name="Events">What happened, in order.</param>
/// <param name="Effects">Of each event, what it did to stake.</param>
/// <param name="Opened">What accounts had where the history begins; else empty.</param>
public sealed record TrustChanges(
    byte[]? Standing, byte[] Uptime, int StakeRecords, (int Place, byte[] Record)[] Stake, TrustEvent[] Events,
    StakeEffect[] Effects, (Hash256 Account, StakeEffect Effect)[] Opened)
{
    /// <summary>Of a state since its last BeginBlock.</summary>
    /// <param name="opened">
    /// What accounts had where the history begins: nothing is stored yet, of genesis neither, and all of it is to be. Null later.
    /// </param>
    public static TrustChanges Of(TrustState state, (Hash256 Account, StakeEffect Effect)[]? opened = null)
    {
        bool first = opened is not null;
        StakeTable table = state.Stake.Records;
        IEnumerable<int> places = first ? Enumerable.Range(0, table.Count) : table.Changed.Where(place => place < table.Count);
        return new TrustChanges(
            first || state.StandingChanged ? state.EncodeStanding() : null, state.EncodeUptime(), table.Count,
            [.. places.Select(place => (place, table.Record(place).ToArray()))], [.. state.Events],
            [.. state.Effects], opened ?? []);
    }
}
