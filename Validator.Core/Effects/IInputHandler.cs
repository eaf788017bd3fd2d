using Validator.Core.Primitives;
using Validator.Core.Wire;

namespace Validator.Core.Effects;

/// <summary>A sealed batch of client transactions that waits under a token.</summary>
/// <param name="Root">Over the transactions' ids, as in the vertex.</param>
public readonly record struct SealedBatch(ulong Token, Hash256 Root, uint PayloadBytes, uint TransactionCount);

/// <summary>What happens to Core, one method for each case. A case that is not handled does not compile.</summary>
public interface IInputHandler
{
    /// <summary>Only time has passed.</summary>
    void OnTick();

    /// <summary>
    /// A member's message other than a vertex. Its structure and every signature inside are checked; of a chunk, Core checks the
    /// bytes.
    /// </summary>
    void OnMessage(IMessage message, int from);

    /// <summary>A member's message: a vertex, checked likewise, whose payload waits under the token.</summary>
    void OnVertex(SignedVertex vertex, ulong token, int from);

    /// <summary>A batch of client transactions. Spends one credit.</summary>
    void OnClientBatch(in SealedBatch batch);

    /// <summary>What was to be signed: signed, durable and sent.</summary>
    void OnSigned(IMessage message);

    /// <summary>A stored vertex is durable.</summary>
    void OnVertexDurable(in Hash256 vertex);

    /// <summary>The block of this sequence was executed, durably.</summary>
    /// <param name="change">The committee change that it made pending, if it did.</param>
    void OnExecuted(ulong sequence, in Hash256 root, PendingCommittee? change);

    /// <summary>What StoreEpochEnd asked for is durable.</summary>
    void OnEpochEndStored();

    /// <summary>The state of the snapshot that was handed out is in place and durable.</summary>
    void OnSnapshotInstalled();

    void OnPeerUp(int peer);

    void OnPeerDown(int peer);
}
