using Validator.Core.Primitives;
using Validator.Core.Wire;

namespace Validator.Core.Shell;

/// <summary>Where a record goes next.</summary>
public enum OwnRecordStage : byte
{
    Signer,

    /// <summary>Own vertices alone, which may overtake: nothing rests on one before its Signed has come back.</summary>
    Ledger,
    VoteStore,
}

/// <summary>
/// One item on its way from Core to disk and network, in the order of the effects: what follows a record may rest on it
/// (PROTOCOL.md, section 6). It is something to sign, something that the next signature may rest on, or the begin of an epoch. A
/// value, for rings: only this type knows which field is what.
/// </summary>
/// <typeparam name="TPayload">The shell's, of an own vertex.</typeparam>
public struct OwnRecord<TPayload>
{
    private Case _case;
    private bool _inLedger;
    private EpochEntry _entry;
    private SignedHeader _header;
    private ulong _epoch;
    private object? _body;
    private Signed? _signed;

    private enum Case : byte
    {
        Vote,
        Proposal,
        Vertex,
        ViewChange,
        NewView,
        Block,
        Prepared,
        Entered,
        EnterEpoch,
    }

    /// <summary>Of an own vertex, the shell's to fill on its way.</summary>
    public TPayload Payload { get; set; }

    public readonly bool IsOwnVertex => _case == Case.Vertex;

    /// <summary>True for what is to be signed, or is: a vote, a Stop, a proposal, a vertex, a ViewChange, a NewView.</summary>
    public readonly bool IsToSign => _case <= Case.NewView;

    /// <summary>Of what is to be signed.</summary>
    public readonly SignedHeader Header
    {
        get
        {
            Require.That(IsToSign);
            return _header;
        }
    }

    /// <summary>Of what is signed: header and signature.</summary>
    public readonly Signed Signed
    {
        get
        {
            Require.That(_signed is not null);
            return _signed;
        }
    }

    /// <summary>The whole message, once it is signed, as it is stored, sent and answered.</summary>
    public readonly IMessage Message => _case is Case.ViewChange or Case.NewView && _signed is not null ? Require.Is<IMessage>(_body) : Signed;

    /// <summary>An accepted block; null for everything else.</summary>
    public readonly Block? Accepted => _case == Case.Block ? Require.Is<Block>(_body) : null;

    /// <summary>A prepared certificate; null for everything else.</summary>
    public readonly Certificate? Prepared => _case == Case.Prepared ? Require.Is<Certificate>(_body) : null;

    /// <summary>The NewView that is entered; null for everything else.</summary>
    public readonly NewView? Entered => _case == Case.Entered ? Require.Is<NewView>(_body) : null;

    /// <summary>The block of a proposal that is to be signed, or is; null for everything else.</summary>
    public readonly Block? Proposed => _case == Case.Proposal ? Require.Is<Block>(_body) : null;

    /// <summary>The own vertex; null for everything else.</summary>
    public readonly VertexHeader? Vertex => _case == Case.Vertex ? Require.Is<VertexHeader>(_body) : null;

    /// <summary>
    /// The epoch that begins: what was signed in earlier ones serves nothing any more. Null for everything else.
    /// </summary>
    public readonly ulong? Begins => _case == Case.EnterEpoch ? _epoch : null;

    /// <summary>
    /// A vertex is durable in the ledger before its record is in the vote store, and only from there anything leaves (rule L2).
    /// </summary>
    public readonly OwnRecordStage Next =>
        IsToSign && _signed is null ? OwnRecordStage.Signer
        : IsOwnVertex && !_inLedger ? OwnRecordStage.Ledger
        : OwnRecordStage.VoteStore;

    public static OwnRecord<TPayload> Vote(in SignedHeader header) => new() { _case = Case.Vote, _header = header };

    public static OwnRecord<TPayload> Proposal(in SignedHeader header, Block block) => new() { _case = Case.Proposal, _header = header, _body = block };

    public static OwnRecord<TPayload> OwnVertex(in SignedHeader header, VertexHeader vertex, TPayload payload) =>
        new() { _case = Case.Vertex, _header = header, _body = vertex, Payload = payload };

    public static OwnRecord<TPayload> Of(UnsignedViewChange change) => new() { _case = Case.ViewChange, _header = change.Header, _body = change };

    public static OwnRecord<TPayload> Of(UnsignedNewView newView) => new() { _case = Case.NewView, _header = newView.Header, _body = newView };

    public static OwnRecord<TPayload> Accept(Block block) => new() { _case = Case.Block, _body = block };

    public static OwnRecord<TPayload> Prepare(Certificate certificate) => new() { _case = Case.Prepared, _body = certificate };

    public static OwnRecord<TPayload> Enter(NewView newView) => new() { _case = Case.Entered, _body = newView };

    public static OwnRecord<TPayload> EnterEpoch(ulong epoch, EpochEntry entry) => new() { _case = Case.EnterEpoch, _epoch = epoch, _entry = entry };

    /// <summary>With our signature: of a ViewChange or a NewView the message is made here.</summary>
    public void Sign(byte[] signature)
    {
        Require.That(Next == OwnRecordStage.Signer);
        _signed = _case switch
        {
            Case.Proposal => new PrePrepare(_header, signature, Require.Is<Block>(_body)),
            Case.Vertex => new SignedVertex(_header, signature, Require.Is<VertexHeader>(_body)),
            _ => new Signed(_header, signature),
        };
        _body = _case switch
        {
            Case.ViewChange => Require.Is<UnsignedViewChange>(_body).With(_signed),
            Case.NewView => Require.Is<UnsignedNewView>(_body).With(_signed),
            _ => _body,
        };
    }

    /// <summary>The ledger holds the own vertex, durably.</summary>
    public void SetInLedger()
    {
        Require.That(Next == OwnRecordStage.Ledger);
        _inLedger = true;
    }

    /// <summary>Calls the method of its case; the only place that tells them apart.</summary>
    public readonly void WriteTo(IOwnRecordWriter<TPayload> writer)
    {
        Require.That(Next == OwnRecordStage.VoteStore);
        switch (_case)
        {
            case Case.Vote or Case.Proposal or Case.Vertex or Case.ViewChange or Case.NewView:
                writer.WriteSigned(in this);
                break;
            case Case.Block:
                writer.WriteBlock(Require.Is<Block>(_body));
                break;
            case Case.Prepared:
                writer.WritePrepared(Require.Is<Certificate>(_body));
                break;
            case Case.Entered:
                writer.WriteEntered(Require.Is<NewView>(_body));
                break;
            case Case.EnterEpoch:
                writer.WriteEpoch(_epoch, _entry);
                break;
            default:
                Require.Fail("every record is written");
                break;
        }
    }
}

/// <summary>A vote store, as records are written to it: one method for each case.</summary>
public interface IOwnRecordWriter<TPayload>
{
    /// <summary>What was signed, with its body.</summary>
    void WriteSigned(in OwnRecord<TPayload> record);

    /// <summary>An accepted block.</summary>
    void WriteBlock(Block block);

    /// <summary>A prepared certificate.</summary>
    void WritePrepared(Certificate certificate);

    /// <summary>The NewView that is entered.</summary>
    void WriteEntered(NewView newView);

    /// <summary>
    /// The epoch has begun: with an empty store in place of a lost one (rule E5), with the votes that were kept for it (rule E7),
    /// or as ever.
    /// </summary>
    void WriteEpoch(ulong epoch, EpochEntry entry);
}
