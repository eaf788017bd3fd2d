using System.Buffers.Binary;
using Validator.Core.Primitives;

namespace Validator.Core.Trust;

public enum StakeOperationKind : byte
{
    /// <summary>From balance to another account's.</summary>
    Transfer = 1,

    /// <summary>From balance to a member's pool.</summary>
    Deposit,

    /// <summary>Out of a member's pool, to be claimed when it is no longer bound.</summary>
    Withdraw,

    /// <summary>Rewards, and what is no longer bound, to balance.</summary>
    Claim,
}

/// <summary>
/// What an account asks of its stake: the data of a signed envelope of its own kind, whose nonce keeps it from being done twice.
/// </summary>
/// <param name="Amount">Units; 0 for a claim.</param>
/// <param name="To">Of a transfer.</param>
/// <param name="Member">Of a deposit or withdrawal: its name.</param>
public readonly record struct StakeOperation(StakeOperationKind Kind, ulong Amount = 0, Hash256 To = default, string Member = "")
{
    private const int AmountBytes = 1 + sizeof(ulong);

    /// <summary>kind u8, then amount u64 and, for a transfer, account 32, else name. Canonical: nothing may follow.</summary>
    public byte[] Encode()
    {
        if (Kind == StakeOperationKind.Claim)
        {
            return [(byte)Kind];
        }

        byte[] bytes = new byte[AmountBytes + (Kind == StakeOperationKind.Transfer ? Hash256.Size : Member.Length)];
        bytes[0] = (byte)Kind;
        BinaryPrimitives.WriteUInt64LittleEndian(bytes.AsSpan(1), Amount);
        if (Kind == StakeOperationKind.Transfer)
        {
            To.CopyTo(bytes.AsSpan(AmountBytes));
        }
        else
        {
            Require.That(System.Text.Encoding.ASCII.GetBytes(Member, bytes.AsSpan(AmountBytes)) == Member.Length);
        }

        return bytes;
    }

    /// <returns>False where the bytes are no operation. Whether the member exists, and can be paid, is for execution.</returns>
    public static bool TryRead(ReadOnlySpan<byte> bytes, out StakeOperation operation)
    {
        operation = default;
        if (bytes.Length == 1 && bytes[0] == (byte)StakeOperationKind.Claim)
        {
            operation = new StakeOperation(StakeOperationKind.Claim);
            return true;
        }

        if (bytes.Length <= AmountBytes)
        {
            return false;
        }

        StakeOperationKind kind = (StakeOperationKind)bytes[0];
        ulong amount = BinaryPrimitives.ReadUInt64LittleEndian(bytes[1..]);
        ReadOnlySpan<byte> rest = bytes[AmountBytes..];
        if (kind == StakeOperationKind.Transfer && rest.Length == Hash256.Size)
        {
            operation = new StakeOperation(kind, amount, To: new Hash256(rest));
            return true;
        }

        if (kind is not (StakeOperationKind.Deposit or StakeOperationKind.Withdraw) || rest.Length > Limits.MaxNameBytes
            || rest.ContainsAnyExceptInRange((byte)'!', (byte)'~'))
        {
            return false;
        }

        operation = new StakeOperation(kind, amount, Member: System.Text.Encoding.ASCII.GetString(rest));
        return true;
    }
}

/// <summary>Why an operation has no effect: the same at everybody who executes it.</summary>
public enum StakeRefusal : byte
{
    None,
    ZeroAmount,
    UnknownMember,

    /// <summary>The balance is smaller than the amount.</summary>
    TooLittleBalance,

    /// <summary>The account's part of the pool is worth less than the amount.</summary>
    TooLittleDeposit,

    /// <summary>The account has as many deposits and withdrawals as one may have: claim what is no longer bound first.</summary>
    TooManyPositions,

    /// <summary>The pool was slashed so far that a new deposit has no exact part in it.</summary>
    PoolSpent,

    /// <summary>No reward, and nothing that is no longer bound.</summary>
    NothingToClaim,

    /// <summary>An account that holds nothing yet would be one too many.</summary>
    AccountsFull,

    /// <summary>The data is no operation.</summary>
    Malformed,

    /// <summary>This chain's genesis has no trust, and so no stake.</summary>
    TrustOff,
}
