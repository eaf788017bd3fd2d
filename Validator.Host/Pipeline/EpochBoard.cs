using Validator.Core.Primitives;
using Validator.Core.Wire;
using Validator.Crypto.Simd;

namespace Validator.Host.Pipeline;

/// <summary>The epoch that the node lives in. Core's thread writes it, any thread reads.</summary>
internal sealed class EpochBoard(byte[] ownKey, Func<EpochConfiguration, int[]> linksOf, string ownName = "") : IDisposable
{
    private readonly Dictionary<Hash256, PreparedVerificationKey> _prepared = [];
    private volatile EpochContext? _current;

    public EpochContext Current => _current!;

    /// <summary>From now on all threads take frames of this epoch alone. Core's thread.</summary>
    public EpochContext Enter(EpochConfiguration epoch)
    {
        CommitteeKeys keys = _current is { } before && ReferenceEquals(before.Members, epoch.Members)
            ? before.Keys : new CommitteeKeys(Array.ConvertAll(epoch.Members, Prepared));
        _current = new EpochContext(epoch, keys, epoch.IndexOf(ownKey), linksOf(epoch), ownName);
        return _current;
    }

    /// <summary>Call after every thread has ended: a verifier may still use the keys of an earlier epoch.</summary>
    public void Dispose()
    {
        foreach (PreparedVerificationKey key in _prepared.Values)
        {
            key.Dispose();
        }
    }

    private PreparedVerificationKey Prepared(Member member)
    {
        Hash256 hash = Hash256.Of(member.ConsensusKey);
        if (!_prepared.TryGetValue(hash, out PreparedVerificationKey? key))
        {
            key = PreparedVerificationKey.Create(member.ConsensusKey);
            _prepared.Add(hash, key);
        }

        return key;
    }
}
