using Validator.Core.Wire;

namespace Validator.Core.Consensus;

/// <summary>
/// The highest certificate of one kind per view, so that a ViewChange(v) can claim the highest of the views below v
/// (rule V3). Holds at most one per view that still matters.
/// </summary>
internal sealed class CertificateBook
{
    private readonly List<Certificate> _byView = [];

    public int Count => _byView.Count;

    public void Add(Certificate certificate)
    {
        int index = _byView.FindIndex(c => c.View >= certificate.View);
        if (index < 0)
        {
            _byView.Add(certificate);
        }
        else if (_byView[index].View != certificate.View)
        {
            _byView.Insert(index, certificate);
        }
        else if (_byView[index].Sequence < certificate.Sequence)
        {
            _byView[index] = certificate;
        }
    }

    /// <summary>Highest by (view, sequence) among the views below <paramref name="view"/>.</summary>
    public Certificate? HighestBelow(ulong view) => _byView.FindLast(c => c.View < view);

    /// <summary>Keeps, of the views below <paramref name="view"/>, only the highest.</summary>
    public void Prune(ulong view)
    {
        int last = _byView.FindLastIndex(c => c.View < view);
        if (last > 0)
        {
            _byView.RemoveRange(0, last);
        }
    }

    public static Claim ClaimOf(Certificate? certificate) =>
        certificate is null ? default : new Claim(certificate.View, certificate.Sequence, certificate.BlockHash);

    /// <summary>Of two certificates of one kind, the one with the higher claim.</summary>
    public static Certificate? Higher(Certificate? a, Certificate? b) => Compare(ClaimOf(b), ClaimOf(a)) > 0 ? b : a;

    /// <summary>Order of rule V4: by view, then by sequence.</summary>
    public static int Compare(in Claim a, in Claim b) =>
        a.IsAbsent || b.IsAbsent
            ? b.IsAbsent.CompareTo(a.IsAbsent)
            : a.View != b.View ? a.View.CompareTo(b.View) : a.Sequence.CompareTo(b.Sequence);
}
