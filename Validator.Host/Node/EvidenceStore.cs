using Microsoft.Extensions.Logging;
using Validator.Core.Effects;
using Validator.Core.Primitives;
using Validator.Core.Wire;
using Validator.Host.Config;

namespace Validator.Host.Node;

/// <summary>
/// Evidence on disk, a file each, named by offender and slot: two signed headers as they travel, or a certificate. Kept for operators; the
/// cluster has its own copies, so a failed write is logged and no more.
/// </summary>
internal sealed class EvidenceStore(NodeSection node, Genesis genesis, ILogger log)
{
    private const int MaxFiles = 1024;

    private int _kept;

    public void Keep(Evidence evidence)
    {
        if (_kept++ >= MaxFiles)
        {
            return;
        }

        SignedHeader slot = evidence.First.Header;
        byte[] bytes = new byte[EvidenceCodec.EncodedSize];
        EvidenceCodec.Write(evidence, bytes);
        Write($"{genesis.Members[slot.Sender].Name}-{slot.Kind}-{slot.Epoch}-{slot.View}-{slot.Sequence}.evidence", bytes);
    }

    /// <summary>Keeps a halt's certificates (section 8), and leaves the mark that the next start heeds. On Core's thread.</summary>
    public void KeepHalt(in Effect halt)
    {
        KeepCertificate(halt.Certificate);
        KeepCertificate(halt.Conflicting);
        try
        {
            File.WriteAllText(node.HaltedMarker, $"{DateTime.UtcNow:u} {halt.Reason}\n");
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            log.LogCritical("{Marker} could not be written: {Error}. Do not start this validator again", node.HaltedMarker, e.Message);
        }
    }

    private void KeepCertificate(Certificate? certificate)
    {
        if (certificate is null)
        {
            return;
        }

        byte[] bytes = new byte[CertificateCodec.EncodedSize(certificate)];
        CertificateCodec.Write(certificate, bytes);
        string name = $"halt-{certificate.Epoch}-{certificate.View}-{certificate.Sequence}-{certificate.BlockHash.ToString()[..16]}.certificate";
        Write(name, bytes);
        log.LogCritical(
            "halt: {Phase} certificate of block {Hash} at view {View}, sequence {Sequence}, kept in {Folder}",
            certificate.Phase, certificate.BlockHash, certificate.View, certificate.Sequence, node.EvidencePath);
    }

    private void Write(string name, byte[] bytes)
    {
        try
        {
            Directory.CreateDirectory(node.EvidencePath);
            File.WriteAllBytes(Path.Combine(node.EvidencePath, name), bytes);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            log.LogWarning("evidence {Name} could not be written to {Folder}: {Error}", name, node.EvidencePath, e.Message);
        }
    }
}
