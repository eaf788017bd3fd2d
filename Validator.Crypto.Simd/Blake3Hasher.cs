using System.Numerics;
using System.Runtime.CompilerServices;
using Validator.Crypto.Simd.Hashing;

namespace Validator.Crypto.Simd;

/// <summary>
/// BLAKE3 of a message that arrives in pieces. <see cref="Finalize(Span{byte})"/> may be called at any time and changes
/// nothing. Not for use by two threads at once.
/// </summary>
public sealed unsafe class Blake3Hasher
{
    // 54 levels hold any 64-bit length; one more for the lazily merged top (paper, section 5.1.2).
    private const int MaxDepth = 55;

    private readonly uint[] _key = new uint[8];
    private readonly uint[] _cv = new uint[8];
    private readonly byte[] _block = new byte[64];
    private readonly byte[] _stack = new byte[MaxDepth * 32];
    private readonly uint _flags;
    private int _stackCount;
    private int _blockLength;
    private int _blocksCompressed;
    private ulong _chunkCounter;

    /// <summary>A plain hash.</summary>
    public Blake3Hasher()
        : this(Blake3Scalar.InitialCv, 0)
    {
    }

    private Blake3Hasher(uint* key, uint flags)
    {
        new ReadOnlySpan<uint>(key, 8).CopyTo(_key);
        _flags = flags;
        Reset();
    }

    /// <summary>A keyed hash with a 32-byte key.</summary>
    public static Blake3Hasher Keyed(ReadOnlySpan<byte> key32)
    {
        uint* key = stackalloc uint[8];
        Blake3.LoadKey(key32, key);
        return new Blake3Hasher(key, Blake3Scalar.KeyedHash);
    }

    /// <summary>Key derivation for the purpose named by <paramref name="contextUtf8"/>.</summary>
    public static Blake3Hasher ForDeriveKey(ReadOnlySpan<byte> contextUtf8)
    {
        uint* key = stackalloc uint[8];
        Blake3.ContextKey(contextUtf8, key);
        return new Blake3Hasher(key, Blake3Scalar.DeriveKeyMaterial);
    }

    private int ChunkLength => (64 * _blocksCompressed) + _blockLength;

    /// <summary>Forgets all input; key and mode stay.</summary>
    public void Reset()
    {
        _stackCount = 0;
        StartChunk(0);
    }

    /// <summary>Appends <paramref name="input"/>.</summary>
    public void Update(ReadOnlySpan<byte> input)
    {
        if (ChunkLength > 0 && input.Length > 0)
        {
            int take = Math.Min(Blake3Scalar.ChunkBytes - ChunkLength, input.Length);
            AddToChunk(input[..take]);
            input = input[take..];
            if (input.Length == 0)
            {
                return;
            }

            CloseChunk();
        }

        fixed (byte* start = input)
        {
            byte* p = start;
            int left = input.Length;
            while (left > Blake3Scalar.ChunkBytes)
            {
                int take = AddSubtree(p, left);
                p += take;
                left -= take;
            }

            if (left > 0)
            {
                MergeStack(_chunkCounter);
                AddToChunk(new ReadOnlySpan<byte>(p, left));
            }
        }
    }

    /// <summary>The hash of all input so far, extended as far as <paramref name="output"/> is long.</summary>
    public void Finalize(Span<byte> output)
    {
        uint* cv = stackalloc uint[8];
        byte* block = stackalloc byte[64];
        fixed (uint* key = _key)
        fixed (byte* stack = _stack)
        {
            int remaining = _stackCount;
            uint length = 64;
            uint flags;
            if (ChunkLength > 0 || remaining == 0)
            {
                _cv.CopyTo(new Span<uint>(cv, 8));
                _block.CopyTo(new Span<byte>(block, 64));
                length = (uint)_blockLength;
                flags = _flags | (_blocksCompressed == 0 ? Blake3Scalar.ChunkStart : 0) | Blake3Scalar.ChunkEnd;
            }
            else
            {
                remaining -= 2;
                Unsafe.CopyBlockUnaligned(block, stack + (32 * remaining), 64);
                Blake3Tree.Copy(cv, key);
                flags = _flags | Blake3Scalar.Parent;
            }

            ulong counter = (flags & Blake3Scalar.Parent) != 0 ? 0 : _chunkCounter;
            while (remaining > 0)
            {
                remaining--;
                Blake3Block.CompressInPlace(cv, block, length, counter, flags);
                Unsafe.CopyBlockUnaligned(block, stack + (32 * remaining), 32);
                Blake3Tree.Store(block + 32, cv);
                Blake3Tree.Copy(cv, key);
                length = 64;
                counter = 0;
                flags = _flags | Blake3Scalar.Parent;
            }

            Blake3Tree.RootOutput(cv, block, length, flags, output);
        }
    }

