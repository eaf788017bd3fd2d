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
