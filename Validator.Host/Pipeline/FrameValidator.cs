using System.Diagnostics;
using Validator.Core.Effects;
using Validator.Core.Primitives;
using Validator.Core.Shell;
using Validator.Core.Trust;
using Validator.Core.Wire;
using Validator.Core.Wire.Validation;
using Validator.Host.Contracts;
using Validator.Host.Storage;
using Validator.Net;
using Validator.Net.Buffers;

namespace Validator.Host.Pipeline;

/// <summary>What every validation thread shares; all of it may be used by many threads.</summary>
internal sealed record ValidationContext(
    Genesis Genesis,
    EpochBoard Epochs,
    Hash256 ChainId,
    SignatureCache Signatures,
    VertexCache Cache,
    TokenTable<PendingVertex> Pending,
    PayloadBudget Budget,
    PinnedBufferPool Pool,
    PreparedAccounts Accounts,
    NodeMetrics Metrics,
    PeerFaults Faults);

/// <summary>
/// One thread's validation: decodes frames, checks what needs no history, gathers the signatures they imply and verifies
/// those not yet known in one batch; then the envelopes of each vertex whose author's signature holds. What is valid becomes an
/// input for Core; the rest is counted against its peer.
/// Used as: <see cref="Add"/> for each frame of a batch, then <see cref="Complete"/>. A batch lives in one epoch.
/// </summary>
internal sealed class FrameValidator(ValidationContext context, IVerifier verifier)
{
    private readonly List<Candidate> _candidates = [];
    private readonly List<SignatureCheck> _checks = [];
    private readonly List<Hash256> _keys = [];
    private readonly List<SignatureCheck> _unknown = [];
    private readonly List<int> _unknownAt = [];
    private readonly TransactionScratch _scratch = new();
    private readonly EnvelopeVerifier _envelopes = new(context.Accounts, context.ChainId);
    private readonly Stack<EnvelopeIndex> _idle = [];
    private readonly EarlyMessages<ReceivedFrame> _early = new();
    private EpochContext _epoch = context.Epochs.Current;
    private bool[] _valid = new bool[64];

    private struct Candidate
    {
        public int Peer;
        public int Member;
        public IMessage Message;
        public int FirstCheck;
        public int Checks;
        public HeldVertex? Vertex;
        public OffenceProof? Proof;
        public EnvelopeIndex? Envelopes;

        // Evidence has two signatures, and they are of one.
        public readonly bool HasMultiSignature => Checks > 1 && Message is not Evidence;
    }

    /// <summary>Frames that wait for <see cref="Complete"/>.</summary>
    public int Count => _candidates.Count;

    /// <summary>Another epoch has begun, and frames of it wait here for <see cref="Replay"/>.</summary>
    public bool HasReplay => ReplayCount > 0;

    /// <summary>How many they are.</summary>
    public int ReplayCount => _epoch != context.Epochs.Current ? _early.Count : 0;

    /// <summary>Adds what came before its epoch. Before the first <see cref="Add"/> of a batch.</summary>
    public void Replay()
    {
        if (!HasReplay)
        {
            return;
        }

        foreach (ReceivedFrame frame in _early.TakeAll())
        {
            Add(frame.Peer, frame.Buffer, out _);
            frame.Buffer.Release();
        }
    }

    /// <summary>Decodes a frame and gathers its checks. The caller keeps its reference to the buffer.</summary>
    /// <param name="peer">The link that brought it.</param>
    /// <returns>True when it is a request for the fetch service instead.</returns>
    public bool Add(int peer, PooledBuffer buffer, out FetchRequest request)
    {
        request = default;
        _epoch = _candidates.Count == 0 ? context.Epochs.Current : _epoch;
        if (!InEpoch(peer, buffer))
        {
            return false;
        }

        if (!FrameCodec.TryRead(buffer.Span, _epoch.Committee.Count, out IMessage? message, out _))
        {
            CountMalformed(peer);
            return false;
        }

        if (message is FetchRequest asked)
        {
            request = asked;
            return true;
        }

        int member = _epoch.MemberOf(peer);
        if (member < 0)
        {
            // An outsider's Status tells Core nothing.
            return false;
        }

        Candidate candidate = new() { Peer = peer, Member = member, Message = message, FirstCheck = _checks.Count };
        DecodeError error = SignatureChecks.Collect(message, _epoch.Committee, _checks);
        if (error == DecodeError.None && message is SignedVertex vertex)
        {
            error = TakeVertex(vertex, buffer, ref candidate);
        }

        if (error != DecodeError.None)
        {
            _checks.RemoveRange(candidate.FirstCheck, _checks.Count - candidate.FirstCheck);
            CountMalformed(peer);
            return false;
        }

        candidate.Checks = _checks.Count - candidate.FirstCheck;
        _candidates.Add(candidate);
        return false;
    }