    private void StartChunk(ulong counter)
    {
        _key.CopyTo(_cv, 0);
        Array.Clear(_block);
        _blockLength = 0;
        _blocksCompressed = 0;
        _chunkCounter = counter;
    }

    private void AddToChunk(ReadOnlySpan<byte> input)
    {
        fixed (uint* cv = _cv)
        fixed (byte* block = _block)
        {
            while (input.Length > 0)
            {
                if (_blockLength == 64)
                {
                    // A full block is compressed only once more input shows that it is not the chunk's last.
                    uint start = _blocksCompressed == 0 ? Blake3Scalar.ChunkStart : 0;
                    Blake3Block.CompressInPlace(cv, block, 64, _chunkCounter, _flags | start);
                    _blocksCompressed++;
                    _blockLength = 0;
                    Array.Clear(_block);
                }

                int take = Math.Min(64 - _blockLength, input.Length);
                input[..take].CopyTo(_block.AsSpan(_blockLength));
                _blockLength += take;
                input = input[take..];
            }
        }
    }

    private void CloseChunk()
    {
        byte* value = stackalloc byte[32];
        fixed (uint* cv = _cv)
        fixed (byte* block = _block)
        {
            uint start = _blocksCompressed == 0 ? Blake3Scalar.ChunkStart : 0;
            Blake3Block.CompressInPlace(cv, block, (uint)_blockLength, _chunkCounter, _flags | start | Blake3Scalar.ChunkEnd);
            Blake3Tree.Store(value, cv);
        }

        Push(value, _chunkCounter);
        StartChunk(_chunkCounter + 1);
    }

    /// <summary>
    /// Takes the largest subtree that is aligned here off the input; pushes its two halves, merged once more follows.
    /// </summary>
    private int AddSubtree(byte* input, int length)
    {
        uint subtree = 1u << BitOperations.Log2((uint)length);
        while (((ulong)(subtree - 1) & (_chunkCounter * Blake3Scalar.ChunkBytes)) != 0)
        {
            subtree /= 2;
        }

        ulong chunks = subtree / Blake3Scalar.ChunkBytes;
        byte* pair = stackalloc byte[64];
        fixed (uint* key = _key)
        {
            if (chunks <= 1)
            {
                Blake3Block.Chunk(key, input, Blake3Scalar.ChunkBytes, _chunkCounter, _flags, 0, pair);
                Push(pair, _chunkCounter);
                chunks = 1;
                subtree = Blake3Scalar.ChunkBytes;
            }
            else
            {
                Blake3Tree.SubtreeToParent(input, (int)subtree, key, _chunkCounter, _flags, pair);
                Push(pair, _chunkCounter);
                Push(pair + 32, _chunkCounter + (chunks / 2));
            }
        }

        _chunkCounter += chunks;
        return (int)subtree;
    }

    private void Push(byte* value, ulong counter)
    {
        MergeStack(counter);
        new ReadOnlySpan<byte>(value, 32).CopyTo(_stack.AsSpan(32 * _stackCount));
        _stackCount++;
    }

    /// <summary>Merges all subtrees that are complete before chunk <paramref name="counter"/>: one stays per set bit.</summary>
    private void MergeStack(ulong counter)
    {
        uint* cv = stackalloc uint[8];
        fixed (uint* key = _key)
        fixed (byte* stack = _stack)
        {
            while (_stackCount > BitOperations.PopCount(counter))
            {
                byte* pair = stack + (32 * (_stackCount - 2));
                Blake3Tree.Copy(cv, key);
                Blake3Block.CompressInPlace(cv, pair, 64, 0, _flags | Blake3Scalar.Parent);
                Blake3Tree.Store(pair, cv);
                _stackCount--;
            }
        }
    }
}
