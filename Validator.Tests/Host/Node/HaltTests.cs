using Microsoft.Extensions.Logging.Abstractions;
using Validator.Core.Consensus;
using Validator.Core.Effects;
using Validator.Core.Primitives;
using Validator.Core.Wire;
using Validator.Host.Config;
using Validator.Host.Pipeline;
using Validator.Tests.Core;
using Validator.Tests.Core.Wire;

namespace Validator.Tests.Host.Node;

public class HaltTests
{
    /// <summary>
    /// Protects section 8: of two conflicting commit certificates both are kept, and the next start knows of the halt.
    /// </summary>
    [Fact]
    public void Both_conflicting_certificates_are_kept()
    {
        Genesis genesis = GenesisSamples.Four();
        ValidatorCore core = new(genesis, EpochConfiguration.First(genesis, Hash256.Of("chain"u8)), 0, new CoreSettings());
        Certificate first = Committed("one block"u8);
        Certificate second = Committed("another block"u8);
        EffectBuffer effects = new();
        core.Handle(Input.Of(first, 1), effects);
        Assert.Empty(EffectLog.Of(effects).Halts);
        effects.Clear();
        core.Handle(Input.Of(second, 2), effects);
        (Reason reason, Certificate? certificate, Certificate? conflicting) = Assert.Single(EffectLog.Of(effects).Halts);
        Assert.Equal((Reason.ConflictingCertificates, second, first), (reason, certificate, conflicting));

        using TemporaryFolder folder = new();
        NodeSection node = new(DataDir: folder.Path);
        new EvidenceStore(node, TestCluster.BoardOf(genesis), NullLogger.Instance).KeepHalt(reason, certificate, conflicting);
        Hash256[] kept = Array.ConvertAll(Directory.GetFiles(node.EvidencePath, "halt-*"), file =>
        {
            Assert.True(CertificateCodec.TryRead(File.ReadAllBytes(file), 4, out Certificate? read, out _));
            return read.BlockHash;
        });
        Assert.Equal(new[] { first.BlockHash, second.BlockHash }.Order(), kept.Order());
        Assert.Contains("ConflictingCertificates", File.ReadAllText(node.HaltedMarker), StringComparison.Ordinal);
    }

    private static Certificate Committed(ReadOnlySpan<byte> block) => new()
    {
        Phase = Phase.Committed,
        Epoch = 0,
        View = 0,
        Sequence = 1,
        BlockHash = Hash256.Of(block),
        Votes = [.. Enumerable.Range(1, 3).Select(i => new CertificateVote(i, new byte[Limits.SignatureBytes]))],
    };
}
