using System.Runtime.InteropServices;
using Validator.Core.Primitives;

namespace Validator.Core.Shell;

/// <summary>What <see cref="OwnRecords{TPayload}"/> asks of the vote store, the network, and the way back to Core.</summary>
public interface IOwnRecordPorts<TPayload>
{
    /// <summary>Goes with the next sync, after all that was added before.</summary>
    void Add(in OwnRecord<TPayload> record);

    /// <summary>
    /// Makes durable all that was added. False: it is not known to be, or the process ends, and nothing may leave.
    /// </summary>
    bool Sync();

    /// <summary>To all others, for the first time.</summary>
    void Send(in OwnRecord<TPayload> record);

    /// <summary>The last of a group was sent.</summary>
    void Flush();

    /// <summary>Signed, to Core: from now on it counts.</summary>
    void Answer(in OwnRecord<TPayload> record);
}

/// <summary>
/// The one place from which signed messages leave for the first time (PROTOCOL.md, section 6): what waited becomes durable in one
/// synced write, with all that was persisted before it; then it is sent, and then Core is told. When the write fails nothing
/// leaves, ever.
/// </summary>
public sealed class OwnRecords<TPayload>(IOwnRecordPorts<TPayload> ports)
{
    /// <summary>Records in one write.</summary>
    private const int MostRecords = 256;

    private readonly List<OwnRecord<TPayload>> _signed = [];
    private int _added;
    private bool _failed;

    /// <summary>No more than that in one write: it is time for <see cref="Commit"/>.</summary>
    public bool IsFull => _added >= MostRecords;

    /// <summary>A signature waits for its sync.</summary>
    public bool IsDue => _signed.Count > 0;

    public void Add(in OwnRecord<TPayload> record)
    {
        Require.That(!_failed && !IsFull && record.Next == OwnRecordStage.VoteStore);
        _added++;
        ports.Add(record);
        if (record.IsToSign)
        {
            _signed.Add(record);
        }
    }

    /// <summary>
    /// Syncs, sends and answers what was added; a group without a signature rides in the next one, since nothing rests on it yet.
    /// </summary>
    /// <returns>False when nothing left, nor ever will.</returns>
    public bool Commit()
    {
        Require.That(!_failed);
        _added = 0;
        if (_signed.Count == 0)
        {
            return true;
        }

        if (!ports.Sync())
        {
            _failed = true;
            return false;
        }

        foreach (ref readonly OwnRecord<TPayload> record in CollectionsMarshal.AsSpan(_signed))
        {
            ports.Send(record);
        }

        ports.Flush();
        foreach (ref readonly OwnRecord<TPayload> record in CollectionsMarshal.AsSpan(_signed))
        {
            ports.Answer(record);
        }

        _signed.Clear();
        return true;
    }
}
