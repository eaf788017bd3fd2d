using System.Text;
using Microsoft.Extensions.Logging;
using Validator.Core.Effects;
using Validator.Core.Primitives;
using Validator.Core.Wire;
using Validator.Core.Wire.Validation;
using Validator.Host.Config;
using Validator.Host.Contracts;
using Validator.Host.Primitives;
using Validator.Host.Storage;

namespace Validator.Host.Pipeline;

/// <summary>
/// Evidence on disk, a file each, named by offender and slot: two signed headers as they travel, or a certificate. For operators,
/// and for the next start. The cluster has its own copies, so a failed write is logged and no more.
/// </summary>
internal sealed class EvidenceStore(NodeSection node, EpochBoard epochs, ILogger log)
{
    /// <summary>More than honest members keep of a whole committee of liars in an epoch. The oldest give way.</summary>
    public const int MostFiles = 4096;

    // Fetch's thread keeps, and Core's where it halts.
    private readonly Lock _lock = new();

    // Oldest first; the epoch is the slot's.
    private readonly Queue<(ulong Epoch, string File)> _files = [];
    private bool _full;

    /// <summary>Told of each that is kept, and of each of the last epochs that was read back.</summary>
    public Action<Evidence> Kept { get; init; } = static _ => { };

    /// <summary>What proves a final block here, by sequence; null where it is not known.</summary>
    public Func<ulong, Certificate?> ProofOf { get; init; } = static _ => null;

    public void Keep(Evidence evidence)
    {
        Kept(evidence);
        SignedHeader slot = evidence.First.Header;
        EpochContext epoch = epochs.Current;
        string name = epoch.Number == slot.Epoch ? epoch.Members[slot.Sender].Name : $"member-{slot.Sender}";
        string file = $"{name}-{slot.Kind}-{slot.Epoch}-{slot.View}-{slot.Sequence}.evidence";
        byte[] bytes = new byte[EvidenceCodec.EncodedSize];
        EvidenceCodec.Write(evidence, bytes);
        lock (_lock)
        {
            if (MakeRoom())
            {
                Write(file, bytes);
                _files.Enqueue((slot.Epoch, Path.Combine(node.EvidencePath, file)));
            }
        }
    }

    /// <summary>
    /// Evidence of this epoch from earlier runs, if both signatures hold. Files of earlier epochs stay where they are, for
    /// operators, and so do those that prove nothing.
    /// </summary>
    public List<Evidence> ReadAll(IVerifier verifier)
    {
        List<Evidence> found = [];
        string[] files = Directory.Exists(node.EvidencePath) ? Directory.GetFiles(node.EvidencePath, "*.evidence") : [];
        foreach ((ulong epoch, string file) in files.Select(file => (EpochOf(file), file)).Order())
        {
            _files.Enqueue((epoch, file));
            if (!MayCount(epoch))
            {
                continue;
            }

            if (Read(file) is { } evidence && (evidence.First.Header.Epoch < epochs.Current.Number || Holds(evidence, verifier)))
            {
                found.Add(evidence);
            }
            else
            {
                log.LogWarning("{File} is no evidence of this chain and is ignored; it may be deleted", file);
            }
        }

        found.ForEach(Kept);
        found.RemoveAll(e => e.First.Header.Epoch != epochs.Current.Number);
        return found;
    }

    /// <summary>Whether execution may still count what is of this epoch (rule T2).</summary>
    private bool MayCount(ulong epoch) => epoch + TrustParameters.EvidenceEpochs >= epochs.Current.Number;

    /// <summary>As in the file's name; 0 where it says none.</summary>
    private static ulong EpochOf(string file) =>
        Path.GetFileNameWithoutExtension(file).Split('-') is { Length: > 3 } parts
            && StrictNumber.TryRead(parts[^3], out ulong epoch) ? epoch : 0;

    private bool MakeRoom()
    {
        while (_files.Count >= MostFiles)
        {
            (ulong epoch, string file) = _files.Peek();
            if (MayCount(epoch))
            {
                if (!_full)
                {
                    log.LogWarning(
                        "{Folder} holds {Count} files of evidence that may still count: no more are written",
                        node.EvidencePath, MostFiles);
                }

                _full = true;
                return false;
            }

            try
            {
                File.Delete(file);
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException)
            {
                log.LogWarning("evidence {File} could not be deleted: {Error}", file, e.Message);
            }

            _files.Dequeue();
        }

        _full = false;
        return true;
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

        if (reason == Reason.ConflictingCertificates)
        {
            ConvictSigners(certificate);
        }
    }

    /// <summary>Who signed the final block there in the same view too. Core knows the newest certificates alone.</summary>
    private void ConvictSigners(Certificate? certificate)
    {
        EpochContext epoch = epochs.Current;
        if (certificate is null || certificate.Epoch != epoch.Number || ProofOf(certificate.Sequence) is not { } own)
        {
            return;
        }

        KeepCertificate(own);
        EvidenceCodec.OfBoth(own, certificate, epoch.Committee).ForEach(Keep);
    }

    /// <summary>A fork that failed (rule D4), for <c>fork inspect</c> and the list of the start after its end.</summary>
    public void KeepFailed(Fork fork, ulong wallMicros)
    {
        try
        {
            FailedFork failed = new(fork.Epoch, fork.View, fork.Sequence, fork.First, fork.Second, wallMicros, null);
            FailedForkFile.Write(node.FailedForkPath, failed);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            log.LogWarning("{File} could not be written: {Error}", node.FailedForkPath, e.Message);
        }
    }

    /// <summary>One that operators have ended since; null where there is none.</summary>
    public ForkSummary? ReadRecovered()
    {
        try
        {
            return FailedForkFile.Read(node.FailedForkPath)?.Summary;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or FormatException)
        {
            log.LogWarning("{File}: {Error}; it is ignored, and may be deleted", node.FailedForkPath, e.Message);
            return null;
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
