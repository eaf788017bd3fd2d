using System.Runtime.CompilerServices;
using Validator.Crypto.Simd.Hashing;
using Validator.Crypto.Simd.Lattice;

namespace Validator.Crypto.Simd;

/// <summary>One signature to check, and the verdict.</summary>
public struct VerificationItem
{
    /// <summary>The signer's prepared key; it must not be disposed while the batch runs.</summary>
    public PreparedVerificationKey Key;

    /// <summary>The signed message.</summary>
    public ReadOnlyMemory<byte> Message;

    /// <summary>The context string, at most 255 bytes; longer ones make the signature invalid.</summary>
    public ReadOnlyMemory<byte> Context;

    /// <summary>The signature; any length but 4,627 is invalid.</summary>
    public ReadOnlyMemory<byte> Signature;

    /// <summary>Set by <see cref="BatchVerifier.Verify"/>: whether this signature is valid.</summary>
    public bool Valid;
}

/// <summary>
/// Verifies many ML-DSA-87 signatures at once. Items are grouped by key, so that a key's 66 KB is read from a near cache, and
/// hashed a vector lane each; each verdict is that of <see cref="PreparedVerificationKey.Verify"/>, whatever stands beside it.
/// Nothing allocates; threads may run batches at once, each over its own items.
/// </summary>
public static unsafe class BatchVerifier
{
    private const int Slice = 64;

    /// <summary>Checks every item and sets its <see cref="VerificationItem.Valid"/>. Returns how many are valid.</summary>
    /// <exception cref="ArgumentException">An item has no key; no item is then valid.</exception>
    /// <exception cref="ObjectDisposedException">A key was disposed; no item is then valid.</exception>
    public static int Verify(Span<VerificationItem> items)
    {
        // All verdicts first: whatever is thrown, none of an earlier run is left to be read.
        foreach (ref VerificationItem item in items)
        {
            item.Valid = false;
        }

        foreach (ref VerificationItem item in items)
        {
            _ = (item.Key ?? throw new ArgumentException("An item has no key.", nameof(items))).Pointer;
        }

        int valid = 0;
        while (items.Length > 0)
        {
            int take = Math.Min(Slice, items.Length);
            valid += VerifySlice(items[..take]);
            items = items[take..];
        }

        return valid;
    }

    private static int VerifySlice(Span<VerificationItem> items)
    {
        Span<int> order = stackalloc int[Slice];
        int count = WellFormedByKey(items, order);
        int width = KeccakLanes.Width;
        int valid = 0;
        int next = 0;
        while (count - next > 1)
        {
            int take = Math.Min(width, count - next);
            valid += VerifyLanes(items, order.Slice(next, take), width);
            next += take;
        }

        if (next < count)
        {
            ref VerificationItem item = ref items[order[next]];
            item.Valid = item.Key.Verify(item.Message.Span, item.Context.Span, item.Signature.Span);
            valid += item.Valid ? 1 : 0;
        }

        return valid;
    }

    /// <summary>Lists the items worth hashing, those of one key side by side.</summary>
    private static int WellFormedByKey(Span<VerificationItem> items, Span<int> order)
    {
        int count = 0;
        for (int i = 0; i < items.Length; i++)
        {
            ref VerificationItem item = ref items[i];
            if (item.Signature.Length != MlDsa87.SignatureBytes || item.Context.Length > MlDsa87.MaxContextBytes)
            {
                continue;
            }

            fixed (byte* signature = item.Signature.Span)
            {
                if (!Hint.IsWellFormed(signature + MlDsaParameters.HintOffset))
                {
                    continue;
                }
            }

            int at = count++;
            int key = item.Key.Order;
            for (; at > 0 && items[order[at - 1]].Key.Order > key; at--)
            {
                order[at] = order[at - 1];
            }

            order[at] = i;
        }

        return count;
    }

    private static int VerifyLanes(Span<VerificationItem> items, ReadOnlySpan<int> lanes, int width)
    {
        const int CommitmentBytes = VerifyCore.CommitmentBytes;
        byte* stateSpace = stackalloc byte[(KeccakLanes.MaxStateWords * sizeof(ulong)) + Scratch.Slack];
        ulong* state = (ulong*)Scratch.Align(stateSpace);
        byte* commitmentsSpace = stackalloc byte[KeccakLanes.MaxWidth * CommitmentBytes + Scratch.Slack];
        byte* commitments = (byte*)Scratch.Align(commitmentsSpace);
        byte* challengesSpace = stackalloc byte[((KeccakLanes.MaxWidth * MlDsaParameters.N) * sizeof(int)) + Scratch.Slack];
        int* challenges = (int*)Scratch.Align(challengesSpace);
        Mus(items, lanes, state, width, commitments);
        Challenges(items, lanes, state, width, challenges);

        byte* polysSpace = stackalloc byte[(((VerifyCore.Columns + MlDsaParameters.K) * MlDsaParameters.N) * sizeof(int)) + Scratch.Slack];
        int* polys = (int*)Scratch.Align(polysSpace);
        for (int lane = 0; lane < lanes.Length; lane++)
        {
            ref VerificationItem item = ref items[lanes[lane]];
            fixed (byte* signature = item.Signature.Span)
            {
                // Valid stands for "still in the race" until the challenge is compared.
                item.Valid = VerifyCore.Decode(signature, polys);
                if (item.Valid)
                {
                    Unsafe.CopyBlockUnaligned(
                        polys + (MlDsaParameters.L * MlDsaParameters.N), challenges + (lane * MlDsaParameters.N),
                        MlDsaParameters.N * sizeof(int));
                    VerifyCore.Commitment(item.Key.Pointer, signature, polys, polys + (VerifyCore.Columns * MlDsaParameters.N),
                        commitments + (lane * CommitmentBytes) + MlDsaParameters.MuBytes);
                }
            }
        }

        return Compare(items, lanes, state, width, commitments);
    }

