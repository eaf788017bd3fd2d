using Microsoft.Extensions.Logging;
using Validator.Core.Wire;

namespace Validator.Host.Node;

/// <summary>
/// Evidence on disk, a file each, named by offender and slot: two signed headers as they travel. Kept for operators; the
/// cluster has its own copies, so a failed write is logged and no more.
/// </summary>
internal sealed class EvidenceStore(string folder, Validator.Core.Primitives.Genesis genesis, ILogger log)
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
        string name = $"{genesis.Members[slot.Sender].Name}-{slot.Kind}-{slot.Epoch}-{slot.View}-{slot.Sequence}.evidence";
        try
        {
            Directory.CreateDirectory(folder);
            byte[] bytes = new byte[EvidenceCodec.EncodedSize];
            EvidenceCodec.Write(evidence, bytes);
            File.WriteAllBytes(Path.Combine(folder, name), bytes);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            log.LogWarning("evidence {Name} could not be written to {Folder}: {Error}", name, folder, e.Message);
        }
    }
}
