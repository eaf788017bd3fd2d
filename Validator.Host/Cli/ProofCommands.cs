using System.CommandLine;
using System.Globalization;
using System.Net;
using Validator.Core.Primitives;
using Validator.Core.Wire;
using Validator.Core.Wire.Validation;
using Validator.Host.Config;
using Validator.Host.Pipeline;
using Validator.Host.Primitives;

namespace Validator.Host.Cli;

/// <summary>proof get and proof verify: that a transaction is final, shown to who trusts no validator.</summary>
internal static class ProofCommands
{
    /// <summary>A validator reads the ends of all epochs before.</summary>
    private static readonly TimeSpan s_patience = TimeSpan.FromMinutes(5);

    public static Command Proof() => new("proof", "Fetch and check proofs that a transaction is final") { Get(), Verify() };

    private static Command Get()
    {
        Argument<string> id = new("id") { Description = "The transaction's id, 64 hexadecimal digits" };
        Option<string> output = new("--out") { Description = "The file to write", Required = true };
        Option<ulong> from = new("--from-epoch")
        {
            Description = "Leave out how the epochs before this one ended, for who knows its committee",
        };
        ApiTarget api = new();
        Command command = new("get", "Fetch the proof of a transaction; nothing in it is checked") { id, output, from };
        api.AddTo(command);
        command.SetAction(parsed => ClientCommands.Call(() =>
        {
            Hash256 wanted = ParseId(parsed.GetValue(id)!, "id");
            using HttpClient client = api.Client(parsed, s_patience);
            client.MaxResponseContentBufferSize = TransactionProofCodec.MaxBytes;
            string since = parsed.GetValue(from).ToString(CultureInfo.InvariantCulture);
            using HttpRequestMessage request = new(
                HttpMethod.Get, $"{api.Address(parsed)}/v1/transactions/{wanted}/proof?from_epoch={since}");
            using HttpResponseMessage response = client.Send(request);
            byte[] bytes = InputFile.Read(response.Content.ReadAsStream(), TransactionProofCodec.MaxBytes);
            if (response.StatusCode != HttpStatusCode.OK)
            {
                Console.Error.WriteLine(ClientCommands.Indented(InputFile.Text(bytes)));
                return ExitCodes.Failed;
            }

            if (!TransactionProofCodec.TryRead(bytes, out TransactionProof? proof, out DecodeError error) || proof.Id != wanted)
            {
                throw new FormatException($"no proof of that transaction ({error})");
            }

            OperatorFile.Write(parsed.GetValue(output)!, bytes);
            Console.WriteLine(string.Create(
                CultureInfo.InvariantCulture, $"{parsed.GetValue(output)}: {bytes.Length} bytes, from epoch {proof.FirstEpoch}"));
            return ExitCodes.Success;
        }));
        return command;
    }

    private static Command Verify()
    {
        Argument<string> file = new("file") { Description = "The proof" };
        Option<string> genesis = new("--genesis") { Description = "The chain's genesis.json, which is trusted", Required = true };
        Option<string?> id = new("--id") { Description = "The transaction that it must be of: 64 hexadecimal digits" };
        Option<string?> transaction = new("--transaction") { Description = "A file with its bytes; - for standard input" };
        Option<byte> kind = new("--kind")
        {
            Description = "Of --transaction: 1 for an envelope, 2 for a committee change",
            DefaultValueFactory = _ => 0,
        };
        Option<string?> trusted = new("--from-epoch-end")
        {
            Description = "How an epoch ended, from --epoch-end-out: what it says is trusted, and the proof begins behind it",
        };
        Option<string?> output = new("--epoch-end-out")
        {
            Description = "Write how the epoch before the certificate's ended, once verified: later proofs may begin there",
        };
        Command command = new("verify", "Check a proof without asking anybody: exit code 0 when the transaction is final")
        {
            file, genesis, id, transaction, kind, trusted, output,
        };
        command.Validators.Add(result =>
        {
            if (result.GetValue(id) is not null && result.GetValue(transaction) is not null)
            {
                result.AddError("verify: give either --id or --transaction");
            }
        });
        command.SetAction(parsed => CommandAction.Guard(() =>
        {
            Genesis chain = GenesisFile.Read(parsed.GetValue(genesis)!, out Hash256 chainId);
            EpochConfiguration from = parsed.GetValue(trusted) is { } end ? After(end) : EpochConfiguration.First(chain, chainId);
            Hash256? wanted = parsed.GetValue(id) is { } text ? ParseId(text, "--id")
                : parsed.GetValue(transaction) is { } path ? IdOf(path, parsed.GetValue(kind)) : null;
            string name = parsed.GetValue(file)!;
            byte[] bytes = OperatorFile.Read(name, most: TransactionProofCodec.MaxBytes);
            if (!TransactionProofCodec.TryRead(bytes, out TransactionProof? proof, out DecodeError error))
            {
                Console.Error.WriteLine($"{TerminalText.Lines(name)}: is no proof, or damaged: {error}");
                return ExitCodes.Failed;
            }

            TransactionProofChecks checks = TransactionProofChecks.Of(proof, chainId, from);
            if (ProofSignatures.Verify(checks, chainId) is var fault and not ProofFault.None)
            {
                Console.Error.WriteLine($"{TerminalText.Lines(name)}: proves nothing: {Explain(fault, proof, chainId, from)}");
                return ExitCodes.Failed;
            }

            if (wanted is { } expected && expected != proof.Id)
            {
                Console.Error.WriteLine($"{TerminalText.Lines(name)}: is of {proof.Id}, and not of {expected}");
                return ExitCodes.Failed;
            }

            Tell(chain, chainId, proof, checks);
            if (parsed.GetValue(output) is { } place)
            {
                WriteEnd(place, checks);
            }

            return ExitCodes.Success;
        }));
        return command;
    }

