using System.IO.Compression;
using System.Text;
using Microsoft.AspNetCore.Http;
using Validator.Core.Consensus;
using Validator.Core.Primitives;
using Validator.Core.Wire;
using Validator.Core.Wire.Validation;
using Validator.Host.Api;
using Validator.Host.Cli;
using Validator.Host.Config;
using Validator.Host.Contracts;
using Validator.Host.Pipeline;
using Validator.Host.Tools.Localnet;
using Validator.Tests.Core.Wire;
using Validator.Tests.Host.Api;

namespace Validator.Tests.Fuzz;

/// <summary>What is inside of frames and requests, and what operators and clients read of others.</summary>
internal static partial class ParserTargets
{
    private const int UnpackedBytes = 64 * 1024;

    private const string PageSample = """
        # HELP a b
        # TYPE a counter
        a{reason="x"} 1
        a 2.5e3
        h_bucket{le="0.1"} 1
        h_bucket{le="+Inf"} 2
        """;

    // Peers' bytes: a vertex's transactions, with their envelopes and keys, or one change of the committee.
    private static Look Payload()
    {
        TransactionScratch scratch = new();
        GenesisParameters parameters = GenesisSamples.Four().Parameters;
        return input =>
        {
            int count = 0;
            PayloadReader reader = new(input);
            while (reader.MoveNext())
            {
                count++;
            }

            if (count > Limits.MaxVertexTransactions || !scratch.TryCompute(input, count, out Hash256 root, out _))
            {
                Check(count > Limits.MaxVertexTransactions || reader.Error != DecodeError.None, "counted, and not indexed");
                return;
            }

            // Account keys of no transaction: no header can state that, and none is read.
            if (count == 0)
            {
                return;
            }

            VertexHeader header = VertexCodec.Seal(2, 1, 1, Hash256.Zero, new LaneTip[Committee], root, (uint)input.Length, (uint)count);
            if (VertexValidation.CheckPayload(header, input, parameters, scratch) == DecodeError.None && scratch.Change is { } change)
            {
                Check(count == 1 && change.Change.Epoch == 2, "a change beside others, or of another epoch");
            }
        };
    }

    private static void ChangeBytes(ReadOnlySpan<byte> input)
    {
        if (CommitteeChangeCodec.TryRead(input, out SignedCommitteeChange? change, out DecodeError error))
        {
            Check(input.SequenceEqual(CommitteeChangeCodec.Encode(change)), "accepted, and not canonical");
        }
        else
        {
            Check(error != DecodeError.None, "refused without a reason");
        }
    }

    // Operators' files, from one to another.
    private static void Statement(ReadOnlySpan<byte> input)
    {
        if (VoteStatementCodec.TryRead(input, out VoteStatement? statement, out DecodeError error))
        {
            Check(input.SequenceEqual(VoteStatementCodec.Encode(statement)), "accepted, and not canonical");
        }
        else
        {
            Check(error != DecodeError.None, "refused without a reason");
        }
    }

    private static void Lost(ReadOnlySpan<byte> input)
    {
        try
        {
            LostVotes lost = LostVotes.Parse("votes.lost", Encoding.UTF8.GetString(input));
            Check(LostVotes.Parse("votes.lost", lost.Text) == lost, "written back, it is another");
        }
        catch (ConfigException)
        {
            // What an operator is told.
        }
    }

    // Strangers' requests, as the server hands them over: the query in the first line, then a header each.
    private static Look Requests()
    {
        FakeNode node = new();
        FinalizedStreaming streaming = new(node, new NodeMetrics(), new ApiPolicy(new ApiOptions(), null));
        SitePolicy sites = SitePolicy.From(new ApiSection { AllowedHosts = ["*.example"], CorsOrigins = ["https://wallet.example"] });
        ApiTokens tokens = ApiTokens.Parse("tokens", $"submit {new string('a', 43)} shop\n");
        return input =>
        {
            DefaultHttpContext context = new();
            string[] lines = Encoding.Latin1.GetString(input).Split('\n');
            context.Request.Method = lines.Length % 2 == 0 ? "POST" : "GET";
            context.Request.QueryString = new QueryString("?" + lines[0]);
            foreach (string line in lines.AsSpan(1))
            {
                int colon = line.IndexOf(':', StringComparison.Ordinal);
                if (colon > 0)
                {
                    context.Request.Headers.Append(line[..colon], line[(colon + 1)..].Trim());
                }
            }

            RequestForm.Check(context.Request, ["wait", "kind", "from", "chain", "format", "ids"], stream: true);
            RequestForm.CheckBody(context.Request, json: true, out _, out _);
            RequestForm.TryFlag(context.Request, "ids", false, out _);
            bool known = SubmitEndpoints.TryKind(context, out byte? kind);
            Check(!known || kind is null || ((string?)context.Request.Query["kind"])!.All(char.IsAsciiDigit), "a kind that is no number");
            SubmitEndpoints.TryWait(context, out _);
            streaming.TryStart(context, out _, out _);
            MetricsEndpoint.Negotiate(context.Request);
            sites.Allows(context.Request.Host);
            sites.Of(context.Request);
            tokens.RolesOf(context.Request.Headers.Authorization);
        };
    }

