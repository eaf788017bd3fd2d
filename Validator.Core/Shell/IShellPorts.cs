using Validator.Core.Consensus;
using Validator.Core.Effects;
using Validator.Core.Primitives;
using Validator.Core.Trust;
using Validator.Core.Wire;

namespace Validator.Core.Shell;

/// <summary>
/// Where a core's effects go, one call each, in their order. An implementation hands on and returns; none may lose what it was
/// handed, except messages to peers, which ask again.
/// </summary>
public interface IShellPorts<TPayload>
{
    /// <summary>Before each effect. False: the process ends, and neither it nor what follows is carried out.</summary>
    bool Goes();

    /// <summary>
    /// On the one way of own records: <see cref="OwnRecord{TPayload}.Next"/> says where to, and none overtakes another but a
    /// vertex.
    /// </summary>
    void Own(in OwnRecord<TPayload> record);

    /// <summary>Stores the vertex that waits under the token, and answers VertexDurable once it is synced.</summary>
    void StoreVertex(ulong token);

    /// <summary>Lets go of the vertex that waits under the token.</summary>
    void DropVertex(ulong token, Reason reason);

    /// <summary>The batch that waits under the token: the payload of an own vertex. Nothing for 0, an empty one.</summary>
    TPayload TakeBatch(ulong token);

    /// <summary>Lets go of the vertex that waits under the token: the epoch that it is of has ended.</summary>
    void LetGoVertex(ulong token);

    /// <summary>The batch that waits under the token goes into another vertex: the epoch whose credit it had has ended.</summary>
    void TakeBackBatch(ulong token);

    /// <summary>Lets go of the batch that waits under the token: this validator does not sign.</summary>
    void DropBatch(ulong token);

    /// <summary>What is sent is not to be stored: Status, a question, evidence, or a stored message again.</summary>
    /// <param name="to">By committee index, or -1 for all others.</param>
    void Send(int to, IMessage message);

    /// <summary>One more batch of client transactions may be handed in.</summary>
    void Credit();

    /// <summary>Final: executes the vertices in that order, and answers Executed once that is durable.</summary>
    void Execute(Block block, Certificate certificate, VertexHeader[] order);

    void StoreManifest(SnapshotManifest manifest);

    void StoreChunk(SnapshotChunk chunk);

    void DropSnapshot();

    /// <summary>Puts the state in place of ours, after all that was handed over before, and answers SnapshotInstalled.</summary>
    void Install(SnapshotManifest manifest);

    /// <summary>
    /// The next epoch is known from its certified start alone (rule E6); answers EpochEndStored once that is durable.
    /// </summary>
    void StoreEpochEnd(EpochEnd end);

    void Evidence(Evidence evidence);

    void ViewChanged(ulong view, Reason reason);

    void LevelReached(FinalityLevel level, ulong sequence);

    void ForkChanged(Fork fork);

    void VoteTaken(PartialSignature outcome);

    void CertificateMade(long micros);

    /// <param name="from">By committee index, or -1.</param>
    void Rejected(Reason reason, int from);

    /// <summary>Keeps it, durably (rule E5).</summary>
    void SignFrom(ulong epoch);

    /// <summary>Stops the process; nothing is signed any more.</summary>
    /// <param name="certificate">To be kept, where it is known, with the one that it contradicts.</param>
    void Halt(Reason reason, Certificate? certificate, Certificate? conflicting);

    /// <summary>For good: no later start trusts the vote store again. Durable before it returns.</summary>
    void Contradicted();

    /// <summary>The one that the ledger is in: after a core has ended, the next.</summary>
    EpochConfiguration NextEpoch { get; }

    /// <summary>Newest block whose execution is durable.</summary>
    ulong Executed { get; }

    /// <summary>Reads the votes that were kept for this epoch. False: they are damaged, and the process ends.</summary>
    bool Resume(EpochConfiguration epoch, RecoveredState state);

    /// <summary>
    /// From now on messages of this epoch are taken, and no other's. Batches that the ended core did not sign, or that no block
    /// ordered, wait for the credits of the next.
    /// </summary>
    /// <returns>Own index in its committee, or -1.</returns>
    int Enter(EpochConfiguration epoch);

    /// <summary>Its core is there, and has taken no input yet.</summary>
    void Entered(EpochEntry entry, LaneTip ownTip);

    /// <summary>Steps the core with this input, stamped.</summary>
    void Feed(Input input);

    /// <summary>PeerUp for each member that is connected.</summary>
    void FeedConnected();

    /// <summary>What came before its epoch may be taken now.</summary>
    void Replay();
}
