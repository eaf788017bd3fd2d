using System.Diagnostics.CodeAnalysis;
using System.Text;
using Validator.Core.Wire;

namespace Validator.Core.Trust;

/// <summary>What is kept of a <see cref="StakeEffect"/> for one subject: the pools, and what that account had then.</summary>
/// <param name="AtMicros">The block's timestamp; 0 where there is none.</param>
/// <param name="Parts">Null where the subject is no account.</param>
public sealed record StakeTrace(ulong AtMicros, PoolChange[] Pools, AccountParts? Parts)
{
    private const int FixedBytes = 16;
    private const int ValueBytes = 32;

    /// <summary>Of an event of which no more was kept than that it happened.</summary>
    public static StakeTrace None { get; } = new(0, [], null);

    /// <summary>
    /// time u64, pools u32, parts u32 (all ones: none); of each pool name, epoch u64, before, after; balance u64; of each part
    /// name, epoch u64, value. A name: u8 and bytes; a value: u64, u64, u128.
    /// </summary>
    public byte[] Encode()
    {
        int size = FixedBytes + Pools.Sum(pool => NameBytes(pool.Member) + sizeof(ulong) + (2 * ValueBytes))
            + (Parts is null ? 0 : sizeof(ulong) + Parts.Parts.Sum(p => NameBytes(p.Member) + sizeof(ulong) + ValueBytes));
        byte[] encoded = new byte[size];
        WireWriter writer = new(encoded);
        writer.U64(AtMicros);
        writer.U32((uint)Pools.Length);
        writer.U32(Parts is null ? uint.MaxValue : (uint)Parts.Parts.Length);
        foreach (PoolChange pool in Pools)
        {
            WriteKey(ref writer, pool.Member, pool.Epoch);
            WriteValue(ref writer, pool.Before);
            WriteValue(ref writer, pool.After);
        }

        if (Parts is not null)
        {
            writer.U64(Parts.Balance);
            foreach (AccountPart part in Parts.Parts)
            {
                WriteKey(ref writer, part.Member, part.Epoch);
                WriteValue(ref writer, part.Value);
            }
        }

        return encoded;
    }

    public static bool TryRead(ReadOnlySpan<byte> data, [NotNullWhen(true)] out StakeTrace? trace)
    {
        WireReader reader = new(data);
        ulong at = reader.U64();
        uint pools = reader.U32(), parts = reader.U32();
        List<PoolChange> changes = [];
        for (uint i = 0; i < pools && reader.Ok; i++)
        {
            (string member, ulong epoch) = ReadKey(ref reader);
            changes.Add(new PoolChange(member, epoch, ReadValue(ref reader), ReadValue(ref reader)));
        }

        AccountParts? account = null;
        if (parts != uint.MaxValue)
        {
            ulong balance = reader.U64();
            List<AccountPart> theirs = [];
            for (uint i = 0; i < parts && reader.Ok; i++)
            {
                (string member, ulong epoch) = ReadKey(ref reader);
                theirs.Add(new AccountPart(member, epoch, ReadValue(ref reader)));
            }

            account = new AccountParts(balance, [.. theirs]);
        }

        trace = new StakeTrace(at, [.. changes], account);
        return reader.Finish(ref trace, out _);
    }

    private static int NameBytes(string name) => 1 + name.Length;

    private static void WriteKey(ref WireWriter writer, string name, ulong epoch)
    {
        writer.U8((byte)name.Length);
        writer.Bytes(Encoding.Latin1.GetBytes(name));
        writer.U64(epoch);
    }

    private static void WriteValue(ref WireWriter writer, in StakeValue value)
    {
        writer.U64(value.First);
        writer.U64(value.Second);
        writer.U64((ulong)value.Wide);
        writer.U64((ulong)(value.Wide >> 64));
    }

    private static (string Name, ulong Epoch) ReadKey(ref WireReader reader) =>
        (Encoding.Latin1.GetString(reader.Take(reader.U8())), reader.U64());

    private static StakeValue ReadValue(ref WireReader reader) =>
        new(reader.U64(), reader.U64(), reader.U64() | ((UInt128)reader.U64() << 64));
}