    // Strangers' bodies that say they are compressed: no more comes out than is allowed, and all that was taken is given back.
    private static Look Packed()
    {
        ApiPolicy policy = new(new ApiOptions(), null);
        return input =>
        {
            DefaultHttpContext context = new();
            context.Request.Body = new MemoryStream(input.ToArray());
            (BodyOutcome outcome, RequestBody body) = RequestBody.ReadAsync(context, policy, UnpackedBytes, gzip: true).AsTask().GetAwaiter().GetResult();
            Check(outcome == BodyOutcome.Read ? body.Length <= UnpackedBytes : body.Length == 0, "more than is allowed");
            body.Dispose();
            Check(policy.TryTakeBodyBytes((int)policy.Options.MaxBodyMemory), "took memory and kept it");
            policy.GiveBodyBytes((int)policy.Options.MaxBodyMemory);
        };
    }

    // Whatever answers a command, printed: nothing of it reaches the terminal as a control character.
    private static void Answer(ReadOnlySpan<byte> input)
    {
        Check(!TerminalText.Line(input, terminal: true).Any(char.IsControl), "a control character in a line");
        string shown;
        try
        {
            shown = ClientCommands.Indented(Encoding.UTF8.GetString(input));
        }
        catch (InvalidOperationException)
        {
            // JSON that spells half a character; the command says that it is no validator's answer.
            return;
        }

        Check(!shown.Any(c => char.IsControl(c) && c is not ('\n' or '\t')), "a control character in an answer");
    }

    private static void Page(ReadOnlySpan<byte> input)
    {
        string text = Encoding.UTF8.GetString(input);
        MetricsReader.Sum(text, "a", "reason=\"x\"");
        MetricsReader.Quantile(MetricsReader.Buckets(text, "h"), 0.5);
    }

    private static byte[][] PayloadSamples()
    {
        byte[] envelope = EnvelopeSamples.Unsigned(EnvelopeSamples.Account(0), 7, "pay"u8);
        byte[] change = CommitteeChangeCodec.Encode(new SignedCommitteeChange(CommitteeChange.Leave(2, "node-4"), [new CertificateVote(1, new byte[Limits.SignatureBytes])]));
        return
        [
            [.. EnvelopeSamples.Entry(TransactionKind.Opaque, "a"u8), .. EnvelopeSamples.Entry(TransactionKind.Opaque, "bc"u8)],
            EnvelopeSamples.Payload([0], EnvelopeSamples.Entry(TransactionKind.Envelope, envelope)),
            EnvelopeSamples.Entry(TransactionKind.System, change),
        ];
    }

    private static byte[][] ChangeBytesSamples()
    {
        Member member = GenesisSamples.Four().Members[0];
        CertificateVote[] votes = [new CertificateVote(1, new byte[Limits.SignatureBytes])];
        return
        [
            CommitteeChangeCodec.Encode(new SignedCommitteeChange(CommitteeChange.Leave(2, "node-4"), votes)),
            CommitteeChangeCodec.Encode(new SignedCommitteeChange(CommitteeChange.SetWeight(2, "node-4", 7), votes)),
            CommitteeChangeCodec.Encode(new SignedCommitteeChange(CommitteeChange.Join(2, member), votes)),
        ];
    }

    private static byte[][] StatementSamples()
    {
        VoteStatement statement = new()
        {
            ChainId = Hash256.Of([1]),
            Epoch = 2,
            CommitteeSize = Committee,
            Author = 1,
            SignedView = 3,
            FirstView = 4,
            Outlook = EpochOutlook.GoesOn,
            FinalSequence = 5,
            FinalHash = Hash256.Of([3]),
            Requests = [Hash256.Of([4])],
            Signature = new byte[Limits.SignatureBytes],
        };
        return [VoteStatementCodec.Encode(statement)];
    }

    private static byte[][] RequestSamples() =>
    [
        .. new[]
        {
            "from=7&chain=0123456789abcdef&wait=true&format=binary\nHost: validator.example\nAccept: application/openmetrics-text;version=1.0.0;q=0.5,text/plain;q=0.1",
            "\nLast-Event-ID: 0123456789abcdef-41\nOrigin: https://wallet.example\nRange: bytes=1-",
            "kind=1&wait=finalized&ids=false\nContent-Type: application/json; charset=\"utf-8\"\nContent-Encoding: gzip\nAuthorization: Bearer aaaa",
            "%6bind=%31\nContent-Type: application/octet-stream;charset=binary\nTransfer-Encoding: chunked\nExpect: 100-continue\nHost: [::1]:80",
        }.Select(Encoding.Latin1.GetBytes),
    ];

    private static byte[][] GzipSamples() => [Zip(new byte[300]), Zip(Encoding.ASCII.GetBytes("[\"QUJD\"]")), Zip(new byte[2 * UnpackedBytes])];

    private static byte[] Zip(byte[] bytes)
    {
        using MemoryStream packed = new();
        using (GZipStream gzip = new(packed, CompressionLevel.Optimal))
        {
            gzip.Write(bytes);
        }

        return packed.ToArray();
    }

    private static byte[][] AnswerSamples() =>
    [
        .. new[]
        {
            "{\"status\":\"finalized\",\"index\":7,\"reason\":\"\\u001b[2J\\u009b\",\"list\":[1,true,null,\"\\ud83d\\ude00\"]}",
            "\u001b]0;title\u0007 \u202eleft \u009b1m not json", "[{\"a\":\"\\ud800\"},{}]",
        }.Select(Encoding.UTF8.GetBytes),
    ];
}
