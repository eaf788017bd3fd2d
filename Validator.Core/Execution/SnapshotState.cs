using Validator.Core.Primitives;

namespace Validator.Core.Execution;

/// <summary>What a snapshot keeps of the state at one block beside the state records.</summary>
/// <param name="NextIndex">Global index of the next accepted transaction.</param>
/// <param name="Segments">Digests of the dedup window's segments, from the first that overlaps it on.</param>
/// <param name="Accounts">Digests of the segments of <see cref="NonceTable"/>.</param>
public sealed record SnapshotState(ulong Sequence, ulong NextIndex, Hash256[] Segments, Hash256[] Accounts)
{
    /// <summary>Digests of the trust state's chunks; none where genesis has no trust.</summary>
    public Hash256[] Trust { get; init; } = [];

    /// <summary>What is stored by its hash for the snapshot alone.</summary>
    public IEnumerable<Hash256> Stored => Accounts.Concat(Trust);

    /// <summary>Account segments and trust chunks that the capture before had not: unlike ids, they change.</summary>
    public IReadOnlyList<byte[]> NewChunks { get; init; } = [];
}
