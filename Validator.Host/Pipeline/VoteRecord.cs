using Validator.Core.Wire;
using Validator.Host.Storage;

namespace Validator.Host.Pipeline;

internal enum RecordKind : byte
{
    /// <summary>Header is to be signed, stored, synced and sent to all; its kind says which body goes with it.</summary>
    Sign,
    Block,
    PreparedCertificate,
    NewView,

    /// <summary>Epoch Number has begun: what was signed in earlier ones serves nothing any more. With Renew, signing begins anew.</summary>
    EnterEpoch,
}

/// <summary>
/// One item on its way from Core through the signer to the vote store, in the order of the effects. What follows a record
/// may rest on it, so the order is kept; own vertices alone leave it for the ledger, since nothing rests on them before
/// their Signed has come back.
/// </summary>
internal struct VoteRecord
{
    public RecordKind Kind;
    public ulong Number;
    public SignedHeader Header;

    /// <summary>Set by the signer.</summary>
    public Signed? Signed;
    public Block? Block;
    public ViewChange? ViewChange;
    public NewView? NewView;
    public Certificate? Certificate;

    /// <summary>Own vertex: its header from Core, its transactions (null for an empty one), and from the signer on the whole, with a reference.</summary>
    public VertexHeader? Vertex;
    public ClientBatch? Batch;
    public HeldVertex? Held;

    /// <summary>EnterEpoch: put an empty store in the place of the one that was lost or contradicted.</summary>
    public bool Renew;

    /// <summary>EnterEpoch: of the votes that were kept for it.</summary>
    public bool Resume;
}
