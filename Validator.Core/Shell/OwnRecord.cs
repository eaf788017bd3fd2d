using Validator.Core.Effects;
using Validator.Core.Primitives;
using Validator.Core.Wire;

namespace Validator.Core.Shell;

public enum OwnRecordKind : byte
{
    /// <summary>Header is to be signed, stored, synced, sent to all and answered, with its body.</summary>
    Sign,

    /// <summary>Message is what the next Sign may rest on: an accepted block, a prepared certificate, the NewView entered.</summary>
    Persist,

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
/// (PROTOCOL.md, section 6).
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

    /// <summary>What is persisted; of Sign the body, and from the signature on the whole message, as it is stored, sent and answered.</summary>
    public IMessage? Message;

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
        Kind = effect.Kind == EffectKind.Sign ? OwnRecordKind.Sign : OwnRecordKind.Persist,
        Number = effect.Number,
        Header = effect.Header,
        Message = effect.Message,
        Vertex = effect.Vertex,
        Token = effect.Token,
    };

    /// <summary>With our signature, which its body bears as well.</summary>
    public void Sign(byte[] signature)
    {
        Require.That(Next == OwnRecordStage.Signer);
        Signed = (Message, Vertex) switch
        {
            (Block block, _) => new PrePrepare(Header, signature, block),
            (_, { } vertex) => new SignedVertex(Header, signature, vertex),
            _ => new Signed(Header, signature),
        };
        Message = Message switch
        {
            ViewChange change => change.With(Signed),
            NewView newView => newView.With(Signed),
            _ => Signed,
        };
    }
}
