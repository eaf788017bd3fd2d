using Validator.Core.Primitives;
using Validator.Core.Trust;
using Validator.Core.Wire;

namespace Validator.Core.Effects;

/// <summary>
/// What the shell must do, one method for each case, called in the order in which Core decided it. A case that is not handled
/// does not compile.
/// </summary>
/// <remarks>
/// What is signed: sign the header, then store header, signature and body, sync, then send to all and answer with what was
/// signed. Everything persisted before it, in this order, is durable with it.
/// </remarks>
public interface IEffectHandler
{
    /// <summary>Before each effect. False: the process ends, and neither it nor what follows is carried out.</summary>
    bool Goes();

    /// <summary>Sign a vote, or a Stop: it is its header.</summary>
    void Sign(in SignedHeader header);

    /// <summary>Sign a proposal of this block.</summary>
    void SignBlock(in SignedHeader header, Block block);

    /// <summary>Sign an own vertex. Its payload is the batch that waits under the token; 0 for an empty one.</summary>
    void SignVertex(in SignedHeader header, VertexHeader vertex, ulong token);

    /// <summary>Sign this; the shell makes the message.</summary>
    void SignViewChange(UnsignedViewChange change);

    /// <summary>Sign this; the shell makes the message.</summary>
    void SignNewView(UnsignedNewView newView);

    /// <summary>Store an accepted block in the vote store, ordered before the next signature.</summary>
    void PersistBlock(Block block);

    /// <summary>Likewise a prepared certificate.</summary>
    void PersistPrepared(Certificate certificate);

    /// <summary>Likewise the NewView that is entered.</summary>
    void PersistEntered(NewView newView);

    /// <summary>
    /// Keep the vertex that waits under the token: header, signature, payload. Answer VertexDurable once it is synced.
    /// </summary>
    void StoreVertex(ulong token);

    /// <summary>Forget the vertex that waits under the token.</summary>
    void DropVertex(ulong token, Reason reason);

    /// <summary>Forget the client batch that waits under the token: nothing is signed.</summary>
    void DropBatch(ulong token);

    /// <summary>Send what need not be stored: a question, Status, Evidence, or what is stored, again.</summary>
    /// <param name="to">Committee index, or -1 for all others.</param>
    void Send(int to, IMessage message);

    /// <summary>The shell may hand in one client batch. The next credit comes after it.</summary>
    void BatchCredit();

    /// <summary>
    /// The block is final: execute the vertices in that order, and answer with Executed. Blocks come in sequence without gaps.
    /// </summary>
    /// <param name="certificate">What proved it final: its own or a descendant's.</param>
    void Execute(Block block, VertexHeader[] order, Certificate certificate);

    /// <summary>
    /// Keep the manifest of the snapshot that is being fetched, in place of an earlier one. Need not be synced.
    /// </summary>
    void StoreManifest(SnapshotManifest manifest);

    /// <summary>Keep a chunk by its hash: it is what the hash says. Need not be synced.</summary>
    void StoreChunk(SnapshotChunk chunk);

    /// <summary>Forget the manifest and the chunks that are kept.</summary>
    void DropSnapshot();

    /// <summary>
    /// Everything of the manifest is here, and nothing is handed out for execution. Put the state in place of ours, atomically
    /// and synced, and answer with SnapshotInstalled. Blocks to execute come after that, from its sequence on.
    /// </summary>
    void InstallSnapshot(SnapshotManifest manifest);

    /// <summary>
    /// The epoch is over, and peers keep nothing of it: its end proves the next one. Make it durable that this validator is in
    /// that epoch, with the executed state behind it, and keep own transactions that the last block's cut does not cover, as at
    /// the end of an epoch that was executed. Then answer with EpochEndStored.
    /// </summary>
    void StoreEpochEnd(EpochEnd end);

    /// <summary>Keep it, and count it against whom it convicts.</summary>
    void Evidence(Evidence evidence);

    /// <summary>
    /// The epoch's last block is executed, or known and stored (StoreEpochEnd). Make durable what is executed, then go on with a
    /// core for the next epoch. This one has no effects after it.
    /// </summary>
    /// <param name="provenFrom">
    /// For the next core: peers can prove a snapshot of the epoch of this block or of a later one.
    /// </param>
    void EndEpoch(Block last, ulong provenFrom);

    /// <summary>Keep, durably: this validator, which lost its votes, signs again from this epoch on.</summary>
    void SignFrom(ulong epoch);

    /// <summary>
    /// Something bears our signature that the vote store does not know: it is never to be trusted again. Nothing more is signed.
    /// </summary>
    void Contradicted();

    /// <summary>A view was entered or left; for logs and metrics.</summary>
    void ViewChanged(ulong view, Reason reason);

    /// <summary>
    /// The final block of that sequence, and all below it, have this level of strong finality. It only rises in an epoch.
    /// </summary>
    void LevelReached(FinalityLevel level, ulong sequence);

    /// <summary>A fork is found, or has ended (rules D1 to D4); for operators.</summary>
    void ForkChanged(Fork fork);

    /// <summary>A PrePrepare, Prepare or Commit counts towards a certificate, or not, and why; for counting.</summary>
    void VoteTaken(PartialSignature outcome);

    /// <summary>Votes of enough weight are a certificate, so long after the first of them; for measuring.</summary>
    void CertificateMade(long micros);

    /// <summary>A message was refused; for counting.</summary>
    /// <param name="from">Committee index, or -1.</param>
    void Rejected(Reason reason, int from);

    /// <summary>
    /// Stop the process. Nothing may be signed after it. The certificates, where known, are the two commit certificates to keep
    /// (section 8): the one that came, and the one it contradicts or a descendant's on that chain.
    /// </summary>
    void Halt(Reason reason, Certificate? certificate, Certificate? conflicting);
}
