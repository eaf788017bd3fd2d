using System.Buffers.Binary;
using Validator.Core.Execution;
using Validator.Core.Primitives;
using Validator.Core.Wire;
using Validator.Host.Contracts;
using Validator.Host.Pipeline;
using Validator.Tests.Host.Api;

namespace Validator.Tests.Host.Pipeline;

public sealed class NonceLeadsTests
{
    // Protects whoever got a receipt: of what one lane takes, execution finds no nonce too old; and nothing is refused but for
    // that.
    [Fact]
    public void What_is_taken_is_not_too_old_and_what_is_refused_would_be()
    {
        Random random = new(7);
        NonceLeads leads = new();
        NonceTable executed = new();
        List<(Hash256 Account, ulong Nonce)> lane = [];
        ulong[] next = new ulong[6];
        int refused = 0;
        for (int i = 0; i < 3000; i++)
        {
            (int Account, ulong Nonce)[] nonces = new (int, ulong)[random.Next(1, 5)];
            for (int j = 0; j < nonces.Length; j++)
            {
                int account = random.Next(next.Length);
                next[account] += (ulong)random.Next(random.Next(20) == 0 ? 200 : 3);
                nonces[j] = (account, next[account] - Math.Min(next[account], (ulong)random.Next(random.Next(20) == 0 ? 100 : 20)));
            }

            Submission submission = Of(nonces);
            bool taken = leads.TryTake(submission);
            (Hash256 Account, ulong Nonce)[] entries = [.. nonces.Select(n => (AccountOf(n.Account), n.Nonce))];
            if (taken)
            {
                lane.AddRange(entries);
                Assert.All(entries, e => Assert.NotEqual(NonceVerdict.TooOld, Take(executed, e)));
            }
            else
            {
                refused++;
                NonceTable would = new();
                lane.ForEach(e => Take(would, e));
                Assert.Contains(NonceVerdict.TooOld, entries.Select(e => Take(would, e)).ToArray());
            }

            submission.Release();
        }

        Assert.InRange(refused, 20, 1000);
    }

    private static NonceVerdict Take(NonceTable table, (Hash256 Account, ulong Nonce) envelope)
    {
        Span<byte> account = stackalloc byte[Hash256.Size];
        envelope.Account.CopyTo(account);
        return table.Take(account, envelope.Nonce);
    }

    private static byte[] KeyOf(int account)
    {
        byte[] key = new byte[Limits.PublicKeyBytes];
        key[0] = (byte)account;
        return key;
    }

    private static Hash256 AccountOf(int account) => EnvelopeCodec.AccountOf(KeyOf(account));

    private static Submission Of((int Account, ulong Nonce)[] nonces)
    {
        FakeNode node = new() { ChecksEnvelopes = false };
        List<byte> framed = [];
        foreach ((int account, ulong nonce) in nonces)
        {
            node.Keys.Add(KeyOf(account));
            byte[] envelope = new byte[Limits.TransactionFramingBytes + EnvelopeCodec.FixedBytes + 1];
            BinaryPrimitives.WriteInt32LittleEndian(envelope, EnvelopeCodec.FixedBytes + 1);
            envelope[4] = (byte)TransactionKind.Envelope;
            EnvelopeCodec.Write(envelope.AsSpan(Limits.TransactionFramingBytes), AccountOf(account), nonce, [1]);
            framed.AddRange(envelope);
        }

        Assert.Equal(FramingError.None, SubmissionReader.TryCreate(framed.ToArray(), node, wantsFinal: false, out Submission? made, out _));
        return made!;
    }
}
