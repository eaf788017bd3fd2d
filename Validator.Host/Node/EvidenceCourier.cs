using Microsoft.Extensions.Logging;
using Validator.Core.Primitives;
using Validator.Core.Trust;
using Validator.Core.Wire;
using Validator.Host.Contracts;
using Validator.Host.Pipeline;
using Validator.Host.Storage;

namespace Validator.Host.Node;

/// <summary>
/// Hands evidence that this validator holds in as transactions, until it counts or cannot count any more. All honest validators
/// hold the same and one is enough, so each waits its turn, and sees before it submits whether another was faster.
/// </summary>
internal sealed class EvidenceCourier : IDisposable
{
    /// <summary>All that counts of a whole committee in an epoch.</summary>
    private const int MostHeld = Limits.MaxCommittee * TrustParameters.MostOffences;

    private static readonly TimeSpan s_round = TimeSpan.FromMilliseconds(250);
    private static readonly TimeSpan s_turn = TimeSpan.FromMilliseconds(500);
    private static readonly TimeSpan s_again = TimeSpan.FromSeconds(10);

    private readonly TrustView _trust;
    private readonly EpochBoard _epochs;
    private readonly Func<ulong, Member[]?> _membersOf;
    private readonly INodeGateway _node;
    private readonly ILogger _log;
    private readonly Lock _lock = new();
    private readonly List<Held> _held = [];
    private readonly Timer _timer;
    private bool _runs;

    /// <param name="membersOf">Of an earlier epoch, where it is known.</param>
    public EvidenceCourier(TrustView trust, EpochBoard epochs, Func<ulong, Member[]?> membersOf, INodeGateway node, ILogger log)
    {
        (_trust, _epochs, _membersOf, _node, _log) = (trust, epochs, membersOf, node, log);
        _timer = new Timer(_ => Round(), null, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
    }

    private sealed record Held(OffenceProof Proof)
    {
        public required long DueMillis { get; set; }
    }

    /// <summary>Any thread. Nothing happens where genesis has no trust, or where it counts already.</summary>
    public void Add(Evidence evidence)
    {
        if (!_trust.Exists || ProofOf(evidence) is not { } proof)
        {
            return;
        }

        lock (_lock)
        {
            if (_held.Count >= MostHeld)
            {
                _log.LogWarning(
                    "{Count} proofs wait to count: that of member {Member} of epoch {Epoch} is handed in after the next start",
                    MostHeld, proof.First.Sender, proof.First.Epoch);
                return;
            }

            EpochContext epoch = _epochs.Current;
            int turn = epoch.Self < 0 ? epoch.Members.Length
                : (epoch.Self - proof.First.Sender + epoch.Members.Length) % epoch.Members.Length;
            _held.Add(new Held(proof) { DueMillis = Environment.TickCount64 + (long)(turn * s_turn.TotalMilliseconds) });
            Arm();
        }
    }

    /// <summary>The node takes submissions from now on. Evidence from before waits for this.</summary>
    public void Start()
    {
        lock (_lock)
        {
            _runs = true;
            Arm();
        }
    }

    /// <summary>After it nothing is submitted, and nothing of the node is touched.</summary>
    public void Dispose()
    {
        lock (_lock)
        {
            _runs = false;
        }

        _timer.Dispose();
    }

    private void Arm()
    {
        if (_runs && _held.Count > 0)
        {
            _timer.Change(s_round, s_round);
        }
    }

    private void Round()
    {
        lock (_lock)
        {
            if (!_runs)
            {
                return;
            }

            _held.RemoveAll(held => _trust.Judge(held.Proof) != ProofRefusal.None);
            long now = Environment.TickCount64;
            foreach (Held held in _held.Where(held => held.DueMillis <= now))
            {
                held.DueMillis = now + (long)s_again.TotalMilliseconds;
                Submit(held.Proof);
            }

            if (_held.Count == 0)
            {
                _timer.Change(Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
            }
        }
    }

    private void Submit(OffenceProof proof)
    {
        byte[] bytes = OffenceProofCodec.Encode(proof);
        byte[] framed = new byte[PayloadWriter.Size(bytes.Length)];
        PayloadWriter.Append(framed, TransactionKind.System, bytes);
        FramingError error = SubmissionReader.TryCreate(framed, _node, wantsFinal: false, out Submission? submission, out _);
        if (submission is null)
        {
            _log.LogWarning("evidence against member {Member} of epoch {Epoch} is not taken: {Error}", proof.First.Sender,
                proof.First.Epoch, error);
            return;
        }

        SubmitRefusal refusal = _node.TrySubmit(submission);
        submission.Release();
        if (refusal == SubmitRefusal.None)
        {
            _log.LogInformation(
                "evidence against member {Member} of epoch {Epoch}, two {Kind}, is submitted", proof.First.Sender,
                    proof.First.Epoch, proof.First.Kind);
        }
    }

    private OffenceProof? ProofOf(Evidence evidence)
    {
        SignedHeader header = evidence.First.Header;
        EpochContext now = _epochs.Current;
        Member[]? members = header.Epoch == now.Number ? now.Members : _membersOf(header.Epoch);
        return members is null || header.Sender >= members.Length ? null
            : new OffenceProof(evidence, members[header.Sender].ConsensusKey);
    }
}
