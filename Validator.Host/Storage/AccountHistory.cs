using Validator.Core.Primitives;
using Validator.Core.Trust;

namespace Validator.Host.Storage;

/// <summary>A place in the history of trust and stake.</summary>
/// <param name="Sequence">The block.</param>
/// <param name="Place">In that block's list, from 0 on.</param>
public readonly record struct EventPlace(ulong Sequence, uint Place) : IComparable<EventPlace>
{
    /// <summary>After everything.</summary>
    public static EventPlace End { get; } = new(ulong.MaxValue, 0);

    public int CompareTo(EventPlace other) => (Sequence, Place).CompareTo((other.Sequence, other.Place));

    /// <summary>BLOCK, before whose first event it is, or BLOCK.PLACE.</summary>
    public static bool TryParse(string text, out EventPlace place)
    {
        int dot = text.IndexOf('.', StringComparison.Ordinal);
        uint inBlock = 0;
        bool good = StrictNumber.TryRead(dot < 0 ? text : text.AsSpan(0, dot), out ulong sequence)
            & (dot < 0 || StrictNumber.TryRead(text.AsSpan(dot + 1), out inBlock));
        place = new EventPlace(sequence, inBlock);
        return good;
    }

    public override string ToString() => $"{Sequence}.{Place}";
}

/// <summary>One entry of an account's history.</summary>
/// <param name="Own">The account did it, or was given something; else it came over one of its deposits or withdrawals.</param>
/// <param name="Move">What it was to the account.</param>
public readonly record struct AccountEntry(StoredTrustEvent Stored, bool Own, StakeMove Move);

/// <param name="Next">From where on older ones are to be asked for; null where there are none.</param>
public sealed record AccountPage(IReadOnlyList<AccountEntry> Entries, EventPlace? Next);

/// <summary>
/// An account's history, the newest first: its own operations, and what slashes, rewards and other people's roundings did to its
/// parts meanwhile. Those are not stored for each account: they follow from what it had and from what its members' pools became.
/// </summary>
public static class AccountHistory
{
    /// <summary>Stored events that are looked at for one page.</summary>
    private const int MostLooked = 10_000;

    /// <param name="events">Those of a subject before a place, the newest first.</param>
    /// <param name="most">Entries of the page.</param>
    public static AccountPage Read(
        Func<Hash256, EventPlace, IEnumerable<StoredTrustEvent>> events, in Hash256 account, EventPlace before, int most)
    {
        List<AccountEntry> entries = [];
        int looked = 0;
        EventPlace upper = before;
        StoredTrustEvent? newer = null;
        EventPlace[] beginnings = [.. events(RocksLedger.BeginningSubject, before).Select(beginning => beginning.At)];
        using IEnumerator<StoredTrustEvent> own = events(account, before).GetEnumerator();
        while (true)
        {
            StoredTrustEvent? older = own.MoveNext() ? own.Current : null;
            AccountParts parts = older?.Trace.Parts ?? AccountParts.Nothing;
            // A snapshot came between: what happened to the account before it is not all known here.
            int cut = older is null ? -1 : Array.FindIndex(
                beginnings, at => at.CompareTo(newer?.At ?? before) <= 0 && at.CompareTo(older.Value.At) > 0);
            if (newer is { } mine)
            {
                entries.Add(new AccountEntry(mine, true, StakeMove.Between(
                    cut < 0 ? parts : AccountParts.Nothing, mine.Trace.Parts ?? parts, mine.Trace.Pools)));
                upper = mine.At;
                if (entries.Count == most || looked >= MostLooked)
                {
                    return new AccountPage(entries, upper);
                }
            }

            if (older is not { } from)
            {
                return new AccountPage(entries, null);
            }

            foreach (StoredTrustEvent met in OfMembers(events, parts, cut < 0 ? upper : beginnings[cut], from.At))
            {
                looked++;
                StakeMove move = StakeMove.Between(parts, parts, met.Trace.Pools);
                if (move != default)
                {
                    entries.Add(new AccountEntry(met, false, move));
                }

                if (entries.Count == most || looked >= MostLooked)
                {
                    return new AccountPage(entries, met.At);
                }
            }

            looked += 1 + parts.Parts.Length;
            newer = older;
        }
    }

    /// <summary>Of all members that the account has a part with, between two places, each event once.</summary>
    private static IEnumerable<StoredTrustEvent> OfMembers(
        Func<Hash256, EventPlace, IEnumerable<StoredTrustEvent>> events, AccountParts parts, EventPlace upper, EventPlace lower)
    {
        List<IEnumerator<StoredTrustEvent>> streams = [];
        try
        {
            foreach (string member in parts.Parts.Select(part => part.Member).Distinct())
            {
                streams.Add(events(RocksLedger.SubjectOf(member), upper).GetEnumerator());
            }

            streams.RemoveAll(stream => !Advance(stream));
            while (streams.Count > 0)
            {
                StoredTrustEvent newest = streams.MaxBy(stream => stream.Current.At)!.Current;
                if (newest.At.CompareTo(lower) <= 0)
                {
                    yield break;
                }

                yield return newest;
                streams.RemoveAll(stream => stream.Current.At == newest.At && !Advance(stream));
            }
        }
        finally
        {
            streams.ForEach(stream => stream.Dispose());
        }

        static bool Advance(IEnumerator<StoredTrustEvent> stream)
        {
            bool more = stream.MoveNext();
            if (!more)
            {
                stream.Dispose();
            }

            return more;
        }
    }
}
