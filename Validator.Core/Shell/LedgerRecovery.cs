using Validator.Core.Consensus;
using Validator.Core.Primitives;
using Validator.Core.Wire;

namespace Validator.Core.Shell;

/// <summary>What <see cref="LedgerRecovery"/> reads of a ledger.</summary>
public interface ILedgerReader
{
    /// <summary>The newest executed block, the certificate that covers it, and the root after it; null at genesis.</summary>
    (Block Block, Certificate Certificate, Hash256 Root)? LastFinal { get; }

    /// <summary>A snapshot that was being fetched; null when none was.</summary>
    StagedSnapshot? Staged { get; }

    /// <summary>The root after a block; null where it is not kept.</summary>
    Hash256? FindRoot(ulong sequence);

    /// <summary>The vertices of an epoch above a cut, each lane's by height, with their signatures.</summary>
    /// <param name="cut">By author.</param>
    IEnumerable<(VertexHeader Vertex, byte[] Signature)> VerticesAbove(ulong epoch, LaneTip[] cut);
}

/// <summary>What the votes and the ledger together say of our own lane.</summary>
public enum OwnLaneStanding : byte
{
    /// <summary>The own tip is the newest that either store knows.</summary>
    Whole,

    /// <summary>The tip is of the votes; the vertex itself was lost with a ledger, and is fetched from others.</summary>
    NotInLedger,

    /// <summary>Where it ended was lost, and so nothing is authored in this epoch (rule E9).</summary>
    Lost,

    /// <summary>Two of our vertices have one height: another process used our key, and nothing may be signed.</summary>
    Doubled,
}

/// <param name="Height">Of the own tip, or of the two vertices.</param>
/// <param name="Unrecorded">
/// The own tip, where a crash came before its record in the vote store: it is to be durable there before the core starts. Others
/// get the vertex now, and nothing else would tell of it once it is ordered, or the ledger lost.
/// </param>
public readonly record struct OwnLaneFinding(OwnLaneStanding Standing, ulong Height = 0, Signed? Unrecorded = null);

/// <summary>
/// The ledger's half of what an epoch's core starts with (PROTOCOL.md, section 6), after that of the votes
/// (<see cref="VoteRecovery"/>).
/// </summary>
public static class LedgerRecovery
{
    /// <summary>Roots that a block may still state, and some more for those who answer late.</summary>
    private const ulong MoreRoots = 16;

    /// <param name="epoch">The one that the ledger is in.</param>
    public static void Read(ILedgerReader ledger, EpochConfiguration epoch, GenesisParameters parameters, RecoveredState state)
    {
        LaneTip[] cut = new LaneTip[epoch.Members.Length];
        ulong executed = 0;
        if (ledger.LastFinal is { } last)
        {
            executed = last.Block.Sequence;
            if (last.Block.Epoch == epoch.Number)
            {
                cut = last.Block.Cut;
                (state.LastFinal, state.LastFinalCertificate, state.LastExecutedRoot) = last;
            }

            ulong count = Math.Min(executed, parameters.WindowBlocks + MoreRoots);
            for (ulong sequence = executed - count + 1; sequence <= executed; sequence++)
            {
                if (ledger.FindRoot(sequence) is { } root)
                {
                    state.RecentRoots.Add((sequence, root));
                }
            }
        }

        // Epochs were skipped, and no snapshot is in place yet (rule E6).
        state.Behind = executed < epoch.Start.Sequence;
        state.Staged = ledger.Staged;
        state.Vertices.AddRange(ledger.VerticesAbove(epoch.Number, cut));
    }

    /// <summary>
    /// Brings the own tip up to what the ledger holds: a vertex is written there first, and leaves again after a restart. After
    /// both stores are read.
    /// </summary>
    /// <param name="self">Own index in the epoch's committee, or -1.</param>
    public static OwnLaneFinding RaiseOwnTip(RecoveredState state, int self)
    {
        if (state.Limit is { LaneIsLost: true })
        {
            return new OwnLaneFinding(OwnLaneStanding.Lost);
        }

        Signed? raised = null;
        bool held = state.OwnTip.Height <= (self < 0 ? 0 : state.LastFinal?.Cut[self].Height ?? 0);
        foreach ((VertexHeader vertex, byte[] signature) in state.Vertices)
        {
            if (vertex.Author != self || vertex.Height < state.OwnTip.Height)
            {
                continue;
            }

            LaneTip tip = new(vertex.Height, vertex.Hash);
            if (vertex.Height > state.OwnTip.Height)
            {
                state.OwnTip = tip;
                raised = new Signed(VertexCodec.HeaderToSign(vertex), signature);
            }
            else if (tip != state.OwnTip)
            {
                return new OwnLaneFinding(OwnLaneStanding.Doubled, vertex.Height);
            }

            held = true;
        }

        return new OwnLaneFinding(held ? OwnLaneStanding.Whole : OwnLaneStanding.NotInLedger, state.OwnTip.Height, raised);
    }

    /// <summary>
    /// Whether the ledger is an older copy, which is no witness of where the own lane ended if the votes are lost one day (rule
    /// E9). Before the own tip is raised.
    /// </summary>
    /// <param name="votesAreLater">The votes are of a later epoch than the ledger.</param>
    /// <param name="ledgerTip">What the ledger noted; null where it does not know.</param>
    public static bool IsOlderCopy(RecoveredState votes, bool votesAreLater, LaneTip? ledgerTip) =>
        votesAreLater || votes.OwnTip.Height > (ledgerTip?.Height ?? 0);
}
