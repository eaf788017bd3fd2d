using System.Text;
using Validator.Core.Primitives;
using Validator.Core.Wire;

namespace Validator.Core.Trust;

public enum TrustEventKind : byte
{
    /// <summary>An offence was proven. Amount: units slashed; before and after: reputation.</summary>
    Offence = 1,

    /// <summary>An epoch's reward went to a member's depositors. Amount: units.</summary>
    Rewarded,

    /// <summary>Nobody has deposited to the member: its reward stays in the pool. Amount: units.</summary>
    RewardFailed,

    /// <summary>The member leaves the committee with the epoch. Before: its weight; after: reputation.</summary>
    Banned,

    /// <summary>The member is to be banned, and those who stay could not go on without it. After: reputation.</summary>
    BanWaits,

    /// <summary>The member is in the committee again with the next epoch. After: its weight.</summary>
    Returned,

    /// <summary>Its weight changes with the next epoch. Before and after: weights.</summary>
    Weight,

    /// <summary>What the account did, as <see cref="StakeOperationKind"/>. Amount: units.</summary>
    Transfer,
    Deposit,
    Withdraw,
    Claim,

    /// <summary>What the account had where the history begins: in genesis, or in the snapshot that was installed.</summary>
    Opened,
}

/// <summary>Something that execution did to trust or stake: the history that operators and accounts can read.</summary>
/// <param name="Member">Empty where it is of no member.</param>
/// <param name="Account">Who acted; zero where it was no account.</param>
/// <param name="To">Of a transfer; else zero.</param>
public readonly record struct TrustEvent(
    TrustEventKind Kind, string Member = "", Hash256 Account = default, Hash256 To = default, ulong Amount = 0, uint Before = 0,
        uint After = 0,
    Offence Offence = default)
{
    private const int FixedBytes = 20 + (2 * Hash256.Size) + 1;

    /// <summary>kind u8, offence u8, 0 u16, before u32, after u32, amount u64, account 32, to 32, name u8 and bytes.</summary>
    public byte[] Encode()
    {
        byte[] encoded = new byte[FixedBytes + Member.Length];
        WireWriter writer = new(encoded);
        writer.U8((byte)Kind);
        writer.U8((byte)Offence);
        writer.Zeros(2);
        writer.U32(Before);
        writer.U32(After);
        writer.U64(Amount);
        writer.Hash(Account);
        writer.Hash(To);
        writer.U8((byte)Member.Length);
        foreach (char c in Member)
        {
            writer.U8((byte)c);
        }

        return encoded;
    }

    /// <param name="rest">What follows.</param>
    public static bool TryRead(ReadOnlySpan<byte> data, out TrustEvent value, out ReadOnlySpan<byte> rest)
    {
        WireReader reader = new(data);
        TrustEventKind kind = (TrustEventKind)reader.U8();
        reader.Check(kind is >= TrustEventKind.Offence and <= TrustEventKind.Opened, DecodeError.UnknownKind);
        Offence offence = (Offence)reader.U8();
        reader.Reserved(2);
        (uint before, uint after) = (reader.U32(), reader.U32());
        ulong amount = reader.U64();
        (Hash256 account, Hash256 to) = (reader.Hash(), reader.Hash());
        string member = Encoding.Latin1.GetString(reader.Take(reader.U8()));
        value = new TrustEvent(kind, member, account, to, amount, before, after, offence);
        rest = reader.Ok ? data[reader.Position..] : default;
        return reader.Ok;
    }
}