    /// <summary>Verifies what was gathered and passes on what holds, in the order of <see cref="Add"/>.</summary>
    public void Complete(Action<Input> pass)
    {
        long start = Stopwatch.GetTimestamp();
        int verified = Verify();
        if (verified > 0)
        {
            context.Metrics.ValidationBatch.Observe(verified);
            context.Metrics.ValidationSeconds.ObserveSince(start);
            if (_candidates.Exists(static candidate => candidate.HasMultiSignature))
            {
                context.Metrics.MultisigVerificationSeconds.ObserveSince(start);
            }
        }

        foreach (ref Candidate candidate in System.Runtime.InteropServices.CollectionsMarshal.AsSpan(_candidates))
        {
            bool holds = !_valid.AsSpan(candidate.FirstCheck, candidate.Checks).Contains(false);
            holds = EnvelopesHold(ref candidate, holds) && holds;
            holds = holds
                && (candidate.Proof is not { } proof || OffenceProofVerifier.Holds(proof, context.Accounts, context.ChainId));
            if (!holds)
            {
                candidate.Vertex?.Release();
                context.Metrics.SignaturesFailed.Add();
                if (candidate.Message is Signed { Header.Kind: >= MessageKind.PrePrepare and <= MessageKind.Commit })
                {
                    context.Metrics.Count(PartialSignature.False);
                }

                context.Faults.Add(candidate.Peer, LocalFault.InvalidSignature);
                continue;
            }

            if (candidate is not { Vertex: { } vertex, Message: SignedVertex message })
            {
                pass(Input.Of(candidate.Message, candidate.Member, _epoch.Number));
            }
            else if (Hold(vertex) is not 0 and var token)
            {
                pass(Input.OfVertex(message, token, candidate.Member, _epoch.Number));
            }
        }

        _candidates.Clear();
        _checks.Clear();
    }

    /// <summary>
    /// True for a frame of this epoch, and for kinds that are valid in any. A frame of the next epoch waits. Others are dropped:
    /// their indices belong to another committee.
    /// </summary>
    private bool InEpoch(int peer, PooledBuffer buffer)
    {
        ReadOnlySpan<byte> data = buffer.Span;
        ulong epoch = 0;
        bool anyEpoch = data.IsEmpty || (FrameType)data[0] is FrameType.Status or FrameType.FetchRequest || !FrameCodec.TryPeekEpoch(data, out epoch);
        EpochVerdict verdict = EarlyMessages<ReceivedFrame>.Judge(anyEpoch, epoch, _epoch.Number, _epoch.MemberOf(peer) >= 0);
        if (verdict == EpochVerdict.Now)
        {
            return true;
        }

        if (verdict == EpochVerdict.Early && _early.TryKeep(peer, new ReceivedFrame(peer, buffer), buffer.Length))
        {
            buffer.Retain();
        }
        else
        {
            context.Metrics.Rejected[(int)Reason.WrongEpoch].Add();
        }

        return false;
    }

    private void CountMalformed(int peer)
    {
        context.Metrics.MalformedFrames[peer].Add();
        context.Faults.Add(peer, LocalFault.Malformed);
    }

