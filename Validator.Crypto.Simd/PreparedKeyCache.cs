using System.Runtime.InteropServices;
using System.Security.Cryptography;
using Validator.Crypto.Simd.Lattice;

namespace Validator.Crypto.Simd;

/// <summary>
/// Prepared keys of signers outside the committee, the least recently used forgotten first. All memory is taken at once:
/// 65,600 bytes a key, reused without asking the system again. For one thread; its verdicts may be used by others while the
/// lease lasts.
/// </summary>
public sealed unsafe class PreparedKeyCache : IDisposable
{
    private const int None = -1;

    private readonly NativeBlock _memory;
    private readonly Slot[] _slots;
    private readonly Dictionary<Name, int> _byName;
    private readonly byte[] _nameKey = RandomNumberGenerator.GetBytes(Blake3.KeyBytes);
    private int _used;
    private int _newest = None;
    private int _oldest = None;

    /// <summary>A cache of at most <paramref name="capacity"/> keys, 1 to 16,384.</summary>
    public PreparedKeyCache(int capacity)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(capacity, 1);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(capacity, 16384);
        _memory = new NativeBlock(capacity * VerifyCore.PreparedBytes);
        _slots = new Slot[capacity];
        _byName = new Dictionary<Name, int>(capacity);
    }

    /// <summary>The most keys held.</summary>
    public int Capacity => _slots.Length;

    /// <summary>Keys held now.</summary>
    public int Count => _used;

    /// <summary>Times a key was found prepared.</summary>
    public long Hits { get; private set; }

    /// <summary>Times a key had to be prepared.</summary>
    public long Misses { get; private set; }

    /// <summary>
    /// The prepared key, made if need be. While the lease is held the key stays; when every slot is leased, the key is made in
    /// memory of its own and freed with the lease.
    /// </summary>
    /// <exception cref="ArgumentException">The key has not 2,592 bytes.</exception>
    public Lease Rent(ReadOnlySpan<byte> publicKey)
    {
        MlDsa87.RequireLength(publicKey.Length, MlDsa87.PublicKeyBytes, nameof(publicKey));
        byte* memory = _memory.Pointer;
        Name name = default;
        Blake3.KeyedHash(_nameKey, publicKey, MemoryMarshal.AsBytes(new Span<Name>(ref name)));
        if (_byName.TryGetValue(name, out int slot))
        {
            Hits++;
            Unlink(slot);
            LinkNewest(slot);
            _slots[slot].Leases++;
            return new Lease(this, slot, _slots[slot].Key!);
        }

        Misses++;
        slot = TakeSlot();
        if (slot == None)
        {
            return new Lease(this, None, PreparedVerificationKey.Create(publicKey));
        }

        _slots[slot].Key = new PreparedVerificationKey(publicKey, memory + ((nint)slot * VerifyCore.PreparedBytes));
        _slots[slot].Name = name;
        _slots[slot].Leases = 1;
        _byName.Add(name, slot);
        LinkNewest(slot);
        return new Lease(this, slot, _slots[slot].Key!);
    }

    /// <summary>Frees the memory; no lease may be used after.</summary>
    public void Dispose()
    {
        for (int i = 0; i < _used; i++)
        {
            _slots[i].Key!.Dispose();
        }

        _memory.Dispose();
    }

    /// <summary>An unused slot, or that of the least recently used key without a lease.</summary>
    private int TakeSlot()
    {
        if (_used < _slots.Length)
        {
            return _used++;
        }

        int slot = _oldest;
        while (slot != None && _slots[slot].Leases > 0)
        {
            slot = _slots[slot].Newer;
        }

        if (slot != None)
        {
            Unlink(slot);
            _byName.Remove(_slots[slot].Name);
            _slots[slot].Key!.Dispose();
        }

        return slot;
    }

    private void Unlink(int slot)
    {
        (int newer, int older) = (_slots[slot].Newer, _slots[slot].Older);
        if (newer == None)
        {
            _newest = older;
        }
        else
        {
            _slots[newer].Older = older;
        }

        if (older == None)
        {
            _oldest = newer;
        }
        else
        {
            _slots[older].Newer = newer;
        }
    }

    private void LinkNewest(int slot)
    {
        _slots[slot].Newer = None;
        _slots[slot].Older = _newest;
        if (_newest == None)
        {
            _oldest = slot;
        }
        else
        {
            _slots[_newest].Newer = slot;
        }

        _newest = slot;
    }

    /// <summary>A key kept from eviction until disposal, which must happen once.</summary>
    public readonly struct Lease : IDisposable
    {
        private readonly PreparedKeyCache _cache;
        private readonly int _slot;

        internal Lease(PreparedKeyCache cache, int slot, PreparedVerificationKey key)
        {
            _cache = cache;
            _slot = slot;
            Key = key;
        }

        /// <summary>The prepared key.</summary>
        public PreparedVerificationKey Key { get; }

        /// <summary>Gives the key back.</summary>
        public void Dispose()
        {
            if (_slot == None)
            {
                Key.Dispose();
            }
            else
            {
                _cache._slots[_slot].Leases--;
            }
        }
    }

    private struct Slot
    {
        internal PreparedVerificationKey? Key;
        internal Name Name;
        internal int Leases;
        internal int Newer;
        internal int Older;
    }

    /// <summary>A public key's BLAKE3 hash under a key of this cache's own: nobody outside can aim at one bucket.</summary>
    private readonly record struct Name(ulong A, ulong B, ulong C, ulong D)
    {
        public override int GetHashCode() => (int)A;
    }
}
