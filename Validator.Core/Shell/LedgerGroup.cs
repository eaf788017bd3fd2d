using Validator.Core.Primitives;

namespace Validator.Core.Shell;

/// <summary>What <see cref="LedgerGroup{TVertex,TExecuted,TPayload}"/> asks of the ledger and of those who wait for it.</summary>
public interface ILedgerPorts<TVertex, TExecuted, TPayload> : ILedgerAudience<TVertex, TExecuted, TPayload>
    where TVertex : class, IHeldVertex
    where TExecuted : class, IExecutedBlock
{
    /// <summary>The next that waits: own vertices first, since their clients do, then executed blocks.</summary>
    bool TryTake(out LedgerItem<TVertex, TExecuted, TPayload> item);

    /// <summary>Before each acknowledgement. False: the process ends, and nothing more is acknowledged.</summary>
    bool Goes();

    /// <summary>Goes with the next sync, after all that was added before.</summary>
    void Add(in LedgerItem<TVertex, TExecuted, TPayload> item);

    /// <summary>Makes durable all that was added. False: it is not known to be, and nothing may be acknowledged.</summary>
    bool Sync(long payloadBytes);
}

/// <summary>
/// The ledger's group commit (PROTOCOL.md, section 6): what waits is gathered, synced in one write, and acknowledged after it, in
/// the same order. When the write fails nothing is acknowledged, ever.
/// </summary>
/// <param name="epoch">The one that the ledger is in.</param>
public sealed class LedgerGroup<TVertex, TExecuted, TPayload>(ILedgerPorts<TVertex, TExecuted, TPayload> ports, ulong epoch)
    where TVertex : class, IHeldVertex
    where TExecuted : class, IExecutedBlock
{
    /// <summary>Items in one write.</summary>
    public const int MostItems = 128;

    /// <summary>A group is closed at this many payload bytes, so that no vertex waits long behind others.</summary>
    public const long MostBytes = 8L * 1024 * 1024;

    /// <summary>
    /// How long others' vertices wait for more of them, microseconds. Their lanes tick independently, and one sync each would be
    /// most of all syncs. Who votes needs them when the block that names them comes, which the leader's own sync and its pace
    /// delay longer; the leader when it may propose again.
    /// </summary>
    public const long LingerMicros = 2_000;

    private readonly List<LedgerItem<TVertex, TExecuted, TPayload>> _group = new(MostItems);
    private LedgerItem<TVertex, TExecuted, TPayload>? _held;
    private ulong _epoch = epoch;
    private long _bytes;
    private bool _urgent;
    private bool _failed;

    public bool IsEmpty => _group.Count == 0;

    /// <summary>Taken, and of the group after this one.</summary>
    public bool Holds => _held is not null;

    /// <summary>Until when a group lingers, monotonic microseconds; 0 while none does.</summary>
    public long LingersUntil { get; private set; }

    /// <summary>The open group, with what is not acknowledged.</summary>
    public IReadOnlyList<LedgerItem<TVertex, TExecuted, TPayload>> Items => _group;

    private bool IsFull => _group.Count >= MostItems || _bytes >= MostBytes;

    /// <summary>Takes what waits, as far as one group goes.</summary>
    /// <returns>False when nothing waited.</returns>
    public bool Gather()
    {
        Require.That(!_failed);
        bool any = false;
        bool closed = _group.Count > 0 && _group[^1].Closes;
        while (!closed && !IsFull && TryTake(out LedgerItem<TVertex, TExecuted, TPayload> item))
        {
            any = true;
            // What ends an epoch looks through what is committed: a group of its own.
            if (item.Ends is not null && _group.Count > 0)
            {
                _held = item;
                break;
            }

            if (item.VertexEpoch < _epoch)
            {
                item.LetGo(ports);
                continue;
            }

            ports.Add(in item);
            _group.Add(item);
            _urgent |= !item.Lingers;
            _bytes += item.PayloadBytes;
            closed = item.Closes;
        }

        return any;
    }

    /// <summary>Whether it is time for <see cref="Commit"/>.</summary>
    /// <param name="now">Monotonic microseconds.</param>
    /// <param name="neededAt">
    /// When what we propose next waits for others' vertices; long.MaxValue: never. They linger as far as they are durable then.
    /// </param>
    public bool IsDue(long now, long neededAt)
    {
        if (_group.Count == 0 || _urgent || _held is not null || IsFull || now >= neededAt - LingerMicros)
        {
            return _group.Count > 0;
        }

        LingersUntil = LingersUntil == 0 ? now + LingerMicros : LingersUntil;
        return now >= LingersUntil;
    }

    /// <summary>Syncs and acknowledges what was gathered.</summary>
    /// <returns>False when nothing more is acknowledged, ever.</returns>
    public bool Commit()
    {
        Require.That(!_failed && _group.Count > 0);
        if (!ports.Sync(_bytes))
        {
            _failed = true;
            return false;
        }

        for (int i = 0; i < _group.Count; i++)
        {
            LedgerItem<TVertex, TExecuted, TPayload> item = _group[i];
            if (!ports.Goes())
            {
                _group.RemoveRange(0, i);
                _failed = true;
                return false;
            }

            if (item.Ends is { } ended)
            {
                Require.That(ended == _epoch, "the ledger leaves each epoch once");
                _epoch = ended + 1;
            }

            item.Announce(ports);
        }

        _group.Clear();
        _bytes = 0;
        _urgent = false;
        LingersUntil = 0;
        return true;
    }

    private bool TryTake(out LedgerItem<TVertex, TExecuted, TPayload> item)
    {
        if (_held is not { } held)
        {
            return ports.TryTake(out item);
        }

        (item, _held) = (held, null);
        return true;
    }
}
