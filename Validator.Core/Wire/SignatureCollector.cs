using Validator.Core.Primitives;

namespace Validator.Core.Wire;

/// <summary>What became of one member's signature on a statement that others sign too.</summary>
public enum PartialSignature : byte
{
    Counted,

    /// <summary>The member counts already.</summary>
    Repeated,

    /// <summary>It does not hold.</summary>
    False,

    /// <summary>The committee has nobody of that number.</summary>
    NotMember,
}

/// <summary>Verifies a batch: one verdict for each check.</summary>
public delegate void VerifySignatures(ReadOnlySpan<SignatureCheck> checks, Span<bool> valid);

/// <summary>
/// Collects the signatures of a <see cref="MultiSignature"/> in whatever order they come. Each is judged by itself: a false one
/// takes nobody's place, and a second one of a member adds no weight.
/// </summary>
/// <param name="least">The weight that completes it.</param>
public sealed class SignatureCollector(JointStatement statement, Committee committee, ulong least)
{
    private readonly byte[]?[] _signatures = new byte[committee.Count][];
    private MemberSet _signers;
    private int _count;

    /// <summary>Who counts, and their weight.</summary>
    public MemberSet Signers => _signers;

    public bool IsComplete => _signers.Weight >= least;

    /// <summary>Takes one that is known to hold.</summary>
    public PartialSignature Take(int signer, byte[] signature)
    {
        if ((uint)signer >= (uint)committee.Count)
        {
            return PartialSignature.NotMember;
        }

        if (!_signers.Add(committee, signer))
        {
            return PartialSignature.Repeated;
        }

        _signatures[signer] = signature;
        _count++;
        return PartialSignature.Counted;
    }

    /// <summary>Takes those that hold, verified in one batch; what is here to the byte is not verified again.</summary>
    /// <returns>What became of each, in their order.</returns>
    public PartialSignature[] Take(ReadOnlySpan<CertificateVote> partials, VerifySignatures verify)
    {
        PartialSignature[] outcomes = new PartialSignature[partials.Length];
        List<SignatureCheck> checks = [];
        List<int> places = [];
        for (int i = 0; i < partials.Length; i++)
        {
            (int signer, byte[] signature) = partials[i];
            if ((uint)signer >= (uint)committee.Count)
            {
                outcomes[i] = PartialSignature.NotMember;
            }
            else if (_signatures[signer] is { } known && known.AsSpan().SequenceEqual(signature))
            {
                outcomes[i] = PartialSignature.Repeated;
            }
            else
            {
                checks.Add(new SignatureCheck(signer, statement.HeaderOf(signer), signature));
                places.Add(i);
            }
        }

        bool[] valid = new bool[checks.Count];
        verify(System.Runtime.InteropServices.CollectionsMarshal.AsSpan(checks), valid);
        for (int i = 0; i < valid.Length; i++)
        {
            outcomes[places[i]] = valid[i] ? Take(checks[i].Sender, checks[i].Signature) : PartialSignature.False;
        }

        return outcomes;
    }

    /// <summary>All that counts so far.</summary>
    public MultiSignature Result()
    {
        CertificateVote[] signatures = new CertificateVote[_count];
        int at = 0;
        for (int i = 0; i < _signatures.Length; i++)
        {
            if (_signatures[i] is { } signature)
            {
                signatures[at++] = new CertificateVote(i, signature);
            }
        }

        return new MultiSignature(statement, signatures);
    }
}
