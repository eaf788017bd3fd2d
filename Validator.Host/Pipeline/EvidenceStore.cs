using System.Text;
using Microsoft.Extensions.Logging;
using Validator.Core.Effects;
using Validator.Core.Primitives;
using Validator.Core.Wire;
using Validator.Core.Wire.Validation;
using Validator.Host.Config;
using Validator.Host.Primitives;
using Validator.Host.Storage;

namespace Validator.Host.Pipeline;

/// <summary>
/// Evidence on disk, a file each, named by offender and slot: two signed headers as they travel, or a certificate. For operators,
/// and for the next start. The cluster has its own copies, so a failed write is logged and no more.
/// </summary>
internal sealed class EvidenceStore(NodeSection node, EpochBoard epochs, ILogger log)
{
    private const int MaxFiles = 1024;

    private int _kept;

    /// <summary>Told of each that is kept, and of each of the last epochs that was read back.</summary>
    public Action<Evidence> Kept { get; init; } = static _ => { };

    public void Keep(Evidence evidence)
    {
        Kept(evidence);
        if (_kept++ >= MaxFiles)
        {
            return;
        }

        SignedHeader slot = evidence.First.Header;
        byte[] bytes = new byte[EvidenceCodec.EncodedSize];
        EvidenceCodec.Write(evidence, bytes);
        EpochContext epoch = epochs.Current;
        string name = epoch.Number == slot.Epoch ? epoch.Members[slot.Sender].Name : $"member-{slot.Sender}";
        Write($"{name}-{slot.Kind}-{slot.Epoch}-{slot.View}-{slot.Sequence}.evidence", bytes);
    }

    /// <summary>
    /// Evidence of this epoch from earlier runs, if both signatures hold. Other files stay where they are, for operators: those
    /// that prove nothing, and evidence of earlier epochs.
    /// </summary>
    public List<Evidence> ReadAll(IVerifier verifier)
    {
        List<Evidence> found = [];
        string[] files = Directory.Exists(node.EvidencePath) ? Directory.GetFiles(node.EvidencePath, "*.evidence") : [];
        foreach (string file in files.Order(StringComparer.Ordinal).Take(MaxFiles))
        {
            if (Read(file) is { } evidence && (evidence.First.Header.Epoch < epochs.Current.Number || Holds(evidence, verifier)))
            {
                found.Add(evidence);
            }
            else
            {
                log.LogWarning("{File} is no evidence of this chain and is ignored; it may be deleted", file);
            }
        }

        _kept = found.Count;
        foreach (Evidence evidence in found.Where(e => e.First.Header.Epoch + TrustParameters.EvidenceEpochs >= epochs.Current.Number))
        {
            Kept(evidence);
        }

        found.RemoveAll(e => e.First.Header.Epoch != epochs.Current.Number);
        return found;
    }

    private Evidence? Read(string file)
    {
        try
        {
            byte[] bytes = InputFile.Read(file, EvidenceCodec.EncodedSize);
            return bytes.Length == EvidenceCodec.EncodedSize
                && EvidenceCodec.TryRead(bytes, Limits.MaxCommittee, out Evidence? evidence, out _) ? evidence : null;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            log.LogWarning("evidence {File} could not be read: {Error}", file, e.Message);
            return null;
        }
    }

    private bool Holds(Evidence evidence, IVerifier verifier)
    {
        List<SignatureCheck> checks = [];
        SignatureChecks.OfEvidence(evidence, checks);
        bool[] valid = new bool[checks.Count];
        if (evidence.First.Header.Epoch != epochs.Current.Number || evidence.First.Header.Sender >= epochs.Current.Committee.Count)
        {
            return false;
        }

        verifier.Verify(epochs.Current.Keys, System.Runtime.InteropServices.CollectionsMarshal.AsSpan(checks), valid);
        return !valid.Contains(false);
    }

    /// <summary>
    /// Keeps a halt's certificates (section 8), and leaves the mark that the next start heeds. On Core's thread.
    /// </summary>
    public void KeepHalt(Reason reason, Certificate? certificate, Certificate? conflicting)
    {
        KeepCertificate(certificate);
        KeepCertificate(conflicting);
        try
        {
            DurableFile.Write(node.HaltedMarker, Encoding.UTF8.GetBytes($"{DateTime.UtcNow:u} {reason}\n"));
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
            DurableFile.Write(Path.Combine(node.EvidencePath, name), bytes);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            log.LogWarning("evidence {Name} could not be written to {Folder}: {Error}", name, node.EvidencePath, e.Message);
        }
    }
}
