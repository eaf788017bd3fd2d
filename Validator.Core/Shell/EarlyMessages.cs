namespace Validator.Core.Shell;

/// <summary>What becomes of a message, by the epoch that it is of.</summary>
public enum EpochVerdict : byte
{
    Now,

    /// <summary>Of the next epoch: it waits for it.</summary>
    Early,
    Wrong,
}

/// <summary>
/// Messages of the next epoch that came before it began here (PROTOCOL.md, rule E3): peers are never in quite the same step.
/// Bounded over all and per peer; what is too much is dropped, and comes again by Status. One thread.
/// </summary>
public sealed class EarlyMessages<T>
{
    private const int MaxMessages = 1024;
    private const int MaxMessagesPerPeer = 128;
    private const long MaxBytes = 16L * 1024 * 1024;
    private const long MaxBytesPerPeer = 4L * 1024 * 1024;

    private readonly Queue<T> _messages = new();
    private readonly Dictionary<int, (int Messages, long Bytes)> _perPeer = [];
    private long _bytes;

    public int Count => _messages.Count;

    /// <param name="anyEpoch">Status and requests are read in any.</param>
    /// <param name="epoch">The message's.</param>
    /// <param name="current">Ours.</param>
    /// <param name="isMember">
    /// Whether it came from a member of ours; of another committee, nothing else would mean what it says here.
    /// </param>
    public static EpochVerdict Judge(bool anyEpoch, ulong epoch, ulong current, bool isMember) =>
        anyEpoch || (epoch == current && isMember) ? EpochVerdict.Now
        : epoch == current + 1 ? EpochVerdict.Early
        : EpochVerdict.Wrong;

    /// <summary>False when there is no room.</summary>
    public bool TryKeep(int peer, T message, int bytes)
    {
        (int messages, long held) = _perPeer.GetValueOrDefault(peer);
        bool room = _messages.Count < MaxMessages && messages < MaxMessagesPerPeer
            && _bytes + bytes <= MaxBytes && held + bytes <= MaxBytesPerPeer;
        if (room)
        {
            _messages.Enqueue(message);
            _perPeer[peer] = (messages + 1, held + bytes);
            _bytes += bytes;
        }

        return room;
    }

    /// <summary>All of them, in the order in which they came.</summary>
    public T[] TakeAll()
    {
        T[] all = [.. _messages];
        _messages.Clear();
        _perPeer.Clear();
        _bytes = 0;
        return all;
    }
}
