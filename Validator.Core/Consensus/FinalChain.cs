using Validator.Core.Primitives;
using Validator.Core.Wire;

namespace Validator.Core.Consensus;

/// <summary>
/// The final block, what of the chain is executed, and what is remembered of it (rules P5, P6, section 8): one block per
/// sequence, each the child of the one before, and one root per executed block, which is the one that a later final block states.
/// </summary>
internal sealed class FinalChain
{
    /// <summary>Roots and hashes remembered, at least; never fewer than any block in reach is judged by.</summary>
    private const ulong LeastHistory = 512;

    private readonly Dictionary<ulong, Hash256> _roots = [];
    private readonly Dictionary<ulong, Hash256> _hashes = [];

    // What final blocks state of sequences that are not executed here yet.
    private readonly Dictionary<ulong, Hash256> _stated = [];
    private readonly ulong _epoch;
    private readonly ulong _start;
    private readonly ulong _reach;
    private readonly ulong _history;

    /// <param name="start">The epoch's starting block: final, and executed.</param>
    /// <param name="reach">Blocks above the final one that may be judged here.</param>
    public FinalChain(Block start, ulong reach)
    {
        _epoch = start.Epoch;
        _start = start.Sequence;
        _reach = reach;
        _history = Math.Max(LeastHistory, reach);
        Tip = start;
        Executed = start.Sequence;
        LastOrdering = start.Sequence;
        _hashes[start.Sequence] = start.Hash;
        if (start.Sequence == 0)
        {
            _roots[0] = start.ExecutedRoot;
        }
    }

    /// <summary>Newest block handed out for execution.</summary>
    public Block Tip { get; private set; }

    public ulong Sequence => Tip.Sequence;

    /// <summary>Of the tip or of a descendant; null at the epoch's start.</summary>
    public Certificate? Certificate { get; private set; }

    /// <summary>Newest executed sequence; at most the tip's.</summary>
    public ulong Executed { get; private set; }

    public bool AllExecuted => Executed == Sequence;

    /// <summary>The newest final block that ordered something (rule V5).</summary>
    public ulong LastOrdering { get; private set; }

    /// <summary>
    /// The proof of the highest sequence beyond the tip: its block and all ancestors are final too.
    /// </summary>
    public Certificate? Target { get; private set; }

    /// <summary>Entries of the larger of the two tables of what is remembered.</summary>
    public int Remembered => Math.Max(_roots.Count, _hashes.Count);

    /// <summary>For the next epoch's chain: what its blocks may state (rule P3). Oldest first.</summary>
    public IEnumerable<(ulong Sequence, Hash256 Root)> RecentRoots =>
        _roots.Where(r => r.Key + _reach > Executed).OrderBy(r => r.Key).Select(r => (r.Key, r.Value));

    /// <summary>The root after that executed block; false where it is not executed here, or long past.</summary>
    public bool TryRoot(ulong sequence, out Hash256 root) => _roots.TryGetValue(sequence, out root);

    /// <summary>True for the final block of its sequence, as far as is remembered.</summary>
    public bool Holds(Block block) => _hashes.TryGetValue(block.Sequence, out Hash256 hash) && hash == block.Hash;

    /// <summary>Of the final chain's block at that height, as far as is remembered; else zero.</summary>
    public Hash256 HashAt(ulong sequence) => _hashes.GetValueOrDefault(sequence);

    /// <summary>
    /// Section 8: a proof of finality beside what is final, or beside another one, says that more than F were faulty.
    /// </summary>
    /// <param name="other">The certificate that it contradicts, where known.</param>
    public bool Contradicts(Certificate certificate, out Certificate? other)
    {
        other = certificate.Sequence <= Sequence ? Certificate : Target;
        return _hashes.TryGetValue(certificate.Sequence, out Hash256 known)
            ? known != certificate.BlockHash
            // Of this epoch, and before its start: it began elsewhere in another branch.
            : certificate.Sequence <= _start || (Target is not null && Target.Sequence == certificate.Sequence && Target.BlockHash != certificate.BlockHash);
    }

    /// <summary>
    /// What the operators decided on a fork that began in this epoch or an earlier one, and that no earlier one ended (rule R4);
    /// null where they did not, or it is not known here.
    /// </summary>
    public ForkRecovery? Recovery { get; private set; }

    /// <summary>
    /// A certified block of a branch that the operators abandoned: it is neither followed nor a reason to halt.
    /// </summary>
    public bool IsAbandoned(ulong sequence, in Hash256 hash) => Recovery?.Proposal.Abandons(sequence, hash) == true;

    /// <summary>The next block here of an answer links to the tip, and is of no abandoned branch.</summary>
    public bool GoesOnWith(Block[] blocks) =>
        Array.Find(blocks, block => block.Sequence == Sequence + 1) is { } next && next.Parent == Tip.Hash && !IsAbandoned(next.Sequence, next.Hash);

    /// <summary>The target was of an abandoned branch: back to the one that the operators named.</summary>
    public void AimAtRecovery()
    {
        Require.That(Recovery is not null);
        Target = null;
        if (Recovery.Epoch == _epoch && Recovery.Votes.Length > 0)
        {
            Aim(Recovery.Certificate);
        }
    }

