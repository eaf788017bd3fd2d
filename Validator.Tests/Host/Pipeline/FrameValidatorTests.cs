using Validator.Core.Effects;
using Validator.Core.Primitives;
using Validator.Core.Shell;
using Validator.Core.Trust;
using Validator.Core.Wire;
using Validator.Core.Wire.Validation;
using Validator.Host.Contracts;
using Validator.Host.Pipeline;
using Validator.Host.Storage;
using Validator.Net.Buffers;
using Validator.Tests.Host.Node;

namespace Validator.Tests.Host.Pipeline;

public class FrameValidatorTests
{
    private static readonly Hash256 Block = Hash256.Of([9]);

    // A frame with one transaction, and its id.
    private const int VertexWeight = 6144 + 1024;

    private readonly PinnedBufferPool _pool = new(8 << 20, 1 << 20);
    private readonly Genesis _genesis;
    private readonly Verifier _verifier = new();
    private readonly TokenTable<PendingVertex> _pending = FreePlaces.TableOf<PendingVertex>(2);
    private readonly NodeMetrics _metrics;
    private readonly FrameValidator _validator;
    private readonly List<Input> _passed = [];
    private readonly List<int> _punished = [];
    private readonly List<(int Peer, LocalFault Fault)> _noted = [];

    public FrameValidatorTests()
    {
        Member[] members = Enumerable.Range(0, 4)
            .Select(i => new Member($"m{i}", new byte[Limits.PublicKeyBytes], new byte[Limits.PublicKeyBytes], 1)).ToArray();
        _genesis = new Genesis("test", 1, new GenesisParameters(), members);
        _metrics = new NodeMetrics();
        ValidationContext context = new(
            _genesis, TestCluster.BoardOf(_genesis), Hash256.Of([1]), new SignatureCache(64), new VertexCache(1 << 20), _pending,
            new PayloadBudget(2 * VertexWeight), _pool, new PreparedAccounts(4), _metrics,
            new PeerFaults(4, _punished.Add, (peer, fault) => _noted.Add((peer, fault))));
        _validator = new FrameValidator(context, _verifier);
    }

    /// <summary>
    /// Protects throughput: a certificate of votes already seen costs no verification, one with a stranger's costs that one.
    /// </summary>
    [Fact]
    public void Known_votes_are_not_verified_again()
    {
        for (int sender = 0; sender < 3; sender++)
        {
            Take(Vote(sender));
        }

        Assert.Equal(3, _verifier.Verified);
        Take(Vote(1));
        Take(CertificateOf(0, 1, 2));
        Assert.Equal(3, _verifier.Verified);
        Take(CertificateOf(0, 1, 3));
        Assert.Equal(4, _verifier.Verified);
        Assert.Equal(6, _passed.Count);
    }

    /// <summary>Protects the others from a peer whose frames are junk: a few are counted, many end its connection.</summary>
    [Fact]
    public void A_peer_of_many_faults_is_punished()
    {
        _verifier.Bad = 2;
        for (int i = 0; i < 60; i++)
        {
            Take(Vote(2));
        }

        Assert.Empty(_punished);
        for (int i = 0; i < 20; i++)
        {
            Take(Vote(2));
        }

        Assert.Single(_punished);
    }

    /// <summary>Protects Core: nothing with a bad signature or without quorum reaches it, and each is counted.</summary>
    [Fact]
    public void What_does_not_hold_is_counted_and_goes_no_further()
    {
        _verifier.Bad = 2;
        Take(Vote(2));
        Take(CertificateOf(0, 1, 2));
        Assert.Equal(2, _metrics.SignaturesFailed.Value);
        Take(CertificateOf(0, 1));
        Assert.Equal(1, _metrics.MalformedFrames[3].Value);
        TakeBytes([(byte)FrameType.Vote, 1, 2, 3]);
        Assert.Equal(2, _metrics.MalformedFrames[3].Value);
        LocalFault[] noted = [LocalFault.InvalidSignature, LocalFault.InvalidSignature, LocalFault.Malformed, LocalFault.Malformed];
        Assert.Equal(noted.Select(fault => (3, fault)), _noted);
        Assert.Empty(_passed);
    }

    /// <summary>Protects memory: payloads that wait for Core are bounded, and what Core takes or drops makes room.</summary>
    [Fact]
    public void Payloads_that_wait_are_bounded()
    {
        for (ulong height = 1; height <= 3; height++)
        {
            TakeVertex(height);
        }

        Assert.Equal(2, _passed.Count);
        Assert.Equal(1, _metrics.Rejected[(int)Reason.BufferFull].Value);
        _pending.Take(_passed[0].VertexToken)!.Drop();
        TakeVertex(3);
        Assert.Equal(3, _passed.Count);
        Assert.IsType<SignedVertex>(_passed[2].Message);
        _pending.Take(_passed[1].VertexToken)!.Drop();
        _pending.Take(_passed[2].VertexToken)!.Drop();
        Assert.Equal(0, _pool.RentedBytes);
    }

    private void TakeVertex(ulong height)
    {
        byte[] payload = new byte[400];
        PayloadWriter.Append(payload, TransactionKind.Opaque, new byte[395]);
        TransactionScratch scratch = new();
        Assert.True(scratch.TryCompute(payload, 1, out Hash256 root, out _));
        Hash256 before = height == 1 ? Hash256.Zero : Hash256.Of([2]);
        VertexHeader header = VertexCodec.Seal(0, 1, height, before, new LaneTip[4], root, 400, 1);
        byte[] frame = new byte[FrameCodec.EncodedSize(SignedVertex.Of(header, Signature(1)))];
        int written = FrameCodec.Write(SignedVertex.Of(header, Signature(1)), frame);
        payload.CopyTo(frame, written);
        TakeBytes(frame);
    }

    private void Take(IMessage frame)
    {
        byte[] bytes = new byte[FrameCodec.EncodedSize(frame)];
        FrameCodec.Write(frame, bytes);
        TakeBytes(bytes);
    }

    private void TakeBytes(byte[] bytes)
    {
        Assert.True(_pool.TryRent(bytes.Length, out PooledBuffer? buffer));
        bytes.CopyTo(buffer.Span);
        _validator.Add(3, buffer, out _);
        _validator.Complete(_passed.Add);
        buffer.Release();
    }

    private static byte[] Signature(int sender)
    {
        byte[] signature = new byte[Limits.SignatureBytes];
        signature[0] = (byte)sender;
        return signature;
    }

    private static Signed Vote(int sender) => new(new SignedHeader(MessageKind.Commit, sender, 0, 0, 5, Block), Signature(sender));

    private static Certificate CertificateOf(params int[] senders) => new()
    {
        Phase = Phase.Committed,
        Epoch = 0,
        View = 0,
        Sequence = 5,
        BlockHash = Block,
        Votes = Array.ConvertAll(senders, sender => new CertificateVote(sender, Signature(sender))),
    };

    private sealed class Verifier : IVerifier
    {
        public int Verified { get; private set; }

        public int Bad { get; set; } = -1;

        public void Verify(CommitteeKeys keys, ReadOnlySpan<SignatureCheck> checks, Span<bool> valid)
        {
            for (int i = 0; i < checks.Length; i++)
            {
                valid[i] = checks[i].Sender != Bad;
                Verified++;
            }
        }
    }
}