    private static void Tell(Genesis genesis, Hash256 chainId, TransactionProof proof, TransactionProofChecks checks)
    {
        Certificate certificate = proof.Certificate;
        Committee committee = checks.Certifying.Committee;
        VertexHeader vertex = proof.Vertex;
        ProofSizes sizes = TransactionProofCodec.SizesOf(proof);
        string author = checks.Ordering.Members[vertex.Author].Name;
        string votes = certificate.Phase switch { Phase.Committed => "Commits", Phase.Recovered => "operators' votes", _ => "Prepares" };
        Line("network", $"{genesis.Network}");
        Line("chain", $"{chainId}");
        Line("transaction", $"{proof.Id}");
        Line("lane", $"{author}, height {vertex.Height}, transaction {proof.Path.Position + 1} of {vertex.TransactionCount}");
        Line("block", $"{proof.Ordering.Sequence} of epoch {proof.Ordering.Epoch}, {proof.Ordering.Hash}");
        Line("final with", $"block {certificate.Sequence} of epoch {certificate.Epoch} in view {certificate.View}");
        Line("by", $"{votes} of {certificate.Votes.Length} of {committee.Count}, weight {checks.Weight} of {committee.Total}");
        Line("trusting", $"the committee of epoch {proof.FirstEpoch}");
        if (proof.Accepted is { } shown)
        {
            Line("execution", $"accepted as index {shown.Index}");
        }
        else
        {
            Line("execution", $"not shown: ordered for good, and accepted, or rejected (a repeat, its nonce)");
        }

        Line("bytes", $"{sizes.Total}");
        Line("  epochs", $"{sizes.Epochs} ({proof.Ends.Length} ends; --from-epoch-end leaves them out)");
        Line("  blocks", $"{sizes.Blocks} ({proof.Blocks.Length})");
        Line("  certificate", $"{sizes.Certificate}");
        Line("  lane", $"{sizes.Lane} ({proof.Lane.Length} vertices)");
        Line("  path", $"{sizes.Path}");
        Line("  execution", $"{sizes.Acceptance}");

        static void Line(string name, FormattableString text) =>
            Console.WriteLine($"{name,-14}{text.ToString(CultureInfo.InvariantCulture)}");
    }

    private static string Explain(ProofFault fault, TransactionProof proof, Hash256 chainId, EpochConfiguration from) =>
        fault switch
        {
            ProofFault.OtherChain => $"it is of chain {proof.ChainId}, and genesis is of {chainId}",
            ProofFault.OtherFirstEpoch => string.Create(
                CultureInfo.InvariantCulture, $"it begins at epoch {proof.FirstEpoch}, and epoch {from.Number} is trusted"),
            ProofFault.EpochNotContinued => "the ends of its epochs do not follow one another",
            ProofFault.CommitteeNotNamed => "a committee is not the one that the epoch before named",
            ProofFault.EpochNotCertified => "an epoch's end has no commit certificate of its own committee",
            ProofFault.BlocksNotChained => "its blocks are no chain of that committee",
            ProofFault.NotCertified => "its certificate does not make its last block final",
            ProofFault.WrongParent => "the block before the one that orders the transaction is not there, or not the one before",
            ProofFault.LaneNotChained => "its vertices do not lead from the block's cut to the transaction",
            ProofFault.OrderedBefore => "the block before had ordered that vertex",
            ProofFault.NotInVertex => "the transaction is not in the vertex",
            ProofFault.StateNotStated => "no block in it states the execution that it shows",
            ProofFault.NotAccepted => "the execution that it shows did not accept the transaction there",
            _ => "a signature does not hold",
        };

    private static EpochConfiguration After(string path)
    {
        byte[] bytes = OperatorFile.Read(path, "--from-epoch-end");
        return EpochEndCodec.TryRead(bytes, EpochEndCodec.CommitteeSizeOf(bytes), out EpochEnd? end, out DecodeError error)
            ? EpochConfiguration.After(end.Last, end.Next)
            : throw new ConfigException($"--from-epoch-end: {path}: is no epoch's end: {error}");
    }

    private static void WriteEnd(string path, TransactionProofChecks checks)
    {
        if (checks.NewestEnd is not { } end)
        {
            Console.Error.WriteLine($"--epoch-end-out: {TerminalText.Lines(path)} is not written: no epoch ended since");
            return;
        }

        byte[] bytes = new byte[EpochEndCodec.EncodedSize(end)];
        EpochEndCodec.Write(end, bytes);
        OperatorFile.Write(path, bytes);
    }

    private static Hash256 IdOf(string path, byte kind) => TransactionIds.Of([kind, .. ClientCommands.ReadAll(path, kind)]);

    private static Hash256 ParseId(string text, string name) =>
        Hash256.TryParse(text, out Hash256 id) ? id : throw new ConfigException($"{name}: expected 64 hexadecimal digits");
}
