using Validator.Core.Primitives;
using Validator.Core.Wire;

namespace Validator.Host.Contracts;

/// <summary>
/// Public keys that clients have sent, by account, so that each sends its own once. It is only a convenience: a key that was
/// evicted is asked for again. The least recently used goes first. Any thread.
/// </summary>
public sealed class ClientKeys(int capacity = ClientKeys.DefaultCapacity)
{
    /// <summary>10.6 MB of keys.</summary>
    public const int DefaultCapacity = 4096;

    private readonly Dictionary<Hash256, LinkedListNode<(Hash256 Account, byte[] Key)>> _byAccount = [];
    private readonly LinkedList<(Hash256 Account, byte[] Key)> _byUse = new();
    private readonly Lock _lock = new();

    /// <param name="publicKey">2,592 bytes; every such string is a key.</param>
    /// <returns>Its account.</returns>
    public Hash256 Add(ReadOnlySpan<byte> publicKey)
    {
        Hash256 account = EnvelopeCodec.AccountOf(publicKey);
        lock (_lock)
        {
            if (_byAccount.TryGetValue(account, out var known))
            {
                Renew(known);
                return account;
            }

            if (_byAccount.Count == capacity)
            {
                _byAccount.Remove(_byUse.Last!.Value.Account);
                _byUse.RemoveLast();
            }

            _byAccount.Add(account, _byUse.AddFirst((account, publicKey.ToArray())));
        }

        return account;
    }

    /// <returns>The account's key, 2,592 bytes; null when it was not sent, or not lately.</returns>
    public byte[]? Find(in Hash256 account)
    {
        lock (_lock)
        {
            if (!_byAccount.TryGetValue(account, out var known))
            {
                return null;
            }

            Renew(known);
            return known.Value.Key;
        }
    }

    private void Renew(LinkedListNode<(Hash256 Account, byte[] Key)> node)
    {
        if (node != _byUse.First)
        {
            _byUse.Remove(node);
            _byUse.AddFirst(node);
        }
    }
}
