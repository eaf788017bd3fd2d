using Microsoft.Extensions.Logging.Abstractions;
using Validator.Core.Consensus;
using Validator.Core.Effects;
using Validator.Core.Primitives;
using Validator.Core.Wire;
using Validator.Core.Wire.Validation;
using Validator.Host.Config;
using Validator.Host.Pipeline;
using Validator.Tests.Core;
using Validator.Tests.Core.Wire;
using Validator.Tests.Host.Node;

namespace Validator.Tests.Host.Pipeline;

public class EvidenceStoreTests
{
    /// <summary>
    /// Protects convictions across restarts: kept evidence is read back, a damaged or forged file convicts nobody, and Core
    /// neither counts nor gossips again what it knew before.
    /// </summary>
    [Fact]
    public void Kept_evidence_convicts_after_a_restart()
    {
        using TemporaryFolder folder = new();
        NodeSection node = new(DataDir: folder.Path);
        Genesis genesis = GenesisSamples.Four();
        using EpochBoard board = TestCluster.BoardOf(genesis);
        Evidence kept = Twins(2, height: 5, good: true);
        EvidenceStore before = new(node, board, NullLogger.Instance);
        before.Keep(kept);
        before.Keep(Twins(1, height: 6, good: false));
        File.WriteAllBytes(Path.Combine(node.EvidencePath, "cut-short.evidence"), new byte[100]);

        // Told of it again: where genesis has trust, it is handed in.
        List<Evidence> told = [];
        EvidenceStore after = new(node, board, NullLogger.Instance) { Kept = told.Add };
        Evidence read = Assert.Single(after.ReadAll(new FirstByteVerifier()));
        Assert.Equal(read, Assert.Single(told));
        Assert.Equal((kept.First.Header, kept.Second.Header), (read.First.Header, read.Second.Header));

        RecoveredState state = new();
        state.Evidence.Add(read);
        ValidatorCore core = new(genesis, EpochConfiguration.First(genesis, Hash256.Of("chain"u8)), 0, new CoreSettings(), state);
        EffectBuffer effects = new();
        core.Handle(Input.Of(kept, 1), effects);
        EffectLog log = EffectLog.Of(effects);
        Assert.Empty(log.Convicted);
        Assert.DoesNotContain(log.Sent, sent => sent.Message is Evidence);
    }

    /// <summary>
    /// Protects evidence that may still count from being crowded out by files of earlier epochs: these give way, the oldest
    /// first, and never the others.
    /// </summary>
    [Fact]
    public void Old_evidence_gives_way_to_new()
    {
        using TemporaryFolder folder = new();
        NodeSection node = new(DataDir: folder.Path);
        Genesis genesis = GenesisSamples.Four();
        using EpochBoard board = TestCluster.BoardOf(genesis, epoch: 10);
        Directory.CreateDirectory(node.EvidencePath);
        for (int i = 0; i < EvidenceStore.MostFiles; i++)
        {
            File.WriteAllBytes(Path.Combine(node.EvidencePath, $"node-2-Vertex-{(i == 7 ? 3 : 4)}-0-{i}.evidence"), []);
        }

        EvidenceStore store = new(node, board, NullLogger.Instance);
        Assert.Empty(store.ReadAll(new FirstByteVerifier()));
        store.Keep(Twins(2, height: 5, good: true));
        string[] files = Directory.GetFiles(node.EvidencePath, "*.evidence");
        Assert.Equal(EvidenceStore.MostFiles, files.Length);
        Assert.DoesNotContain(files, file => file.EndsWith("-3-0-7.evidence", StringComparison.Ordinal));
    }

    /// <summary>
    /// Protects the price of a fork: when a certificate contradicts a final block, who signed that block's certificate too is
    /// convicted, though Core has forgotten it.
    /// </summary>
    [Fact]
    public void A_halt_convicts_who_signed_both_blocks()
    {
        using TemporaryFolder folder = new();
        NodeSection node = new(DataDir: folder.Path);
        using EpochBoard board = TestCluster.BoardOf(GenesisSamples.Four());
        Certificate own = Committed("one"u8, 0, 1, 2), other = Committed("another"u8, 1, 2, 3);
        List<Evidence> told = [];
        EvidenceStore store = new(node, board, NullLogger.Instance)
        {
            Kept = told.Add,
            ProofOf = sequence => sequence == 4 ? own : null,
        };
        store.KeepHalt(Reason.ConflictingCertificates, other, null);
        Assert.Equal([1, 2], told.Select(e => e.First.Header.Sender));
        Assert.All(told, e => Assert.Equal(DecodeError.None, EvidenceCodec.Refusal(e.First.Header, e.Second.Header)));
        Assert.Equal(2, Directory.GetFiles(node.EvidencePath, "*.evidence").Length);
        Assert.Equal(2, Directory.GetFiles(node.EvidencePath, "halt-*.certificate").Length);
    }

    private static Certificate Committed(ReadOnlySpan<byte> block, params int[] signers) => new()
    {
        Phase = Phase.Committed,
        Epoch = 0,
        View = 2,
        Sequence = 4,
        BlockHash = Hash256.Of(block),
        Votes = [.. signers.Select(signer => new CertificateVote(signer, new byte[Limits.SignatureBytes]))],
    };

    private static Evidence Twins(int author, ulong height, bool good)
    {
        return new Evidence(Vertex("one"u8), Vertex("another"u8));

        Signed Vertex(ReadOnlySpan<byte> digest)
        {
            byte[] signature = new byte[Limits.SignatureBytes];
            signature[0] = good ? (byte)1 : (byte)0;
            return new Signed(new SignedHeader(MessageKind.Vertex, author, 0, 0, height, Hash256.Of(digest)), signature);
        }
    }

    private sealed class FirstByteVerifier : IVerifier
    {
        public void Verify(CommitteeKeys keys, ReadOnlySpan<SignatureCheck> checks, Span<bool> valid)
        {
            for (int i = 0; i < checks.Length; i++)
            {
                valid[i] = checks[i].Signature[0] == 1;
            }
        }
    }
}