    /// <summary>Gives the candidate's index back, whether its envelopes are worth a look or not.</summary>
    private bool EnvelopesHold(ref Candidate candidate, bool worthALook)
    {
        if (candidate.Envelopes is not { } envelopes)
        {
            return true;
        }

        candidate.Envelopes = null;
        _idle.Push(envelopes);
        if (!worthALook)
        {
            return false;
        }

        context.Metrics.EnvelopesVerified.Add(envelopes.Entries.Length);
        bool hold = _envelopes.FirstInvalid(candidate.Vertex!.Body.Payload, envelopes) < 0;
        if (!hold)
        {
            context.Metrics.EnvelopesFailed.Add();
        }

        return hold;
    }

    /// <summary>
    /// The payload stays in its receive buffer, which the vertex keeps. Of a known vertex the known buffer is kept.
    /// </summary>
    private DecodeError TakeVertex(SignedVertex vertex, PooledBuffer buffer, ref Candidate candidate)
    {
        VertexHeader header = vertex.Vertex;
        byte[] signature = vertex.Signature;
        int payload = vertex.PayloadOffset(buffer.Length);
        if (context.Cache.Find(header.Hash) is { } known)
        {
            candidate.Vertex = new HeldVertex(header, signature, known.Body);
            return DecodeError.None;
        }

        DecodeError error = VertexValidation.CheckPayload(header, buffer.Span[payload..], context.Genesis.Parameters, _scratch);
        if (error == DecodeError.None && _scratch.Change is { } change)
        {
            error = SignatureChecks.OfChange(change, _epoch.Committee, _checks);
        }

        if (error != DecodeError.None)
        {
            return error;
        }

        candidate.Proof = _scratch.Proof;
        VertexBody body = VertexBody.Of(buffer.Retain(), payload, _scratch.Ids, context.Pool);
        candidate.Vertex = new HeldVertex(header, signature, body);
        if (!_scratch.Envelopes.Entries.IsEmpty)
        {
            candidate.Envelopes = _scratch.Envelopes;
            _scratch.Envelopes = _idle.TryPop(out EnvelopeIndex? idle) ? idle : new EnvelopeIndex();
        }

        return DecodeError.None;
    }

    /// <summary>Puts a verified vertex where it waits for Core's word.</summary>
    /// <returns>Its token, or 0 when there is no room.</returns>
    private ulong Hold(HeldVertex vertex)
    {
        if (context.Budget.TryTake(vertex.Body.Weight))
        {
            PendingVertex pending = new(vertex, context.Budget);
            ulong token = context.Pending.TryPut(pending);
            if (token != 0)
            {
                return token;
            }

            _ = pending.Take();
        }

        vertex.Release();
        context.Metrics.Rejected[(int)Reason.BufferFull].Add();
        return 0;
    }

    private int Verify()
    {
        int count = _checks.Count;
        if (_valid.Length < count)
        {
            _valid = new bool[Math.Max(count, 2 * _valid.Length)];
        }

        _keys.Clear();
        _unknown.Clear();
        _unknownAt.Clear();
        Span<byte> preimage = stackalloc byte[SignedHeaderCodec.PreimageBytes];
        for (int i = 0; i < count; i++)
        {
            SignatureCheck check = _checks[i];
            SignedHeaderCodec.WritePreimage(check.Header, context.ChainId, preimage);
            Hash256 key = SignatureCache.KeyOf(preimage, check.Signature);
            _keys.Add(key);
            _valid[i] = context.Signatures.Contains(key);
            if (!_valid[i])
            {
                _unknown.Add(check);
                _unknownAt.Add(i);
            }
        }

        Span<bool> verdicts = _unknown.Count <= 256 ? stackalloc bool[_unknown.Count] : new bool[_unknown.Count];
        verifier.Verify(_epoch.Keys, System.Runtime.InteropServices.CollectionsMarshal.AsSpan(_unknown), verdicts);
        for (int i = 0; i < verdicts.Length; i++)
        {
            _valid[_unknownAt[i]] = verdicts[i];
            if (verdicts[i])
            {
                context.Signatures.Add(_keys[_unknownAt[i]]);
            }
        }

        context.Metrics.SignaturesVerified.Add(verdicts.Length);
        return verdicts.Length;
    }
}
