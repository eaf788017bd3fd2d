using Validator.Core.Primitives;

namespace Validator.Core.Wire;

/// <summary>The part of a genesis that says how trust is reckoned (FORMATS.md, "Genesis").</summary>
public static partial class GenesisCodec
{
    private const int TrustFixedBytes = 64 + (4 * TrustParameters.Offences);
    private const int BalanceFixedBytes = Hash256.Size + 8 + 1;

    private const int MostBalances = 100_000;
    private const uint MostUnbondingEpochs = 10_000;
    private const ulong MostMicros = 100UL * 366 * 24 * 3600 * 1_000_000;

    // Who withdraws must not be out of reach of evidence.
    private const uint LeastUnbondingEpochs = (uint)TrustParameters.EvidenceEpochs + 1;

    private static int TrustSize(TrustParameters? trust)
    {
        int size = trust is null ? 0 : TrustFixedBytes;
        foreach (GenesisBalance balance in trust?.Balances ?? [])
        {
            size += BalanceFixedBytes + balance.Member.Length;
        }

        return size;
    }

    private static void WriteTrust(ref WireWriter writer, TrustParameters? trust)
    {
        if (trust is null)
        {
            return;
        }

        writer.U8((byte)trust.Weights);
        writer.Zeros(3);
        writer.U32(trust.WindowBlocks);
        writer.U64(trust.WindowMicros);
        writer.U64(trust.HalfLifeMicros);
        writer.U32(trust.BanBelow);
        writer.U32(trust.ReturnAt);
        writer.U32(trust.UnbondingEpochs);
        writer.Zeros(4);
        writer.U64(trust.RewardPool);
        writer.U64(trust.EpochReward);
        for (int i = 0; i < TrustParameters.Offences; i++)
        {
            writer.U16((int)trust.Penalties[i]);
            writer.U16((int)trust.Slashes[i]);
        }

        writer.U32((uint)trust.Balances.Length);
        writer.Zeros(4);
        foreach (GenesisBalance balance in trust.Balances)
        {
            writer.Hash(balance.Account);
            writer.U64(balance.Amount);
            WriteName(ref writer, balance.Member);
        }
    }

    private static TrustParameters ReadTrust(ref WireReader reader)
    {
        WeightMode weights = (WeightMode)reader.U8();
        reader.Reserved(3);
        TrustParameters trust = new()
        {
            Weights = weights,
            WindowBlocks = reader.U32(),
            WindowMicros = reader.U64(),
            HalfLifeMicros = reader.U64(),
            BanBelow = reader.U32(),
            ReturnAt = reader.U32(),
            UnbondingEpochs = reader.U32(),
        };
        reader.Reserved(4);
        ulong pool = reader.U64();
        ulong each = reader.U64();
        uint[] penalties = new uint[TrustParameters.Offences], slashes = new uint[TrustParameters.Offences];
        for (int i = 0; i < TrustParameters.Offences; i++)
        {
            penalties[i] = reader.U16();
            slashes[i] = reader.U16();
        }

        uint count = reader.U32();
        reader.Reserved(4);
        reader.Check(count <= MostBalances, DecodeError.TransactionCount);
        reader.Need((int)Math.Min(count, MostBalances), BalanceFixedBytes);
        GenesisBalance[] balances = new GenesisBalance[reader.Ok ? count : 0];
        for (int i = 0; i < balances.Length; i++)
        {
            balances[i] = new GenesisBalance(reader.Hash(), reader.U64(), ReadName(ref reader));
        }

        return trust with
        {
            RewardPool = pool,
            EpochReward = each,
            Penalties = penalties,
            Slashes = slashes,
            Balances = balances
        };
    }

    private static string? TrustRefusal(GenesisParameters parameters, Member[] members)
    {
        if (parameters.Trust is not { } trust)
        {
            return null;
        }

        if (trust.Weights > WeightMode.Multiplicative)
        {
            return "trust.weights must be fixed, trust or trust-multiplicative";
        }

        if (parameters.EpochLengthBlocks == 0)
        {
            return "trust needs epoch_length_blocks: rewards, bans and weights are reckoned as an epoch ends";
        }

        if (trust.Penalties.Length != TrustParameters.Offences || trust.Slashes.Length != TrustParameters.Offences
            || trust.Penalties.Any(p => p > 1000) || trust.Slashes.Any(s => s > 999))
        {
            return "trust.penalties must be 0 to 1000 thousandths for each kind of offence, and trust.slashes 0 to 999";
        }

        if (trust.BanBelow > trust.ReturnAt || trust.ReturnAt > 1000)
        {
            return "trust.ban_below must not be above trust.return_at, and that not above 1000 thousandths";
        }

        if (trust.WindowBlocks == 0 || trust.WindowMicros > MostMicros || trust.HalfLifeMicros is 0 or > MostMicros)
        {
            return "trust.window_blocks and trust.half_life must not be zero, and no time above 100 years";
        }

        return trust.UnbondingEpochs is < LeastUnbondingEpochs or > MostUnbondingEpochs
            ? $"trust.unbonding_epochs must be {LeastUnbondingEpochs} (evidence is taken for two epochs) to {MostUnbondingEpochs}"
            : BalanceRefusal(trust, members);
    }

    private static string? BalanceRefusal(TrustParameters trust, Member[] members)
    {
        if (trust.Balances.Length > MostBalances || trust.Supply >= TrustParameters.MostUnits)
        {
            return $"trust.balances has {MostBalances} entries at most, and with the reward pool less than 2^62 units";
        }

        HashSet<(Hash256, string)> known = [];
        IEnumerable<GenesisBalance> deposits = trust.Balances.Where(b => b.Member.Length > 0);
        if (deposits.GroupBy(b => b.Account).Any(own => own.Count() > TrustParameters.MostDeposits))
        {
            return $"trust.balances: an account has {TrustParameters.MostDeposits} deposits at most";
        }

        foreach (GenesisBalance balance in trust.Balances)
        {
            if (balance.Amount == 0 || balance.Account.IsZero || !known.Add((balance.Account, balance.Member)))
            {
                return $"trust.balances: account {balance.Account} has no amount, or is there twice";
            }

            if (balance.Member.Length > 0 && !Array.Exists(members, m => m.Name == balance.Member))
            {
                return $"trust.balances: {balance.Member} is no member";
            }
        }

        return null;
    }
}
