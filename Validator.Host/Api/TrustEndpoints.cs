using System.Globalization;
using System.Text.Json;
using Microsoft.AspNetCore.Http;
using Validator.Core.Primitives;
using Validator.Core.Trust;
using Validator.Host.Config;
using Validator.Host.Contracts;
using Validator.Host.Primitives;
using Validator.Host.Storage;

namespace Validator.Host.Api;

/// <summary>
/// GET /v1/trust, /v1/trust/{member}, /v1/stake/{account}, /v1/rewards and /v1/evidence: what execution knows of members and
/// stake, and how it came to that (docs/TRUST.md).
/// </summary>
internal sealed class TrustEndpoints(INodeGateway node)
{
    private const int MostEvents = 1000;
    private const int UsualEvents = 100;

    /// <summary>All members, and what the weights mean.</summary>
    public Task Show(HttpContext context) => node.Trust is not { } trust ? Off(context) : ReadEndpoints.WriteAsync(context, json =>
    {
        json.WriteString("weights", TrustDocument.NameOf(trust.Parameters.Weights));
        json.WriteNumber("epoch", trust.Epoch);
        json.WriteNumber("block", trust.Sequence);
        WriteCommittee(json, node.Epoch.Members);
        json.WriteNumber("offences_counted", trust.CountedOffences);
        json.WriteNumber("treasury", trust.Treasury);
        json.WriteNumber("reward_pool", trust.Rewards);
        json.WriteNumber("supply", trust.Supply);
        json.WriteStartArray("members");
        Member[] next = node.Epoch.Pending?.Members ?? [];
        foreach (TrustedMember member in trust.Members)
        {
            json.WriteStartObject();
            WriteMember(json, member);
            if (Array.Find(next, m => m.Name == member.Name) is { } known)
            {
                json.WriteNumber("next_weight", known.Weight);
            }

            json.WriteEndObject();
        }

        json.WriteEndArray();
    });

    /// <summary>One member, with its history.</summary>
    public Task ShowMember(HttpContext context)
    {
        string name = context.Request.RouteValues["member"] as string ?? "";
        if (node.Trust is not { } trust)
        {
            return Off(context);
        }

        if (!TryPage(context, out EventPlace before, out int most))
        {
            return BadPage(context);
        }

        int at = Array.FindIndex(trust.Members, member => member.Name == name);
        List<StoredTrustEvent> events = node.TrustEvents(RocksLedger.SubjectOf(name), before, most);
        if (at < 0 && events.Count == 0)
        {
            return Problem.NotFound(context, "no member, of now or of before, has this name");
        }

        return ReadEndpoints.WriteAsync(context, json =>
        {
            json.WriteBoolean("member", at >= 0);
            if (at >= 0)
            {
                WriteMember(json, trust.Members[at]);
            }

            WriteEvents(json, events);
            WriteNext(json, events.Count == most ? events[^1].At : null);
        });
    }

    /// <summary>What an account has, and its history.</summary>
    public Task ShowStake(HttpContext context)
    {
        if (!Hash256.TryParse(context.Request.RouteValues["account"] as string, out Hash256 account) || account.IsZero)
        {
            return Problem.BadRequest(context, "an account is 64 hexadecimal digits");
        }

        if (node.StakeOf(account) is not { } stake)
        {
            return Off(context);
        }

        if (!TryPage(context, out EventPlace before, out int most))
        {
            return BadPage(context);
        }

        // Before the answer begins, so that a fault of the disk is told.
        AccountPage history = node.StakeHistory(account, before, most);
        return ReadEndpoints.WriteAsync(context, json =>
        {
            SubmitEndpoints.WriteHash(json, "account", account);
            json.WriteNumber("balance", stake.Balance);
            json.WriteNumber("pending_rewards", stake.PendingRewards);
            json.WriteStartArray("positions");
            foreach (StakePosition position in stake.Positions)
            {
                json.WriteStartObject();
                json.WriteString("member", position.Member);
                json.WriteString("kind", position.PaidFrom is null ? "deposit" : "unbonding");
                json.WriteNumber("amount", position.Worth);
                if (position.PaidFrom is { } epoch)
                {
                    json.WriteNumber("paid_from_epoch", epoch);
                }
                else
                {
                    json.WriteNumber("pending_rewards", position.Rewards);
                }

                json.WriteEndObject();
            }

            json.WriteEndArray();
            json.WriteStartArray("events");
            foreach (AccountEntry entry in history.Entries)
            {
                WriteEntry(json, entry);
            }

            json.WriteEndArray();
            WriteNext(json, history.Next);
        });
    }

    /// <summary>Rewards of all members, paid and failed.</summary>
    public Task Rewards(HttpContext context) =>
        Events(context, RocksLedger.RewardSubject);

    /// <summary>Offences that were proven, bans and returns.</summary>
    public Task Evidence(HttpContext context) => Events(context, RocksLedger.OffenceSubject);

    private Task Events(HttpContext context, Hash256 subject)
    {
        if (node.Trust is not { } trust)
        {
            return Off(context);
        }

        if (!TryPage(context, out EventPlace before, out int most))
        {
            return BadPage(context);
        }

        List<StoredTrustEvent> found = node.TrustEvents(subject, before, most);
        return ReadEndpoints.WriteAsync(context, json =>
        {
            json.WriteNumber("reward_pool", trust.Rewards);
            json.WriteNumber("epoch_reward", trust.Parameters.EpochReward);
            WriteEvents(json, found);
            WriteNext(json, found.Count == most ? found[^1].At : null);
        });
    }