    /// <summary>Takes a proof of finality that reaches further than what is known.</summary>
    public void Aim(Certificate certificate)
    {
        if (certificate.Sequence > Sequence && (Target is null || certificate.Sequence > Target.Sequence))
        {
            Target = certificate;
        }
    }

    /// <summary>Takes one whose chain is here in place of one that reaches further; that one is learned again.</summary>
    public void AimNearer(Certificate certificate)
    {
        if (certificate.Sequence > Sequence)
        {
            Target = certificate;
        }
    }

    /// <summary>What is to be made final next, or null; a target that is reached is forgotten.</summary>
    public Certificate? NextTarget()
    {
        if (Target is not null && Target.Sequence <= Sequence)
        {
            Target = null;
        }

        return Target;
    }

    /// <summary>Rule P6: that block states another root than the execution here had.</summary>
    public bool Diverges(Block block) => _roots.TryGetValue(block.ExecutedSequence, out Hash256 own) && own != block.ExecutedRoot;

    /// <summary>Makes a child of the tip final.</summary>
    /// <param name="certificate">Of the block, or of a descendant.</param>
    /// <param name="orders">It orders at least one vertex.</param>
    public void Append(Block block, Certificate certificate, bool orders)
    {
        Require.That(block.Sequence == Sequence + 1 && block.Parent == Tip.Hash);
        Require.That(certificate.Phase != Phase.Prepared || certificate.IsOfAll(block.Cut.Length));
        Require.That(certificate.Sequence >= block.Sequence);
        Require.That(!Diverges(block));
        if (block.ExecutedSequence > Executed)
        {
            _stated[block.ExecutedSequence] = block.ExecutedRoot;
        }

        if (orders)
        {
            LastOrdering = block.Sequence;
        }

        Tip = block;
        Certificate = certificate;
        _hashes[block.Sequence] = block.Hash;
        if (block.Sequence >= _history)
        {
            _hashes.Remove(block.Sequence - _history);
        }
    }

    /// <summary>The next block is executed.</summary>
    /// <returns>False where a final block states another root (rule P6).</returns>
    public bool Execute(ulong sequence, in Hash256 root)
    {
        Require.That(sequence == Executed + 1 && sequence <= Sequence);
        Executed = sequence;
        _roots[sequence] = root;
        if (sequence >= _history)
        {
            _roots.Remove(sequence - _history);
        }

        return !_stated.Remove(sequence, out Hash256 stated) || stated == root;
    }

    /// <summary>Goes on from a snapshot: as if all up to its block had been made final and executed.</summary>
    public void Adopt(SnapshotManifest manifest)
    {
        Require.That(AllExecuted && manifest.Sequence >= Sequence);
        if (manifest.Anchor.Epoch == Tip.Epoch)
        {
            Tip = manifest.Anchor;
            Certificate = manifest.Certificate;
        }

        LastOrdering = manifest.Sequence;
        Executed = manifest.Sequence;
        _stated.Clear();
        for (int i = 0; i < manifest.Records.Length; i++)
        {
            ulong sequence = manifest.FirstRecord + (ulong)i;
            if (sequence <= Executed)
            {
                _roots[sequence] = manifest.Records[i].Root;
                _hashes[sequence] = manifest.Records[i].BlockHash;
            }
            else
            {
                _stated[sequence] = manifest.Records[i].Root;
            }
        }

        ForgetOld(_roots);
        ForgetOld(_hashes);
        Target = Target is { } known && known.Sequence > manifest.Certificate.Sequence ? known : manifest.Certificate;
        AssertInvariants();
    }

    /// <summary>Back to where the ledger ends; before the first input.</summary>
    public void Recover(RecoveredState state)
    {
        foreach ((ulong sequence, Hash256 root) in state.RecentRoots)
        {
            _roots[sequence] = root;
        }

        if (state.LastFinal is { } last)
        {
            Require.That(state.LastFinalCertificate is not null && last.Epoch == Tip.Epoch);
            Tip = last;
            Certificate = state.LastFinalCertificate;
            LastOrdering = last.Sequence;
            Executed = last.Sequence;
            _hashes[last.Sequence] = last.Hash;
            _roots[Executed] = state.LastExecutedRoot;
            Aim(Certificate);
        }

        if (state.Recovery is { } recovery && recovery.Proposal.AgreedEpoch <= _epoch && _epoch <= recovery.Epoch)
        {
            // What else is known to be final may be of the other branch.
            Recovery = recovery;
            AimAtRecovery();
        }

        AssertInvariants();
    }

    public void AssertInvariants()
    {
        Require.That(Executed <= Sequence && LastOrdering <= Sequence);
        Require.That(Holds(Tip));
        Require.That(Certificate is null || Certificate.Sequence >= Sequence);
        Require.That((ulong)Remembered <= _history + 1);
    }

    private void ForgetOld(Dictionary<ulong, Hash256> table)
    {
        foreach (ulong sequence in table.Keys)
        {
            if (sequence + _history < Executed)
            {
                table.Remove(sequence);
            }
        }
    }
}
