using Validator.Core.Effects;
using Validator.Core.Primitives;
using Validator.Core.Wire;

namespace Validator.Core.Shell;

public enum OwnRecordKind : byte
{
    /// <summary>Header is to be signed, stored, synced, sent to all and answered; its kind says which body goes with it.</summary>
    Sign,

    /// <summary>An accepted block, a prepared certificate, the NewView entered: what the next Sign may rest on.</summary>
    Block,
    PreparedCertificate,
    NewView,

    /// <summary>Epoch Number has begun: what was signed in earlier ones serves nothing any more.</summary>
    EnterEpoch,
}

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
/// (PROTOCOL.md, section 6). Only the fields that Kind names are set.
/// </summary>
/// <typeparam name="TPayload">The shell's, of an own vertex.</typeparam>
public struct OwnRecord<TPayload>
{
    public OwnRecordKind Kind;

    /// <summary>Of a Sign effect; of EnterEpoch the epoch.</summary>
    public ulong Number;
    public SignedHeader Header;

    /// <summary>Null until it is signed.</summary>
    public Signed? Signed;
    public Block? Block;
    public ViewChange? ViewChange;
    public NewView? NewView;
    public Certificate? Certificate;

    /// <summary>An own vertex: its header, and the batch that it holds; 0 for an empty one.</summary>
    public VertexHeader? Vertex;
    public ulong Token;
    public TPayload Payload;

    /// <summary>The ledger holds the own vertex, durably.</summary>
    public bool InLedger;

    /// <summary>EnterEpoch: an empty vote store takes the place of a lost one (rule E5).</summary>
    public bool Renew;

    /// <summary>EnterEpoch: of the votes that were kept for it (rule E7).</summary>
    public bool Resume;

    public readonly bool IsOwnVertex => Kind == OwnRecordKind.Sign && Header.Kind == MessageKind.Vertex;

    /// <summary>A vertex is durable in the ledger before its record is in the vote store, and only from there anything leaves (rule L2).</summary>
    public readonly OwnRecordStage Next =>
        Kind == OwnRecordKind.Sign && Signed is null ? OwnRecordStage.Signer
        : IsOwnVertex && !InLedger ? OwnRecordStage.Ledger
        : OwnRecordStage.VoteStore;

    /// <summary>What a Sign effect, or one that persists, asks for.</summary>
    public static OwnRecord<TPayload> Of(in Effect effect) => new()
    {
        Kind = effect.Kind switch
        {
            EffectKind.Sign => OwnRecordKind.Sign,
            EffectKind.PersistBlock => OwnRecordKind.Block,
            EffectKind.PersistCertificate => OwnRecordKind.PreparedCertificate,
            EffectKind.PersistNewView => OwnRecordKind.NewView,
            _ => throw new InvariantViolationException($"{effect.Kind} is no record"),
        },
        Number = effect.Number,
        Header = effect.Header,
        Block = effect.Block,
        ViewChange = effect.ViewChange,
        NewView = effect.NewView,
        Certificate = effect.Certificate,
        Vertex = effect.Vertex,
        Token = effect.Token,
    };

    /// <summary>What leaves of a signed record.</summary>
    public readonly IMessage Message => ViewChange ?? (IMessage?)NewView ?? Signed!;

    /// <summary>With our signature, which its body bears as well.</summary>
    public void Sign(byte[] signature)
    {
        Require.That(Next == OwnRecordStage.Signer);
        Signed = Header.Kind switch
        {
            MessageKind.PrePrepare => new PrePrepare(Header, signature, Block!),
            MessageKind.Vertex => new SignedVertex(Header, signature, Vertex!),
            _ => new Signed(Header, signature),
        };
        ViewChange = ViewChange?.With(Signed);
        NewView = NewView?.With(Signed);
    }
}
