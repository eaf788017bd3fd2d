using System.Text.Json;
using Validator.Core.Primitives;
using Validator.Core.Wire;
using Validator.Host.Pipeline;

namespace Validator.Host.Cli;

/// <summary>Operators' signatures on one statement, from the files in which each sent his, in whatever order.</summary>
internal static class ApprovalMerge
{
    /// <summary>Verifies all at once, and says of each what became of it.</summary>
    /// <param name="members">Of the epoch in which it is signed.</param>
    /// <param name="parts">The files, and what is in each.</param>
    public static SignatureCollector Merge(
        JointStatement statement, Hash256 chainId, Member[] members,
        (string File, IReadOnlyList<CertificateVote> Signatures)[] parts)
    {
        Committee committee = Committee.Of(members);
        SignatureCollector collector = new(statement, committee, committee.Quorum);
        CertificateVote[] all = [.. parts.SelectMany(part => part.Signatures)];
        PartialSignature[] outcomes = collector.Take(all, (checks, valid) => StoppedNode.Verify(chainId, members, checks, valid));
        int at = 0;
        foreach ((string file, IReadOnlyList<CertificateVote> signatures) in parts)
        {
            foreach (CertificateVote signature in signatures)
            {
                Console.Error.WriteLine($"{TerminalText.Lines(file)}: {Explain(signature.Sender, outcomes[at++], members)}");
            }
        }

        Console.Error.WriteLine(
            $"counted: weight {collector.Signers.Weight}, of {committee.Quorum} that it takes and {committee.Total} in all");
        return collector;
    }

    /// <summary>The members as GET /v1/committee?keys=true has them.</summary>
    /// <exception cref="FormatException">It is no committee.</exception>
    public static Member[] MembersOf(JsonElement committee)
    {
        Member[] members = [.. committee.GetProperty("members").EnumerateArray().Select(m => new Member(
            m.GetProperty("name").GetString() ?? "", m.GetProperty("consensus_key").GetBytesFromBase64(), [],
            m.GetProperty("weight").GetUInt32()))];
        bool whole = Committee.Refusal(Array.ConvertAll(members, m => m.Weight)) is null
            && Array.TrueForAll(members, m => GenesisCodec.IsName(m.Name) && m.ConsensusKey.Length == Limits.PublicKeyBytes);
        return whole ? members : throw new FormatException("what came is no committee");
    }

    private static string Explain(int signer, PartialSignature outcome, Member[] members) => outcome switch
    {
        PartialSignature.Counted => $"{members[signer].Name}: counted",
        PartialSignature.Repeated => $"{members[signer].Name}: repeated, counts once",
        PartialSignature.False => $"{members[signer].Name}: false, does not hold and is left out",
        _ => $"number {signer}: of no member, left out",
    };
}
