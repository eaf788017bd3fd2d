using Validator.Core.Primitives;
using Validator.Core.Wire;

namespace Validator.Core.Effects;

/// <summary>
/// One step of Core's life, made by a method for each case and handed on to an <see cref="IInputHandler"/>. Times come with every
/// input: monotonic for timers, wall for timestamps; both microseconds. A value, for rings: only this type knows which field is
/// what.
/// </summary>
public struct Input
{
    private Case _case;
    private object? _body;
    private ulong _number;
    private Hash256 _hash;
    private uint _payloadBytes;
    private uint _transactions;

    private enum Case : byte
    {
        Tick,
        Message,
        Vertex,
        ClientBatch,
        Signed,
        VertexDurable,
        Executed,
        EpochEndStored,
        SnapshotInstalled,
        PeerUp,
        PeerDown,
    }

    public long MonotonicMicros { get; private set; }

    public ulong WallMicros { get; private set; }

    /// <summary>The shell's: the epoch that it is of, in which From counts. It hands none of another epoch to a core.</summary>
    public ulong Epoch { get; private init; }

    /// <summary>Committee index of the authenticated peer that delivered this, or that it is about; -1 for ourselves.</summary>
    public int From { get; private init; }

    /// <summary>A peer's message, a vertex too; null for everything else.</summary>
    public readonly IMessage? Message => _case is Case.Message or Case.Vertex ? _body as IMessage : null;

    /// <summary>A committee change that an execution made pending; null for everything else.</summary>
    public readonly PendingCommittee? Change => _case == Case.Executed ? _body as PendingCommittee : null;

    /// <summary>Where the payload of a peer's vertex waits; 0 for everything else.</summary>
    public readonly ulong VertexToken => _case == Case.Vertex ? _number : 0;

    /// <summary>Where a client batch waits; 0 for everything else.</summary>
    public readonly ulong BatchToken => _case == Case.ClientBatch ? _number : 0;

    /// <summary>True where a peer is up, false where it is down; null for everything else.</summary>
    public readonly bool? IsUp => _case switch
    {
        Case.PeerUp => true,
        Case.PeerDown => false,
        _ => null,
    };

    public static Input Tick => Of(Case.Tick, 0, -1);

    /// <summary>A message, other than a vertex, that passed all of the shell's checks.</summary>
    /// <param name="from">Who delivered it, by committee index.</param>
    public static Input Of(IMessage message, int from, ulong epoch = 0)
    {
        Require.That(message is not SignedVertex);
        Input input = Of(Case.Message, epoch, from);
        input._body = message;
        return input;
    }

    /// <summary>Likewise a vertex.</summary>
    public static Input OfVertex(SignedVertex vertex, ulong token, int from, ulong epoch = 0)
    {
        Input input = Of(Case.Vertex, epoch, from);
        input._body = vertex;
        input._number = token;
        return input;
    }

    public static Input ClientBatch(in SealedBatch batch, ulong epoch = 0)
    {
        Input input = Of(Case.ClientBatch, epoch, -1);
        input._number = batch.Token;
        input._hash = batch.Root;
        input._payloadBytes = batch.PayloadBytes;
        input._transactions = batch.TransactionCount;
        return input;
    }

    public static Input Signed(IMessage message, ulong epoch = 0)
    {
        Input input = Of(Case.Signed, epoch, -1);
        input._body = message;
        return input;
    }

    public static Input VertexDurable(in Hash256 vertex, ulong epoch = 0)
    {
        Input input = Of(Case.VertexDurable, epoch, -1);
        input._hash = vertex;
        return input;
    }

    public static Input Executed(ulong sequence, in Hash256 root, PendingCommittee? change, ulong epoch = 0)
    {
        Input input = Of(Case.Executed, epoch, -1);
        input._number = sequence;
        input._hash = root;
        input._body = change;
        return input;
    }

    public static Input EpochEndStored(ulong epoch) => Of(Case.EpochEndStored, epoch, -1);

    public static Input SnapshotInstalled(ulong epoch) => Of(Case.SnapshotInstalled, epoch, -1);

    public static Input PeerUp(int peer) => Of(Case.PeerUp, 0, peer);

    public static Input PeerDown(int peer) => Of(Case.PeerDown, 0, peer);

    /// <summary>The same, of another index: what counts links counts members from here on.</summary>
    public readonly Input Of(int member) => this with { From = member };

    /// <summary>With both clocks.</summary>
    public void Stamp(long monotonicMicros, ulong wallMicros) => (MonotonicMicros, WallMicros) = (monotonicMicros, wallMicros);

    /// <summary>Calls the method of its case; the only place that tells them apart.</summary>
    public readonly void Dispatch<THandler>(THandler handler)
        where THandler : IInputHandler
    {
        switch (_case)
        {
            case Case.Tick:
                handler.OnTick();
                break;
            case Case.Message:
                handler.OnMessage(Require.Is<IMessage>(_body), From);
                break;
            case Case.Vertex:
                handler.OnVertex(Require.Is<SignedVertex>(_body), _number, From);
                break;
            case Case.ClientBatch:
                handler.OnClientBatch(new SealedBatch(_number, _hash, _payloadBytes, _transactions));
                break;
            case Case.Signed:
                handler.OnSigned(Require.Is<IMessage>(_body));
                break;
            case Case.VertexDurable:
                handler.OnVertexDurable(in _hash);
                break;
            case Case.Executed:
                handler.OnExecuted(_number, in _hash, _body as PendingCommittee);
                break;
            case Case.EpochEndStored:
                handler.OnEpochEndStored();
                break;
            case Case.SnapshotInstalled:
                handler.OnSnapshotInstalled();
                break;
            case Case.PeerUp:
                handler.OnPeerUp(From);
                break;
            case Case.PeerDown:
                handler.OnPeerDown(From);
                break;
            default:
                Require.Fail("every input is handled");
                break;
        }
    }

    private static Input Of(Case what, ulong epoch, int from) => new() { _case = what, Epoch = epoch, From = from };
}