    private static void WriteCommittee(Utf8JsonWriter json, Member[] members)
    {
        Committee committee = Validator.Core.Primitives.Committee.Of(members);
        json.WriteNumber("total_weight", committee.Total);
        json.WriteNumber("faulty_weight", committee.Faulty);
        json.WriteNumber("quorum_weight", committee.Quorum);
        json.WriteNumber("fewest_that_can_halt", committee.FewestThatHalt);
        json.WriteNumber("fewest_that_can_fork", committee.FewestThatFork);
    }

    private static void WriteMember(Utf8JsonWriter json, in TrustedMember member)
    {
        json.WriteString("name", member.Name);
        json.WriteNumber("weight", member.Weight);
        WriteScore(json, "reputation", member.Reputation);
        WriteScore(json, "uptime", member.Uptime);
        json.WriteNumber("stake", member.Pool.Stake);
        json.WriteNumber("unbonding", member.Pool.Unbonding);
        json.WriteNumber("rewards_owed", member.Pool.Owed);
        json.WriteBoolean("banned", member.Banned);
    }

    /// <summary>To six digits: shown, never reckoned with.</summary>
    private static void WriteScore(Utf8JsonWriter json, string name, uint score)
    {
        json.WritePropertyName(name);
        json.WriteRawValue((score / (double)Ratio.One).ToString("0.000000", CultureInfo.InvariantCulture));
    }

    private static void WriteEvents(Utf8JsonWriter json, IReadOnlyList<StoredTrustEvent> events)
    {
        json.WriteStartArray("events");
        foreach (StoredTrustEvent stored in events)
        {
            json.WriteStartObject();
            WriteHead(json, stored, Names.Snake(stored.Event.Kind.ToString()));
            WriteChange(json, stored.Event);
            json.WriteEndObject();
        }

        json.WriteEndArray();
    }

    /// <summary>Something of an account's: what it did as it did it, what came over it as what it was to it.</summary>
    private static void WriteEntry(Utf8JsonWriter json, in AccountEntry entry)
    {
        TrustEvent happened = entry.Stored.Event;
        StakeMove move = entry.Move;
        json.WriteStartObject();
        if (entry.Own)
        {
            WriteHead(json, entry.Stored, Names.Snake(happened.Kind.ToString()));
            WriteChange(json, happened);
        }
        else
        {
            WriteHead(json, entry.Stored with { Event = new TrustEvent(happened.Kind, happened.Member) }, happened.Kind switch
            {
                TrustEventKind.Offence => "slashed",
                TrustEventKind.Rewarded => "rewarded",
                _ => "rounding",
            });
            if (happened.Kind == TrustEventKind.Offence)
            {
                json.WriteString("offence", Names.Snake(happened.Offence.ToString()));
            }

            json.WriteNumber("amount", Math.Abs(move.Deposited + move.Unbonding + move.Rewards));
        }

        json.WriteNumber("balance_change", move.Balance);
        json.WriteNumber("deposited_change", move.Deposited);
        json.WriteNumber("unbonding_change", move.Unbonding);
        json.WriteNumber("rewards_change", move.Rewards);
        json.WriteEndObject();
    }

    private static void WriteHead(Utf8JsonWriter json, in StoredTrustEvent stored, string kind)
    {
        json.WriteNumber("block", stored.Sequence);
        if (stored.Trace.AtMicros > 0)
        {
            json.WriteNumber("time_micros", stored.Trace.AtMicros);
        }

        json.WriteString("kind", kind);
        if (stored.Event.Member.Length > 0)
        {
            json.WriteString("member", stored.Event.Member);
        }

        if (!stored.Event.Account.IsZero)
        {
            SubmitEndpoints.WriteHash(json, "account", stored.Event.Account);
        }

        if (!stored.Event.To.IsZero)
        {
            SubmitEndpoints.WriteHash(json, "to", stored.Event.To);
        }
    }

    /// <summary>Where the next page begins; nothing after the last.</summary>
    private static void WriteNext(Utf8JsonWriter json, EventPlace? next)
    {
        if (next is { } place)
        {
            json.WriteString("next_before", place.ToString());
        }
    }

    private static void WriteChange(Utf8JsonWriter json, in TrustEvent happened)
    {
        switch (happened.Kind)
        {
            case TrustEventKind.Offence:
                json.WriteString("offence", Names.Snake(happened.Offence.ToString()));
                json.WriteNumber("slashed", happened.Amount);
                WriteScore(json, "reputation_before", happened.Before);
                WriteScore(json, "reputation_after", happened.After);
                break;
            case TrustEventKind.Weight:
                json.WriteNumber("weight_before", happened.Before);
                json.WriteNumber("weight_after", happened.After);
                break;
            case TrustEventKind.Banned or TrustEventKind.BanWaits:
                WriteScore(json, "reputation", happened.After);
                break;
            case TrustEventKind.Returned:
                json.WriteNumber("weight_after", happened.After);
                break;
            case TrustEventKind.Opened:
                break;
            default:
                json.WriteNumber("amount", happened.Amount);
                break;
        }
    }

    private static bool TryPage(HttpContext context, out EventPlace before, out int most)
    {
        before = EventPlace.End;
        most = UsualEvents;
        string? from = context.Request.Query["before"], limit = context.Request.Query["limit"];
        return (from is null || EventPlace.TryParse(from, out before))
            && (limit is null || (StrictNumber.TryRead(limit, out most) && most is >= 1 and <= MostEvents));
    }

    private static Task BadPage(HttpContext context) => Problem.BadRequest(
        context,
        $"expected ?before=BLOCK, or next_before of the page before: only earlier events are shown; ?limit=1 to {MostEvents}");

    private static Task Off(HttpContext context) => Problem.WriteAsync(
        context, StatusCodes.Status404NotFound, "trust-off", "This chain has no trust",
        "its genesis has no trust part: there is no reputation, no stake and no reward (docs/TRUST.md)");
}
