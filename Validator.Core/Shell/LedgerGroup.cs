using System.Runtime.InteropServices;
using Validator.Core.Primitives;

namespace Validator.Core.Shell;

public enum LedgerItemKind : byte
{
    /// <summary>Another lane's vertex.</summary>
    Vertex,

    /// <summary>Our own: signed, and it must be durable here before its record goes to the vote store.</summary>
    OwnVertex,

    /// <summary>An executed block.</summary>
    Final,

    // A snapshot on its way in.
    Manifest,
    Chunk,
    DropSnapshot,
    Install,

    /// <summary>On to the next epoch, without its state.</summary>
    EpochEnd,
}

/// <summary>What a group commit has to know of what it writes.</summary>
public interface ILedgerItem
{
    LedgerItemKind Kind { get; }

    /// <summary>Of a vertex, an executed block, or an epoch's end.</summary>
    ulong Epoch { get; }

    /// <summary>An executed block that is its epoch's last.</summary>
    bool IsLastBlock { get; }

    int PayloadBytes { get; }
}

/// <summary>What <see cref="LedgerGroup{TItem}"/> asks of the ledger and of those who wait for it.</summary>
public interface ILedgerPorts<TItem>
{
    /// <summary>The next that waits: own vertices first, since their clients do, then executed blocks.</summary>
    bool TryTake(out TItem item);

    /// <summary>A vertex of an ended epoch is not stored; a batch of our own in it goes into another.</summary>
    void LetGo(in TItem item);

    /// <summary>Goes with the next sync, after all that was added before.</summary>
    void Add(in TItem item);

    /// <summary>Makes durable all that was added. False: it is not known to be, and nothing may be acknowledged.</summary>
    bool Sync(long payloadBytes);

    /// <summary>Durable: whoever waits for it is told.</summary>
    void Announce(in TItem item);

    /// <summary>Puts a snapshot in place of the state, durably, and tells Core.</summary>
    void Install(in TItem item);
}

/// <summary>
/// The ledger's group commit (PROTOCOL.md, section 6): what waits is gathered, synced in one write, and acknowledged after it, in the same
/// order. When the write fails nothing is acknowledged, ever.
/// </summary>
/// <param name="epoch">The one that the ledger is in.</param>
public sealed class LedgerGroup<TItem>(ILedgerPorts<TItem> ports, ulong epoch)
    where TItem : struct, ILedgerItem
{
    /// <summary>Items in one write.</summary>
    public const int MostItems = 128;

    /// <summary>A group is closed at this many payload bytes, so that no vertex waits long behind others.</summary>
    public const long MostBytes = 8L * 1024 * 1024;

    /// <summary>
    /// How long others' vertices wait for more of them, microseconds. Their lanes tick independently, and one sync each would be most
    /// of all syncs. Who votes needs them when the block that names them comes, which the leader's own sync and its pace delay longer.
    /// </summary>
    public const long LingerMicros = 2_000;

    private readonly List<TItem> _group = new(MostItems);
    private TItem? _held;
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
    public IReadOnlyList<TItem> Items => _group;

    private bool IsFull => _group.Count >= MostItems || _bytes >= MostBytes;

    /// <summary>Takes what waits, as far as one group goes.</summary>
    /// <returns>False when nothing waited.</returns>
    public bool Gather()
    {
        Require.That(!_failed);
        bool any = false;
        bool closed = _group.Count > 0 && Closes(_group[^1]);
        while (!closed && !IsFull && TryTake(out TItem item))
        {
            any = true;
            if (IsAlone(item) && _group.Count > 0)
            {
                _held = item;
                break;
            }

            if (item.Kind is LedgerItemKind.Vertex or LedgerItemKind.OwnVertex && item.Epoch < _epoch)
            {
                ports.LetGo(in item);
                continue;
            }

            ports.Add(in item);
            _group.Add(item);
            _urgent |= item.Kind != LedgerItemKind.Vertex;
            _bytes += item.PayloadBytes;
            closed = Closes(item);
        }

        return any;
    }

    /// <summary>Whether it is time for <see cref="Commit"/>.</summary>
    /// <param name="now">Monotonic microseconds.</param>
    /// <param name="hurries">Others' vertices do not linger: what we propose waits for them.</param>
    public bool IsDue(long now, bool hurries)
    {
        if (_group.Count == 0 || _urgent || _held is not null || hurries || IsFull)
        {
            return _group.Count > 0;
        }

        LingersUntil = LingersUntil == 0 ? now + LingerMicros : LingersUntil;
        return now >= LingersUntil;
    }

    /// <summary>Syncs and acknowledges what was gathered.</summary>
    /// <returns>False when nothing is acknowledged, nor ever will be.</returns>
    public bool Commit()
    {
        Require.That(!_failed && _group.Count > 0);
        if (!ports.Sync(_bytes))
        {
            _failed = true;
            return false;
        }

        foreach (ref readonly TItem item in CollectionsMarshal.AsSpan(_group))
        {
            if (EndsEpoch(item))
            {
                Require.That(item.Epoch == _epoch, "the ledger leaves each epoch once");
                _epoch = item.Epoch + 1;
            }

            if (item.Kind == LedgerItemKind.Install)
            {
                ports.Install(in item);
            }
            else
            {
                ports.Announce(in item);
            }
        }

        _group.Clear();
        _bytes = 0;
        _urgent = false;
        LingersUntil = 0;
        return true;
    }

    private bool TryTake(out TItem item)
    {
        if (_held is not { } held)
        {
            return ports.TryTake(out item);
        }

        (item, _held) = (held, null);
        return true;
    }

    private static bool EndsEpoch(in TItem item) => item.Kind == LedgerItemKind.EpochEnd || item.IsLastBlock;

    /// <summary>It looks through what is committed: a group of its own.</summary>
    private static bool IsAlone(in TItem item) => EndsEpoch(item);

    /// <summary>Nothing is written behind it before all of it is in place.</summary>
    private static bool Closes(in TItem item) => IsAlone(item) || item.Kind == LedgerItemKind.Install;
}
