using Validator.Core.Primitives;
using Validator.Net.Buffers;
using Validator.Net.Rings;

namespace Validator.Host.Contracts;

/// <summary>
/// Submissions and their memory, used again and again: who reads a client's request takes one, the last release brings it back.
/// Any thread. Beyond what is pooled, memory is allocated and left to the collector.
/// </summary>
/// <param name="reuse">False in tests: whoever uses a submission after its last release is then always caught.</param>
public sealed class SubmissionPool(bool reuse = true)
{
    /// <summary>What one client may have waiting, some times.</summary>
    private const int MostFree = 4096;

    private const long PooledBytes = 16L * 1024 * 1024;
    private const int LargestBytes = 1024 * 1024;

    private readonly MpmcRing<Submission> _free = new(MostFree);
    private readonly PinnedBufferPool _buffers = new(PooledBytes, LargestBytes);

    /// <summary>Bytes of payloads, ids and outcomes that are in use.</summary>
    internal long RentedBytes => _buffers.RentedBytes;

    /// <summary>A submission with one reference, and memory to be filled.</summary>
    /// <param name="payloadBytes">Of the accounts' keys and the transactions.</param>
    internal Submission Take(int payloadBytes, int count, Hash256[] accounts, bool wantsFinal)
    {
        Submission submission = _free.TryDequeue(out Submission? used) ? used : new Submission(this);
        submission.Begin(payloadBytes, count, accounts, wantsFinal);
        return submission;
    }

    internal Memory<byte> Room(int bytes, out PooledBuffer? buffer)
    {
        buffer = null;
        return bytes <= LargestBytes && _buffers.TryRent(bytes, out buffer)
            ? buffer.Memory : GC.AllocateUninitializedArray<byte>(bytes);
    }

    internal void Return(Submission submission)
    {
        if (reuse)
        {
            _ = _free.TryEnqueue(submission);
        }
    }
}