    /// <summary>mu of each lane's message, to the start of its commitment buffer; messages may differ in length.</summary>
    private static void Mus(
        Span<VerificationItem> items, ReadOnlySpan<int> lanes, ulong* state, int width, byte* commitments)
    {
        const int Rate = Shake.Rate256;
        byte* block = stackalloc byte[Rate];
        KeccakLanes.Clear(state, width);
        int blocks = 1;
        for (int index = 0; index < blocks; index++)
        {
            for (int lane = 0; lane < lanes.Length; lane++)
            {
                ref VerificationItem item = ref items[lanes[lane]];
                int total = MlDsaParameters.TrBytes + 2 + item.Context.Length + item.Message.Length;
                blocks = Math.Max(blocks, (total / Rate) + 1);
                if (index > total / Rate)
                {
                    continue;
                }

                int take = Math.Min(Rate, total - (index * Rate));
                CopyFormatted(in item, index * Rate, new Span<byte>(block, take));
                KeccakLanes.Absorb(state, width, lane, block, take);
                if (index == total / Rate)
                {
                    KeccakLanes.Pad(state, width, lane, take, Rate);
                }
            }

            KeccakLanes.Permute(state, width);
            for (int lane = 0; lane < lanes.Length; lane++)
            {
                ref VerificationItem item = ref items[lanes[lane]];
                if (index == (MlDsaParameters.TrBytes + 2 + item.Context.Length + item.Message.Length) / Rate)
                {
                    KeccakLanes.Extract(
                        state, width, lane, commitments + (lane * VerifyCore.CommitmentBytes), MlDsaParameters.MuBytes / 8);
                }
            }
        }
    }

    /// <summary>Bytes from <paramref name="start"/> of tr, 0, |context|, context, message.</summary>
    private static void CopyFormatted(in VerificationItem item, int start, Span<byte> target)
    {
        ReadOnlySpan<byte> context = item.Context.Span;
        Span<byte> head = stackalloc byte[2];
        head[0] = 0;
        head[1] = (byte)context.Length;
        CopyPart(new ReadOnlySpan<byte>(item.Key.Pointer + VerifyCore.MatrixBytes, MlDsaParameters.TrBytes), ref start, ref target);
        CopyPart(head, ref start, ref target);
        CopyPart(context, ref start, ref target);
        CopyPart(item.Message.Span, ref start, ref target);
    }

    private static void CopyPart(scoped ReadOnlySpan<byte> part, ref int start, ref Span<byte> target)
    {
        if (start < part.Length)
        {
            int take = Math.Min(part.Length - start, target.Length);
            part.Slice(start, take).CopyTo(target);
            target = target[take..];
            start = 0;
        }
        else
        {
            start -= part.Length;
        }
    }

    private static void Challenges(
        Span<VerificationItem> items, ReadOnlySpan<int> lanes, ulong* state, int width, int* challenges)
    {
        byte* block = stackalloc byte[Shake.Rate256];
        KeccakLanes.Clear(state, width);
        for (int lane = 0; lane < lanes.Length; lane++)
        {
            fixed (byte* signature = items[lanes[lane]].Signature.Span)
            {
                KeccakLanes.Absorb(state, width, lane, signature, MlDsaParameters.ChallengeBytes);
            }

            KeccakLanes.Pad(state, width, lane, MlDsaParameters.ChallengeBytes, Shake.Rate256);
        }

        KeccakLanes.Permute(state, width);
        for (int lane = 0; lane < lanes.Length; lane++)
        {
            int* challenge = challenges + (lane * MlDsaParameters.N);
            KeccakLanes.Extract(state, width, lane, block, Shake.Rate256 / 8);
            if (!Sampling.ChallengeFromBlock(block, challenge))
            {
                fixed (byte* signature = items[lanes[lane]].Signature.Span)
                {
                    Sampling.Challenge(signature, challenge);
                }
            }
        }
    }

    /// <summary>Hashes all commitments, equal in length, and compares each lane's challenge.</summary>
    private static int Compare(
        Span<VerificationItem> items, ReadOnlySpan<int> lanes, ulong* state, int width, byte* commitments)
    {
        KeccakLanes.Clear(state, width);
        const int Blocks = VerifyCore.CommitmentBytes / Shake.Rate256;
        for (int block = 0; block < Blocks; block++)
        {
            for (int lane = 0; lane < lanes.Length; lane++)
            {
                KeccakLanes.Absorb(state, width, lane,
                    commitments + (lane * VerifyCore.CommitmentBytes) + (block * Shake.Rate256), Shake.Rate256);
            }

            KeccakLanes.Permute(state, width);
        }

        // 1,088 bytes are exactly eight blocks: the ninth is padding alone.
        int valid = 0;
        byte* expected = stackalloc byte[MlDsaParameters.ChallengeBytes];
        for (int lane = 0; lane < lanes.Length; lane++)
        {
            KeccakLanes.Pad(state, width, lane, 0, Shake.Rate256);
        }

        KeccakLanes.Permute(state, width);
        for (int lane = 0; lane < lanes.Length; lane++)
        {
            ref VerificationItem item = ref items[lanes[lane]];
            KeccakLanes.Extract(state, width, lane, expected, MlDsaParameters.ChallengeBytes / 8);
            item.Valid = item.Valid && new ReadOnlySpan<byte>(expected, MlDsaParameters.ChallengeBytes)
                .SequenceEqual(item.Signature.Span[..MlDsaParameters.ChallengeBytes]);
            valid += item.Valid ? 1 : 0;
        }

        return valid;
    }
}
