using System.Runtime.InteropServices;
using Validator.Core.Execution;
using Validator.Core.Primitives;
using Validator.Core.Wire;
using Validator.Host.Contracts;

namespace Validator.Host.Pipeline;

/// <summary>
/// Per account the highest nonce that this validator has taken for its lane. What lies too far below it would be refused when it
/// is executed, so its sender is told before it is promised anything. A bounded hint, not a rule: it forgets, and does not know
/// other lanes. For one thread at a time.
/// </summary>
internal sealed class NonceLeads(int capacity = 1 << 16)
{
    private readonly Dictionary<Hash256, ulong> _highest = [];
    private ulong[] _within = [];

    /// <summary>Takes a submission's nonces, or none of them.</summary>
    /// <returns>False when one is 64 or more below the highest of its account, in this submission or before.</returns>
    public bool TryTake(Submission submission)
    {
        int accounts = submission.Accounts.Length;
        if (accounts == 0)
        {
            return true;
        }

        if (_within.Length < accounts)
        {
            _within = new ulong[2 * accounts];
        }

        for (int i = 0; i < accounts; i++)
        {
            _within[i] = _highest.GetValueOrDefault(submission.Accounts[i]);
        }

        PayloadReader reader = new(submission.Framed);
        while (reader.MoveNext())
        {
            if (reader.Kind != TransactionKind.Envelope || !EnvelopeCodec.TryRead(reader.Bytes, out Envelope envelope))
            {
                continue;
            }

            ref ulong highest = ref _within[submission.Accounts.BinarySearch(new Hash256(envelope.Account))];
            if (envelope.Nonce < highest && highest - envelope.Nonce >= NonceTable.WindowBits)
            {
                return false;
            }

            highest = Math.Max(highest, envelope.Nonce);
        }

        Keep(submission, accounts);
        return true;
    }

    private void Keep(Submission submission, int accounts)
    {
        if (_highest.Count + accounts > capacity)
        {
            _highest.Clear();
        }

        for (int i = 0; i < accounts; i++)
        {
            CollectionsMarshal.GetValueRefOrAddDefault(_highest, submission.Accounts[i], out _) = _within[i];
        }
    }
}
