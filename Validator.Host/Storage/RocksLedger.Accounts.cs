using System.Buffers.Binary;
using Validator.Core.Execution;
using Validator.Core.Primitives;
using Validator.Host.Storage.Native;

namespace Validator.Host.Storage;

/// <summary>
/// What execution knows of accounts, as of the newest executed block. Keys of the family "default": A account: u32 place, u64
/// highest nonce, u64 bitmap, little-endian. Written with the block that changed it; none is ever deleted.
/// </summary>
internal sealed partial class RocksLedger
{
    private const int AccountValueBytes = ExecutionResult.AccountBytes - Hash256.Size;

    public AccountState? FindAccount(in Hash256 account)
    {
        using PinnedValue value = _database.Get(State, Key('A', account));
        return !value.Found ? null
            : value.Span.Length != AccountValueBytes ? throw Damaged($"account {account}")
            : new AccountState(BinaryPrimitives.ReadUInt64LittleEndian(value.Span[4..]), BinaryPrimitives.ReadUInt64LittleEndian(value.Span[12..]));
    }

    /// <summary>All accounts in order of place: records as <see cref="NonceTable"/> loads them.</summary>
    public byte[] Accounts()
    {
        byte[] records = [];
        int count = 0;
        using RocksDbIterator accounts = _database.Iterate(State);
        for (accounts.Seek("A"u8); accounts.Valid && accounts.Key[0] == (byte)'A'; accounts.Next())
        {
            uint place = accounts.Value.Length == AccountValueBytes ? BinaryPrimitives.ReadUInt32LittleEndian(accounts.Value) : uint.MaxValue;
            if (place >= Limits.MaxAccounts || accounts.Key.Length != 1 + Hash256.Size)
            {
                throw Damaged("an account");
            }

            int at = (int)place * NonceTable.RecordBytes;
            if (at >= records.Length)
            {
                Array.Resize(ref records, Math.Max(at + NonceTable.RecordBytes, 2 * records.Length));
            }

            accounts.Key[1..].CopyTo(records.AsSpan(at));
            accounts.Value[sizeof(uint)..].CopyTo(records.AsSpan(at + Hash256.Size));
            count++;
        }

        // A missing place leaves zeros before the last one, which loading refuses.
        return records.AsSpan(0, Math.Min(records.Length, count * NonceTable.RecordBytes)).ToArray();
    }

    private static void AddAccounts(RocksDbBatch batch, ReadOnlySpan<byte> accounts)
    {
        Span<byte> key = stackalloc byte[1 + Hash256.Size];
        Span<byte> value = stackalloc byte[AccountValueBytes];
        key[0] = (byte)'A';
        for (; !accounts.IsEmpty; accounts = accounts[ExecutionResult.AccountBytes..])
        {
            accounts[..sizeof(uint)].CopyTo(value);
            accounts.Slice(sizeof(uint), Hash256.Size).CopyTo(key[1..]);
            accounts[(sizeof(uint) + Hash256.Size)..ExecutionResult.AccountBytes].CopyTo(value[sizeof(uint)..]);
            batch.Put(State, key, value);
        }
    }
}
